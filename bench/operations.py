"""What a model's network has to compute and to read for each second of audio, from its graph alone.

The graph is unrolled over the frames of one run: the recurrent matrix is named by as many operators
as there are frames, all others by one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from stt_service.engine.graph import read_graph
from stt_service.engine.tflite import FULLY_CONNECTED, Graph, Mapped, Operator, parse


@dataclass(frozen=True)
class Matrix:
    """One matrix of weights."""

    bytes: int
    uses: int
    """Operators that read it, one after the other, in one run."""
    macs: int
    """Products summed in one run, all uses together."""


@dataclass(frozen=True)
class Work:
    """What a network does."""

    matrices: tuple[Matrix, ...]
    runs: float
    """In each second of audio."""

    @property
    def macs(self) -> float:
        """Products summed for each second of audio."""
        return self.runs * sum(matrix.macs for matrix in self.matrices)

    @property
    def size(self) -> int:
        """Bytes of all weights."""
        return sum(matrix.bytes for matrix in self.matrices)

    @property
    def touched(self) -> float:
        """Bytes of weights that the processor reads, from wherever, for each second of audio."""
        return self.runs * sum(matrix.bytes * matrix.uses for matrix in self.matrices)

    def fetched(self, cache: int) -> float:
        """Return the bytes that come from memory for each second of audio.

        ``cache`` in bytes. All of them stay in it, or each run fetches them anew; a matrix that is
        used again and again is fetched once in a run if it alone fits, else for each use.
        """
        if self.size <= cache:
            return 0.0
        return self.runs * sum(
            matrix.bytes * (1 if matrix.bytes <= cache else matrix.uses) for matrix in self.matrices
        )


def work(model: Path) -> Work:
    """Read a model's graph. Raises :exc:`ModelError`."""
    info = read_graph(model)
    with Mapped(model) as data:
        graph = parse(data)
        uses: Counter[int] = Counter()
        macs: Counter[int] = Counter()
        for node in graph.operators:
            if node.code == FULLY_CONNECTED:
                weights = node.inputs[1]
                uses[weights] += 1
                macs[weights] += _macs(graph, node)
        matrices = tuple(
            Matrix(len(_constant(graph, place)), uses[place], macs[place]) for place in uses
        )
    return Work(matrices, 1 / (info.n_steps * info.frame_step))


def _constant(graph: Graph, place: int) -> bytes:
    found = graph.constant(place)
    return b"" if found is None else bytes(found.data)


def _macs(graph: Graph, node: Operator) -> int:
    rows = 1
    for size in graph.tensors[node.outputs[0]].shape[:-1]:
        rows *= size
    outputs, inputs = graph.tensors[node.inputs[1]].shape
    return rows * outputs * inputs
