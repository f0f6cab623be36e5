/* Lexicons: which spellings are allowed. Automata over labels, in strided arrays that belong to
 * the caller (they may be views of a mapped file) and are read in place.
 *
 * Nothing in the arrays is trusted: an arc or a state out of range leads nowhere. */

#ifndef STT_LEXICON_H
#define STT_LEXICON_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define MAX_LEXICONS 2
#define NO_STATE (-1)  /* the lexicon forbids the prefix */
#define END_STATE (-2) /* after the space that may follow a whole utterance */

typedef struct {
    const char *data;
    int64_t count, stride; /* stride: bytes */
} Column;

typedef struct {
    Column first_arc, arc_count;  /* of each state, 32 bits; arcs are sorted by label */
    Column arc_label, arc_target; /* of each arc, 32 bits */
    Column accepting;             /* of each state, 8 bits */
    Column ahead;                 /* of each state, float; without rows 0 everywhere */
    int32_t start;
    int32_t label_offset; /* what the arcs' labels are too high by */
    int restarts;         /* a lexicon of words; otherwise of whole utterances */
} Lexicon;

/* A spelling is allowed when either of two lexicons allows it; without any, all are. */
typedef struct {
    Lexicon each[MAX_LEXICONS];
    int32_t count;
    int32_t label_count, space; /* space: -1 where there is none */
} Lexicons;

/* Where a prefix stands: a state of each lexicon. */
typedef struct {
    int32_t state[MAX_LEXICONS];
} Place;

Place first_place(const Lexicons *lexicons);

/* Whether an utterance may end at a place, for what the place alone can tell. */
int is_legal(const Lexicons *lexicons, const Place *place);

/* Whether a space may follow a place. */
int may_space(const Lexicons *lexicons, const Place *place);

/* ---- Reading the arrays ---- */

static inline int32_t cell(const Column *column, int64_t row) {
    int32_t value;
    memcpy(&value, column->data + row * column->stride, sizeof value);
    return value;
}

static inline int accepts(const Lexicon *lexicon, int32_t state) {
    if (state < 0 || state >= lexicon->accepting.count) return 0;
    return lexicon->accepting.data[state * lexicon->accepting.stride] != 0;
}

/* What the likeliest word below a place comes to, before it is known which it is. */
static inline double ahead_at(const Lexicons *lexicons, const Place *place) {
    double most = -INFINITY;
    for (int32_t i = 0; i < lexicons->count; i++) {
        const Column *ahead = &lexicons->each[i].ahead;
        int32_t state = place->state[i];
        if (state < 0) continue;
        float value = 0.0f;
        if (state < ahead->count) memcpy(&value, ahead->data + state * ahead->stride, sizeof value);
        if ((double)value > most) most = (double)value;
    }
    return most == -INFINITY ? 0.0 : most;
}

/* The arcs of a state: from `*low` up to the result. */
static inline int64_t arcs_of(const Lexicon *lexicon, int32_t state, int64_t *low) {
    *low = 0;
    if (state < 0 || state >= lexicon->first_arc.count) return 0;
    *low = (uint32_t)cell(&lexicon->first_arc, state);
    int64_t end = *low + (uint32_t)cell(&lexicon->arc_count, state);
    return end < lexicon->arc_label.count ? end : lexicon->arc_label.count;
}

static inline int64_t label_of(const Lexicon *lexicon, int64_t arc) {
    return (int64_t)cell(&lexicon->arc_label, arc) - lexicon->label_offset;
}

static inline int32_t target_of(const Lexicon *lexicon, int64_t arc) {
    int32_t target = cell(&lexicon->arc_target, arc);
    return target >= 0 && target < lexicon->first_arc.count ? target : NO_STATE;
}

/* Whether one space may follow, without an arc for it: after a whole utterance. */
static inline int may_trail(const Lexicon *lexicon, int32_t state) {
    return !lexicon->restarts && accepts(lexicon, state);
}

#endif
