/* The project's own language model, asked in place: the arrays of ngram.py, which belong to the
 * caller. NgramModel.score does the same as this in NumPy, to the last bit.
 *
 * A state is a node: the longest suffix of the words so far that is a history. What the arrays hold
 * is not trusted: a number that leads out of them, or round in a circle, stands for the empty
 * history, and keys out of order are not found. All of this only reads, so any number of threads
 * may ask. */

#ifndef STT_NGRAM_H
#define STT_NGRAM_H

#include <stdint.h>

typedef struct {
    const int64_t *keys; /* node of a history * `words` + a word, ascending: the n-grams */
    const float *prob;   /* of each n-gram; natural logs throughout */
    int64_t count;       /* of n-grams */
    const float *word_prob;
    int64_t words;
    const float *backoff;   /* of each node that is a history */
    const int64_t *shorter; /* node without its first word: a lower one, or 0, the empty history */
    int64_t top;            /* nodes from here on are of the highest order, and no histories */
    int order;
} Ngram;

/* The natural log of a word's probability, UNKNOWN_WORD for word 0. `state` and `word` lie below
 * `top` and `words`; so does the state `after`. */
float ngram_score(const Ngram *self, int64_t state, int64_t word, int64_t *after);

#endif
