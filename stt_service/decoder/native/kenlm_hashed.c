/* N-grams in hash tables with linear probing (KenLM's lm/search_hashed.hh, lm/vocab.cc). */

#include "kenlm.h"

/* Buckets; in a table of 10^8 that is full to 99 %, no search takes half as many. */
#define LONGEST_SEARCH (1 << 20)

/* The bucket of a key, NULL if it is not there. An empty bucket's key is 0. */
static const unsigned char *find(const Kenlm *self, const Packed *table, uint64_t key) {
    uint64_t bucket = key % table->count;
    for (int step = 0; step < LONGEST_SEARCH; step++) {
        const unsigned char *at = self->data + table->base + bucket * (table->stride / 8);
        uint64_t seen = word64(at);
        if (seen == key) return at;
        if (!seen) return NULL;
        if (++bucket == table->count) bucket = 0;
    }
    return NULL;
}

uint64_t hashed_number(const Kenlm *self, uint64_t hash) {
    const unsigned char *at = find(self, &self->vocabulary, hash);
    return at ? word32(at + 8) : 0;
}

/* The sign, which all logarithms of probabilities share, tells whether longer n-grams end here. */
static void read_entry(const unsigned char *at, int longest, KenlmEntry *entry) {
    uint32_t prob = word32(at);
    entry->prob = real_of(prob | SIGN_BIT);
    entry->backoff = longest ? 0.0f : real_of(word32(at + 4));
    entry->leftmost = (prob & SIGN_BIT) != 0;
}

void hashed_unigram(const Kenlm *self, uint32_t word, KenlmNode *node, KenlmEntry *entry) {
    uint64_t at = self->unigrams + (uint64_t)word * self->unigram_size;
    *node = (KenlmNode){word, 0};
    read_entry(self->data + at, 0, entry);
}

int hashed_extend(const Kenlm *self, int level, uint32_t word, KenlmNode *node,
                  KenlmEntry *entry) {
    node->begin = node->begin * 8978948897894561157u ^ (1 + (uint64_t)word) * 17894857484156487943u;
    const unsigned char *at = find(self, &self->levels[level].words, node->begin);
    if (!at) return 0;
    read_entry(at + 8, level + 2 == self->order, entry);
    return 1;
}
