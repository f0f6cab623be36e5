/* What the search is given by Python: its task, and the language model's answers. Nothing that
 * they say is trusted. */

#include "_kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The task ---- */

static int read_integer(PyObject *owner, const char *name, int64_t *value) {
    PyObject *item = PyObject_GetAttrString(owner, name);
    if (!item) return -1;
    *value = PyLong_AsLongLong(item);
    Py_DECREF(item);
    return *value == -1 && PyErr_Occurred() ? -1 : 0;
}

static int read_real(PyObject *owner, const char *name, double *value) {
    PyObject *item = PyObject_GetAttrString(owner, name);
    if (!item) return -1;
    *value = PyFloat_AsDouble(item);
    Py_DECREF(item);
    return *value == -1.0 && PyErr_Occurred() ? -1 : 0;
}

/* Open one array of a lexicon: one dimension, native numbers of `size` bytes, their type one of
 * `kinds`. */
static int open_array(Kernel *self, PyObject *array, const char *name, const char *kinds, int size,
                      Column *column) {
    Py_buffer *view = &self->views[self->view_count];
    if (PyObject_GetBuffer(array, view, PyBUF_STRIDES | PyBUF_FORMAT) < 0) return -1;
    self->view_count++;
    const char *format = view->format;
    if (*format == '<' || *format == '=' || *format == '@') format++;
    int fits = *format && !format[1] && strchr(kinds, *format);
    if (!fits || view->ndim != 1 || view->itemsize != size) {
        PyErr_Format(PyExc_TypeError, "lexicon.%s is not a row of %d-byte numbers of a type in %s",
                     name, size, kinds);
        return -1;
    }
    *column = (Column){view->buf, view->shape[0], view->strides[0]};
    return 0;
}

/* One of integers. */
static int open_column(Kernel *self, PyObject *owner, const char *name, int size, Column *column) {
    PyObject *array = PyObject_GetAttrString(owner, name);
    if (!array) return -1;
    int failed = open_array(self, array, name, size == 1 ? "?bB" : "iIlL", size, column) < 0;
    Py_DECREF(array);
    return failed ? -1 : 0;
}

/* Look-ahead, which not all lexicons have. */
static int open_ahead(Kernel *self, PyObject *owner, Column *column) {
    PyObject *array = PyObject_GetAttrString(owner, "ahead");
    if (!array) return -1;
    int failed = array != Py_None && open_array(self, array, "ahead", "f", 4, column) < 0;
    Py_DECREF(array);
    return failed ? -1 : 0;
}

static int open_lexicon(Kernel *self, PyObject *source, Lexicon *lexicon) {
    int64_t start, label_offset, restarts;
    if (open_column(self, source, "first_arc", 4, &lexicon->first_arc) < 0 ||
        open_column(self, source, "arc_count", 4, &lexicon->arc_count) < 0 ||
        open_column(self, source, "arc_label", 4, &lexicon->arc_label) < 0 ||
        open_column(self, source, "arc_target", 4, &lexicon->arc_target) < 0 ||
        open_column(self, source, "accepting", 1, &lexicon->accepting) < 0 ||
        open_ahead(self, source, &lexicon->ahead) < 0 ||
        read_integer(source, "start", &start) < 0 ||
        read_integer(source, "label_offset", &label_offset) < 0 ||
        read_integer(source, "restarts", &restarts) < 0) {
        return -1;
    }
    int64_t states = lexicon->first_arc.count, arcs = lexicon->arc_label.count;
    if (lexicon->arc_count.count != states || lexicon->accepting.count != states ||
        lexicon->arc_target.count != arcs ||
        (lexicon->ahead.count && lexicon->ahead.count != states) || states > INT32_MAX || start < 0 || start >= states ||
        label_offset < 0 || label_offset > 1) {
        PyErr_SetString(PyExc_ValueError, "the lexicon's arrays do not fit together");
        return -1;
    }
    lexicon->start = (int32_t)start;
    lexicon->label_offset = (int32_t)label_offset;
    lexicon->restarts = restarts != 0;
    return 0;
}

static int open_lexicons(Kernel *self, PyObject *source, Lexicons *lexicons) {
    PyObject *given = PyObject_GetAttrString(source, "lexicons");
    if (!given) return -1;
    int failed = 0;
    if (!PyTuple_Check(given) || PyTuple_Size(given) > MAX_LEXICONS) {
        PyErr_Format(PyExc_ValueError, "lexicons is a tuple of at most %d", MAX_LEXICONS);
        failed = 1;
    }
    for (Py_ssize_t i = 0; !failed && i < PyTuple_Size(given); i++) {
        failed = open_lexicon(self, PyTuple_GetItem(given, i), &lexicons->each[i]) < 0;
        lexicons->count++;
    }
    Py_DECREF(given);
    return failed ? -1 : 0;
}

static int open_labels(Kernel *self, PyObject *source, Lexicons *lexicons) {
    self->texts = PyObject_GetAttrString(source, "labels");
    if (!self->texts) return -1;
    Py_ssize_t count = PyTuple_Check(self->texts) ? PyTuple_Size(self->texts) : 0;
    if (count < 1 || count > MAX_LABELS) {
        PyErr_Format(PyExc_ValueError, "labels is a tuple of 1 to %d strings", MAX_LABELS);
        return -1;
    }
    lexicons->label_count = (int32_t)count;
    self->text = calloc((size_t)count, sizeof *self->text);
    self->text_size = calloc((size_t)count, sizeof *self->text_size);
    if (!self->text || !self->text_size) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *label = PyTuple_GetItem(self->texts, i);
        self->text[i] = PyUnicode_AsUTF8AndSize(label, &self->text_size[i]);
        if (!self->text[i]) return -1;
    }
    return 0;
}

static int open_numbers(PyObject *source, Task *task) {
    int64_t space, width, start, as_deepspeech;
    if (read_integer(source, "space", &space) < 0 ||
        read_integer(source, "as_deepspeech", &as_deepspeech) < 0 ||
        read_integer(source, "beam_width", &width) < 0 ||
        read_integer(source, "start", &start) < 0 || read_real(source, "alpha", &task->alpha) < 0 ||
        read_real(source, "beta", &task->beta) < 0 ||
        read_real(source, "ceiling", &task->ceiling) < 0) {
        return -1;
    }
    if (space < -1 || space >= task->lexicons.label_count || width < 1 || width > MAX_BEAM ||
        start < 0 || start > INT32_MAX || !(task->alpha >= 0) || !isfinite(task->alpha) ||
        !isfinite(task->beta) || !isfinite(task->ceiling)) {
        PyErr_SetString(PyExc_ValueError, "a number of the task is out of range");
        return -1;
    }
    if (task->ask && space < 0) {
        PyErr_SetString(PyExc_ValueError, "a language model needs a space label");
        return -1;
    }
    task->lexicons.space = (int32_t)space;
    task->width = (int32_t)width;
    task->start = (int32_t)start;
    task->as_deepspeech = as_deepspeech != 0;
    return 0;
}

/* Keep a function of the language model; NULL where it is None. Returns -1 with an exception. */
static int open_function(PyObject *source, const char *name, PyObject **function) {
    PyObject *found = PyObject_GetAttrString(source, name);
    if (!found) return -1;
    if (found == Py_None) Py_DECREF(found);
    else *function = found;
    return 0;
}

int open_task(Kernel *self, PyObject *source, Task *task) {
    *task = (Task){.context = self};
    if (open_function(source, "score", &self->ask) < 0 ||
        open_function(source, "alike", &self->alike) < 0) {
        return -1;
    }
    task->ask = self->ask ? ask_python : NULL;
    if (open_labels(self, source, &task->lexicons) < 0) return -1;
    if (open_numbers(source, task) < 0) return -1;
    return open_lexicons(self, source, &task->lexicons);
}

void close_task(Kernel *self) {
    for (int i = 0; i < self->view_count; i++) PyBuffer_Release(&self->views[i]);
    self->view_count = 0;
    Py_CLEAR(self->texts);
    free(self->text);
    free(self->text_size);
}

/* ---- The language model ---- */

static PyObject *text_of(const Kernel *self, const Word *word) {
    Py_ssize_t size = 0;
    for (int32_t i = 0; i < word->label_count; i++) size += self->text_size[word->labels[i]];
    char *letters = PyMem_Malloc((size_t)size + 1);
    if (!letters) return PyErr_NoMemory();
    char *end = letters;
    for (int32_t i = 0; i < word->label_count; i++) {
        int32_t label = word->labels[i];
        memcpy(end, self->text[label], (size_t)self->text_size[label]);
        end += self->text_size[label];
    }
    PyObject *text = PyUnicode_FromStringAndSize(letters, size);
    PyMem_Free(letters);
    return text;
}

/* Take an answer from arrays that were found to be float32 and int32 of the right length. */
static Status take_answer(const float *scores, const int32_t *states, Word *words, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        if (isnan(scores[i]) || states[i] < 0) {
            PyErr_SetString(PyExc_ValueError, "score() returned no number, or a negative state");
            return SEARCH_STOPPED;
        }
        words[i].score = (double)scores[i];
        words[i].after = states[i];
        words[i].alike = states[i];
    }
    return SEARCH_DONE;
}

static Status read_answer(PyObject *answer, Word *words, int32_t count) {
    Py_buffer scores, states;
    if (!PyTuple_Check(answer) || PyTuple_Size(answer) != 2) {
        PyErr_SetString(PyExc_TypeError, "score() returns a tuple of two arrays");
        return SEARCH_STOPPED;
    }
    const int kind = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT;
    if (PyObject_GetBuffer(PyTuple_GetItem(answer, 0), &scores, kind) < 0) return SEARCH_STOPPED;
    if (PyObject_GetBuffer(PyTuple_GetItem(answer, 1), &states, kind) < 0) {
        PyBuffer_Release(&scores);
        return SEARCH_STOPPED;
    }
    Status status = SEARCH_STOPPED;
    int integers = !strcmp(states.format, "i") || !strcmp(states.format, "l");
    if (strcmp(scores.format, "f") || !integers || states.itemsize != 4 ||
        scores.len != 4 * (Py_ssize_t)count || states.len != scores.len) {
        PyErr_SetString(PyExc_TypeError, "score() returns one float32 and one int32 per word");
    } else {
        status = take_answer(scores.buf, states.buf, words, count);
    }
    PyBuffer_Release(&scores);
    PyBuffer_Release(&states);
    return status;
}

/* Ask which of the states in an answer are alike. */
static Status ask_alike(const Kernel *self, PyObject *answer, Word *words, int32_t count) {
    Py_buffer view;
    if (!self->alike) return SEARCH_DONE;
    PyObject *kinds =
        PyObject_CallFunctionObjArgs(self->alike, PyTuple_GetItem(answer, 1), NULL);
    if (!kinds) return SEARCH_STOPPED;
    int failed = PyObject_GetBuffer(kinds, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0;
    Py_DECREF(kinds);
    if (failed) return SEARCH_STOPPED;
    int fits = (!strcmp(view.format, "l") || !strcmp(view.format, "q")) && view.itemsize == 8 &&
               view.len == 8 * (Py_ssize_t)count;
    const int64_t *numbers = view.buf;
    if (!fits) PyErr_SetString(PyExc_TypeError, "alike() returns one int64 per state");
    else for (int32_t i = 0; i < count; i++) words[i].alike = numbers[i];
    PyBuffer_Release(&view);
    return fits ? SEARCH_DONE : SEARCH_STOPPED;
}

/* Ask with the GIL held. */
static Status ask_held(const Kernel *self, Word *words, int32_t count) {
    Status status = SEARCH_STOPPED;
    PyObject *answer = NULL;
    PyObject *states = PyList_New(count), *texts = PyList_New(count);
    if (!states || !texts) goto end;
    for (int32_t i = 0; i < count; i++) {
        PyObject *state = PyLong_FromLong(words[i].state);
        if (!state || PyList_SetItem(states, i, state) < 0) goto end;
        PyObject *text = text_of(self, &words[i]);
        if (!text || PyList_SetItem(texts, i, text) < 0) goto end;
    }
    answer = PyObject_CallFunctionObjArgs(self->ask, states, texts, NULL);
    if (answer) status = read_answer(answer, words, count);
    if (status == SEARCH_DONE) status = ask_alike(self, answer, words, count);
end:
    Py_XDECREF(states);
    Py_XDECREF(texts);
    Py_XDECREF(answer);
    return status;
}

Status ask_python(void *kernel, Word *words, int32_t count) {
    Kernel *self = kernel;
    if (!self->thread) return ask_held(self, words, count);
    PyEval_RestoreThread(self->thread);
    self->thread = NULL;
    Status status = ask_held(self, words, count);
    self->thread = PyEval_SaveThread();
    return status;
}
