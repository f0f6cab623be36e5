/* The Python face of the own language model (native/ngram.h): an immutable type that answers in
 * batches. It keeps the GIL: all is in memory, and waiting for the GIL could take longer than a
 * batch. */

#include "_kernel.h"

#include <string.h>

#include "native/ngram.h"

#define ROWS 5

typedef struct {
    PyObject_HEAD
    Ngram model;          /* words: 0 until set up */
    PyObject *vocabulary; /* dict of words to numbers; those that it lacks are unknown */
    Py_buffer rows[ROWS]; /* what the model's arrays lie in */
    int row_count;
} Tables;

/* ---- Setting up ---- */

/* Whether a buffer is one row of numbers in one of `formats`, of `size` bytes each. */
static int is_row(const Py_buffer *view, const char *formats, Py_ssize_t size) {
    const char *format = view->format;
    return format && *format && !format[1] && strchr(formats, *format) && view->ndim == 1 &&
           view->itemsize == size && (uintptr_t)view->buf % (size_t)size == 0;
}

/* Open the next array and keep it open. Returns NULL with an exception. */
static const void *open_row(Tables *self, PyObject *array, const char *formats, Py_ssize_t size,
                            int64_t *count) {
    Py_buffer *view = &self->rows[self->row_count];
    if (PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) return NULL;
    self->row_count++;
    *count = view->shape[0];
    if (is_row(view, formats, size)) return view->buf;
    return PyErr_Format(PyExc_TypeError, "array %d is not a row of %zd-byte '%s'", self->row_count,
                        size, formats);
}

static const char REALS[] = "f", INTEGERS[] = "lq";

static int open_rows(Tables *self, PyObject *arrays[ROWS], Ngram *model) {
    int64_t probs, shorter;
    if (!(model->keys = open_row(self, arrays[0], INTEGERS, 8, &model->count)) ||
        !(model->prob = open_row(self, arrays[1], REALS, 4, &probs)) ||
        !(model->word_prob = open_row(self, arrays[2], REALS, 4, &model->words)) ||
        !(model->backoff = open_row(self, arrays[3], REALS, 4, &model->top)) ||
        !(model->shorter = open_row(self, arrays[4], INTEGERS, 8, &shorter))) {
        return -1;
    }
    if (probs == model->count && shorter == model->top && model->words > 0 &&
        model->words <= model->top && model->top <= INT32_MAX) {
        return 0;
    }
    PyErr_SetString(PyExc_ValueError, "the model's arrays do not fit together");
    return -1;
}

static int tables_init(Tables *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"keys",    "prob",       "word_prob", "backoff",
                            "shorter", "vocabulary", "order",     NULL};
    PyObject *arrays[ROWS], *vocabulary;
    Ngram model = {0};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOOOOO!i", names, &arrays[0], &arrays[1],
                                     &arrays[2], &arrays[3], &arrays[4], &PyDict_Type, &vocabulary,
                                     &model.order)) {
        return -1;
    }
    if (self->vocabulary) {
        PyErr_SetString(PyExc_RuntimeError, "tables are set up once");
        return -1;
    }
    self->vocabulary = Py_NewRef(vocabulary);
    if (open_rows(self, arrays, &model) < 0) return -1;
    self->model = model;
    return 0;
}

/* ---- Scores ---- */

/* Returns -1 with an exception. */
static int64_t read_state(const Tables *self, PyObject *states, Py_ssize_t index) {
    PyObject *item = PySequence_GetItem(states, index);
    if (!item) return -1;
    int64_t state = PyLong_AsLongLong(item);
    Py_DECREF(item);
    if (state == -1 && PyErr_Occurred()) return -1;
    if (state >= 0 && state < self->model.top) return state;
    PyErr_SetString(PyExc_IndexError, "not a state of this model");
    return -1;
}

/* Look up a word; 0 if it is unknown. Returns -1 with an exception. */
static int64_t read_word(const Tables *self, PyObject *words, Py_ssize_t index) {
    PyObject *item = PySequence_GetItem(words, index);
    if (!item) return -1;
    PyObject *number = Py_XNewRef(PyDict_GetItemWithError(self->vocabulary, item));
    Py_DECREF(item);
    if (!number) return PyErr_Occurred() ? -1 : 0;
    int64_t word = PyLong_AsLongLong(number);
    Py_DECREF(number);
    if (word == -1 && PyErr_Occurred()) return -1;
    return word >= 0 && word < self->model.words ? word : 0;
}

static int answer(const Tables *self, PyObject *states, PyObject *words, Py_ssize_t count,
                  float *scores, int32_t *after) {
    for (Py_ssize_t i = 0; i < count; i++) {
        int64_t reached, state = read_state(self, states, i);
        int64_t word = state < 0 ? -1 : read_word(self, words, i);
        if (word < 0) return -1;
        scores[i] = ngram_score(&self->model, state, word, &reached);
        after[i] = (int32_t)reached;
    }
    return 0;
}

/* Open what an answer is to be written to. Returns -1 with an exception. */
static int open_result(PyObject *array, Py_buffer *view, const char *formats, Py_ssize_t count) {
    const int kind = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE;
    if (PyObject_GetBuffer(array, view, kind) < 0) return -1;
    if (is_row(view, formats, 4) && view->shape[0] == count) return 0;
    PyBuffer_Release(view);
    PyErr_Format(PyExc_TypeError, "expected a row of %zd 4-byte '%s'", count, formats);
    return -1;
}

static PyObject *tables_score(Tables *self, PyObject *args) {
    PyObject *states, *words, *arrays[2];
    Py_buffer scores, after;
    if (!self->vocabulary || !self->model.words) {
        return PyErr_Format(PyExc_RuntimeError, "the tables were not set up");
    }
    if (!PyArg_ParseTuple(args, "OOOO", &states, &words, &arrays[0], &arrays[1])) return NULL;
    Py_ssize_t count = PySequence_Size(words);
    if (count < 0) return NULL;
    if (PySequence_Size(states) != count) {
        if (PyErr_Occurred()) return NULL;
        return PyErr_Format(PyExc_ValueError, "expected a state for each word");
    }
    if (open_result(arrays[0], &scores, "f", count) < 0) return NULL;
    if (open_result(arrays[1], &after, "il", count) < 0) {
        PyBuffer_Release(&scores);
        return NULL;
    }
    int failed = answer(self, states, words, count, scores.buf, after.buf);
    PyBuffer_Release(&after);
    PyBuffer_Release(&scores);
    return failed ? NULL : Py_NewRef(Py_None);
}

/* ---- The type ---- */

static int tables_traverse(Tables *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE((PyObject *)self));
    Py_VISIT(self->vocabulary);
    return 0;
}

static int tables_clear(Tables *self) {
    Py_CLEAR(self->vocabulary);
    return 0;
}

static void tables_dealloc(Tables *self) {
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    PyObject_GC_UnTrack(self);
    tables_clear(self);
    for (int i = 0; i < self->row_count; i++) PyBuffer_Release(&self->rows[i]);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyMethodDef tables_methods[] = {
    {"score", (PyCFunction)(void (*)(void))tables_score, METH_VARARGS,
     "Fill in the natural logs of words after states, and the states after them."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot tables_slots[] = {
    {Py_tp_doc, "Tables of the own n-gram model; see stt_service.decoder.ngram.NgramModel."},
    {Py_tp_init, tables_init},
    {Py_tp_dealloc, tables_dealloc},
    {Py_tp_traverse, tables_traverse},
    {Py_tp_clear, tables_clear},
    {Py_tp_methods, tables_methods},
    {0, NULL},
};

PyType_Spec ngram_spec = {
    .name = "stt_service.decoder._kernel.NgramTables",
    .basicsize = sizeof(Tables),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = tables_slots,
};
