#include "kenlm.h"

/* ---- Opening ---- */

#define MOST_BITS 57 /* that can be read as one, wherever in a byte they begin */
#define SPARE 8      /* bytes after packed numbers, so that the last ones can be read so too */

static int inside(const Kenlm *self, uint64_t base, uint64_t bytes) {
    return base <= self->size && bytes <= self->size - base;
}

/* Counts are bounded first: then no product below overflows. */
static int few_enough(const Kenlm *self, uint64_t count) {
    return self->size < (uint64_t)1 << 48 && count <= 8 * self->size;
}

static int hash_table_fits(const Kenlm *self, const Packed *table, unsigned bytes) {
    return few_enough(self, table->count) && table->count && table->stride == 8 * bytes &&
           inside(self, table->base, table->count * bytes);
}

static int numbers_fit(const Kenlm *self, const Packed *table) {
    return few_enough(self, table->count) && table->stride == 64 && table->bits == 64 &&
           inside(self, table->base, 8 * table->count);
}

static int values_fit(const Kenlm *self, uint64_t base, unsigned bits) {
    return bits <= 25 && inside(self, base, (uint64_t)4 << bits);
}

static int level_fits(const Kenlm *self, const KenlmLevel *level) {
    const Packed *words = &level->words;
    unsigned bits = words->bits + level->prob_bits + level->backoff_bits + level->next_bits;
    if (!few_enough(self, words->count) || words->bits > 32 || level->prob_bits > 31 ||
        level->backoff_bits > 32 || level->next_bits > MOST_BITS || words->stride != bits) {
        return 0;
    }
    if (level->probs && !(values_fit(self, level->probs, level->prob_bits) &&
                          (!level->backoff_bits ||
                           values_fit(self, level->backoffs, level->backoff_bits)))) {
        return 0;
    }
    uint64_t table = ((1 + words->count) * bits + 7) / 8 + SPARE;
    return inside(self, words->base, table) && numbers_fit(self, &level->upper);
}

static int levels_fit(const Kenlm *self) {
    int fit = 1;
    for (int i = 0; fit && i < self->order - 1; i++) {
        const KenlmLevel *level = &self->levels[i];
        unsigned bytes = level->words.stride / 8, least = i == self->order - 2 ? 12 : 16;
        fit = self->hashed ? bytes >= least && bytes <= 20 &&
                                 hash_table_fits(self, &level->words, bytes)
                           : level_fits(self, level);
    }
    return fit;
}

int kenlm_fits(const Kenlm *self) {
    if (self->order < 2 || self->order > KENLM_MAX_ORDER) return 0;
    if (self->words >= UINT32_MAX || !few_enough(self, self->words)) return 0;
    unsigned size = self->unigram_size;
    if (self->hashed ? size < 8 || size > 12 : size != 16) return 0;
    int vocabulary_fits = self->hashed ? hash_table_fits(self, &self->vocabulary, 12)
                                       : numbers_fit(self, &self->vocabulary);
    uint64_t unigrams = self->words + (self->hashed ? 1 : 2); /* a trie's last one has an end, too */
    return vocabulary_fits && inside(self, self->unigrams, unigrams * size) && levels_fit(self);
}

/* ---- Words ---- */

static const uint64_t MIX = 0xC6A4A7935BD1E995u;

/* Austin Appleby's MurmurHash64A with seed 0, by which KenLM knows words. */
static uint64_t murmur(const char *text, size_t size) {
    const unsigned char *at = (const unsigned char *)text, *end = at + size / 8 * 8;
    uint64_t hash = size * MIX;
    for (; at < end; at += 8) {
        uint64_t block = word64(at) * MIX;
        hash = (hash ^ (block ^ block >> 47) * MIX) * MIX;
    }
    uint64_t rest = 0;
    memcpy(&rest, at, size % 8);
    if (size % 8) hash = (hash ^ rest) * MIX;
    hash = (hash ^ hash >> 47) * MIX;
    return hash ^ hash >> 47;
}

uint32_t kenlm_number(const Kenlm *self, const char *word, size_t size) {
    uint64_t hash = murmur(word, size);
    uint64_t number = self->hashed ? hashed_number(self, hash) : trie_number(self, hash);
    return number <= self->words ? (uint32_t)number : 0;
}

/* ---- Scores ---- */

/* KenLM writes a back-off of -0.0 where no n-gram goes on to the right: such an n-gram need not be
 * remembered. */
static int goes_on(float backoff) {
    uint32_t bits;
    memcpy(&bits, &backoff, sizeof bits);
    return bits != SIGN_BIT;
}

float kenlm_score(const Kenlm *self, const KenlmHistory *before, uint32_t word,
                  KenlmHistory *after) {
    KenlmNode node;
    KenlmEntry entry;
    if (word > self->words) word = 0;
    if (self->hashed) hashed_unigram(self, word, &node, &entry);
    else trie_unigram(self, word, &node, &entry);
    float score = entry.prob;
    int32_t matched = 1;
    *after = (KenlmHistory){.length = goes_on(entry.backoff)};
    after->words[0] = word;
    after->backoffs[0] = entry.backoff;
    while (matched <= before->length && !entry.leftmost) {
        uint32_t left = before->words[matched - 1];
        int found = self->hashed ? hashed_extend(self, matched - 1, left, &node, &entry)
                                 : trie_extend(self, matched - 1, left, &node, &entry);
        if (!found) break;
        score = entry.prob;
        matched++;
        if (matched == self->order) break;
        after->words[matched - 1] = left;
        after->backoffs[matched - 1] = entry.backoff;
        if (goes_on(entry.backoff)) after->length = matched;
    }
    for (int32_t i = matched - 1; i < before->length; i++) score += before->backoffs[i];
    return score;
}
