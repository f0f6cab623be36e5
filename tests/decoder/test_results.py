"""Words, times and n-best lists read from hypotheses."""

import numpy as np
import pytest

from stt_service.decoder.api import Hypothesis
from stt_service.decoder.confidence import Calibration
from stt_service.decoder.frames import FrameLog
from stt_service.decoder.results import Reader, split, text_of
from tests.decoder.kit import LETTERS, speak

STEP = 0.02


def hypothesis(text, frames, score=0.0, emission=-0.1):
    labels = tuple(LETTERS.encode(text))
    return Hypothesis(labels, tuple(frames), score, score, (emission,) * len(labels))


def reader(frames):
    log = FrameLog()
    log.append(frames)
    return Reader(LETTERS, STEP, Calibration(), log)


def frames_of(*outputs):
    """Frames in which one output each is nearly sure, '_' being blank."""
    rows = np.full((len(outputs), 5), 0.025, np.float32)
    codes = [LETTERS.blank if one == "_" else LETTERS.index[one] for one in outputs]
    rows[np.arange(len(outputs)), codes] = 0.9
    return rows


def test_words_are_cut_at_any_number_of_spaces():
    """Leading, trailing and doubled spaces make no empty words."""
    words = split(LETTERS, hypothesis("  ab  c ", range(8)))
    assert text_of(words) == "ab c"
    assert [word.frames for word in words] == [(2, 3), (6,)]
    assert [word.limit for word in words] == [4, 7]


@pytest.mark.parametrize(
    ("outputs", "text", "at", "end"),
    [
        ("_ab______", "ab", [1, 2], 5),  # the shortest letter: three frames
        ("_abbbbb__", "ab", [1, 2], 7),  # as long as it is the most probable
        ("_abb bb__", "ab b", [1, 2, 4, 5], 4),  # until the next label
        ("_ab", "ab", [1, 2], 3),  # and no longer than the audio
    ],
)
def test_a_word_ends_after_its_last_letter(outputs, text, at, end):
    """The last letter has a length of its own."""
    words, _, _ = reader(frames_of(*outputs)).read([hypothesis(text, at)], 1, len(outputs) * STEP)
    assert words[0].start == pytest.approx(1 * STEP)
    assert words[0].end == pytest.approx(end * STEP)


def test_one_text_spelled_by_two_paths_is_one_alternative():
    """Distinct texts only, each with the share of all its paths."""
    found = [
        hypothesis("ab", [1, 2], -1.0),
        hypothesis("ab ", [1, 2, 3], -1.2),
        hypothesis("b", [2], -2.0),
    ]
    _, alternatives, _ = reader(frames_of(*"_ab_")).read(found, 9, 0.08)
    assert [one.text for one in alternatives] == ["ab", "b"]
    assert alternatives[0].confidence > alternatives[1].confidence


def test_words_that_the_list_disputes_are_less_sure():
    """A word that all hypotheses share keeps its confidence, one that few have does not."""
    found = [hypothesis("ab c", [1, 2, 3, 5], -1.0), hypothesis("ab b", [1, 2, 3, 5], -1.0)]
    words, _, _ = reader(frames_of(*"_ab __c_")).read(found, 1, 1.0)
    assert words[0].confidence > words[1].confidence


def evidence(frames, *found):
    return reader(frames).read(found, 1, 1.0)[2]


def test_slack_counts_nats_per_label():
    """How far below the free path, by the longer of both spellings."""
    frames = speak(LETTERS, "abc", sure=0.9)
    free = float(np.log(0.9) * len(frames))
    assert evidence(frames, hypothesis("abc", [2, 5, 8], free)).slack == pytest.approx(0, abs=1e-3)
    assert evidence(frames, hypothesis("ab", [2, 5], free - 6)).slack == pytest.approx(2, abs=1e-3)


def test_agreement_is_the_share_of_labels_heard_anyway():
    """All of them; none; half of those of the longer spelling; near is near enough."""
    frames = frames_of(*"_a__b___")
    assert evidence(frames, hypothesis("ab", [1, 4])).agreement == 1.0
    assert evidence(frames, hypothesis("ab", [2, 7])).agreement == 1.0
    assert evidence(frames, hypothesis("cc", [1, 4])).agreement == 0.0
    assert evidence(frames, hypothesis("acbc", [1, 2, 4, 5])).agreement == pytest.approx(4 / 6)


def test_evidence_names_the_weakest_word_and_how_dense_the_text_is():
    """One word out of place is not made good by others."""
    labels = tuple(LETTERS.encode("ab c"))
    sure_then_not = Hypothesis(labels, (1, 2, 3, 6), 0.0, 0.0, (-0.1, -0.1, -0.1, -3.0))
    found = evidence(frames_of(*"_ab __c_"), sure_then_not)
    assert (found.weakest, found.labels) == (-3.0, 4)
    assert found.seconds == pytest.approx(6 * STEP)
    assert found.posterior == 1.0


def test_nothing_heard_is_no_evidence():
    """Neither for nor against."""
    assert evidence(frames_of(*"____"), hypothesis("", [])) is None


def test_frames_before_speech_do_not_weigh():
    """The search skips them, so the free path must not pay for them either."""
    silence = np.full((100, 5), 0.0002, np.float32)
    silence[:, -1] = 0.9992
    log = FrameLog()
    log.append(silence)
    log.append(frames_of(*"a"))
    best, loudest = log.read()
    assert best[:100].sum() == 0
    assert best[100] == pytest.approx(np.log(0.9))
    assert loudest.tolist() == [LETTERS.blank] * 100 + [LETTERS.index["a"]]
    assert log.frames == 101
