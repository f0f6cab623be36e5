/* The beam search in C, free of Python. What it computes is told in kernel_numpy.py, which does
 * the same.
 *
 * What flows in: frames of probabilities. What is kept: a tree of prefixes and a tree of the times
 * at which their labels were put (tree.h), and the beam (beam.h), whose entries point into both.
 * What flows out: paths and findings. The language model is asked through a callback.
 *
 *   search.c   opens and closes a search, asks for words, settles the past
 *   step.c     takes one frame
 *   outdone.c  drops what can never come out best
 *   outcome.c  reads the beam: hypotheses, best first
 *   tree.c, lexicon.c, rank.c, memory.c  what these stand on
 *
 * Who owns what: a search owns all that it hands out, and each answer lasts until the next call.
 * The lexicons' arrays and the callback's context belong to the caller, who keeps them alive until
 * the search is closed. One caller at a time; the callback must not call back. No global state. */

#ifndef STT_SEARCH_H
#define STT_SEARCH_H

#include <stdint.h>

#include "lexicon.h"

#define MAX_BEAM (1 << 20)
#define MAX_LABELS 65534

typedef struct Search Search;

typedef enum {
    SEARCH_DONE,
    SEARCH_NO_MEMORY,
    SEARCH_STOPPED,        /* by the callback, which knows why */
    SEARCH_TOO_LONG,       /* more frames than can be counted; nothing was taken */
    SEARCH_NO_PROBABILITY, /* a value is none; nothing was taken */
} Status;

/* A word that the language model is asked about. */
typedef struct {
    const int32_t *labels;
    int32_t label_count;
    int32_t state; /* before the word */
    int32_t after; /* to be answered: the state after it, 0 or more */
    int64_t alike; /* to be answered: the same for states after which all goes on alike */
    double score;  /* to be answered: natural log, not NaN */
} Word;

/* Answers for all words, or returns a status other than SEARCH_DONE. */
typedef Status (*Ask)(void *context, Word *words, int32_t count);

/* See kernels.Task. */
typedef struct {
    Lexicons lexicons; /* with the number of labels, and the space */
    int32_t width, start;
    double alpha, beta, ceiling;
    int as_deepspeech;
    Ask ask; /* NULL without a language model */
    void *context;
} Task;

/* Labels below the root, and when and how surely they were put. */
typedef struct {
    int32_t count;
    const int32_t *labels, *frames;
    const double *emissions;
} Path;

/* See api.Hypothesis. */
typedef struct {
    Path path;
    double score, acoustic;
    int32_t state;
    int whole;
} Finding;

/* Returns NULL without memory. The task is copied; its numbers must be in range. */
Search *search_open(const Task *task);
void search_close(Search *self);

/* Take `count` frames, each of the labels and then blank. */
Status search_advance(Search *self, const float *frames, int64_t count);

/* Rank the beam, for search_find; `*count` is at most `limit`. `final` ends the utterance here. */
Status search_rank(Search *self, int32_t limit, int final, int32_t *count);
Status search_find(Search *self, int32_t rank, Finding *finding);

/* The labels that all of the beam begin with; no frames and emissions. */
Status search_agreed(Search *self, Path *path);

/* Drop what disagrees with the best prefix about labels put before a frame; tell which whole words
 * all now share. */
Status search_settle(Search *self, int32_t before, Path *path);

/* Forget that many labels: no more than were settled since the last frame. */
void search_forget(Search *self, int32_t count);

/* The language model's states in use; some may be listed more than once. */
Status search_states(Search *self, const int32_t **states, int32_t *count);

#endif
