"""What the compiled kernel is given is not trusted, and its core is free of Python."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import stt_service.decoder
from stt_service.decoder.api import Hypothesis
from tests.decoder.kit import LETTERS, Bigrams, Search, noise, speak, task_for, word_lexicon

LEXICON = word_lexicon(LETTERS, ["a"])
WORDS = ["a", "ab", "abc", "b", "ba", "bb", "cab", "cc"]
COMPILED = pytest.mark.skipif(Search is None, reason="the extension is not compiled")


@COMPILED
@pytest.mark.parametrize(
    "answer",
    [
        None,
        (np.zeros(1, np.float32),),
        (np.zeros(1, np.float64), np.zeros(1, np.int32)),
        (np.zeros(9, np.float32), np.zeros(9, np.int32)),
        ([0.0], [0]),
    ],
    ids=["none", "one", "type", "length", "lists"],
)
def test_a_wrong_answer_of_the_language_model_is_refused(answer):
    """C reads the arrays' memory, so it checks type and length first."""
    search = Search(task_for(score=lambda _s, _w: answer, alpha=1.0), Hypothesis)
    with pytest.raises(TypeError):
        search.advance(speak(LETTERS, "a b"))


@COMPILED
@pytest.mark.parametrize(
    "kinds",
    [None, 3, [1], np.zeros(1), np.zeros(1, np.int32), np.zeros(5, np.int64)],
    ids=["none", "number", "list", "type", "size", "length"],
)
def test_a_wrong_answer_about_what_is_alike_is_refused(kinds):
    """As scores are."""
    language = Bigrams(["a", "b"])
    task = task_for(score=language.score, alpha=1.0, alike=lambda _states: kinds)
    with pytest.raises(TypeError):
        Search(task, Hypothesis).advance(speak(LETTERS, "a b"))


@COMPILED
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"beam_width": 0}, ValueError),
        ({"beam_width": 1 << 40}, ValueError),
        ({"space": 9}, ValueError),
        ({"alpha": -1.0}, ValueError),
        ({"alpha": math.nan}, ValueError),
        ({"labels": ()}, ValueError),
        ({"labels": (1, 2)}, TypeError),
        ({"start": -5}, ValueError),
        ({"lexicons": 3}, ValueError),
        ({"lexicons": (None,)}, AttributeError),
        ({"lexicons": (replace(LEXICON, ahead=np.zeros(1, np.float32)),)}, ValueError),
        ({"lexicons": (replace(LEXICON, ahead=np.zeros(3)),)}, TypeError),
    ],
)
def test_a_wrong_task_is_refused(change, error):
    """Nothing that the arguments say is trusted."""
    with pytest.raises(error):
        Search(replace(task_for(), **change), Hypothesis)


@COMPILED
def test_a_search_cannot_be_entered_while_it_runs():
    """The language model may not call back into the search that asks it."""
    held = []

    def meddle(states, words):
        held[0].hypotheses(1, final=False)

    held.append(Search(task_for(score=meddle, alpha=1.0), Hypothesis))
    with pytest.raises(RuntimeError, match="one caller"):
        held[0].advance(speak(LETTERS, "a b"))


@COMPILED
def test_arcs_that_lead_astray_lead_nowhere():
    """A damaged lexicon cannot make the search read beyond its arrays."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        lexicon = word_lexicon(LETTERS, WORDS)
        for field in ("first_arc", "arc_count", "arc_target", "arc_label"):
            array = np.array(getattr(lexicon, field))
            object.__setattr__(lexicon, field, array)
            at = rng.integers(len(array), size=3)
            array[at] = rng.integers(0, 2**31 - 1, size=3)
        search = Search(task_for(lexicons=(lexicon,)), Hypothesis)
        search.advance(noise(20, seed=1))
        for one in search.hypotheses(5, final=True):
            assert all(0 <= label < len(LETTERS) for label in one.labels)


def test_the_core_of_the_c_search_knows_nothing_of_python():
    """Arguments, buffers and the GIL are for its face alone."""
    native = Path(stt_service.decoder.__file__).parent / "native"
    sources = [path.read_text() for path in native.glob("*.[ch]")]
    if not sources:
        pytest.skip("installed without the sources")
    assert not [text for text in sources if re.search(r"\bPy[A-Z_]\w+|Python\.h", text)]
