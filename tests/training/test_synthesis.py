"""Texts, voices, and sets of made-up speech."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("wordfreq", reason="training needs the extra 'train'")

from stt_service.errors import SttError
from training.manifest import clean, read_manifest
from training.synthesis import build, numbers, vocabulary
from training.synthesis.sound import finish, plausible
from training.synthesis.texts import Texts, read_sentences, use_of
from training.synthesis.voices import VOICES, Voice, personas, shares

KINDS = ("commands", "household", "joined", "sentences", "words", "spelling")

speaking = pytest.mark.skipif(
    not (shutil.which("espeak-ng") and shutil.which("flite")),
    reason="espeak-ng and flite are not installed",
)


@pytest.fixture
def texts(tmp_path: Path) -> Texts:
    """All kinds of text, with two sentences of a file."""
    path = tmp_path / "sentences.txt"
    path.write_text("Over the hills, and far away.\nWhere is it?\n", encoding="utf-8")
    return Texts(read_sentences(path))


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_drawn_can_be_spelled_and_spoken(texts: Texts, kind: str) -> None:
    """No bracket, slot, digit or foreign letter is left over."""
    for turn in range(600):
        line = texts.draw(kind, random.Random(turn), turn)
        assert clean(line.transcript) == line.transcript
        assert set(line.spoken.lower()) <= set("abcdefghijklmnopqrstuvwxyz' -.,?!")


def test_a_spelled_letter_a_is_spoken_by_its_name(texts: Texts) -> None:
    """Synthesisers say "a" like the article; the transcript has the letter."""
    lines = [texts.draw("spelling", random.Random(i), i) for i in range(400)]
    spelled = [line for line in lines if " a " in line.transcript]
    assert len(spelled) > 10
    assert all(line.spoken.split().count("a") == 0 for line in spelled)
    assert all("ay" in line.spoken for line in spelled)


def test_the_same_dice_draw_the_same_line(texts: Texts) -> None:
    """A set can be made again."""
    for kind in KINDS:
        first, second = (texts.draw(kind, random.Random(5), 3) for _ in range(2))
        assert first == second


def test_a_text_serves_for_one_use_only(texts: Texts) -> None:
    """What tests hear was never trained on; short commands belong to training."""
    uses = ("train", "dev", "test")
    drawn = {
        use: {texts.draw("commands", random.Random(i), i, use).transcript for i in range(150)}
        for use in uses
    }
    assert all(use_of(text) == use for use, lines in drawn.items() for text in lines)
    assert not drawn["train"] & drawn["test"]
    assert not drawn["dev"] & drawn["test"]
    assert use_of("stop") == use_of("turn it off") == "train"


def test_strings_of_words_leave_no_word_out() -> None:
    """Every word of the vocabulary takes its turn before one comes again."""
    every = vocabulary.words()
    assert len(every) == vocabulary.WORDS
    turns = vocabulary.WORDS // 4
    heard = [word for turn in range(turns) for word in vocabulary.in_turn(1, turn, 4)]
    assert sorted(heard) == sorted(every)


def test_words_are_words() -> None:
    """Neither digits nor abbreviations nor words that nobody wants to hear."""
    every = set(vocabulary.words())
    assert {"kitchen", "thermostat", "i'm", "oh"} <= every
    assert not every & {"bbc", "mr", "dr", "st", "00", "shit", "b"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (99, "ninety nine"),
        (305, "three hundred five"),
        (120000, "one hundred twenty thousand"),
    ],
)
def test_numbers_are_spelled_as_they_are_read(value: int, words: str) -> None:
    """Without "and", unless the speaker is British."""
    assert numbers.cardinal(value) == words
    assert numbers.cardinal(305, british=True) == "three hundred and five"


@pytest.mark.parametrize(
    ("value", "words"), [(1, "first"), (12, "twelfth"), (20, "twentieth"), (31, "thirty first")]
)
def test_places_are_spelled(value: int, words: str) -> None:
    """As in dates."""
    assert numbers.ordinal(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1066, "ten sixty six"),
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (2000, "two thousand"),
        (2009, "two thousand and nine"),
        (2024, "twenty twenty four"),
    ],
)
def test_years_are_spelled_as_they_are_said(value: int, words: str) -> None:
    """By hundreds, but for the first years of the millennium."""
    assert numbers.year(value) == words


def test_sentences_of_a_file_lose_punctuation_or_are_left_out(tmp_path: Path) -> None:
    """What cannot be spelled or is abbreviated, too short or too long, is not spoken."""
    path = tmp_path / "text.txt"
    content = "Where is it?\nIt's 5 o'clock.\nYes.\nWell, go on!\nAsk Mr. Smith.\n" + "a " * 40
    path.write_text(content, "utf-8")
    lines = read_sentences(path)
    assert [line.transcript for line in lines] == ["where is it", "well go on"]
    assert lines[1].spoken == "Well, go on!"


@speaking
def test_voices_left_out_are_never_personas_of_training() -> None:
    """Neither the voice nor another variant of it; at least one is not espeak-ng's."""
    trained = {person.voice for person in personas(left_out=False)}
    assert not any(voice.left_out for voice in trained)
    left_out = [voice for voice in VOICES if voice.left_out]
    assert {voice.engine for voice in left_out} == {"espeak-ng", "festival"}
    stems = {voice.name.split("+")[-1].rstrip("234") for voice in left_out}
    assert not stems & {voice.name.split("+")[-1].rstrip("234") for voice in trained}


@speaking
def test_voices_built_from_recordings_speak_most() -> None:
    """Formant synthesis is cheap and endless; it must not be the most of it."""
    people = personas(left_out=False)
    espeak = sum(
        share
        for person, share in zip(people, shares(people), strict=True)
        if person.voice.engine == "espeak-ng"
    )
    assert 0.3 < espeak / sum(shares(people)) < 0.65
    assert len({person.speaker for person in people}) == len(people)


def test_without_voices_the_packages_are_named() -> None:
    """The remedy is in the message."""
    with pytest.raises(SttError, match="apt-get install espeak-ng"):
        personas(left_out=False, voices=[Voice("festival", "nobody", 1.0, 1)])


def test_a_shorter_vocal_tract_raises_all_frequencies() -> None:
    """A tone at 1 kHz comes out at 1.2 kHz, and as much shorter; broken sound does not come out."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050).astype(np.float32)
    audio = finish(tone, 22050, 1.2)
    assert audio is not None
    assert len(audio) == pytest.approx(16000 / 1.2, abs=2)
    spectrum = np.abs(np.fft.rfft(audio))
    assert np.argmax(spectrum) * 16000 / len(audio) == pytest.approx(1200, abs=2)
    assert np.abs(audio).max() == pytest.approx(0.5)
    assert finish(np.zeros(22050, dtype=np.float32), 22050, 1.0) is None
    assert finish(tone[:2000], 22050, 1.0) is None


def test_speech_cut_off_or_read_as_something_else_is_noticed() -> None:
    """By its letters per second."""
    assert plausible("turn on the kitchen light", 1.6)
    assert plausible("a b c d e f g", 2.5)
    assert not plausible("turn on the kitchen light in the living room", 0.8)
    assert not plausible("turn on the kitchen light", 18.0)


@speaking
@pytest.mark.slow
def test_a_minute_of_speech_is_made_in_every_set(tmp_path: Path) -> None:
    """The sets are ones that ``prepare`` reads; made again, nothing is spoken twice."""
    recipes = [replace(recipe, clips=3) for recipe in build.RECIPES]
    written = build.synthesise(tmp_path, 0, seed=3, recipes=recipes, shard=3)
    assert list(written) == [recipe.folder for recipe in build.RECIPES]
    for folder in written:
        entries = read_manifest(tmp_path / folder)
        assert len(entries) == 3
        for entry in entries:
            audio, rate = soundfile.read(entry.path)
            assert rate == 16000
            assert len(audio) / rate == pytest.approx(entry.seconds, abs=0.01)
            assert entry.speaker_known
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}
    (tmp_path / "synthetic" / "synthetic_words" / "00000" / "clips.csv").unlink()
    build.synthesise(tmp_path, 0, seed=3, recipes=recipes, shard=3, jobs=2)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}
    assert before.keys() == after.keys()
    assert {p.parent.parent.name for p in before if before[p] != after[p]} == {"synthetic_words"}
