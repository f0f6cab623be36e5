"""A ``.tflite`` file in, what an engine must know of it out; nothing in the file is trusted.

The file is read with bounds-checked code of our own: the C++ libraries that run it abort or
crash on some damaged files, so everything that can be known beforehand is checked here, and
every refusal says by name what is wrong and what to do.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from stt_service.decoder.alphabet import Alphabet
from stt_service.engine.api import ModelInfo
from stt_service.engine.flatbuffer import Buffer, DamagedError, Scalar, flex_scalars, uint32
from stt_service.engine.tflite import (
    FLOAT32,
    GET_AGAIN,
    GET_MODEL,
    INT32,
    STRING,
    Graph,
    Mapped,
    parse,
)
from stt_service.errors import ModelError

GRAPH_VERSION = 6
"""Of DeepSpeech 0.9 and Coqui STT 1.x, the last there has been."""

MAX_STEPS = 1024
"""Frames in one run of the graph: 20 s, far more than any export (16)."""
MAX_WIDTH = 65_536
"""Units of a layer, features of a frame, mel channels; 32 times the official model's."""
MAX_METADATA_BYTES = 1 << 24
"""One value of the metadata: the largest possible alphabet fits."""
MAX_BEAM_WIDTH = 1 << 20
SAMPLE_RATES = range(4_000, 192_001)
"""Hertz."""
WINDOW_MS = range(1, 1_001)
"""Window and hop in milliseconds."""

INPUTS = ("input_node", "previous_state_c", "previous_state_h", "input_samples")
OUTPUTS = ("logits", "new_state_c", "new_state_h", "mfccs")
METADATA = (
    "metadata_version",
    "metadata_sample_rate",
    "metadata_feature_win_len",
    "metadata_feature_win_step",
    "metadata_beam_width",
    "metadata_alphabet",
)

_BYTE_LABELS = 255
"""Labels of a model that spells in bytes: every byte but NUL."""


@dataclass(frozen=True, slots=True)
class GraphInfo:
    """The shape of a DeepSpeech network, all of it from the file's metadata and tensors."""

    alphabet: Alphabet
    """Labels in output order; blank follows the last one."""
    sample_rate: int
    """Hertz."""
    window: int
    """Samples in one analysis window."""
    hop: int
    """Samples from one window's start to the next one's."""
    n_features: int
    """MFCC coefficients in a frame."""
    n_context: int
    """Frames of context on either side of each frame."""
    n_steps: int
    """Frames in one run of the graph."""
    state_size: int
    """Units of the LSTM."""
    beam_width: int
    """The model's default beam."""
    mel_channels: int
    """Triangular filters over the spectrum."""
    low_hz: float
    """Hertz; lower edge of the lowest filter."""
    high_hz: float
    """Hertz; upper edge of the highest filter."""
    rounds_alike: bool
    """Whether LiteRT's kernels all round to the same numbers, so that the fastest may be taken."""

    @property
    def frame_step(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop / self.sample_rate

    def model_info(self, model_id: str) -> ModelInfo:
        """Return what users of an engine see of the model."""
        return ModelInfo(
            id=model_id,
            labels=self.alphabet.labels,
            sample_rate=self.sample_rate,
            frame_step=self.frame_step,
            beam_width=self.beam_width,
        )


def read_graph(path: Path) -> GraphInfo:
    """Read what an engine must know of the model.

    Raises :exc:`ModelError` naming the file for anything but a DeepSpeech network of graph
    version 6.
    """
    with Mapped(path) as data:
        try:
            return _describe(parse(data), path)
        except DamagedError as error:
            raise ModelError(f"{path} is damaged or cut short ({error})", GET_AGAIN) from error


def _describe(graph: Graph, path: Path) -> GraphInfo:
    missing = [name for name in INPUTS if name not in graph.inputs]
    missing += [name for name in (*OUTPUTS, *METADATA) if name not in graph.outputs]
    if missing:
        raise ModelError(f"{path} is another network: it lacks {', '.join(missing)}", GET_MODEL)
    version = _integer(graph, "metadata_version", path)
    if version != GRAPH_VERSION:
        raise ModelError(
            f"{path} has graph version {version}; only version {GRAPH_VERSION} can be run",
            "Take a model of DeepSpeech 0.9 or Coqui STT 1.x, or export it again",
        )
    rate = _integer(graph, "metadata_sample_rate", path, SAMPLE_RATES)
    window, hop = (
        # As the original does it: a product of doubles, cut to an integer.
        int(rate * (_integer(graph, f"metadata_feature_win_{what}", path, WINDOW_MS) / 1000.0))
        for what in ("len", "step")
    )
    if not 0 < hop <= window:
        raise ModelError(f"{path}: its hop of {hop} samples does not fit its window of {window}")
    alphabet = _alphabet(graph, path)
    steps, context, features, state = _shapes(graph, path, window, len(alphabet))
    mel = _feature_options(graph, path, window, features)
    channels = int(mel.get("filterbank_channel_count", 40))
    low = float(mel.get("lower_frequency_limit", 20.0))
    high = float(mel.get("upper_frequency_limit", rate / 2))
    if not (0 < channels <= MAX_WIDTH and 0 <= low < high <= rate / 2) or features > channels:
        raise ModelError(f"{path}: its mel filters ({channels}, {low} to {high} Hz) make no sense")
    return GraphInfo(
        alphabet=alphabet,
        sample_rate=rate,
        window=window,
        hop=hop,
        n_features=features,
        n_context=context,
        n_steps=steps,
        state_size=state,
        beam_width=_integer(graph, "metadata_beam_width", path, range(1, MAX_BEAM_WIDTH + 1)),
        mel_channels=channels,
        low_hz=low,
        high_hz=high,
        rounds_alike=graph.rounds_alike,
    )


def _feature_options(graph: Graph, path: Path, window: int, features: int) -> dict[str, Scalar]:
    """Return the options of the Mfcc operator, having compared them with the tensors."""
    nodes = {name: graph.custom(name) for name in ("AudioSpectrogram", "Mfcc")}
    if lacking := [name for name, node in nodes.items() if node is None]:
        raise ModelError(f"{path} is another network: it has no {' and no '.join(lacking)}")
    spectrum, mel = (flex_scalars(node.options) for node in nodes.values() if node is not None)
    wanted = {"window_size": window, "magnitude_squared": True}
    if any(spectrum.get(name) != value for name, value in wanted.items()):
        raise ModelError(f"{path}: its AudioSpectrogram is not DeepSpeech's: {spectrum}")
    if mel.get("dct_coefficient_count") != features:
        raise ModelError(f"{path}: its Mfcc does not give {features} coefficients: {mel}")
    return mel


def _shapes(graph: Graph, path: Path, window: int, labels: int) -> tuple[int, int, int, int]:
    """Return steps, context, features and state size, all tensors having been compared."""
    node = graph.tensors[graph.inputs["input_node"]].shape
    if len(node) != 4 or node[0] != 1 or node[2] % 2 == 0 or min(node) < 1:
        raise ModelError(f"{path}: input_node has the shape {node}, not (1, steps, 2c + 1, n)")
    _, steps, around, features = node
    cell = graph.tensors[graph.inputs["previous_state_c"]].shape
    state = cell[1] if len(cell) == 2 else 0
    if steps > MAX_STEPS or max(around, features, state) > MAX_WIDTH or state < 1:
        raise ModelError(f"{path}: {node} inputs and a state of {cell} are no speech network")
    logits = graph.tensors[graph.outputs["logits"]].shape
    if len(logits) == 2 and logits[0] == steps and logits[1] != labels + 1:
        raise ModelError(
            f"{path}: its alphabet has {labels} labels and blank, but its output is "
            f"{logits[1]} wide",
            "Export the model again with the alphabet that it was trained with",
        )
    wanted = {
        ("previous_state_h", True): (1, state),
        ("input_samples", True): (window,),
        ("logits", False): (steps, labels + 1),
        ("new_state_c", False): (1, state),
        ("new_state_h", False): (1, state),
    }
    for (name, is_input), shape in wanted.items():
        found = graph.tensors[(graph.inputs if is_input else graph.outputs)[name]].shape
        if found != shape:
            raise ModelError(f"{path}: {name} has the shape {found}, not {shape}", GET_MODEL)
    for places, names in ((graph.inputs, INPUTS), (graph.outputs, OUTPUTS)):
        for name in names:
            if graph.tensors[places[name]].type != FLOAT32:
                raise ModelError(f"{path}: {name} is not float32", GET_MODEL)
    return steps, around // 2, features, state


def _value(graph: Graph, name: str, path: Path, kind: int) -> Buffer:
    tensor = graph.constant(graph.outputs[name])
    if tensor is None or tensor.type != kind or len(tensor.data) > MAX_METADATA_BYTES:
        raise ModelError(f"{path}: {name} cannot be read", "Export the model again")
    return tensor.data


def _integer(graph: Graph, name: str, path: Path, valid: range | None = None) -> int:
    data = _value(graph, name, path, INT32)
    if len(data) != 4:
        raise ModelError(f"{path}: {name} is not one number", "Export the model again")
    (value,) = struct.unpack("<i", data)
    if valid is not None and value not in valid:
        raise ModelError(f"{path}: {name} is {value}, not {valid.start} to {valid.stop - 1}")
    return int(value)


def _alphabet(graph: Graph, path: Path) -> Alphabet:
    data = _value(graph, "metadata_alphabet", path, STRING)
    # A string tensor: how many, then where each begins and where the last one ends.
    start, end = uint32(data, 4), uint32(data, 8)
    if uint32(data, 0) != 1 or not 12 <= start <= end <= len(data):
        raise ModelError(f"{path}: metadata_alphabet is not one string", "Export the model again")
    raw = bytes(data[start:end])
    if len(raw) == 2 + 5 * _BYTE_LABELS and struct.unpack_from("<H", raw) == (_BYTE_LABELS,):
        raise ModelError(f"{path} spells in bytes, not in letters, which no engine here can do")
    try:
        return Alphabet.deserialise(raw)
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}", "Export the model again") from error
