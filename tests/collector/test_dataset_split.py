"""Which speakers are tested on: for ever the same ones."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stt_service.collector.dataset_split import SPLITS, speaker_id, split_of

PSEUDONYMS = st.text("0123456789abcdef", min_size=32, max_size=32)


def test_splits_never_change() -> None:
    """Released datasets depend on these very ones."""
    speakers = [speaker_id(f"{number:032x}") for number in range(12)]
    assert speakers[0][:16] == "1a0139cdd0f7e6a3"
    assert [split_of(speaker) for speaker in speakers] == [
        "train",
        "test",
        "train",
        "train",
        "test",
        "train",
        "train",
        "train",
        "train",
        "train",
        "dev",
        "train",
    ]


@given(PSEUDONYMS)
def test_a_speaker_has_one_split_and_no_pseudonym(pseudonym: str) -> None:
    """What is published does not hold what the device is known by."""
    speaker = speaker_id(pseudonym)
    assert len(speaker) == 64
    assert pseudonym not in speaker
    assert split_of(speaker) in SPLITS


def test_shares() -> None:
    """Four fifths are trained on, a tenth each is kept for choosing and for testing."""
    counts = Counter(split_of(speaker_id(f"{number:032x}")) for number in range(10_000))
    assert abs(counts["test"] - 1000) < 100
    assert abs(counts["dev"] - 1000) < 100
