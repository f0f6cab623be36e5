"""Opening scorers: DeepSpeech packages, own and genuine, and everything that is none."""

import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import UNKNOWN_WORD
from stt_service.decoder.kenlm_model import open_tables
from stt_service.decoder.lexicon import spells
from stt_service.decoder.scorer import map_file, open_scorer, read_package
from stt_service.errors import ScorerError
from tests.decoder.scorer_files import BACKOFF, BIGRAMS, ENGLISH, UNIGRAM, kenlm_trie, package

GENUINE = Path(__file__).parents[3] / "shared" / "genuine"
BINARIES = Path(__file__).parent / "kenlm"
LN_10 = math.log(10.0)
GREAT_DEAL = {
    "there": -2.385798931,
    "was": -0.516174138,
    "a": -1.365394354,
    "great": -1.894282937,
    "deal": -1.811468840,
    "of": -0.812939942,
    "time": -3.153727531,
}
"""What KenLM's library says of each word in turn, base 10; the longest n-gram has four words."""
needs_genuine = pytest.mark.skipif(
    not GENUINE.exists(), reason="the genuine scorers are not at ../shared/genuine"
)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "words.scorer"
    file.write_bytes(package())
    return file


def test_a_package_opens_with_its_weights(path):
    """Alpha and beta come from the file, unless given."""
    scorer = open_scorer(path, ENGLISH)
    assert (scorer.id, scorer.alpha, scorer.beta) == ("words", 0.5, 1.25)
    assert scorer.as_deepspeech
    other = open_scorer(path, ENGLISH, alpha=2.0, beta=0.0)
    assert (other.alpha, other.beta) == (2.0, 0.0)
    assert spells(scorer.lexicon, ENGLISH.encode("pizza "))


def test_scores_are_natural_logs_of_the_table(path):
    """A bigram counts as written; an unseen one backs off; an unknown word costs a fortune."""
    language = open_scorer(path, ENGLISH).language
    start = language.start()
    scores, after = language.score([start, start, start], ["yes", "stop", "nope"])
    expected = [BIGRAMS["<s>", "yes"] * LN_10, (UNIGRAM + BACKOFF) * LN_10, UNKNOWN_WORD]
    assert scores.tolist() == pytest.approx(expected)
    again, _ = language.score([int(after[0])], ["stop"])
    assert again[0] == pytest.approx(BIGRAMS["yes", "stop"] * LN_10)
    assert language.order == 2
    assert language.knows("queue")
    assert not language.knows("nope")


def test_states_are_shared_and_forgotten(path):
    """Equal histories are one state; release keeps the start and what it is told to keep."""
    language = open_scorer(path, ENGLISH).language
    _, after = language.score([0, 0, 0], ["yes", "yes", "no"])
    assert after[0] == after[1] != after[2]
    before, _ = language.score([int(after[2])], ["go"])
    language.release([int(after[2])])
    kept, _ = language.score([int(after[2])], ["go"])
    assert kept == before
    language.release()
    _, fresh = language.score([language.start()], ["stop"])
    assert fresh[0] == 1


@pytest.mark.parametrize("binary", sorted(BINARIES.glob("*.binary")), ids=lambda path: path.stem)
def test_every_kind_of_language_model_may_be_inside(tmp_path, binary):
    """Wherever it ends, the dictionary is found behind it."""
    file = tmp_path / f"{binary.stem}.scorer"
    file.write_bytes(package(("turn", "the", "light", "on"), kenlm=binary.read_bytes()))
    scorer = open_scorer(file, ENGLISH)
    scores, _ = scorer.language.score([scorer.language.start()], ["turn"])
    assert scores[0] == pytest.approx(-0.539 * LN_10, abs=0.2)
    assert spells(scorer.lexicon, ENGLISH.encode("light "))
    assert scorer.language.order == 4


@pytest.mark.parametrize(
    "labels", [" abcdefghijklmnoqprstuvwxyz'", "'abcdefghijklmnopqrstuvwxyz ", " abcdefghij"]
)
def test_another_alphabet_is_refused(path, labels):
    """Two letters swapped, the space elsewhere, too few labels: file and alphabet are named."""
    with pytest.raises(ScorerError, match="alphabet") as caught:
        open_scorer(path, Alphabet(tuple(labels)))
    assert "words.scorer" in caught.value.message
    assert labels[:4] in caught.value.message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git-LFS"),
        (b"\x1c\0\0\0TFL3" + bytes(1000), "acoustic model"),
        (b"\\data\\\nngram 1=4\n" + bytes(1000), "ARPA"),
        (bytes(1000), "neither"),
        (b"", "neither"),
        (kenlm_trie(), "without a dictionary"),
        (kenlm_trie() + bytes(100), "no DeepSpeech dictionary"),
        (package(version=5), "version 5"),
        (package(byte_mode=True), "byte-mode"),
        (package()[:-1], "cut short"),
        (package()[:700], "cut short"),
        (package()[:300], "more n-grams|cut short"),
        (package() + b"\0", "bytes after"),
        (kenlm_trie().replace(b"version 5", b"version 4"), "version 5"),
    ],
)
def test_what_is_no_scorer_is_named(tmp_path, content, problem):
    """Every refusal tells what the file is and what to do."""
    file = tmp_path / "odd.scorer"
    file.write_bytes(content)
    with pytest.raises(ScorerError, match=problem) as caught:
        open_scorer(file, ENGLISH)
    assert caught.value.remedy


def test_a_missing_file_is_named(tmp_path):
    """As every other fault, one line."""
    with pytest.raises(ScorerError, match=r"nothing\.scorer"):
        open_scorer(tmp_path / "nothing.scorer", ENGLISH)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), min_size=1, max_size=8))
def test_flipped_bits_do_no_harm(tmp_path, flips):
    """A damaged package is refused, or answers; the process lives."""
    raw = bytearray(package())
    for place, bit in flips:
        raw[place % len(raw)] ^= 1 << bit
    file = tmp_path / "flipped.scorer"
    file.write_bytes(raw)
    try:
        language = open_scorer(file, ENGLISH).language
    except ScorerError:
        return
    _, after = language.score([0] * 6, ["yes", "no", "stop", "go", "queue", "pizza"])
    language.score(after.tolist(), ["go"] * 6)


@needs_genuine
@pytest.mark.parametrize(
    ("name", "alphabet", "weights"),
    [
        ("buddybot/buddybot_private.scorer", " comegstplfrihvw'", (1.0, 1.0, 5)),
        ("buddybot/buddybot_general.scorer", None, (1.0, 1.0, 5)),
        ("coqui/digits.scorer", None, (1.0, 1.0, 2)),
        ("coqui/yesno.scorer", None, (1.0, 1.0, 2)),
        ("deepspeech/pruned_lm.scorer", None, (0.75, 1.85, 4)),
        ("kinyarwanda/kinyarwanda_covid_vocabulary.scorer", "own", (0.9312890, 1.1834137, 5)),
    ],
)
def test_genuine_scorers_open(name, alphabet, weights):
    """Each with its own alphabet, at whatever offset its dictionary lies."""
    labels = {
        None: ENGLISH,
        "own": Alphabet.from_file(GENUINE / "kinyarwanda" / "alphabet.txt"),
    }.get(alphabet) or Alphabet(tuple(alphabet))
    scorer = open_scorer(GENUINE / name, labels)
    assert (scorer.alpha, scorer.beta, scorer.language.order) == pytest.approx(weights)
    assert scorer.lexicon.accepting.sum() == 1


@needs_genuine
def test_the_genuine_byte_mode_scorer_is_refused_by_name():
    """Byte mode needs a model of its own kind."""
    with pytest.raises(ScorerError, match="byte-mode"):
        open_scorer(GENUINE / "deepspeech" / "pruned_lm.bytes.scorer", ENGLISH)


@needs_genuine
@pytest.mark.parametrize("labels", ["kinyarwanda", "english"])
def test_genuine_scorers_for_other_alphabets_are_refused(labels):
    """English and Kinyarwanda differ by two letters changing places."""
    kinyarwanda = Alphabet.from_file(GENUINE / "kinyarwanda" / "alphabet.txt")
    name, alphabet = {
        "kinyarwanda": ("deepspeech/pruned_lm.scorer", kinyarwanda),
        "english": ("kinyarwanda/kinyarwanda_covid_vocabulary.scorer", ENGLISH),
    }[labels]
    with pytest.raises(ScorerError, match="another alphabet"):
        open_scorer(GENUINE / name, alphabet)


@needs_genuine
def test_a_running_state_scores_as_deepspeech_does():
    """DeepSpeech feeds the last ``order`` words, from ``<s>`` only while there are fewer."""
    file = GENUINE / "deepspeech" / "pruned_lm.scorer"
    words = (GENUINE / "deepspeech" / "vocab.pruned.txt").read_text().split()
    language = open_scorer(file, ENGLISH).language
    data = map_file(file)
    tables = open_tables(data, read_package(data, file.name).layout)
    dice = random.Random(7)
    checked = 0
    for _ in range(200):
        state, sentence = language.start(), []
        for word in dice.choices([w for w in words[:400] if language.knows(w)], k=9):
            sentence.append(word)
            window = sentence[-language.order :]
            history = b""
            for part in window if len(window) == language.order else ["<s>", *window]:
                (expected,), (history,) = tables.score([history], tables.numbers([part]))
            scores, after = language.score([state], [word])
            assert scores[0] == pytest.approx(expected * LN_10, abs=1e-5)
            state, checked = int(after[0]), checked + 1
    assert checked == 1800


@needs_genuine
def test_genuine_scores_are_those_of_the_library():
    """A sentence of the 4-gram scorer, as KenLM's own library scores it."""
    language = open_scorer(GENUINE / "deepspeech" / "pruned_lm.scorer", ENGLISH).language
    state, found = language.start(), []
    for word in GREAT_DEAL:
        scores, after = language.score([state], [word])
        found.append(float(scores[0] / LN_10))
        state = int(after[0])
    assert found == pytest.approx(list(GREAT_DEAL.values()), abs=1e-6)


@needs_genuine
def test_only_the_needed_parts_of_a_large_scorer_are_read(tmp_path):
    """The map stays a map: arrays are views, whatever the size of the file."""
    file = GENUINE / "deepspeech" / "pruned_lm.scorer"
    data = map_file(file)
    assert isinstance(data, np.memmap)
    found = read_package(data, file.name)
    assert np.shares_memory(found.lexicon.arc_label, data)
    assert found.layout.counts == (3543, 13119, 17076, 17231)
