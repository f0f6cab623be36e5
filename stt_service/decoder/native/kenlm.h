/* KenLM's binary language models, asked in place: the tables of a mapped file, which belongs to the
 * caller. kenlm_file.py says where the tables lie; kenlm_walk.py does the same as this in Python.
 *
 *   kenlm.c         an n-gram model's score of a word after a history
 *   kenlm_trie.c    n-grams in bit-packed, sorted tables
 *   kenlm_hashed.c  n-grams in hash tables
 *
 * `kenlm_fits` makes sure that the tables lie within the file. What they hold is not trusted:
 * pointers that lead out of a table lead nowhere, and no search takes long in unsorted or full
 * tables. Everything else only reads, so any number of threads may ask. Little-endian machines. */

#ifndef STT_KENLM_H
#define STT_KENLM_H

#include <stdint.h>
#include <string.h>

#define KENLM_MAX_ORDER 6

/* Numbers of fixed width, in ascending order where they are to be searched. */
typedef struct {
    uint64_t base; /* byte offset in the file */
    uint64_t count;
    unsigned stride, bits; /* bits from one to the next, and of each */
} Packed;

/* The n-grams of one order. In a trie they are records of a word, probability and back-off (the
 * other way round where they are quantised), and where the next order's records begin. */
typedef struct {
    Packed words;                       /* hash tables: count, and bits of a bucket as stride */
    unsigned prob_bits, backoff_bits, next_bits; /* of the longest order, only the first */
    uint64_t probs, backoffs;           /* byte offsets of quantised values; 0: not quantised */
    Packed upper; /* first records whose pointer has one more above its `next_bits`; count 0: none */
} KenlmLevel;

typedef struct {
    const unsigned char *data;
    uint64_t size;
    int hashed;
    Packed vocabulary; /* of hash tables, the buckets */
    uint64_t words;    /* highest number of a word; 0 is <unk> */
    uint64_t unigrams;
    unsigned unigram_size; /* bytes */
    int order;
    KenlmLevel levels[KENLM_MAX_ORDER - 1]; /* n-grams of two words first */
} Kenlm;

/* The words that a score may depend on, the latest first, and the back-offs of the n-grams that
 * they are the ends of: of the first, of the first two ... */
typedef struct {
    int32_t length;
    uint32_t words[KENLM_MAX_ORDER - 1];
    float backoffs[KENLM_MAX_ORDER - 1];
} KenlmHistory;

/* Where the n-grams are that go on to the left: a range of the next table, or a hash in `begin`. */
typedef struct {
    uint64_t begin, end;
} KenlmNode;

typedef struct {
    float prob, backoff;
    int leftmost; /* no longer n-gram ends in this one */
} KenlmEntry;

/* Whether all tables lie within the file and have possible widths. */
int kenlm_fits(const Kenlm *self);

/* The number of a word, 0 if it is unknown. */
uint32_t kenlm_number(const Kenlm *self, const char *word, size_t size);

/* The base 10 logarithm of a word's probability. `after` may not be `before`. */
float kenlm_score(const Kenlm *self, const KenlmHistory *before, uint32_t word,
                  KenlmHistory *after);

/* ---- For the files listed above ---- */

uint64_t trie_number(const Kenlm *self, uint64_t hash);
uint64_t hashed_number(const Kenlm *self, uint64_t hash);

void trie_unigram(const Kenlm *self, uint32_t word, KenlmNode *node, KenlmEntry *entry);
void hashed_unigram(const Kenlm *self, uint32_t word, KenlmNode *node, KenlmEntry *entry);

/* Put `word` before an n-gram. Returns 0 when there is no such n-gram; `level` tells its order. The
 * longest have no back-off. */
int trie_extend(const Kenlm *self, int level, uint32_t word, KenlmNode *node, KenlmEntry *entry);
int hashed_extend(const Kenlm *self, int level, uint32_t word, KenlmNode *node, KenlmEntry *entry);

static inline uint64_t word64(const unsigned char *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t word32(const unsigned char *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline float real_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#define SIGN_BIT 0x80000000u

#endif
