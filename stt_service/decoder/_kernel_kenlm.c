/* The Python face of KenLM's tables (native/kenlm.h): an immutable type that answers in batches,
 * without the GIL, for a file on a slow card may keep it waiting.
 *
 * A history is handed out as bytes: its words as 32-bit numbers, then as many 32-bit floats. */

#include "_kernel.h"

#include <stdlib.h>

#include "native/kenlm.h"

#define WORD_BYTES 8 /* of a history: its number and its back-off */

typedef struct {
    PyObject_HEAD
    Kenlm tables;
    Py_buffer file; /* obj: NULL until set up */
} Tables;

typedef struct {
    KenlmHistory before, after;
    uint32_t word;
    float score;
} Question;

/* ---- Setting up ---- */

static const char TABLE_FORMAT[] = "KKIIIIIKKKK;a table is 11 numbers";

static int read_table(PyObject *row, KenlmLevel *level) {
    unsigned long long entries, base, probs, backoffs, upper, upper_entries;
    if (!PyTuple_Check(row)) {
        PyErr_SetString(PyExc_TypeError, "a table is a tuple");
        return -1;
    }
    *level = (KenlmLevel){0};
    if (!PyArg_ParseTuple(row, TABLE_FORMAT, &entries, &base, &level->words.stride,
                          &level->words.bits, &level->prob_bits, &level->backoff_bits,
                          &level->next_bits, &probs, &backoffs, &upper, &upper_entries)) {
        return -1;
    }
    level->words.count = entries;
    level->words.base = base;
    level->probs = probs;
    level->backoffs = backoffs;
    level->upper = (Packed){upper, upper_entries, 64, 64};
    return 0;
}

static int read_levels(PyObject *rows, Kenlm *tables) {
    Py_ssize_t count = PyTuple_Size(rows);
    if (count < 1 || count >= KENLM_MAX_ORDER) {
        PyErr_SetString(PyExc_ValueError, "an n-gram model has an order of 2 to 6");
        return -1;
    }
    tables->order = (int)count + 1;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (read_table(PyTuple_GetItem(rows, i), &tables->levels[i]) < 0) return -1;
    }
    return 0;
}

static int tables_init(Tables *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"file",         "hashed", "words", "vocabulary", "unigrams",
                            "unigram_size", "levels", NULL};
    PyObject *file, *vocabulary, *levels;
    unsigned long long words, unigrams;
    KenlmLevel table;
    Kenlm *tables = &self->tables;
    if (self->file.obj) {
        PyErr_SetString(PyExc_RuntimeError, "tables are set up once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OpKOKIO!", names, &file, &tables->hashed,
                                     &words, &vocabulary, &unigrams, &tables->unigram_size,
                                     &PyTuple_Type, &levels) ||
        read_table(vocabulary, &table) < 0 || read_levels(levels, tables) < 0 ||
        PyObject_GetBuffer(file, &self->file, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    tables->words = words;
    tables->unigrams = unigrams;
    tables->vocabulary = table.words;
    tables->data = self->file.buf;
    tables->size = (uint64_t)self->file.len;
    if (kenlm_fits(tables)) return 0;
    PyBuffer_Release(&self->file);
    PyErr_SetString(PyExc_ValueError, "the tables do not lie within the file");
    return -1;
}

static int is_ready(const Tables *self) {
    if (self->file.obj) return 1;
    PyErr_SetString(PyExc_RuntimeError, "the tables were not set up");
    return 0;
}

/* ---- Numbers of words ---- */

static PyObject *tables_numbers(Tables *self, PyObject *words) {
    if (!is_ready(self)) return NULL;
    if (!PyList_Check(words)) return PyErr_Format(PyExc_TypeError, "expected a list of words");
    Py_ssize_t count = PyList_Size(words);
    PyObject *numbers = PyList_New(count);
    for (Py_ssize_t i = 0; numbers && i < count; i++) {
        Py_ssize_t size;
        PyObject *number = NULL;
        const char *word = PyUnicode_AsUTF8AndSize(PyList_GetItem(words, i), &size);
        if (word) number = PyLong_FromLong(kenlm_number(&self->tables, word, (size_t)size));
        if (!number || PyList_SetItem(numbers, i, number) < 0) Py_CLEAR(numbers);
    }
    return numbers;
}

/* ---- Scores ---- */

static int read_history(const Kenlm *tables, PyObject *packed, KenlmHistory *history) {
    char *at;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(packed, &at, &size) < 0) return -1;
    if (size % WORD_BYTES || size / WORD_BYTES >= tables->order) {
        PyErr_SetString(PyExc_ValueError, "not a history of this model");
        return -1;
    }
    history->length = (int32_t)(size / WORD_BYTES);
    memcpy(history->words, at, (size_t)size / 2);
    memcpy(history->backoffs, at + size / 2, (size_t)size / 2);
    return 0;
}

static PyObject *pack_history(const KenlmHistory *history) {
    char packed[WORD_BYTES * (KENLM_MAX_ORDER - 1)];
    size_t half = (size_t)history->length * WORD_BYTES / 2;
    memcpy(packed, history->words, half);
    memcpy(packed + half, history->backoffs, half);
    return PyBytes_FromStringAndSize(packed, (Py_ssize_t)(2 * half));
}

static int read_questions(const Kenlm *tables, PyObject *histories, PyObject *numbers,
                          Question *questions, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) {
        unsigned long word = PyLong_AsUnsignedLong(PyList_GetItem(numbers, i));
        if (word == (unsigned long)-1 && PyErr_Occurred()) return -1;
        questions[i].word = word <= tables->words ? (uint32_t)word : 0;
        if (read_history(tables, PyList_GetItem(histories, i), &questions[i].before) < 0) return -1;
    }
    return 0;
}

static PyObject *pack_answers(const Question *questions, Py_ssize_t count) {
    PyObject *answer = NULL, *scores = PyList_New(count), *histories = PyList_New(count);
    if (!scores || !histories) goto end;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *score = PyFloat_FromDouble((double)questions[i].score);
        if (!score || PyList_SetItem(scores, i, score) < 0) goto end;
        PyObject *history = pack_history(&questions[i].after);
        if (!history || PyList_SetItem(histories, i, history) < 0) goto end;
    }
    answer = PyTuple_Pack(2, scores, histories);
end:
    Py_XDECREF(scores);
    Py_XDECREF(histories);
    return answer;
}

static PyObject *tables_score(Tables *self, PyObject *args) {
    PyObject *histories, *numbers, *answer = NULL;
    if (!is_ready(self) || !PyArg_ParseTuple(args, "O!O!", &PyList_Type, &histories, &PyList_Type,
                                             &numbers)) {
        return NULL;
    }
    Py_ssize_t count = PyList_Size(histories);
    if (PyList_Size(numbers) != count) {
        return PyErr_Format(PyExc_ValueError, "expected a history for each word");
    }
    Question *questions = calloc((size_t)count + 1, sizeof *questions);
    if (!questions) return PyErr_NoMemory();
    if (read_questions(&self->tables, histories, numbers, questions, count) == 0) {
        PyThreadState *thread = PyEval_SaveThread();
        for (Py_ssize_t i = 0; i < count; i++) {
            Question *one = &questions[i];
            one->score = kenlm_score(&self->tables, &one->before, one->word, &one->after);
        }
        PyEval_RestoreThread(thread);
        answer = pack_answers(questions, count);
    }
    free(questions);
    return answer;
}

/* ---- The type ---- */

static void tables_dealloc(Tables *self) {
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    if (self->file.obj) PyBuffer_Release(&self->file);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyMethodDef tables_methods[] = {
    {"numbers", (PyCFunction)(void (*)(void))tables_numbers, METH_O,
     "Return the numbers of words, 0 for unknown ones."},
    {"score", (PyCFunction)(void (*)(void))tables_score, METH_VARARGS,
     "Return the base 10 logarithms of words after histories, and the histories after them."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot tables_slots[] = {
    {Py_tp_doc, "Tables of a KenLM model; see stt_service.decoder.kenlm_model.Tables."},
    {Py_tp_init, tables_init},
    {Py_tp_dealloc, tables_dealloc},
    {Py_tp_methods, tables_methods},
    {0, NULL},
};

PyType_Spec kenlm_spec = {
    .name = "stt_service.decoder._kernel.KenlmTables",
    .basicsize = sizeof(Tables),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = tables_slots,
};
