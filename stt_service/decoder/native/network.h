/* The neural network beside the n-grams, in C: network.py, which says what it is and does the same
 * in NumPy, to rounding. One thread: a matrix library would start more for it, which wait for work
 * longer than they do any. Contexts that are asked about at once have most words in common, whose
 * part is worked out once. */

#ifndef STT_NETWORK_H
#define STT_NETWORK_H

#include <stdint.h>

/* The arrays of a network, which belong to the caller. */
typedef struct {
    const int8_t *codes; /* words x width */
    const float *scale;  /* words */
    const float *inner;  /* (context * width) x units */
    const float *inner_bias;
    const float *outer; /* units x width */
    const float *outer_bias;
    int64_t words, width, context, units;
} Network;

/* Fill in the vectors that are expected after `count` contexts, of numbers below `words`. `scratch`
 * has room for 2 * count * units. */
void network_expect(const Network *self, const int32_t *contexts, int64_t count, float *scratch,
                    float *expected);

#endif
