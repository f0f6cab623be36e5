"""What would crash the library, or be misread by it, is refused by name before it sees it."""

from dataclasses import replace

import pytest

from stt_service.decoder.ngram_file import MAGIC
from stt_service.engine.flatbuffer import Table
from stt_service.engine.graph import METADATA, OUTPUTS
from stt_service.engine.native import NativeEngine
from stt_service.engine.native.checks import check_model, check_producers
from stt_service.engine.tflite import Mapped, parse
from stt_service.errors import ModelError, ScorerError

FULLY_CONNECTED = 9


def test_a_model_for_both_libraries_passes(tiny_model, genuine_model):
    """Our own export and a genuine one."""
    for path in (tiny_model, genuine_model):
        assert check_model(path).n_steps == 16


@pytest.mark.parametrize("name", [*OUTPUTS, *METADATA])
def test_an_output_without_a_node_is_refused(tiny_model, name):
    """The libraries would follow a pointer to nowhere."""
    with Mapped(tiny_model) as data:
        graph = parse(data)
        place = graph.outputs[name]
        rest = tuple(node for node in graph.operators if place not in node.outputs)
        check_producers(graph, tiny_model)
        with pytest.raises(ModelError, match=f"no node computes.* {name}.*crashes"):
            check_producers(replace(graph, operators=rest), tiny_model)


@pytest.mark.native
def test_an_operator_newer_than_the_library_is_refused_by_name(
    genuine_model, library_path, tmp_path
):
    """The child process hears what the library complains of."""
    data = bytearray(genuine_model.read_bytes())
    for code in Table.root(memoryview(bytes(data))).tables(1, 100):
        if max(code.integer(0, form="<b"), code.integer(3)) == FULLY_CONNECTED:
            data[code._field(2, 4)] = 99
    path = tmp_path / "new.tflite"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"new\.tflite cannot be run: .*FULLY_CONNECTED.*99"):
        NativeEngine(path, library=library_path, state_dir=tmp_path)


@pytest.mark.native
@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.8, 0.9, 0.98, 0.999])
def test_a_scorer_cut_short_is_refused(genuine_model, library_path, shared, tmp_path, share):
    """The library would end the process, or use what is left of the dictionary."""
    whole = (shared / "genuine/buddybot/buddybot_private.scorer").read_bytes()
    path = tmp_path / "cut.scorer"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ScorerError, match=r"cut\.scorer"):
        NativeEngine(genuine_model, library=library_path, scorer=path, state_dir=tmp_path)


@pytest.mark.native
@pytest.mark.parametrize(
    "name",
    ["coqui/digits.scorer", "deepspeech/pruned_lm.scorer", "deepspeech/pruned_lm.bytes.scorer"],
)
def test_a_scorer_for_other_labels_is_refused(genuine_model, library_path, shared, tmp_path, name):
    """The library would answer with nothing, or with nonsense."""
    scorer = shared / "genuine" / name
    with pytest.raises(ScorerError, match=scorer.name):
        NativeEngine(genuine_model, library=library_path, scorer=scorer, state_dir=tmp_path)


@pytest.mark.native
def test_our_own_scorer_format_is_refused_with_what_to_take(genuine_model, library_path, tmp_path):
    """The libraries cannot read it."""
    path = tmp_path / "words.ngram"
    path.write_bytes(MAGIC + bytes(1_000))
    with pytest.raises(ScorerError, match=r"words\.ngram .*original libraries.*litert"):
        NativeEngine(genuine_model, library=library_path, scorer=path, state_dir=tmp_path)
