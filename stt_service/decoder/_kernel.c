/* The Python face of the C search (native/search.h): the type, its methods and their results.
 *
 * The GIL is released while frames are searched and taken back to ask the language model. */

#include "_kernel.h"

#include <string.h>

/* ---- Entering and leaving ---- */

static int enter(Kernel *self) {
    if (!self->search) {
        PyErr_SetString(PyExc_RuntimeError, "the search was not set up");
        return -1;
    }
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "a search serves one caller at a time");
        return -1;
    }
    self->busy = 1;
    return 0;
}

/* Returns -1 with an exception unless all went well. */
static int check(Status status) {
    switch (status) {
    case SEARCH_DONE:
        return 0;
    case SEARCH_NO_MEMORY:
        PyErr_NoMemory();
        break;
    case SEARCH_TOO_LONG:
        PyErr_SetString(PyExc_ValueError, "too many frames");
        break;
    case SEARCH_NO_PROBABILITY:
        PyErr_SetString(PyExc_ValueError, "a value is not a probability");
        break;
    case SEARCH_STOPPED: /* the callback has raised */
        break;
    }
    return -1;
}

/* ---- Results ---- */

/* A list of numbers, or a tuple. */
typedef PyObject *(*Maker)(Py_ssize_t size);
typedef int (*Setter)(PyObject *row, Py_ssize_t index, PyObject *item);

static PyObject *row_of(const int32_t *numbers, const double *reals, int32_t count, Maker make,
                        Setter set) {
    PyObject *row = make(count);
    for (int32_t i = 0; row && i < count; i++) {
        PyObject *item = reals ? PyFloat_FromDouble(reals[i]) : PyLong_FromLong(numbers[i]);
        if (!item || set(row, i, item) < 0) Py_CLEAR(row);
    }
    return row;
}

/* Labels, frames and emissions. Returns -1 with an exception. */
static int rows_of(const Path *path, Maker make, Setter set, PyObject *rows[3]) {
    rows[0] = row_of(path->labels, NULL, path->count, make, set);
    rows[1] = row_of(path->frames, NULL, path->count, make, set);
    rows[2] = row_of(NULL, path->emissions, path->count, make, set);
    return rows[0] && rows[1] && rows[2] ? 0 : -1;
}

static void release_rows(PyObject *rows[3]) {
    for (int i = 0; i < 3; i++) Py_XDECREF(rows[i]);
}

static PyObject *hypothesis_of(const Kernel *self, const Finding *finding) {
    PyObject *rows[3], *found = NULL;
    if (rows_of(&finding->path, PyTuple_New, PyTuple_SetItem, rows) == 0) {
        found = PyObject_CallFunction(self->hypothesis, "OOddOiO", rows[0], rows[1],
                                      finding->score, finding->acoustic, rows[2], finding->state,
                                      finding->whole ? Py_True : Py_False);
    }
    release_rows(rows);
    return found;
}

static PyObject *list_hypotheses(Kernel *self, int32_t limit, int final) {
    int32_t count = 0;
    if (check(search_rank(self->search, limit, final, &count)) < 0) return NULL;
    PyObject *found = PyList_New(count);
    for (int32_t i = 0; found && i < count; i++) {
        Finding finding;
        PyObject *one = NULL;
        if (check(search_find(self->search, i, &finding)) == 0) one = hypothesis_of(self, &finding);
        if (!one || PyList_SetItem(found, i, one) < 0) Py_CLEAR(found);
    }
    return found;
}

/* ---- Methods ---- */

static PyObject *kernel_advance(Kernel *self, PyObject *frames) {
    Py_buffer view;
    if (enter(self) < 0) return NULL;
    if (PyObject_GetBuffer(frames, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
        self->busy = 0;
        return NULL;
    }
    Py_ssize_t width = PyTuple_Size(self->texts) + 1;
    int failed = 1;
    if (strcmp(view.format, "f")) {
        PyErr_SetString(PyExc_TypeError, "expected an array of float32");
    } else if (view.ndim != 2 || view.shape[1] != width) {
        PyErr_Format(PyExc_ValueError, "expected frames of %zd values", width);
    } else {
        self->thread = PyEval_SaveThread();
        Status status = search_advance(self->search, view.buf, view.shape[0]);
        PyEval_RestoreThread(self->thread);
        self->thread = NULL;
        failed = check(status) < 0;
    }
    PyBuffer_Release(&view);
    self->busy = 0;
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *kernel_hypotheses(Kernel *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"limit", "final", NULL};
    Py_ssize_t limit;
    int final;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "n$p", names, &limit, &final)) return NULL;
    if (limit < 1) {
        PyErr_SetString(PyExc_ValueError, "limit is at least 1");
        return NULL;
    }
    if (enter(self) < 0) return NULL;
    PyObject *found = list_hypotheses(self, limit < MAX_BEAM ? (int32_t)limit : MAX_BEAM, final);
    self->busy = 0;
    return found;
}

static PyObject *kernel_agreed(Kernel *self, PyObject *Py_UNUSED(none)) {
    Path path;
    PyObject *labels = NULL;
    if (enter(self) < 0) return NULL;
    if (check(search_agreed(self->search, &path)) == 0) {
        labels = row_of(path.labels, NULL, path.count, PyList_New, PyList_SetItem);
    }
    self->busy = 0;
    return labels;
}

static PyObject *kernel_settle(Kernel *self, PyObject *args) {
    int before;
    Path path;
    PyObject *rows[3] = {NULL, NULL, NULL}, *settled = NULL;
    if (!PyArg_ParseTuple(args, "i", &before)) return NULL;
    if (enter(self) < 0) return NULL;
    if (check(search_settle(self->search, before, &path)) == 0 &&
        rows_of(&path, PyList_New, PyList_SetItem, rows) == 0) {
        settled = PyTuple_Pack(3, rows[0], rows[1], rows[2]);
    }
    if (settled) search_forget(self->search, path.count);
    release_rows(rows);
    self->busy = 0;
    return settled;
}

static int add_number(PyObject *set, long number) {
    PyObject *item = PyLong_FromLong(number);
    int failed = !item || PySet_Add(set, item) < 0;
    Py_XDECREF(item);
    return failed;
}

static PyObject *kernel_states(Kernel *self, PyObject *Py_UNUSED(none)) {
    const int32_t *numbers;
    int32_t count;
    PyObject *states = NULL;
    if (enter(self) < 0) return NULL;
    if (check(search_states(self->search, &numbers, &count)) == 0) {
        states = PySet_New(NULL);
        for (int32_t i = 0; states && i < count; i++) {
            if (add_number(states, numbers[i])) Py_CLEAR(states);
        }
    }
    self->busy = 0;
    return states;
}

/* ---- The type ---- */

static int kernel_init(Kernel *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"task", "hypothesis", NULL};
    PyObject *source, *hypothesis;
    Task task;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO", names, &source, &hypothesis)) return -1;
    if (self->hypothesis || self->texts) {
        PyErr_SetString(PyExc_RuntimeError, "a search is set up once");
        return -1;
    }
    self->hypothesis = Py_NewRef(hypothesis);
    if (open_task(self, source, &task) < 0) return -1;
    self->search = search_open(&task);
    return check(self->search ? SEARCH_DONE : SEARCH_NO_MEMORY);
}

static int kernel_traverse(Kernel *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE((PyObject *)self));
    Py_VISIT(self->ask);
    Py_VISIT(self->alike);
    Py_VISIT(self->hypothesis);
    return 0;
}

static int kernel_clear(Kernel *self) {
    Py_CLEAR(self->ask);
    Py_CLEAR(self->alike);
    Py_CLEAR(self->hypothesis);
    return 0;
}

static void kernel_dealloc(Kernel *self) {
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    PyObject_GC_UnTrack(self);
    kernel_clear(self);
    if (self->search) search_close(self->search);
    close_task(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyMethodDef kernel_methods[] = {
    {"advance", (PyCFunction)(void (*)(void))kernel_advance, METH_O, "Take the next frames."},
    {"hypotheses", (PyCFunction)(void (*)(void))kernel_hypotheses, METH_VARARGS | METH_KEYWORDS,
     "Return the best hypotheses, best first."},
    {"agreed", (PyCFunction)(void (*)(void))kernel_agreed, METH_NOARGS,
     "Labels that all hypotheses begin with."},
    {"settle", (PyCFunction)(void (*)(void))kernel_settle, METH_VARARGS,
     "Return and forget the labels that no later frame can change."},
    {"states", (PyCFunction)(void (*)(void))kernel_states, METH_NOARGS,
     "Language model states still in use."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot kernel_slots[] = {
    {Py_tp_doc, "The search of one utterance; see stt_service.decoder.kernels.Kernel."},
    {Py_tp_init, kernel_init},
    {Py_tp_dealloc, kernel_dealloc},
    {Py_tp_traverse, kernel_traverse},
    {Py_tp_clear, kernel_clear},
    {Py_tp_methods, kernel_methods},
    {0, NULL},
};

static PyType_Spec kernel_spec = {
    .name = "stt_service.decoder._kernel.Search",
    .basicsize = sizeof(Kernel),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = kernel_slots,
};

/* ---- The module ---- */

static int add_type(PyObject *module, PyType_Spec *spec) {
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (!type) return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}

static int module_exec(PyObject *module) {
    PyType_Spec *specs[] = {&kernel_spec, &kenlm_spec, &ngram_spec};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        if (add_type(module, specs[i]) < 0) return -1;
    }
    return 0;
}

static PyMethodDef module_methods[] = {
    {"expect", expect, METH_VARARGS, "Fill in what a neural network expects after words."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "stt_service.decoder._kernel",
    .m_doc = "The beam search in C, and language models.",
    .m_size = 0,
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&module_definition); }
