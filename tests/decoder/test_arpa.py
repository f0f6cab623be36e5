"""ARPA files: read as KenLM reads them, written as KenLM reads them."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stt_service.decoder.arpa import read_arpa, write_arpa
from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_build import build
from stt_service.decoder.ngram_counts import count_orders, read_corpus
from stt_service.errors import ScorerError

KENLM = Path(__file__).parent / "kenlm"
SMALL = """\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-99\t<s>\t-0.5
-1.0\t</s>
-2.0\t<unk>
-0.7\ton\t-0.3
-0.8\tlight\t-0.2

\\2-grams:
-0.1\t<s> light\t-0.4
-0.2\tlight on
-0.6\t<unk> on

\\3-grams:
-0.05\t<s> light on

\\end\\
"""
LN_10 = math.log(10.0)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "small.arpa"
    file.write_text(SMALL)
    return file


def test_probabilities_and_back_off_are_taken_over(path):
    """An unseen pair costs the back-off weight of its history."""
    model = NgramModel(read_arpa(path), "x", "x")
    scores, after = model.score([model.start(), 0], ["light", "light"])
    assert scores.tolist() == pytest.approx([-0.1 * LN_10, -0.8 * LN_10])
    scores, _ = model.score([*after.tolist(), after[0]], ["on", "on", "light"])
    expected = [-0.05, -0.2, -0.4 - 0.2 - 0.8]
    assert scores.tolist() == pytest.approx([x * LN_10 for x in expected])


def test_gzipped_files_are_read_alike(path, tmp_path):
    """Told by content, not by name."""
    zipped = tmp_path / "zipped"
    zipped.write_bytes(gzip.compress(SMALL.encode()))
    assert read_arpa(zipped).counts == read_arpa(path).counts == (5, 2, 1)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("\\end\\\n", "", "ends too early"),
        ("ngram 1=5", "ngram 1=x", "line 2"),
        ("ngram 1=5", "ngram 1=99999999999", "more than"),
        ("ngram 2=3", "ngram 3=3", "line 3"),
        ("-0.7\ton", "0.7\ton", "above 0"),
        ("-0.7\ton", "nan\ton", "above 0"),
        ("-0.7\ton", "x\ton", "a number"),
        ("-0.2\tlight on", "-0.2\tlight off", "'off' is no 1-gram"),
        ("-0.2\tlight on", "-0.2\tlight", "2-gram and its probability"),
        ("-0.2\tlight on", "-0.2\t<s> light", "twice"),
        ("-0.05\t<s> light on", "-0.05\ton light on", "first 2 words"),
        ("\\3-grams:", "\\4-grams:", "3-grams"),
        ("\\data\\", "hello", "ends too early"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, problem):
    """With the file and, where there is one, the line."""
    file = tmp_path / "wrong.arpa"
    file.write_text(SMALL.replace(old, new))
    with pytest.raises(ScorerError, match=problem) as caught:
        read_arpa(file)
    assert "wrong.arpa" in caught.value.message


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(SMALL) - 1), st.characters(max_codepoint=255))
def test_damage_is_refused_or_harmless(tmp_path, place, letter):
    """One letter changed: an error of ours, or a model."""
    file = tmp_path / "damaged.arpa"
    file.write_text(SMALL[:place] + letter + SMALL[place + 1 :], encoding="utf-8")
    try:
        tables = read_arpa(file)
    except ScorerError:
        return
    NgramModel(tables, "x", "x").score([1], ["light"])


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08cut", b"\xff\xfe", b""])
def test_what_is_no_text_is_refused(tmp_path, content):
    """Cut gzip, other encodings, nothing."""
    file = tmp_path / "no.arpa"
    file.write_bytes(content)
    with pytest.raises(ScorerError, match=r"no\.arpa"):
        read_arpa(file)


def corpus():
    dice = np.random.default_rng(11)
    return read_corpus([f"w{n}" for n in row] for row in dice.zipf(1.6, (500, 7)) % 400)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_a_written_model_reads_back(tmp_path, order):
    """Numbering and links survive; numbers to the six digits written."""
    text = corpus()
    tables = build(text, count_orders(text, order), prune=(0, 0, 1)).tables
    write_arpa(tmp_path / "out.arpa", tables)
    read = read_arpa(tmp_path / "out.arpa")
    assert read.counts == tables.counts
    for name in ("last", "children", "link"):
        assert np.array_equal(getattr(read, name), getattr(tables, name))
    assert np.allclose(read.prob, tables.prob, atol=1e-5)
    assert np.allclose(read.backoff, tables.backoff, atol=1e-5)


def test_a_model_scores_as_in_kenlm(tmp_path):
    """A file written here, read by KenLM's library and by us: the same, word by word."""
    tables = read_arpa(KENLM / "tiny.arpa")
    write_arpa(tmp_path / "again.arpa", tables)
    assert (tmp_path / "again.arpa").read_text() == (KENLM / "tiny.arpa").read_text()
    model, checked = NgramModel(tables, "x", "x"), 0
    for sentence, expected in json.loads((KENLM / "expected.json").read_text())["plain"]:
        begin, *words = sentence.split()
        state = model.start()
        for word, log10 in zip(words, expected, strict=False):
            if begin != "<s>" or not model.knows(word):
                break
            score, after = model.score([state], [word])
            assert score[0] == pytest.approx(log10 * LN_10, abs=1e-5)
            state, checked = int(after[0]), checked + 1
    assert checked > 50
