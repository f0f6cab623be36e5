"""Who is held out, what counts how much, and what can be spelled."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from stt_service.errors import DatasetError
from training.manifest import (
    WORDS_PER_TRANSCRIPT,
    Entry,
    clean,
    clip_weights,
    held_out_speakers,
    read_sets,
)


def entries(set_: str, speakers: list[str]) -> list[Entry]:
    """One clip per speaker."""
    return [Entry(set_, Path(f"{s}.wav"), s, "yes", 1.0) for s in speakers]


def test_the_same_speakers_are_held_out_at_every_run() -> None:
    """The choice hangs on names, not on order or chance."""
    names = [f"speaker{i}" for i in range(40)]
    chosen = held_out_speakers(entries("a", names))
    assert len(chosen) == 2
    assert held_out_speakers(entries("a", names[::-1])) == chosen


def test_a_held_out_speaker_is_held_out_of_every_set() -> None:
    """Speakers recur across sets; no clip of theirs may be trained on."""
    many = entries("many", [f"s{i}" for i in range(30)])
    few = entries("few", ["s1", "s2", "s3"])
    chosen = held_out_speakers(many + few)
    assert chosen == held_out_speakers(many)


def test_sets_of_few_or_unnamed_speakers_give_none_away() -> None:
    """One voice of three would be missed; unnamed voices cannot be told apart."""
    assert not held_out_speakers(entries("few", ["a", "b", "c"]))
    assert not held_out_speakers(entries("unnamed", ["unknown", "unknown_a"] * 9))


def test_synthetic_voices_are_held_out_where_they_were_left_out_only() -> None:
    """No trained voice's persona is a stranger; all voices never trained on are."""
    names = [f"flite_slt_{i}" for i in range(40)]
    strangers = ["espeak_ng_en_us_steph_0", "festival_ked_diphone_0"]
    trained = entries("synthetic_words", names)
    assert not held_out_speakers(trained)
    assert held_out_speakers(trained + entries("synthetic_left_out", strangers)) == set(strangers)


def test_one_whole_digit_speaker_is_held_out(speech: Path) -> None:
    """Of the four speakers of digits exactly one is kept for validation."""
    real = read_sets(speech / "train")
    digits = {e.speaker for e in real if e.set == "fsdd"}
    assert len(digits & held_out_speakers(real)) == 1


def test_often_repeated_words_weigh_less() -> None:
    """A word with many clips counts as often as the limit says, others fully."""
    count = 4 * WORDS_PER_TRANSCRIPT
    weights = clip_weights(["a"] * (count + 1), ["go"] * count + ["stop"])
    assert weights[0] == 0.25
    assert weights[-1] == 1.0


def test_transcripts_are_spelled_in_the_alphabet_or_refused() -> None:
    """Letter case, hyphens and typographic apostrophes are mended; the rest is left out."""
    assert clean("  It\N{RIGHT SINGLE QUOTATION MARK}s  Well-known ") == "it's well known"
    assert clean("route 66") is None
    assert clean("caf\N{LATIN SMALL LETTER E WITH ACUTE}") is None
    assert clean("") is None


def test_a_folder_without_manifests_is_refused(tmp_path: Path) -> None:
    """A wrong path says so instead of training on nothing."""
    with pytest.raises(DatasetError, match=r"manifest\.csv"):
        read_sets(tmp_path)
