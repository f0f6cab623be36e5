/* Reading the beam: hypotheses, best first. */

#include <math.h>

#include "beam.h"
#include "memory.h"

static const double UNKNOWN_WORD = -1000.0; /* api.py says why */

/* Whether the word being spelled at a node is whole: the lexicon allows a space. */
static int may_end(const Search *self, const Node *node) {
    const Lexicons *lexicons = &self->task.lexicons;
    return !lexicons->count || !is_spelling(self, node) || may_space(lexicons, &node->place);
}

/* Ask for all words that stand whole at the end of a hypothesis. */
static Status ask_last_words(Search *self) {
    self->asked_count = 0;
    for (int32_t i = 0; self->task.ask && i < self->size; i++) {
        const Node *node = &self->tree.nodes[self->beam[i].node];
        if (is_spelling(self, node) && isnan(node->word_score) && may_end(self, node)) {
            self->asked[self->asked_count++] = self->beam[i].node;
        }
    }
    return ask_words(self);
}

Status search_rank(Search *self, int32_t limit, int final, int32_t *count) {
    const Task *task = &self->task;
    Status status = final ? ask_last_words(self) : SEARCH_DONE;
    if (status != SEARCH_DONE) return status;
    if (!reserve(&self->ranks, &self->rank_room, self->size, sizeof *self->ranks)) {
        return SEARCH_NO_MEMORY;
    }
    int32_t found = 0;
    for (int32_t i = 0; i < self->size; i++) {
        const Node *node = &self->tree.nodes[self->beam[i].node];
        double total = self->beam[i].score;
        if (final && !node->legal) continue;
        if (final && task->ask && is_spelling(self, node)) {
            double word = may_end(self, node) ? node->word_score : UNKNOWN_WORD;
            total += task->alpha * (word - ahead_at(&task->lexicons, &node->place)) + task->beta;
        }
        self->ranks[found++] = (Rank){total, node->label, i};
    }
    if (limit < found) {
        select_best(self->ranks, found, limit);
        found = limit;
    }
    sort_ranks(self->ranks, found);
    self->final = final;
    *count = found;
    return SEARCH_DONE;
}

Status search_find(Search *self, int32_t rank, Finding *finding) {
    const Entry *entry = &self->beam[self->ranks[rank].index];
    const Node *node = &self->tree.nodes[entry->node];
    int whole = may_end(self, node);
    int asked = self->final && self->task.ask && whole && is_spelling(self, node);
    finding->score = self->ranks[rank].score;
    finding->acoustic = entry->score - node->language;
    finding->state = asked ? node->word_state : node->state;
    finding->whole = whole;
    return read_path(self, entry->node, entry->time, &finding->path) ? SEARCH_DONE
                                                                     : SEARCH_NO_MEMORY;
}
