"""Which held-out clips have a say in how a model is decoded."""

import numpy as np
import pytest

pytest.importorskip("torch")

from stt_service.decoder.results import Result
from training.prepare import Clip
from training.tune import FEWEST, Heard, error_rate


def heard(name: str, count: int) -> list[Heard]:
    """Clips of a set in which one word is said."""
    clip = Clip(name, "a.opus", "x", "yes", "dev", 0, 16_000, 0, 16_000)
    return [Heard(clip, np.zeros((0, 29), np.float32))] * count


def results(wrong: int, right: int) -> list[Result]:
    texts = ["no"] * wrong + ["yes"] * right
    return [Result(text, 1.0, (), (), rejected=False) for text in texts]


def test_each_set_counts_alike():
    """However many clips it has: half of one wrong and none of a larger one is a quarter."""
    clips = heard("small", FEWEST) + heard("large", 4 * FEWEST)
    found = results(FEWEST // 2, FEWEST // 2) + results(0, 4 * FEWEST)
    assert error_rate(found, clips) == 0.25


def test_sets_of_a_few_clips_have_no_say():
    """One clip more or less of them would outvote a whole set."""
    clips = heard("few", FEWEST - 1) + heard("enough", FEWEST)
    assert error_rate(results(FEWEST - 1, FEWEST), clips) == 0


def test_where_all_sets_are_small_all_count():
    assert error_rate(results(1, 3), heard("few", 2) + heard("fewer", 2)) == 0.25
