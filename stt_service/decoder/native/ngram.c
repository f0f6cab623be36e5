#include "ngram.h"

#define UNKNOWN 0 /* the word; as a node, the empty history */

static const float UNKNOWN_WORD = -1000.0f; /* api.py says why */

/* Where the first key is that is not below `key`. */
static int64_t place_of(const Ngram *self, int64_t key) {
    int64_t low = 0, high = self->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (self->keys[middle] < key) low = middle + 1;
        else high = middle;
    }
    return low;
}

static int64_t shorten(const Ngram *self, int64_t node) {
    int64_t next = self->shorter[node];
    return next > UNKNOWN && next < node ? next : UNKNOWN;
}

float ngram_score(const Ngram *self, int64_t state, int64_t word, int64_t *after) {
    float score = 0.0f;
    int scored = 0;
    for (*after = -1; *after < 0 && state != UNKNOWN; state = shorten(self, state)) {
        int64_t key = state * self->words + word, place = place_of(self, key);
        int found = place < self->count && self->keys[place] == key;
        if (found && !scored) {
            score += self->prob[place];
            scored = 1;
        }
        if (found && place + self->words < self->top) *after = place + self->words;
        else if (!scored) score += self->backoff[state];
    }
    if (!scored) score += self->word_prob[word];
    if (*after < 0) *after = word;
    if (self->order == 1) *after = UNKNOWN;
    return word == UNKNOWN ? UNKNOWN_WORD : score;
}
