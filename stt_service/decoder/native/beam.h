/* What a search keeps; for the files that search.h lists. */

#ifndef STT_BEAM_H
#define STT_BEAM_H

#include "rank.h"
#include "search.h"
#include "tree.h"

typedef struct {
    int32_t node, time;
    double blank, label; /* scores of alignments that end in blank, and in the last label */
    double score;        /* of both */
} Entry;

/* What an entry comes to if it stays. */
typedef struct {
    double blank, label, score;
    int32_t renewed; /* slot of the parent it was better entered from; NONE */
} Stay;

/* A prefix outside of the beam that may enter it. */
typedef struct {
    double score;
    int32_t slot, label, node; /* node: NONE when it must be made */
    Place place;
    uint64_t key;
} Candidate;

/* What keys begin with: that of the root, and those of places after a word. They differ in high
 * bits, since labels and states are small numbers. */
#define ROOT_KEY 0
#define WORD_KEY 0x6A09E667F3BCC909u

struct Search {
    Task task;
    Tree tree;
    Entry *beam, *next;
    int32_t size;
    int32_t frame;
    int started;

    /* Scratch of one frame */
    double *logs;
    int32_t *active;       /* labels that may lead to a prefix worth keeping */
    unsigned char *wanted; /* of each label, whether it is one of them */
    Stay *stay;
    Candidate *candidates;
    int32_t candidate_room, candidate_count;
    int32_t *best_of_key; /* hash table: prefixes, numbered as in outdone.c; NONE */
    int32_t key_room;
    Rank *ranks; /* and what search_find reads */
    int32_t rank_room;
    unsigned char *chosen;
    int32_t chosen_room;

    /* Nodes to ask the language model about, and the question */
    int32_t *asked;
    int32_t asked_count;
    Word *words;
    int32_t word_room;

    /* Letters of words, and what is handed out */
    int32_t *labels, *frames;
    double *emissions;
    int32_t label_room, frame_room, emission_room;
    int final; /* how the beam was ranked */
};

/* Whether a word has begun at a node. */
static inline int is_spelling(const Search *self, const Node *node) {
    return node->label != NONE && node->label != self->task.lexicons.space;
}

/* Have the words scored that end at the nodes in `asked`. */
Status ask_words(Search *self);

/* Fill in a path down to a node, with the times that lead to `time`; without them if that is NONE.
 * Returns 0 without memory. */
int read_path(Search *self, int32_t node, int32_t time, Path *path);

/* Drop prefixes that can never come out best. Returns 0 without memory. */
int drop_outdone(Search *self);

Status advance_frame(Search *self, const float *row);

#endif
