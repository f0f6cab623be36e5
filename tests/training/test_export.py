"""Exported graphs: what is in the file, and what it computes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from stt_service.decoder.alphabet import Alphabet
from stt_service.engine.graph import read_graph
from stt_service.errors import ModelError
from training.export import export_model
from training.features import HOP, N_INPUT, WINDOW, mfcc
from training.flatbuffer import BUFFER_ALIGNMENT, FILE_IDENTIFIER
from training.graph import N_STEPS
from training.letters import ALPHABET
from training.model import forward_folded
from training.random_model import random_arrays

ENGLISH = Alphabet(tuple(ALPHABET))
DENSE, LSTM = 48, 40
OUTPUTS = ["logits", "new_state_c", "new_state_h", "mfccs"]
METADATA = [
    "metadata_version",
    "metadata_sample_rate",
    "metadata_feature_win_len",
    "metadata_feature_win_step",
    "metadata_beam_width",
    "metadata_alphabet",
]
RESOLVERS = [OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES]


def spread_arrays(seed: int = 5) -> dict[str, np.ndarray]:
    """A small network whose rows differ as much as after batch normalisation."""
    rng = np.random.default_rng(seed)
    arrays = random_arrays(DENSE, LSTM, seed=seed)
    for name in arrays:
        rows = len(arrays[name])
        if arrays[name].ndim == 2:
            arrays[name] *= np.exp(0.5 * rng.standard_normal((rows, 1))).astype(np.float32)
        else:
            arrays[name] += 0.1 * rng.standard_normal(rows).astype(np.float32)
    arrays["layer6.weight"] *= 0.1
    arrays["layer6.bias"][-1] = 0.0
    return arrays


def speech_features(frames: int, seed: int = 2) -> np.ndarray:
    """Frames with the widths of real MFCCs: the first coefficient is ten times the others."""
    rng = np.random.default_rng(seed)
    width = np.concatenate([[16.0, 4.6, 2.6, 1.8], np.full(N_INPUT - 4, 1.2)])
    features = rng.standard_normal((frames, N_INPUT)) * width
    features[:, 0] -= 25.0
    return features.astype(np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Rows to probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


class Runner:
    """An exported file under LiteRT."""

    def __init__(self, path: Path, resolver: OpResolverType = OpResolverType.AUTO) -> None:
        self.interpreter = Interpreter(
            str(path), num_threads=1, experimental_op_resolver_type=resolver
        )
        self.interpreter.allocate_tensors()
        self.inputs = {d["name"]: d for d in self.interpreter.get_input_details()}
        self.outputs = {d["name"]: d["index"] for d in self.interpreter.get_output_details()}

    def run(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Run the graph once; inputs that are not given are zero."""
        for name, detail in self.inputs.items():
            value = inputs.get(name, np.zeros(detail["shape"], dtype=np.float32))
            self.interpreter.set_tensor(detail["index"], value.reshape(detail["shape"]))
        self.interpreter.invoke()
        return {name: self.interpreter.get_tensor(self.outputs[name]) for name in OUTPUTS}

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Feed whole batches of frames, the state carried on as the runtimes do."""
        context = (self.inputs["input_node"]["shape"][2] - 1) // 2
        padded = np.pad(features, ((context, context), (0, 0)))
        windows = np.stack([padded[t : t + 2 * context + 1] for t in range(len(features))])
        state: dict[str, np.ndarray] = {}
        batches = []
        for at in range(0, len(windows), N_STEPS):
            out = self.run(input_node=windows[at : at + N_STEPS], **state)
            state = {f"previous_state_{s}": out[f"new_state_{s}"] for s in "ch"}
            batches.append(out["logits"])
        return np.concatenate(batches)


@pytest.fixture(scope="module", params=[True, False], ids=["int8", "float"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of either kind."""
    path = tmp_path_factory.mktemp("export") / "model.tflite"
    export_model(spread_arrays(), ENGLISH, path, beam_width=123, quantise=request.param)
    return path


def parsed(path: Path) -> Any:
    """The file as the generated schema's objects."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))


def test_an_engine_reads_back_what_was_exported(exported: Path) -> None:
    """Alphabet, signal and network shape are all in the file."""
    info = read_graph(exported)
    assert info.alphabet == ENGLISH
    assert (info.sample_rate, info.window, info.hop) == (16000, WINDOW, HOP)
    assert (info.n_features, info.n_context, info.n_steps) == (N_INPUT, 9, N_STEPS)
    assert (info.state_size, info.beam_width) == (LSTM, 123)


def test_inputs_and_outputs_have_the_names_that_the_runtimes_look_for(exported: Path) -> None:
    """In the original's order as well."""
    graph = parsed(exported).subgraphs[0]
    names = [tensor.name.decode() for tensor in graph.tensors]
    assert [names[i] for i in graph.inputs] == [
        "input_node",
        "previous_state_c",
        "previous_state_h",
        "input_samples",
    ]
    assert [names[i] for i in graph.outputs] == OUTPUTS + METADATA


def test_every_output_has_an_operator_above_it(exported: Path) -> None:
    """The original libraries crash on a metadata output that is a bare constant."""
    graph = parsed(exported).subgraphs[0]
    makers = {int(out): at for at, op in enumerate(graph.operators) for out in op.outputs}
    assert set(map(int, graph.outputs)) <= set(makers)
    assert len({makers[int(out)] for out in graph.outputs}) == len(graph.outputs)


def test_operators_come_after_those_that_feed_them(exported: Path) -> None:
    """And every tensor is made exactly once, or is a constant, or an input."""
    model = parsed(exported)
    graph = model.subgraphs[0]
    known = set(map(int, graph.inputs))
    known |= {i for i, t in enumerate(graph.tensors) if model.buffers[t.buffer].data is not None}
    for operator in graph.operators:
        assert {int(i) for i in operator.inputs if i >= 0} <= known
        made = set(map(int, operator.outputs))
        assert not made & known
        known |= made
    assert known == set(range(len(graph.tensors)))


def test_operators_are_those_of_tensorflow_2_3(exported: Path) -> None:
    """All in version 1, but int8 weights, which need version 3; both fields of the code agree."""
    for code in parsed(exported).operatorCodes:
        product = code.builtinCode == schema.BuiltinOperator.FULLY_CONNECTED
        assert code.version in ((1, 3) if product else (1,))
        assert code.deprecatedBuiltinCode == code.builtinCode
        custom = code.builtinCode == schema.BuiltinOperator.CUSTOM
        assert (code.customCode in (b"AudioSpectrogram", b"Mfcc")) == custom


def test_the_input_half_of_the_lstm_is_one_product(exported: Path) -> None:
    """Seven products over all frames or once each, and one recurrent product for each frame."""
    model = parsed(exported)
    graph = model.subgraphs[0]
    product = schema.BuiltinOperator.FULLY_CONNECTED
    frames = Counter(
        int(graph.tensors[op.outputs[0]].shape[0])
        for op in graph.operators
        if model.operatorCodes[op.opcodeIndex].builtinCode == product
    )
    assert frames == {N_STEPS: 6, 1: N_STEPS}


def test_constants_are_aligned_for_vector_instructions(exported: Path) -> None:
    """Runtimes map the file and use weights where they lie."""
    raw = exported.read_bytes()
    assert raw[4:8] == FILE_IDENTIFIER
    model = schema.Model.GetRootAs(raw, 0)
    starts = []
    for i in range(model.BuffersLength()):
        table = model.Buffers(i)._tab
        field = table.Offset(4)
        if field:
            starts.append(table.Vector(field))
    assert len(starts) > 20
    assert not any(start % BUFFER_ALIGNMENT for start in starts)


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_the_float_graph_computes_the_network(tmp_path: Path, resolver: OpResolverType) -> None:
    """Over four batches with their state carried on, clipping included."""
    arrays = spread_arrays()
    arrays["layer2.weight"] *= 30
    arrays["layer5.weight"] *= 200
    features = speech_features(4 * N_STEPS)
    export_model(arrays, ENGLISH, tmp_path / "m.tflite", quantise=False)
    expected = softmax(forward_folded(arrays, features))
    unclipped = softmax(forward_folded(arrays, features, relu_clip=1e9))
    assert np.abs(expected - unclipped).max() > 0.1
    actual = Runner(tmp_path / "m.tflite", resolver).probabilities(features)
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_a_shorter_context_is_exported_too(tmp_path: Path) -> None:
    """The window's length comes from the weights."""
    arrays = spread_arrays()
    arrays["layer1.weight"] = np.ascontiguousarray(arrays["layer1.weight"][:, : 5 * N_INPUT])
    features = speech_features(2 * N_STEPS)
    export_model(arrays, ENGLISH, tmp_path / "m.tflite", quantise=False)
    expected = softmax(forward_folded(arrays, features, n_context=2))
    actual = Runner(tmp_path / "m.tflite").probabilities(features)
    np.testing.assert_allclose(actual, expected, atol=1e-4)
    assert read_graph(tmp_path / "m.tflite").n_context == 2


def test_int8_stays_close_to_float(tmp_path: Path) -> None:
    """On features of real widths and rows of different scales; and it is a quarter of the size."""
    arrays = spread_arrays()
    features = speech_features(4 * N_STEPS)
    export_model(arrays, ENGLISH, tmp_path / "int8.tflite")
    export_model(arrays, ENGLISH, tmp_path / "float.tflite", quantise=False)
    expected = softmax(forward_folded(arrays, features))
    error = np.abs(Runner(tmp_path / "int8.tflite").probabilities(features) - expected)
    assert error.max() < 0.05
    assert error.mean() < 1e-3
    weights = sum(v.size for name, v in arrays.items() if v.ndim == 2 and name != "layer1.weight")
    saved = (tmp_path / "float.tflite").stat().st_size - (tmp_path / "int8.tflite").stat().st_size
    assert saved > 2.7 * weights


def test_int8_computes_the_same_with_and_without_a_delegate(tmp_path: Path) -> None:
    """XNNPACK always quantises asymmetrically; the plain kernels only when the file says so."""
    features = speech_features(2 * N_STEPS)
    export_model(spread_arrays(), ENGLISH, tmp_path / "m.tflite")
    fast, plain = (Runner(tmp_path / "m.tflite", r).probabilities(features) for r in RESOLVERS)
    np.testing.assert_allclose(fast, plain, atol=2e-3)


def test_a_unit_without_weights_and_a_feature_without_use_are_exported(tmp_path: Path) -> None:
    """No scale becomes zero or infinite."""
    arrays = spread_arrays()
    arrays["layer2.weight"][3] = 0
    arrays["layer1.weight"][:, 7] = 0
    features = speech_features(N_STEPS)
    export_model(arrays, ENGLISH, tmp_path / "m.tflite")
    expected = softmax(forward_folded(arrays, features))
    actual = Runner(tmp_path / "m.tflite").probabilities(features)
    np.testing.assert_allclose(actual, expected, atol=0.05)


def test_features_in_the_graph_equal_those_of_training(exported: Path) -> None:
    """The network sees in service what it saw in training."""
    rng = np.random.default_rng(4)
    samples = (np.sin(np.arange(WINDOW) * 0.2) * 0.4 + rng.standard_normal(WINDOW) * 0.05).astype(
        np.float32
    )
    computed = Runner(exported).run(input_samples=samples)["mfccs"]
    np.testing.assert_allclose(computed, mfcc(samples), atol=1e-4)


def without(name: str) -> dict[str, np.ndarray]:
    """A network that lacks an array."""
    arrays = spread_arrays()
    del arrays[name]
    return arrays


def replaced(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """A network with another array in this place."""
    return spread_arrays() | {name: values.astype(np.float32)}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (without("lstm.bias"), "lacks lstm.bias"),
        (without("layer3.weight"), "lacks layer3.weight"),
        (spread_arrays() | {"layer4.weight": np.zeros((2, 2))}, "no place for layer4.weight"),
        (replaced("layer2.bias", np.zeros(DENSE + 1)), r"layer2.bias has shape \(49,\)"),
        (replaced("layer3.weight", np.zeros(DENSE)), "layer3.weight .* no matrix"),
        (replaced("lstm.weight_hh", np.zeros((4 * LSTM, LSTM - 1))), "lstm.weight_"),
        (replaced("layer6.weight", np.zeros((30, DENSE))), "layer6.weight .* 28 labels"),
        (replaced("layer1.weight", np.zeros((DENSE, 493))), "layer1.weight has 493 inputs"),
        (replaced("layer1.weight", np.zeros((DENSE, 18 * 26))), "layer1.weight has 468 inputs"),
        (replaced("layer5.bias", np.full(DENSE, np.nan)), "layer5.bias .* not finite"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_by_name(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    """And nothing is written."""
    with pytest.raises(ModelError, match=message):
        export_model(arrays, ENGLISH, tmp_path / "m.tflite")
    assert not list(tmp_path.iterdir())


def test_a_beam_width_of_nothing_is_refused(tmp_path: Path) -> None:
    """No search could work with it."""
    with pytest.raises(ModelError, match="beam width of 0"):
        export_model(spread_arrays(), ENGLISH, tmp_path / "m.tflite", beam_width=0)


def test_a_folder_that_does_not_exist_is_said(tmp_path: Path) -> None:
    """By the name of the file that was wanted."""
    with pytest.raises(ModelError, match=r"gone/m\.tflite cannot be written"):
        export_model(spread_arrays(), ENGLISH, tmp_path / "gone" / "m.tflite")


def test_an_older_model_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """And no other file is left beside it."""
    path = tmp_path / "m.tflite"
    path.write_bytes(b"old")
    export_model(spread_arrays(), ENGLISH, path)
    assert read_graph(path).state_size == LSTM
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_weights_give_the_same_file(tmp_path: Path) -> None:
    """A model can be checked against its recipe."""
    for name in ("a", "b"):
        export_model(spread_arrays(), ENGLISH, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_temperature_and_blank_change_the_probabilities_alone(tmp_path: Path) -> None:
    """By the root asked for, then the blank by the factor asked for, before all add up to 1."""
    features = speech_features(N_STEPS)
    probabilities = []
    for name, changes in (("plain", {}), ("changed", {"temperature": 1.25, "blank": -1.5})):
        path = tmp_path / f"{name}.tflite"
        export_model(spread_arrays(), ENGLISH, path, quantise=False, **changes)
        probabilities.append(Runner(path).probabilities(features))
    plain, changed = probabilities
    expected = plain**0.8 * np.where(np.arange(plain.shape[1]) == len(ALPHABET), np.exp(-1.5), 1.0)
    np.testing.assert_allclose(changed, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)
