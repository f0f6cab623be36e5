/* The Python face of the neural network (native/network.h): one function, given all arrays at each
 * call. It keeps the GIL, as the n-gram tables do. */

#include "_kernel.h"

#include <stdlib.h>
#include <string.h>

#include "native/network.h"

#define ARRAYS 8

/* What an array must be: the type of its numbers, and the shape. */
typedef struct {
    const char *name, *formats;
    Py_ssize_t size, rows, columns; /* columns 0: one row of numbers */
} Form;

/* Whether an open buffer is of a form. */
static int fits(const Py_buffer *view, const Form *form) {
    const char *format = view->format;
    int columns = form->columns != 0;
    return format && *format && !format[1] && strchr(form->formats, *format) &&
           view->itemsize == form->size && view->ndim == 1 + columns &&
           view->shape[0] == form->rows && (!columns || view->shape[1] == form->columns);
}

/* The columns of a table that is open, or -1 with an exception. */
static Py_ssize_t columns_of(const Py_buffer *view, const char *name) {
    if (view->ndim == 2 && view->shape[1] > 0) return view->shape[1];
    PyErr_Format(PyExc_TypeError, "%s is no table of numbers", name);
    return -1;
}

static int check_forms(const Py_buffer *views, Network *network) {
    network->width = columns_of(&views[0], "codes");
    network->units = columns_of(&views[2], "inner");
    network->context = columns_of(&views[6], "contexts");
    if (network->width < 0 || network->units < 0 || network->context < 0) return -1;
    network->words = views[0].shape[0];
    Py_ssize_t width = network->width, units = network->units, count = views[6].shape[0];
    const Form forms[ARRAYS] = {
        {"codes", "b", 1, network->words, width},
        {"scale", "f", 4, network->words, 0},
        {"inner", "f", 4, network->context * width, units},
        {"inner_bias", "f", 4, units, 0},
        {"outer", "f", 4, units, width},
        {"outer_bias", "f", 4, width, 0},
        {"contexts", "il", 4, count, network->context},
        {"expected", "f", 4, count, width},
    };
    for (int i = 0; i < ARRAYS; i++) {
        if (fits(&views[i], &forms[i])) continue;
        PyErr_Format(PyExc_TypeError, "%s has another shape or type than the others ask for",
                     forms[i].name);
        return -1;
    }
    return 0;
}

/* Work all contexts out. Returns -1 with an exception. */
static int expect_all(const Py_buffer *views) {
    Network network;
    if (check_forms(views, &network) < 0) return -1;
    network.codes = views[0].buf;
    network.scale = views[1].buf;
    network.inner = views[2].buf;
    network.inner_bias = views[3].buf;
    network.outer = views[4].buf;
    network.outer_bias = views[5].buf;
    const int32_t *contexts = views[6].buf;
    Py_ssize_t count = views[6].shape[0];
    for (Py_ssize_t i = 0; i < count * network.context; i++) {
        if (contexts[i] >= 0 && contexts[i] < network.words) continue;
        PyErr_SetString(PyExc_IndexError, "not a word of this network");
        return -1;
    }
    float *scratch = PyMem_Malloc(2 * (size_t)(count * network.units) * sizeof *scratch);
    if (!scratch) {
        PyErr_NoMemory();
        return -1;
    }
    network_expect(&network, contexts, count, scratch, views[7].buf);
    PyMem_Free(scratch);
    return 0;
}

PyObject *expect(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *arrays[ARRAYS];
    Py_buffer views[ARRAYS];
    if (!PyArg_ParseTuple(args, "OOOOOOOO", &arrays[0], &arrays[1], &arrays[2], &arrays[3],
                          &arrays[4], &arrays[5], &arrays[6], &arrays[7])) {
        return NULL;
    }
    int open = 0, failed = 0;
    for (; open < ARRAYS && !failed; open += !failed) {
        int kind = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (open == ARRAYS - 1 ? PyBUF_WRITABLE : 0);
        failed = PyObject_GetBuffer(arrays[open], &views[open], kind) < 0;
    }
    if (!failed) failed = expect_all(views) < 0;
    while (open-- > 0) PyBuffer_Release(&views[open]);
    return failed ? NULL : Py_NewRef(Py_None);
}
