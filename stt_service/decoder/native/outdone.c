/* Prefixes that can hardly come out best are dropped: those that score less than another from which
 * all goes on alike, the same word being spelled after states that the language model calls alike.
 * What follows adds the same to both. A beam of which each is another's copy with some earlier word
 * changed has no room for what is being said now. */

#include <math.h>
#include <string.h>

#include "beam.h"
#include "memory.h"

static const double OUTDONE = 0.5; /* kernels.py says why */

/* In this file prefixes are numbered: first those of the beam, then the candidates. */
static uint64_t key_at(const Search *self, int32_t i) {
    if (i < self->size) return self->tree.nodes[self->beam[i].node].key;
    return self->candidates[i - self->size].key;
}

static double *score_at(Search *self, int32_t i) {
    return i < self->size ? &self->stay[i].score : &self->candidates[i - self->size].score;
}

static uint64_t mix(uint64_t key, uint64_t more) {
    uint64_t hash = (key ^ (more + 0x9E3779B97F4A7C15u)) * 0xBF58476D1CE4E5B9u;
    hash = (hash ^ hash >> 27) * 0x94D049BB133111EBu;
    return hash ^ hash >> 31;
}

/* 64 bits that differ, in all likelihood, where what follows may depend on what differs: what the
 * language model says of its state, and the labels since. */
static uint64_t key_of(const Search *self, const Candidate *new) {
    const Node *parent = &self->tree.nodes[self->beam[new->slot].node];
    int ended = new->label == self->task.lexicons.space && is_spelling(self, parent);
    if (ended) return mix(WORD_KEY, (uint64_t)parent->word_alike);
    return mix(parent->key, (uint64_t)(uint32_t)new->label);
}

/* Where in the table a key is, or would be. */
static int32_t *find(const Search *self, int64_t room, uint64_t key) {
    int64_t at = (int64_t)(key & (uint64_t)(room - 1));
    while (self->best_of_key[at] != NONE && key_at(self, self->best_of_key[at]) != key) {
        at = (at + 1) & (room - 1);
    }
    return &self->best_of_key[at];
}

int drop_outdone(Search *self) {
    if (!self->task.ask || self->task.as_deepspeech) return 1;
    int64_t every = (int64_t)self->size + self->candidate_count, room = 1;
    while (room < 2 * every) room *= 2;
    if (!reserve(&self->best_of_key, &self->key_room, room, sizeof *self->best_of_key)) return 0;
    memset(self->best_of_key, 0xFF, (size_t)room * sizeof *self->best_of_key);
    for (int32_t i = 0; i < self->candidate_count; i++) {
        self->candidates[i].key = key_of(self, &self->candidates[i]);
    }
    for (int32_t i = 0; i < every; i++) {
        int32_t *best = find(self, room, key_at(self, i));
        if (*best == NONE || *score_at(self, *best) < *score_at(self, i)) *best = i;
    }
    for (int32_t i = 0; i < every; i++) {
        double best = *score_at(self, *find(self, room, key_at(self, i)));
        if (*score_at(self, i) < best - OUTDONE) *score_at(self, i) = -INFINITY;
    }
    return 1;
}
