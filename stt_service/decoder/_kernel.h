/* The Python face of the C search (native/search.h): what its files share. */

#ifndef STT_KERNEL_H
#define STT_KERNEL_H

#include <Python.h>

#include "native/search.h"

#define LEXICON_COLUMNS 6

/* An instance of `_kernel.Search`. Owns the search, and keeps alive what that reads: the lexicons'
 * arrays, as open buffers, and the language model. */
typedef struct {
    PyObject_HEAD
    Search *search;       /* NULL until set up */
    PyObject *ask;        /* the language model's score(), or NULL */
    PyObject *alike;      /* its alike(), or NULL: states are alike only where they are the same */
    PyObject *hypothesis; /* class of the results */
    PyObject *texts;      /* tuple of the labels' strings, which own what `text` points to */
    const char **text;
    Py_ssize_t *text_size;
    Py_buffer views[MAX_LEXICONS * LEXICON_COLUMNS];
    int view_count;
    PyThreadState *thread; /* while frames are searched without the GIL */
    int busy;              /* keeps a second thread, or the language model itself, from entering */
} Kernel;

/* Read a kernels.Task and keep what it refers to in `self`. Returns -1 with an exception. */
int open_task(Kernel *self, PyObject *source, Task *task);

/* Let go of it all. */
void close_task(Kernel *self);

/* The search's callback: asks `self->ask`. Called with or without the GIL. */
Status ask_python(void *kernel, Word *words, int32_t count);

/* The module's function: a neural network's `expect`, see network.py. */
PyObject *expect(PyObject *module, PyObject *args);

/* The other types of the module, `_kernel.KenlmTables` and `_kernel.NgramTables`. */
extern PyType_Spec kenlm_spec, ngram_spec;

#endif
