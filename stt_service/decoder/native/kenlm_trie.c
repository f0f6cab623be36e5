/* N-grams as a trie: each table holds, below the words of the table before, the words to the left of
 * them in ascending order (KenLM's lm/trie.cc, lm/bhiksha.cc, lm/quantize.cc). */

#include "kenlm.h"

#define GUESSES 8 /* in a sorted table of a billion numbers, more are hardly ever needed */

/* Up to 57 bits, or 64 that begin with a byte. */
static uint64_t bits_at(const Kenlm *self, uint64_t base, uint64_t bit, unsigned width) {
    if (!width) return 0;
    return word64(self->data + base + (bit >> 3)) >> (bit & 7) & UINT64_MAX >> (64 - width);
}

static uint64_t number_at(const Kenlm *self, const Packed *table, uint64_t index) {
    return bits_at(self, table->base, index * table->stride, table->bits);
}

/* Find `key` among the numbers from `low` up to `high`, which are at most `most`. Guesses by even
 * spacing touch few pages of a file on a slow card; halving sets a bound for uneven ones. */
static int find(const Kenlm *self, const Packed *table, uint64_t low, uint64_t high, uint64_t most,
                uint64_t key, uint64_t *index) {
    uint64_t least = 0;
    for (int step = 0; low < high; step++) {
        uint64_t width = high - low, guess = width / 2;
        if (step < GUESSES) {
            double share = ((double)(key - least) + 0.5) / ((double)(most - least) + 1.0);
            double place = share * (double)width;
            guess = place < (double)(width - 1) ? (uint64_t)place : width - 1;
        }
        uint64_t seen = number_at(self, table, low + guess);
        if (seen == key) {
            *index = low + guess;
            return 1;
        }
        if (seen < key) {
            low += guess + 1;
            least = seen;
        } else {
            high = low + guess;
            most = seen;
        }
    }
    return 0;
}

/* How many of the ascending numbers are at most `limit`. */
static uint64_t count_to(const Kenlm *self, const Packed *table, uint64_t limit) {
    uint64_t low = 0, high = table->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (number_at(self, table, middle) <= limit) low = middle + 1;
        else high = middle;
    }
    return low;
}

static uint64_t pointer_at(const Kenlm *self, const KenlmLevel *level, uint64_t index) {
    uint64_t bit = (index + 1) * level->words.stride - level->next_bits;
    uint64_t pointer = bits_at(self, level->words.base, bit, level->next_bits);
    uint64_t above = level->upper.count ? count_to(self, &level->upper, index) : 0;
    return above ? pointer | (above - 1) << level->next_bits : pointer;
}

/* Make a node of a range of the table `next`; of one that lies outside of it, an empty one. */
static void enter(const KenlmLevel *next, uint64_t begin, uint64_t end, KenlmNode *node,
                  KenlmEntry *entry) {
    int sound = begin <= end && end <= next->words.count;
    *node = sound ? (KenlmNode){begin, end} : (KenlmNode){0, 0};
    entry->leftmost = node->begin == node->end;
}

uint64_t trie_number(const Kenlm *self, uint64_t hash) {
    uint64_t index;
    const Packed *table = &self->vocabulary;
    return find(self, table, 0, table->count, UINT64_MAX, hash, &index) ? index + 1 : 0;
}

void trie_unigram(const Kenlm *self, uint32_t word, KenlmNode *node, KenlmEntry *entry) {
    const unsigned char *at = self->data + self->unigrams + (uint64_t)word * self->unigram_size;
    entry->prob = real_of(word32(at));
    entry->backoff = real_of(word32(at + 4));
    enter(&self->levels[0], word64(at + 8), word64(at + self->unigram_size + 8), node, entry);
}

static float value_of(const Kenlm *self, uint64_t values, uint64_t base, uint64_t bit,
                      unsigned width) {
    if (!width) return 0.0f;
    return real_of(word32(self->data + values + 4 * bits_at(self, base, bit, width)));
}

int trie_extend(const Kenlm *self, int level, uint32_t word, KenlmNode *node, KenlmEntry *entry) {
    const KenlmLevel *here = &self->levels[level];
    uint64_t index, base = here->words.base;
    if (!find(self, &here->words, node->begin, node->end, self->words, word, &index)) return 0;
    uint64_t first = index * here->words.stride + here->words.bits;
    if (here->probs) {
        uint64_t second = first + here->backoff_bits;
        entry->backoff = value_of(self, here->backoffs, base, first, here->backoff_bits);
        entry->prob = value_of(self, here->probs, base, second, here->prob_bits);
    } else {
        uint64_t second = first + here->prob_bits;
        entry->prob = real_of((uint32_t)bits_at(self, base, first, here->prob_bits) | SIGN_BIT);
        entry->backoff = real_of((uint32_t)bits_at(self, base, second, here->backoff_bits));
    }
    if (level + 2 < self->order) {
        uint64_t begin = pointer_at(self, here, index), end = pointer_at(self, here, index + 1);
        enter(here + 1, begin, end, node, entry);
    }
    return 1;
}
