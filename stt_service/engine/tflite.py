"""A TensorFlow Lite file in, its first subgraph out, whatever network it is.

The file is read with bounds-checked code of our own: the C++ libraries that run it abort or
crash on some damaged files, so that whoever opens one looks at it here first.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stt_service.engine.flatbuffer import Buffer, DamagedError, Table
from stt_service.errors import ModelError

MAX_MODEL_BYTES = 1 << 31
"""FlatBuffers cannot address more."""
MAX_TABLES = 10_000
"""Tensors, operators or buffers in one model; a DeepSpeech graph has about 400 of each."""
MAX_RANK = 8
"""Dimensions of one tensor; TensorFlow Lite's own limit for most operators."""
MAX_ARITY = 256
"""Inputs or outputs of one operator or graph; the widest in a DeepSpeech graph has 16."""
MAX_NAME_BYTES = 4096
"""Of one tensor or operator."""
MAX_OPTION_BYTES = 1 << 16
"""Options of one custom operator; a DeepSpeech graph needs 150."""
MAX_RESHAPES = 8
"""Between a constant and the output that shows it; there is one."""

FLOAT32, INT32, STRING, INT8 = 0, 2, 5, 9
"""TensorFlow Lite's numbers of element types."""
FULLY_CONNECTED, RESHAPE = 9, 22
"""TensorFlow Lite's numbers of operators."""
FULLY_CONNECTED_OPTIONS = 8
"""TensorFlow Lite's number of the kind of options."""

GET_MODEL = "Get a DeepSpeech or Coqui STT model whose name ends in .tflite"
GET_AGAIN = "Fetch or copy the file again and compare its size with the original"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of the graph."""

    name: str
    shape: tuple[int, ...]
    type: int
    """TensorFlow Lite's number of the element type: 0 float32, 2 int32, 5 string."""
    data: Buffer
    """Its constant value; empty when it is computed."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One node of the graph."""

    code: int
    """TensorFlow Lite's number of the operator; 32 for custom ones."""
    custom: str
    """Name of a custom operator, else empty."""
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Buffer
    """FlexBuffer of a custom operator."""
    asymmetric: bool = False
    """Of a product of floats with int8 weights: the floats are rounded over the range that they
    have, as XNNPACK always does, and not over a symmetric one."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The first subgraph of a file, whatever network it is."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: dict[str, int]
    """Name to index into :attr:`tensors`."""
    outputs: dict[str, int]
    """Name to index into :attr:`tensors`."""

    def producer(self, tensor: int) -> Operator | None:
        """Return the node that computes a tensor; None for inputs and constants."""
        return next((node for node in self.operators if tensor in node.outputs), None)

    def custom(self, name: str) -> Operator | None:
        """Return the first custom operator of that name."""
        return next((node for node in self.operators if node.custom == name), None)

    @property
    def rounds_alike(self) -> bool:
        """Whether all kernels round to the same int8: no products round to another range."""
        products = [node for node in self.operators if node.code == FULLY_CONNECTED]
        return all(node.asymmetric for node in products if self._hybrid(node))

    def _hybrid(self, node: Operator) -> bool:
        """Whether a product is of floats with int8 weights."""
        kinds = [self.tensors[place].type for place in node.inputs[:2] if place >= 0]
        return kinds == [FLOAT32, INT8]

    def constant(self, tensor: int) -> Tensor | None:
        """Return the constant that a tensor holds, itself or through reshapes; None if computed."""
        for _ in range(1 + MAX_RESHAPES):
            if self.tensors[tensor].data:
                return self.tensors[tensor]
            node = self.producer(tensor)
            if node is None or node.code != RESHAPE or not node.inputs:
                return None
            tensor = node.inputs[0]
        return None


class Mapped:
    """The bytes of a model file, mapped for as long as the context lasts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Buffer:
        path = self._path
        try:
            # Opening a pipe would wait for its writer.
            if not path.is_dir() and path.exists() and not path.is_file():
                raise ModelError(f"{path} is a device or a pipe, not a model file", GET_MODEL)
            with path.open("rb") as file:
                size = file.seek(0, 2)
                if size == 0:
                    raise ModelError(f"{path} is empty", GET_AGAIN)
                if size > MAX_MODEL_BYTES:
                    raise ModelError(f"{path} is larger than any model can be", GET_MODEL)
                self._map = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise ModelError(f"there is no model file {path}", GET_MODEL) from error
        except IsADirectoryError as error:
            raise ModelError(f"{path} is a folder, not a model file", GET_MODEL) from error
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
        self._view = memoryview(self._map)
        try:
            refuse_other_files(self._view, path)
        except ModelError:
            self.__exit__()
            raise
        return self._view

    def __exit__(self, *_: object) -> None:
        # Views of the map may outlive us in a traceback; the map goes when they do.
        self._view.release()


def refuse_other_files(data: Buffer, path: Path) -> None:
    """Raise :exc:`ModelError` when the bytes are evidently some other kind of file."""
    head, tail = bytes(data[:512]), bytes(data[-4096:])
    text = head.lstrip().lower()
    if head.startswith(b"version https://git-lfs"):
        problem = f"{path} is a Git LFS pointer, not the model itself"
        remedy = "Run `git lfs pull` in its repository, or download the file itself"
    elif text.startswith((b"<!doctype", b"<html", b"<?xml")):
        problem = f"{path} is a web page, not a model: the download went to the wrong address"
        remedy = GET_MODEL
    elif head.startswith((b"PK\3\4", b"\x1f\x8b", b"\xfd7zXZ", b"BZh")):
        problem = f"{path} is a compressed archive"
        remedy = "Unpack it and name the .tflite file inside"
    elif head.startswith(b"mmap lm http://kheafield.com"):
        problem = f"{path} is a language model (scorer), not an acoustic model"
        remedy = "Name it with --scorer, and the .tflite file with --model"
    elif path.suffix in (".pbmm", ".pb") or b"memmapped_package://" in tail:
        problem = f"{path} is a frozen TensorFlow graph, which only TensorFlow can run"
        remedy = "Take the file of the same release whose name ends in .tflite"
    elif head[4:8] != b"TFL3":
        problem, remedy = f"{path} is no TensorFlow Lite file", GET_MODEL
    else:
        return
    raise ModelError(problem, remedy)


def parse(data: Buffer) -> Graph:
    """Read the first subgraph of a TensorFlow Lite file. Raises :exc:`DamagedError`."""
    model = Table.root(data)
    buffers = [table.raw(0) for table in model.tables(4, MAX_TABLES)]
    codes = model.tables(1, MAX_TABLES)
    subgraphs = model.tables(2, MAX_TABLES)
    if not subgraphs:
        raise DamagedError("no subgraph")
    graph = subgraphs[0]
    tensors = tuple(_tensor(table, buffers) for table in graph.tables(0, MAX_TABLES))
    operators = tuple(
        _operator(table, codes, len(tensors)) for table in graph.tables(3, MAX_TABLES)
    )
    named = []
    for field in (1, 2):
        places = graph.integers(field, MAX_ARITY)
        if any(not 0 <= place < len(tensors) for place in places):
            raise DamagedError("inputs or outputs that are no tensors")
        named.append({tensors[place].name: place for place in places})
    return Graph(tensors, operators, named[0], named[1])


def _tensor(table: Table, buffers: list[Buffer]) -> Tensor:
    buffer = table.integer(2, form="<I")
    if buffer >= len(buffers):
        raise DamagedError(f"tensor data {buffer} of {len(buffers)}")
    name = bytes(table.raw(3, MAX_NAME_BYTES)).decode("utf-8", "replace")
    return Tensor(name, table.integers(0, MAX_RANK), table.integer(1, form="<b"), buffers[buffer])


def with_outputs(data: Buffer, outputs: Sequence[int]) -> bytes:
    """Return the file with no outputs but these, indices of tensors; at most as many as it has.

    Signatures, which would still name the others, are left out.
    """
    model = Table.root(data)
    changed = bytearray(data)
    start, _ = model.tables(2, MAX_TABLES)[0].vector(2, 4, MAX_ARITY)
    struct.pack_into(f"<I{len(outputs)}i", changed, start - 4, len(outputs), *outputs)
    signatures, count = model.vector(7, 4, MAX_TABLES)
    if count:
        struct.pack_into("<I", changed, signatures - 4, 0)
    return bytes(changed)


def _asymmetric(table: Table, code: int) -> bool:
    if code != FULLY_CONNECTED or table.integer(3, form="<B") != FULLY_CONNECTED_OPTIONS:
        return False
    options = table.table(4)
    return options is not None and options.integer(3, form="<B") != 0


def _operator(table: Table, codes: Sequence[Table], tensors: int) -> Operator:
    place = table.integer(0, form="<I")
    if place >= len(codes):
        raise DamagedError(f"operator code {place} of {len(codes)}")
    code = codes[place]
    inputs, outputs = table.integers(1, MAX_ARITY), table.integers(2, MAX_ARITY)
    # -1 stands for an optional input that is left out.
    if any(not -1 <= i < tensors for i in inputs) or any(not 0 <= i < tensors for i in outputs):
        raise DamagedError("an operator on tensors that are not there")
    number = max(code.integer(0, form="<b"), code.integer(3))
    return Operator(
        code=number,
        custom=bytes(code.raw(1, MAX_NAME_BYTES)).decode("utf-8", "replace"),
        version=code.integer(2, 1),
        inputs=inputs,
        outputs=outputs,
        options=table.raw(5, MAX_OPTION_BYTES),
        asymmetric=_asymmetric(table, number),
    )
