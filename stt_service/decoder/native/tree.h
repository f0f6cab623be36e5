/* The two trees of a search, in pools that are named by index, because pools move when they grow.
 *
 * Node: a prefix. The tree holds the beam's prefixes and what lies above them, nothing else: a
 * leaf that drops out of the beam is freed at once, and so is what that leaves bare.
 * Time: when a label was put. Times are counted references, freed with the last.
 *
 * Who makes a node or a time has reserved room for it before (`reserve_tree`). */

#ifndef STT_TREE_H
#define STT_TREE_H

#include <stdint.h>

#include "lexicon.h"

#define NONE (-1)
#define FREE_LABEL (-2)

typedef struct {
    int32_t parent, child, sibling; /* parent links the free list in free nodes */
    int32_t label;                  /* NONE at the first root, FREE_LABEL in free nodes */
    int32_t depth;
    int32_t slot;       /* place in the beam, NONE outside */
    int32_t state;      /* the language model's, before the word being spelled */
    int32_t word_state; /* and after it, once asked */
    int64_t word_alike; /* the same where all goes on alike after the word, once asked */
    Place place;
    uint64_t key;      /* the same where all goes on alike, see outdone.c */
    int32_t legal;     /* an utterance may end here */
    double language;   /* the language model's share of the score */
    double word_score; /* of the word being spelled, if it ended here; NaN: not asked yet */
} Node;

typedef struct {
    int32_t parent; /* links the free list in free ones */
    int32_t refs, frame, depth;
    double emission; /* natural log of the label's probability there */
} Time;

typedef struct {
    Node *nodes;
    int32_t node_room, node_end, node_free;
    Time *times;
    int32_t time_room, time_end, time_free;
    int32_t root;
} Tree;

/* Make room for that many more nodes, and as many times. Returns 0 without memory. */
int reserve_tree(Tree *tree, int64_t more);

void close_tree(Tree *tree);

static inline int32_t new_node(Tree *tree) {
    int32_t id = tree->node_free;
    if (id == NONE) return tree->node_end++;
    tree->node_free = tree->nodes[id].parent;
    return id;
}

/* Free a node outside of the beam that leads nowhere, and what that leaves bare above it. Its
 * last child may have taken it along already. */
void prune(Tree *tree, int32_t id);

/* Takes a reference to `parent`; the caller owns the result. */
static inline int32_t new_time(Tree *tree, int32_t parent, int32_t frame, double emission) {
    int32_t id = tree->time_free;
    if (id != NONE) tree->time_free = tree->times[id].parent;
    else id = tree->time_end++;
    int32_t depth = parent == NONE ? 1 : tree->times[parent].depth + 1;
    if (parent != NONE) tree->times[parent].refs++;
    tree->times[id] = (Time){parent, 1, frame, depth, emission};
    return id;
}

static inline void release_time(Tree *tree, int32_t id) {
    while (id != NONE && --tree->times[id].refs == 0) {
        int32_t parent = tree->times[id].parent;
        tree->times[id].parent = tree->time_free;
        tree->time_free = id;
        id = parent;
    }
}

/* The ancestor at a depth, or the node itself where it lies above that. */
int32_t node_above(const Tree *tree, int32_t id, int32_t depth);
int32_t time_above(const Tree *tree, int32_t id, int32_t depth);

/* The deepest node that all of the beam descend from or are. */
int32_t common_node(const Tree *tree);

/* Make a node the root and free what lies above it. */
void replant(Tree *tree, int32_t root);

/* Forget the times above the one at `depth` that leads to `id`. */
void cut_times(Tree *tree, int32_t id, int32_t depth);

#endif
