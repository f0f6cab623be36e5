"""One run of a network on LiteRT: which of its kernels, and how it is handed its memory.

Two networks do the same runs: :class:`PlainNetwork` with any kernels, :class:`PackedNetwork` with
XNNPACK's alone, which it has pack each weight matrix once. Unrolled over 16 frames, the recurrent
matrix is named by 16 operators; packed for each of them it is 16 copies, which no cache of a
processor holds. Packed once, a network of the official size takes half the time and half the
memory, with the same bits in the answer. The packed weights are kept in memory, not in a file:
they take a fraction of a second to make, and nothing can then be stale, damaged or left behind.
"""

from __future__ import annotations

import logging
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.environment import Environment
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.options import CpuOptions, HardwareAccelerator, Options
from numpy.typing import NDArray

from stt_service.engine.graph import INPUTS, OUTPUTS
from stt_service.engine.messages import native_messages
from stt_service.engine.stand_in import gpu_kept_out
from stt_service.engine.tflite import Mapped, parse, with_outputs

Probabilities = NDArray[np.float32]
"""Shape (frames, labels + 1), each row adding up to 1; blank is the last column."""
State = NDArray[np.float32]
"""Shape (state_size,); one of the LSTM's two."""

IN_MEMORY = ":memory"
"""XNNPACK's name for a weight cache that is no file."""

NO_ACCELERATORS = str(Path(__file__).parent)
"""Where LiteRT is to look for libraries of GPUs: where there are none. It looks by their bare names
as well, see :mod:`stt_service.engine.stand_in`."""

_LOGITS, _CELL, _HIDDEN, _ = OUTPUTS

logger = logging.getLogger(__name__)


class Network(Protocol):
    """A network that is ready to run. Owned by the thread that made it."""

    def run(self, batch: NDArray[np.float32], cell: State, hidden: State) -> Probabilities:
        """Run on ``batch``, shape (n_steps, 2 * n_context + 1, n_features).

        ``cell`` and ``hidden`` are replaced by the state afterwards. Raises :exc:`RuntimeError`.
        """


def open_network(path: Path, *, threads: int, fast: bool) -> Network:
    """Open a model that :mod:`~stt_service.engine.graph` has read. Raises what LiteRT raises.

    ``fast`` takes XNNPACK's kernels, else those are taken that the original library has. Where
    weights cannot be packed once, as without ``/sys`` on an ARM, each operator packs its own; so
    where LiteRT would load its GPU library, which not every processor survives.
    """
    with native_messages():
        if fast and gpu_kept_out():
            try:
                return PackedNetwork(path, threads=threads)
            except (RuntimeError, ValueError) as error:
                logger.info("%s takes more time and memory than need be: %s", path, error)
        return PlainNetwork(path, threads=threads, fast=fast)


class PlainNetwork:
    """A :class:`Network`: LiteRT's interpreter on the file as it is."""

    def __init__(self, path: Path, *, threads: int, fast: bool) -> None:
        kinds = OpResolverType
        kind = kinds.BUILTIN if fast else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        self._net = Interpreter(
            model_path=str(path), num_threads=threads, experimental_op_resolver_type=kind
        )
        self._net.allocate_tensors()
        details = self._net.get_input_details(), self._net.get_output_details()
        places = {tensor["name"]: int(tensor["index"]) for part in details for tensor in part}
        self._input, self._cell, self._hidden, _ = (places[name] for name in INPUTS)
        self._output, self._new_cell, self._new_hidden, _ = (places[name] for name in OUTPUTS)

    def run(self, batch: NDArray[np.float32], cell: State, hidden: State) -> Probabilities:
        """See :class:`Network`."""
        net = self._net
        # Views of the interpreter's memory must be gone before it runs, hence no names for them.
        net.tensor(self._input)()[0] = batch
        net.tensor(self._cell)()[0] = cell
        net.tensor(self._hidden)()[0] = hidden
        net.invoke()
        cell[:] = net.tensor(self._new_cell)()[0]
        hidden[:] = net.tensor(self._new_hidden)()[0]
        probabilities: Probabilities = net.get_tensor(self._output)
        return probabilities


class PackedNetwork:
    """A :class:`Network`: XNNPACK's kernels, equal weights packed once.

    LiteRT's compiled models cannot hand out constants, so that the model is given to it without
    its metadata; and without ``mfccs``, which nobody reads.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        with Mapped(path) as data:
            graph = parse(data)
            shape = graph.tensors[graph.outputs[_LOGITS]].shape
            inputs = list(graph.inputs)
            window = graph.tensors[graph.inputs[INPUTS[3]]].shape
            raw = with_outputs(data, [graph.outputs[name] for name in (_LOGITS, _CELL, _HIDDEN)])
        cpu = CpuOptions(num_threads=threads, xnnpack_weight_cache_path=IN_MEMORY)
        model = CompiledModel.from_buffer(
            raw,
            options=Options(HardwareAccelerator.CPU, cpu),
            environment=Environment.create(runtime_path=NO_ACCELERATORS),
        )
        self._shape = shape
        self._parts = parts = _Parts(
            model, model.create_input_buffers(0), model.create_output_buffers(0)
        )
        # Nothing else of us holds them, so that they go when this says so.
        weakref.finalize(self, _release, parts)
        self._order = dict(zip(inputs, range(len(parts.inputs)), strict=True))
        parts.inputs[self._order[INPUTS[3]]].write(np.zeros(window, np.float32))

    def run(self, batch: NDArray[np.float32], cell: State, hidden: State) -> Probabilities:
        """See :class:`Network`."""
        parts = self._parts
        for name, value in zip(INPUTS, (batch, cell, hidden), strict=False):
            parts.inputs[self._order[name]].write(value)
        parts.model.run_by_index(0, parts.inputs, parts.outputs)
        logits, new_cell, new_hidden = parts.outputs
        cell[:] = new_cell.read(cell.size, np.float32)
        hidden[:] = new_hidden.read(hidden.size, np.float32)
        probabilities: Probabilities = logits.read(int(np.prod(self._shape)), np.float32)
        return probabilities.reshape(self._shape)


@dataclass
class _Parts:
    """What LiteRT has made for a network."""

    model: Any
    inputs: list[Any]
    outputs: list[Any]


def _release(parts: _Parts) -> None:
    """Let go of a network's parts, which say so on standard error."""
    with native_messages():
        parts.inputs.clear()
        parts.outputs.clear()
        parts.model = None
