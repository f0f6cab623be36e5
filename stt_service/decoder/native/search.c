#include "search.h"

#include <math.h>
#include <stdlib.h>

#include "beam.h"
#include "memory.h"

static const float PROBABLE = 1.001f; /* softmax may round to a little over 1 */

/* ---- Opening and closing ---- */

static int plant(Search *self) {
    Tree *tree = &self->tree;
    tree->node_free = tree->time_free = NONE;
    if (!reserve_tree(tree, 1)) return 0;
    Place place = first_place(&self->task.lexicons);
    tree->root = new_node(tree);
    tree->nodes[tree->root] = (Node){
        .parent = NONE,
        .child = NONE,
        .sibling = NONE,
        .label = NONE,
        .state = self->task.start,
        .place = place,
        .key = ROOT_KEY,
        .legal = is_legal(&self->task.lexicons, &place),
        .word_score = (double)NAN,
    };
    self->beam[0] = (Entry){tree->root, NONE, 0.0, -(double)INFINITY, 0.0};
    self->size = 1;
    return 1;
}

Search *search_open(const Task *task) {
    Search *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    size_t width = (size_t)task->width, labels = (size_t)task->lexicons.label_count;
    self->task = *task;
    self->logs = calloc(labels + 1, sizeof *self->logs);
    self->active = calloc(labels, sizeof *self->active);
    self->wanted = calloc(labels, sizeof *self->wanted);
    self->stay = calloc(width, sizeof *self->stay);
    self->asked = calloc(width, sizeof *self->asked);
    self->next = calloc(width, sizeof *self->next);
    self->beam = calloc(width, sizeof *self->beam);
    if (self->logs && self->active && self->wanted && self->stay && self->asked && self->next &&
        self->beam && plant(self)) {
        return self;
    }
    search_close(self);
    return NULL;
}

void search_close(Search *self) {
    void *owned[] = {self->beam,   self->next,   self->logs,  self->active, self->wanted,
                     self->stay,   self->ranks,  self->chosen, self->asked, self->words,
                     self->labels, self->frames, self->emissions, self->candidates,
                     self->best_of_key};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    close_tree(&self->tree);
    free(self);
}

/* ---- Frames ---- */

Status search_advance(Search *self, const float *frames, int64_t count) {
    int64_t width = self->task.lexicons.label_count + 1;
    if (count > INT32_MAX - self->frame) return SEARCH_TOO_LONG;
    for (int64_t i = 0; i < count * width; i++) {
        if (!(frames[i] >= 0.0f && frames[i] <= PROBABLE)) return SEARCH_NO_PROBABILITY;
    }
    Status status = SEARCH_DONE;
    for (int64_t i = 0; i < count && status == SEARCH_DONE; i++) {
        status = advance_frame(self, frames + i * width);
        self->frame++;
    }
    return status;
}

/* ---- Asking the language model ---- */

static int32_t spelling_length(const Search *self, int32_t id) {
    const Node *nodes = self->tree.nodes;
    int32_t length = 0;
    for (; is_spelling(self, &nodes[id]); id = nodes[id].parent) length++;
    return length;
}

/* Put the question together. Returns 0 without memory. */
static int gather_words(Search *self) {
    const Node *nodes = self->tree.nodes;
    int64_t letters = 0;
    if (!reserve(&self->words, &self->word_room, self->asked_count, sizeof *self->words)) return 0;
    for (int32_t i = 0; i < self->asked_count; i++) {
        int32_t length = spelling_length(self, self->asked[i]);
        self->words[i] = (Word){.label_count = length, .state = nodes[self->asked[i]].state};
        letters += length;
    }
    if (!reserve(&self->labels, &self->label_room, letters, sizeof *self->labels)) return 0;
    int32_t *free_labels = self->labels;
    for (int32_t i = 0; i < self->asked_count; i++) {
        Word *word = &self->words[i];
        int32_t id = self->asked[i];
        for (int32_t at = word->label_count; at-- > 0; id = nodes[id].parent) {
            free_labels[at] = nodes[id].label;
        }
        word->labels = free_labels;
        free_labels += word->label_count;
    }
    return 1;
}

Status ask_words(Search *self) {
    if (!self->asked_count) return SEARCH_DONE;
    if (!gather_words(self)) return SEARCH_NO_MEMORY;
    Status status = self->task.ask(self->task.context, self->words, self->asked_count);
    for (int32_t i = 0; status == SEARCH_DONE && i < self->asked_count; i++) {
        Node *node = &self->tree.nodes[self->asked[i]];
        node->word_score = self->words[i].score;
        node->word_state = self->words[i].after;
        node->word_alike = self->words[i].alike;
    }
    return status;
}

/* ---- The past ---- */

int read_path(Search *self, int32_t node, int32_t time, Path *path) {
    const Tree *tree = &self->tree;
    int32_t above = tree->nodes[tree->root].depth;
    int32_t count = tree->nodes[node].depth - above;
    if (!reserve(&self->labels, &self->label_room, count, sizeof *self->labels) ||
        !reserve(&self->frames, &self->frame_room, count, sizeof *self->frames) ||
        !reserve(&self->emissions, &self->emission_room, count, sizeof *self->emissions)) {
        return 0;
    }
    for (int32_t at = count; at-- > 0; node = tree->nodes[node].parent) {
        self->labels[at] = tree->nodes[node].label;
    }
    time = time_above(tree, time, above + count);
    for (int32_t at = count; time != NONE && at-- > 0; time = tree->times[time].parent) {
        self->frames[at] = tree->times[time].frame;
        self->emissions[at] = tree->times[time].emission;
    }
    *path = (Path){count, self->labels, self->frames, self->emissions};
    return 1;
}

Status search_agreed(Search *self, Path *path) {
    return read_path(self, common_node(&self->tree), NONE, path) ? SEARCH_DONE : SEARCH_NO_MEMORY;
}

static const Entry *best_entry(const Search *self) {
    const Entry *best = self->beam;
    for (int32_t i = 1; i < self->size; i++) {
        if (self->beam[i].score > best->score) best = &self->beam[i];
    }
    return best;
}

/* Drop what disagrees with the best prefix about labels put before a frame. */
static void drop_dissent(Search *self, int32_t before) {
    Tree *tree = &self->tree;
    Entry best = *best_entry(self);
    int32_t old = best.time, size = 0;
    while (old != NONE && tree->times[old].frame >= before) old = tree->times[old].parent;
    int32_t base = tree->nodes[tree->root].depth;
    int32_t depth = old == NONE ? base : tree->times[old].depth;
    if (depth <= base) return;
    int32_t trunk = node_above(tree, best.node, depth);
    for (int32_t i = 0; i < self->size; i++) {
        Entry entry = self->beam[i];
        if (node_above(tree, entry.node, depth) == trunk) {
            self->beam[size++] = entry;
            continue;
        }
        tree->nodes[entry.node].slot = NONE;
        release_time(tree, entry.time);
        prune(tree, entry.node);
    }
    self->size = size;
    for (int32_t i = 0; i < size; i++) tree->nodes[self->beam[i].node].slot = i;
}

Status search_settle(Search *self, int32_t before, Path *path) {
    const Tree *tree = &self->tree;
    int32_t space = self->task.lexicons.space;
    drop_dissent(self, before);
    int32_t root = common_node(tree);
    while (space != NONE && root != tree->root && tree->nodes[root].label != space) {
        root = tree->nodes[root].parent;
    }
    int read = read_path(self, root, best_entry(self)->time, path);
    return read ? SEARCH_DONE : SEARCH_NO_MEMORY;
}

void search_forget(Search *self, int32_t count) {
    Tree *tree = &self->tree;
    int32_t depth = tree->nodes[tree->root].depth + count;
    replant(tree, node_above(tree, self->beam[0].node, depth));
    for (int32_t i = 0; i < self->size; i++) cut_times(tree, self->beam[i].time, depth);
}

Status search_states(Search *self, const int32_t **states, int32_t *count) {
    const Tree *tree = &self->tree;
    int32_t found = 0;
    int64_t most = 2 * (int64_t)tree->node_end;
    if (!reserve(&self->labels, &self->label_room, most, sizeof *self->labels)) {
        return SEARCH_NO_MEMORY;
    }
    for (int32_t i = 0; i < tree->node_end; i++) {
        const Node *node = &tree->nodes[i];
        if (node->label == FREE_LABEL) continue;
        self->labels[found++] = node->state;
        if (!isnan(node->word_score)) self->labels[found++] = node->word_state;
    }
    *states = self->labels;
    *count = found;
    return SEARCH_DONE;
}
