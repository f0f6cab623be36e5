#include "network.h"

#include <string.h>

/* Add `row` times `factor` to `sums`. */
static void add_row(float *restrict sums, const float *restrict row, float factor, int64_t count) {
    for (int64_t i = 0; i < count; i++) sums[i] += factor * row[i];
}

/* What a word at a place adds to the layer. */
static void fill_part(const Network *self, int64_t place, int32_t word, float *part) {
    const int8_t *codes = self->codes + word * self->width;
    const float *row = self->inner + place * self->width * self->units;
    memset(part, 0, (size_t)self->units * sizeof *part);
    for (int64_t i = 0; i < self->width; i++, row += self->units) {
        add_row(part, row, self->scale[word] * (float)codes[i], self->units);
    }
}

/* The first context that has the same word at a place as one has. */
static int64_t first_alike(const Network *self, const int32_t *contexts, int64_t one,
                           int64_t place) {
    int64_t first = 0;
    int32_t word = contexts[one * self->context + place];
    while (contexts[first * self->context + place] != word) first++;
    return first;
}

void network_expect(const Network *self, const int32_t *contexts, int64_t count, float *scratch,
                    float *expected) {
    int64_t units = self->units;
    float *layers = scratch, *parts = scratch + count * units;
    for (int64_t c = 0; c < count; c++) {
        memcpy(layers + c * units, self->inner_bias, (size_t)units * sizeof *layers);
    }
    for (int64_t place = 0; place < self->context; place++) {
        for (int64_t c = 0; c < count; c++) {
            int64_t first = first_alike(self, contexts, c, place);
            float *part = parts + first * units;
            if (first == c) fill_part(self, place, contexts[c * self->context + place], part);
            add_row(layers + c * units, part, 1.0f, units);
        }
    }
    for (int64_t c = 0; c < count; c++) {
        float *sums = expected + c * self->width;
        memcpy(sums, self->outer_bias, (size_t)self->width * sizeof *sums);
        for (int64_t i = 0; i < units; i++) {
            float unit = layers[c * units + i];
            if (unit > 0.0f) add_row(sums, self->outer + i * self->width, unit, self->width);
        }
    }
}
