/* One frame: what the beam's prefixes come to if they stay, what may enter, who is best. */

#include <float.h>
#include <math.h>
#include <string.h>

#include "beam.h"
#include "memory.h"
#include "walk.h"

static const double NEVER = -(double)INFINITY;
static const double START_BELOW = 0.999; /* kernels.py says why */
static const double NEGLIGIBLE = 17.0;   /* kernels.py says why */
static const double FAR_BELOW = 10.0;    /* kernels.py says why */

/* What a prefix outside of the beam must reach to be looked at. */
typedef struct {
    double cutoff; /* DeepSpeech's, before the language model */
    double worst;  /* raise_bar's, after it */
} Bar;

static double log_add(double a, double b) {
    double high = a > b ? a : b, low = a > b ? b : a;
    if (!(high - NEGLIGIBLE < low)) return high;
    return high + log1p(exp(low - high));
}

/* What the language model adds when `label` follows `node` and leads to `place`; its word has been
 * asked for. What was looked ahead to while the word was spelled is taken back at its end. */
static double language_share(const Search *self, const Node *node, int32_t label,
                             const Place *place) {
    const Task *task = &self->task;
    if (!task->ask) return 0.0;
    double ahead = ahead_at(&task->lexicons, &node->place);
    if (label != task->lexicons.space) {
        return task->alpha * (ahead_at(&task->lexicons, place) - ahead);
    }
    return is_spelling(self, node) ? task->alpha * (node->word_score - ahead) + task->beta : 0.0;
}

/* The most that the language model may add at the end of the word being spelled at `node`. */
static double most_at_end(const Search *self, const Node *node) {
    const Task *task = &self->task;
    if (!task->ask) return 0.0;
    return fmax(0.0, task->alpha * (task->ceiling - ahead_at(&task->lexicons, &node->place)) +
                         task->beta);
}

/* ---- Those in the beam ---- */

/* What they come to if they stay: with blank, with their last label repeated, or entered anew from
 * a parent in the beam. Returns the worst. */
static double score_stays(Search *self, double cutoff) {
    const Node *nodes = self->tree.nodes;
    const double *logs = self->logs;
    double blank_log = logs[self->task.lexicons.label_count], worst = INFINITY;
    for (int32_t i = 0; i < self->size; i++) {
        const Entry *entry = &self->beam[i];
        const Node *node = &nodes[entry->node];
        Stay *stay = &self->stay[i];
        double repeat = NEVER, into = NEVER;
        int32_t source = NONE;
        stay->blank = blank_log + entry->score >= cutoff ? entry->score + blank_log : NEVER;
        if (node->label != NONE) {
            double own = logs[node->label];
            if (own + entry->score >= cutoff) repeat = entry->label + own;
            if (node->parent != NONE) source = nodes[node->parent].slot;
            if (source != NONE && own + self->beam[source].score >= cutoff) {
                const Node *parent = &nodes[node->parent];
                const Entry *from = &self->beam[source];
                double before = node->label == parent->label ? from->blank : from->score;
                into = own + (before + language_share(self, parent, node->label, &node->place));
            }
        }
        stay->label = log_add(repeat, into);
        stay->renewed = into > repeat && stay->blank <= stay->label ? source : NONE;
        stay->score = log_add(stay->blank, stay->label);
        if (stay->score < worst) worst = stay->score;
    }
    return worst;
}

/* What a prefix must come to for the next beam, the worst stay being known. Stays that fall short of
 * it are dropped. */
static double raise_bar(Search *self, double worst) {
    const Task *task = &self->task;
    double best = NEVER;
    if (self->size < task->width) worst = NEVER;
    if (!task->ask || task->as_deepspeech) return worst;
    for (int32_t i = 0; i < self->size; i++) best = fmax(best, self->stay[i].score);
    if (best - FAR_BELOW <= worst) return worst;
    for (int32_t i = 0; i < self->size; i++) {
        if (self->stay[i].score < best - FAR_BELOW) self->stay[i].score = NEVER;
    }
    return best - FAR_BELOW;
}

/* ---- Those outside of it ---- */

/* The labels that lead from the best prefix to one that may be kept. What the language model may
 * add at a space differs from prefix to prefix, so a space may always. */
static int32_t find_active(Search *self, const Bar *bar) {
    double best = NEVER;
    int32_t count = 0, space = self->task.lexicons.space;
    for (int32_t i = 0; i < self->size; i++) {
        if (self->beam[i].score > best) best = self->beam[i].score;
    }
    for (int32_t label = 0; label < self->task.lexicons.label_count; label++) {
        double reach = best + self->logs[label];
        int may_gain = self->task.ask && label == space;
        self->wanted[label] = reach >= bar->cutoff && (may_gain || reach >= bar->worst);
        if (self->wanted[label]) self->active[count++] = label;
    }
    return count;
}

/* Add one prefix outside of the beam, if it reaches the bar. `bonus` is what a space may gain.
 * Returns 0 without memory. */
static int propose(Search *self, const Bar *bar, double bonus, int32_t slot, int32_t label,
                   const Place *place) {
    const Node *nodes = self->tree.nodes;
    const Entry *entry = &self->beam[slot];
    const Node *node = &nodes[entry->node];
    int spaced = label == self->task.lexicons.space;
    double log_p = self->logs[label];
    double score = (label == node->label ? entry->blank : entry->score) + log_p;
    double bound = score + (spaced ? bonus : 0.0);
    if (entry->score + log_p < bar->cutoff || bound < bar->worst || score == NEVER) return 1;
    int32_t child = node->child;
    while (child != NONE && nodes[child].label != label) child = nodes[child].sibling;
    if (child != NONE && nodes[child].slot != NONE) return 1; /* it is in the beam */
    if (!reserve(&self->candidates, &self->candidate_room, (int64_t)self->candidate_count + 1,
                 sizeof *self->candidates)) {
        return 0;
    }
    self->candidates[self->candidate_count++] = (Candidate){score, slot, label, child, *place, 0};
    if (self->task.ask && spaced && is_spelling(self, node) && isnan(node->word_score)) {
        self->asked[self->asked_count++] = entry->node;
    }
    return 1;
}

/* Add what the lexicons allow after one prefix. Returns 0 without memory. */
static int propose_allowed(Search *self, const Bar *bar, double bonus, int32_t slot) {
    Place from = self->tree.nodes[self->beam[slot].node].place;
    Walk walk;
    int32_t label;
    Place place;
    start_walk(&walk, &self->task.lexicons, self->wanted, &from);
    while (next_step(&walk, &label, &place)) {
        if (!propose(self, bar, bonus, slot, label, &place)) return 0;
    }
    return 1;
}

/* Collect the prefixes outside of the beam that may enter it. Returns 0 without memory. */
static int propose_all(Search *self, double cutoff, double worst) {
    static const Place anywhere = {{NO_STATE, NO_STATE}};
    const Task *task = &self->task;
    Bar bar = {cutoff, worst};
    int32_t active = find_active(self, &bar);
    double loudest = NEVER;
    for (int32_t i = 0; i < active; i++) loudest = fmax(loudest, self->logs[self->active[i]]);
    self->candidate_count = self->asked_count = 0;
    for (int32_t slot = 0; active && slot < self->size; slot++) {
        double reach = self->beam[slot].score + loudest;
        double bonus = most_at_end(self, &self->tree.nodes[self->beam[slot].node]);
        if (reach < cutoff || reach + bonus < worst) continue;
        if (task->lexicons.count) {
            if (!propose_allowed(self, &bar, bonus, slot)) return 0;
            continue;
        }
        for (int32_t i = 0; i < active; i++) {
            if (!propose(self, &bar, bonus, slot, self->active[i], &anywhere)) return 0;
        }
    }
    return 1;
}

/* Add the language model's answers; leave out what falls short with them. */
static void sift(Search *self, double worst) {
    int32_t kept = 0;
    for (int32_t i = 0; i < self->candidate_count; i++) {
        Candidate *new = &self->candidates[i];
        const Node *parent = &self->tree.nodes[self->beam[new->slot].node];
        new->score += language_share(self, parent, new->label, &new->place);
        if (new->score >= worst) self->candidates[kept++] = *new;
    }
    self->candidate_count = kept;
}

/* ---- The next beam ---- */

/* Mark in `chosen` which stays, and then which candidates, make the next beam. Returns 0 without
 * memory. */
static int choose(Search *self) {
    int64_t every = (int64_t)self->size + self->candidate_count;
    int32_t count = 0, width = self->task.width;
    if (!reserve(&self->ranks, &self->rank_room, every, sizeof *self->ranks) ||
        !reserve(&self->chosen, &self->chosen_room, every, sizeof *self->chosen)) {
        return 0;
    }
    memset(self->chosen, 0, (size_t)every);
    for (int32_t i = 0; i < self->size; i++) {
        if (self->stay[i].score == NEVER) continue;
        int32_t label = self->tree.nodes[self->beam[i].node].label;
        self->ranks[count++] = (Rank){self->stay[i].score, label, i};
    }
    for (int32_t i = 0; i < self->candidate_count; i++) {
        const Candidate *new = &self->candidates[i];
        if (new->score == NEVER) continue;
        self->ranks[count++] = (Rank){new->score, new->label, self->size + i};
    }
    if (count > width) {
        select_best(self->ranks, count, width);
        count = width;
    }
    for (int32_t i = 0; i < count; i++) self->chosen[self->ranks[i].index] = 1;
    return 1;
}

/* The node of a candidate: there already, or made now. */
static int32_t grow(Search *self, const Candidate *new) {
    if (new->node != NONE) return new->node;
    const Task *task = &self->task;
    int32_t parent_id = self->beam[new->slot].node;
    int32_t id = new_node(&self->tree);
    Node *parent = &self->tree.nodes[parent_id];
    int spaced = new->label == task->lexicons.space;
    int ended = spaced && is_spelling(self, parent) && task->ask;
    self->tree.nodes[id] = (Node){
        .parent = parent_id,
        .child = NONE,
        .sibling = parent->child,
        .label = new->label,
        .depth = parent->depth + 1,
        .slot = NONE,
        .state = ended ? parent->word_state : parent->state,
        .place = new->place,
        .key = new->key,
        .legal = is_legal(&task->lexicons, &new->place) || (spaced && parent->legal),
        .language = parent->language + language_share(self, parent, new->label, &new->place),
        .word_score = (double)NAN,
    };
    parent->child = id;
    return id;
}

/* Put the chosen stays and candidates into `next`. Returns how many; room in the tree is there. */
static int32_t fill_next(Search *self) {
    Tree *tree = &self->tree;
    int32_t size = 0;
    for (int32_t i = 0; i < self->size; i++) {
        const Stay *stay = &self->stay[i];
        if (!self->chosen[i]) continue;
        int32_t node = self->beam[i].node, time = self->beam[i].time;
        if (stay->renewed != NONE) {
            double emission = self->logs[tree->nodes[node].label];
            time = new_time(tree, self->beam[stay->renewed].time, self->frame, emission);
        } else if (time != NONE) {
            tree->times[time].refs++;
        }
        self->next[size++] = (Entry){node, time, stay->blank, stay->label, stay->score};
    }
    for (int32_t i = 0; i < self->candidate_count; i++) {
        const Candidate *new = &self->candidates[i];
        if (!self->chosen[self->size + i]) continue;
        int32_t before = self->beam[new->slot].time;
        int32_t time = new_time(tree, before, self->frame, self->logs[new->label]);
        self->next[size++] = (Entry){grow(self, new), time, NEVER, new->score, new->score};
    }
    return size;
}

/* Make `next`, of that size, the beam; let go of those that dropped out. */
static void move_beam(Search *self, int32_t size) {
    Tree *tree = &self->tree;
    for (int32_t i = 0; i < self->size; i++) tree->nodes[self->beam[i].node].slot = NONE;
    for (int32_t i = 0; i < size; i++) tree->nodes[self->next[i].node].slot = i;
    for (int32_t i = 0; i < self->size; i++) {
        release_time(tree, self->beam[i].time);
        if (!self->chosen[i]) prune(tree, self->beam[i].node);
    }
    Entry *old = self->beam;
    self->beam = self->next;
    self->next = old;
    self->size = size;
}

/* DeepSpeech's bar for a step with a language model and a full beam. */
static double find_cutoff(const Search *self) {
    const Task *task = &self->task;
    double least = INFINITY;
    if (!task->as_deepspeech || !task->ask || self->size < task->width) return NEVER;
    for (int32_t i = 0; i < self->size; i++) {
        if (self->beam[i].score < least) least = self->beam[i].score;
    }
    return least + self->logs[task->lexicons.label_count] - fmax(0.0, task->beta);
}

Status advance_frame(Search *self, const float *row) {
    int32_t blank = self->task.lexicons.label_count;
    if ((double)row[blank] < START_BELOW) self->started = 1;
    if (!self->started) return SEARCH_DONE;
    for (int32_t i = 0; i <= blank; i++) {
        self->logs[i] = (float)log((double)row[i] + (double)FLT_MIN);
    }
    double cutoff = find_cutoff(self);
    double worst = raise_bar(self, score_stays(self, cutoff));
    if (!propose_all(self, cutoff, worst)) return SEARCH_NO_MEMORY;
    Status status = ask_words(self);
    if (status != SEARCH_DONE) return status;
    sift(self, worst);
    if (!drop_outdone(self)) return SEARCH_NO_MEMORY;
    if (!choose(self) || !reserve_tree(&self->tree, (int64_t)self->size + self->candidate_count)) {
        return SEARCH_NO_MEMORY;
    }
    move_beam(self, fill_next(self));
    return SEARCH_DONE;
}
