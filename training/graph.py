"""Lay folded weights out as the TensorFlow Lite graph that DeepSpeech's runtimes expect.

    input_samples [512] ── spectrogram ── mel, DCT ─────────────────► mfccs [1, 26]

    input_node [1, 16, 19, 26] ── three dense ── W_ih ─┬─┬─ ... 16 rows
                                                       │ │
    previous_state_c, previous_state_h [1, H] ───► LSTM, unrolled ──► new_state_c, new_state_h
                                                       │ │
                                                two dense, softmax ─► logits [16, labels + 1]

    constants ── reshape ───────────────────────────────────────────► metadata_*

Unlike the original's graph, the input half of the LSTM is one matrix product over the 16 frames,
so that its weights are read once instead of 16 times; only the recurrent half is in the loop.

Three things keep int8 close to float, with nothing but operators that TensorFlow 2.3 knows:

* Each row of a matrix has its own scale. The runtimes know one scale per matrix, so rows are
  brought to one range and a multiplication after the product undoes it.
* Layer 1 stays float: features are of very different widths, and those of 19 frames would be
  quantised together. That was a third of the error, of a fifteenth of the weights.
* Inputs are quantised over the range that they have, not over a symmetric one: after a ReLU that
  is a whole bit.

With the moments of what the layers hear, weights are rounded by what becomes of it (``rounding``).

The runtimes find tensors by name and run parts of the graph: those above ``mfccs``, those just
above each ``metadata_*``, and the rest. So each output has an operator of its own above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from stt_service.decoder.alphabet import Alphabet
from training.features import HIGH_HZ, HOP, LOW_HZ, N_INPUT, N_MEL, SAMPLE_RATE, WINDOW
from training.flatbuffer import NO_TENSOR, Graph, Kind
from training.rounding import INT8_MAX, Moment, to_int8

Array = npt.NDArray[np.float32]

GRAPH_VERSION = 6
"""Of DeepSpeech 0.9 and Coqui STT 1.x."""
N_STEPS = 16
"""Frames in one run of the graph: 320 ms, as in all official models."""
RELU_CLIP = 20.0
"""Upper limit of the network's activations."""
SHRINK = 6.0 / RELU_CLIP
"""Dense layers compute activations this much smaller, so that the fused ReLU6 does the clipping;
the layer after them makes up for it."""

_OPERATOR = schema.BuiltinOperator
_ADD = Kind(_OPERATOR.ADD)
_CONCATENATION = Kind(_OPERATOR.CONCATENATION)
_FLOAT_PRODUCT = Kind(_OPERATOR.FULLY_CONNECTED)
# Asymmetric inputs came after version 3, but TensorFlow 2.3, 2.8 and LiteRT heed the option in any
# version, and 2.3 refuses the version 9 that newer converters write for it.
_INT8_PRODUCT = Kind(_OPERATOR.FULLY_CONNECTED, version=3)
_LOGISTIC = Kind(_OPERATOR.LOGISTIC)
_MUL = Kind(_OPERATOR.MUL)
_RESHAPE = Kind(_OPERATOR.RESHAPE)
_SOFTMAX = Kind(_OPERATOR.SOFTMAX)
_SPLIT = Kind(_OPERATOR.SPLIT)
_TANH = Kind(_OPERATOR.TANH)
_SPECTROGRAM = Kind(_OPERATOR.CUSTOM, custom="AudioSpectrogram")
_MFCC = Kind(_OPERATOR.CUSTOM, custom="Mfcc")


@dataclass(frozen=True)
class _Matrix:
    """A weight matrix in the graph."""

    values: int
    """Tensor ``[out, in]``."""
    row_scale: int | None
    """Tensor ``[out]`` to multiply the product with; None where the values are floats."""
    rows: int


class _Layout:
    """The graph under construction, with the operators that the network needs."""

    def __init__(
        self, arrays: Mapping[str, Array], moments: Mapping[str, Moment], *, quantise: bool
    ) -> None:
        self.arrays, self.moments, self.quantise = arrays, moments, quantise
        self.graph = Graph()

    def matrix(self, name: str, factor: float = 1.0) -> _Matrix:
        """Store a matrix of the network times a factor, as int8 with row scales if so asked."""
        if not self.quantise:
            return self.exact(name, factor)
        weight = self.arrays[name] * np.float32(factor)
        peaks = np.abs(weight).max(axis=1)
        peaks[peaks == 0] = 1.0
        values = to_int8(weight, peaks, self.moments.get(name))
        scale = np.array([1.0 / INT8_MAX], dtype=np.float32)
        return _Matrix(
            self.graph.constant(name, values, scale),
            self.vector(f"{name}/row_scale", peaks),
            len(weight),
        )

    def exact(self, name: str, factor: float = 1.0) -> _Matrix:
        """Store a matrix of the network times a factor, as the floats it is."""
        weight = self.arrays[name] * np.float32(factor)
        return _Matrix(self.graph.constant(name, weight), None, len(weight))

    def vector(self, name: str, values: Array) -> int:
        """Store a float vector."""
        return self.graph.constant(name, values.astype(np.float32))

    def product(self, x: int, matrix: _Matrix, name: str, frames: int = N_STEPS) -> int:
        """``x @ matrix.T``, shape ``[frames, out]``."""
        options = schema.FullyConnectedOptionsT()
        options.asymmetricQuantizeInputs = matrix.row_scale is not None
        kind = _FLOAT_PRODUCT if matrix.row_scale is None else _INT8_PRODUCT
        y = self.graph.tensor(f"{name}/product", (frames, matrix.rows))
        self.graph.operator(kind, [x, matrix.values, NO_TENSOR], [y], options)
        return y if matrix.row_scale is None else self.mul(y, matrix.row_scale, f"{name}/scaled")

    def dense(self, x: int, name: str, matrix: _Matrix, bias: Array, *, relu6: bool = False) -> int:
        """``x @ matrix.T + bias`` over all frames, cut to 0..6 if so asked."""
        y = self.product(x, matrix, name)
        return self.add(y, self.vector(f"{name}/bias", bias), name, relu6=relu6)

    def add(self, a: int, b: int, name: str, *, relu6: bool = False) -> int:
        """``a + b``, shaped as ``a``."""
        options = schema.AddOptionsT()
        if relu6:
            options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
        y = self.graph.tensor(name, self.graph.shape(a))
        self.graph.operator(_ADD, [a, b], [y], options)
        return y

    def mul(self, a: int, b: int, name: str) -> int:
        """``a * b``, shaped as ``a``."""
        y = self.graph.tensor(name, self.graph.shape(a))
        self.graph.operator(_MUL, [a, b], [y], schema.MulOptionsT())
        return y

    def unary(self, kind: Kind, x: int, name: str) -> int:
        """Apply a function without options to each element."""
        y = self.graph.tensor(name, self.graph.shape(x))
        self.graph.operator(kind, [x], [y])
        return y

    def reshape(self, x: int, name: str, shape: tuple[int, ...], dtype: int | None = None) -> int:
        """``x`` in another shape and under another name."""
        options = schema.ReshapeOptionsT()
        options.newShape = np.array(shape, dtype=np.int32)
        target = self.graph.constant(f"{name}/shape", np.array(shape, dtype=np.int32))
        y = self.graph.tensor(name, shape, np.float32 if dtype is None else dtype)
        self.graph.operator(_RESHAPE, [x, target], [y], options)
        return y

    def split(self, x: int, axis: int, names: list[str]) -> list[int]:
        """Cut ``x`` of rank 2 into equal parts along ``axis``."""
        shape = list(self.graph.shape(x))
        shape[axis] //= len(names)
        parts = [self.graph.tensor(name, shape) for name in names]
        options = schema.SplitOptionsT()
        options.numSplits = len(names)
        at = self.graph.constant(f"{names[0]}/axis", np.array(axis, dtype=np.int32))
        self.graph.operator(_SPLIT, [at, x], parts, options)
        return parts

    def stack(self, rows: list[int], name: str) -> int:
        """Put rows ``[1, n]`` under each other."""
        y = self.graph.tensor(name, (len(rows), self.graph.shape(rows[0])[1]))
        options = schema.ConcatenationOptionsT()
        options.axis = 0
        self.graph.operator(_CONCATENATION, rows, [y], options)
        return y

    def softmax(self, x: int, name: str) -> int:
        """Turn each row into probabilities."""
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        y = self.graph.tensor(name, self.graph.shape(x))
        self.graph.operator(_SOFTMAX, [x], [y], options)
        return y


def lay_out(
    arrays: Mapping[str, Array],
    alphabet: Alphabet,
    *,
    beam_width: int,
    quantise: bool,
    moments: Mapping[str, Moment],
) -> bytes:
    """Return the ``.tflite`` file of checked arrays (``training.export.check_arrays``).

    ``moments`` of the inputs of some of the matrices are under those matrices' names.
    """
    layout = _Layout(arrays, moments, quantise=quantise)
    graph = layout.graph
    columns = arrays["layer1.weight"].shape[1]
    state = (1, arrays["lstm.weight_hh"].shape[1])
    frames = graph.tensor("input_node", (1, N_STEPS, columns // N_INPUT, N_INPUT))
    c = graph.tensor("previous_state_c", state)
    h = graph.tensor("previous_state_h", state)
    samples = graph.tensor("input_samples", (WINDOW,))

    x = _before_lstm(layout, layout.reshape(frames, "windows", (N_STEPS, columns)))
    rows, new_c, new_h = _lstm(layout, x, c, h)
    logits = _after_lstm(layout, layout.stack(rows, "lstm"))
    mfccs = _features(layout, samples)
    metadata = _metadata(layout, alphabet, beam_width)
    return graph.serialise(
        [frames, c, h, samples],
        [logits, new_c, new_h, mfccs, *metadata],
        "DeepSpeech network, written by stt-service",
    )


def _before_lstm(layout: _Layout, x: int) -> int:
    """Layers 1 to 3, their activations times SHRINK."""
    first = layout.exact("layer1.weight", SHRINK)
    x = layout.dense(x, "layer1", first, layout.arrays["layer1.bias"] * SHRINK, relu6=True)
    for name in ("layer2", "layer3"):
        bias = layout.arrays[f"{name}.bias"] * SHRINK
        x = layout.dense(x, name, layout.matrix(f"{name}.weight"), bias, relu6=True)
    return x


def _lstm(layout: _Layout, x: int, c: int, h: int) -> tuple[list[int], int, int]:
    """The recurrent layer: the output of each step, and the last c and h."""
    from_frames = layout.matrix("lstm.weight_ih", 1 / SHRINK)
    gates = layout.dense(x, "lstm_input", from_frames, layout.arrays["lstm.bias"])
    from_input = layout.split(gates, 0, [f"step{t}/from_input" for t in range(N_STEPS)])
    recurrent = layout.matrix("lstm.weight_hh")
    rows = []
    for t in range(N_STEPS):
        step, last = f"step{t}", t == N_STEPS - 1
        z = layout.product(h, recurrent, f"{step}/from_state", frames=1)
        z = layout.add(z, from_input[t], f"{step}/gates")
        i, f, g, o = layout.split(z, 1, [f"{step}/{gate}" for gate in "ifgo"])
        i, f, o = (
            layout.unary(_LOGISTIC, gate, f"{step}/{name}_gate")
            for gate, name in ((i, "input"), (f, "forget"), (o, "output"))
        )
        update = layout.mul(i, layout.unary(_TANH, g, f"{step}/candidate"), f"{step}/update")
        kept = layout.mul(f, c, f"{step}/kept")
        c = layout.add(kept, update, "new_state_c" if last else f"{step}/c")
        squashed = layout.unary(_TANH, c, f"{step}/squashed")
        h = layout.mul(o, squashed, "new_state_h" if last else f"{step}/h")
        rows.append(h)
    return rows, c, h


def _after_lstm(layout: _Layout, x: int) -> int:
    """Layers 5 and 6 and the softmax; the runtimes take ``logits`` for probabilities."""
    bias = layout.arrays["layer5.bias"] * SHRINK
    x = layout.dense(x, "layer5", layout.matrix("layer5.weight", SHRINK), bias, relu6=True)
    last = layout.matrix("layer6.weight", 1 / SHRINK)
    x = layout.dense(x, "layer6", last, layout.arrays["layer6.bias"])
    return layout.softmax(x, "logits")


def _features(layout: _Layout, samples: int) -> int:
    """One window of audio to MFCC features, with TensorFlow's audio operators."""
    graph = layout.graph
    column = layout.reshape(samples, "samples_column", (WINDOW, 1))
    spectrogram = graph.tensor("spectrogram", (1, 1, WINDOW // 2 + 1))
    # The Mfcc operator takes the root itself.
    options = {"window_size": WINDOW, "stride": HOP, "magnitude_squared": True}
    graph.operator(_SPECTROGRAM, [column], [spectrogram], custom_options=options)
    rate = graph.constant("mfcc/sample_rate", np.array(SAMPLE_RATE, dtype=np.int32))
    mfcc = graph.tensor("mfcc", (1, 1, N_INPUT))
    bank = {
        "upper_frequency_limit": HIGH_HZ,
        "lower_frequency_limit": LOW_HZ,
        "filterbank_channel_count": N_MEL,
        "dct_coefficient_count": N_INPUT,
    }
    graph.operator(_MFCC, [spectrogram, rate], [mfcc], custom_options=bank)
    return layout.reshape(mfcc, "mfccs", (1, N_INPUT))


def _metadata(layout: _Layout, alphabet: Alphabet, beam_width: int) -> list[int]:
    """What the runtimes ask the graph about itself; each behind an operator, see above."""
    numbers = {
        "metadata_version": GRAPH_VERSION,
        "metadata_sample_rate": SAMPLE_RATE,
        "metadata_feature_win_len": WINDOW * 1000 // SAMPLE_RATE,
        "metadata_feature_win_step": HOP * 1000 // SAMPLE_RATE,
        "metadata_beam_width": beam_width,
    }
    outputs = []
    for name, number in numbers.items():
        value = layout.graph.constant(f"{name}/value", np.array([number], dtype=np.int32))
        outputs.append(layout.reshape(value, name, (1,), schema.TensorType.INT32))
    value = layout.graph.text("metadata_alphabet/value", alphabet.serialise())
    outputs.append(layout.reshape(value, "metadata_alphabet", (1,), schema.TensorType.STRING))
    return outputs
