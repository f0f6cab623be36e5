"""The arithmetic of a Raspberry Pi: counts from graphs, and what is predicted from them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from bench.boards import A53, BOARDS
from bench.operations import Matrix, Work, work

pytest.importorskip("torch", reason="the models to reckon with are made by training")
from bench.pi import INSTRUCTIONS, Subject, deepspeech, run, seconds

BUNDLED = Path(__file__).parents[1] / "models/stt-en-small.tflite"
SMALL = Work((Matrix(1000, 1, 16_000), Matrix(3000, 16, 48_000)), 3.125)


def test_the_bundled_model_does_what_its_graph_says() -> None:
    """Every weight is there; each frame multiplies each weight once."""
    found = work(BUNDLED)
    assert found.runs == pytest.approx(3.125)
    assert 0.9 * BUNDLED.stat().st_size < found.size < BUNDLED.stat().st_size
    layer_1 = 19 * 26 * 768  # weights, of four bytes
    assert found.macs == pytest.approx(50 * (found.size - 3 * layer_1))
    assert found.touched > found.runs * found.size


def test_the_official_model_has_the_size_of_its_file() -> None:
    """47,331,784 bytes, of which all but a few are weights."""
    found = deepspeech()
    assert 0.995 < found.size / 47_331_784 < 1.0
    assert found.macs == pytest.approx(50 * found.size)


@pytest.mark.parametrize(
    ("cache", "fetched"),
    [(4000, 0), (3999, 3.125 * 4000), (3000, 3.125 * 4000), (2999, 3.125 * 49_000), (0, 153_125)],
)
def test_what_stays_in_the_cache_is_not_fetched(cache: int, fetched: float) -> None:
    """All of it; else one matrix while it is used; else nothing."""
    assert SMALL.fetched(cache) == fetched


def test_a_quicker_board_is_not_slower() -> None:
    """Whatever the model."""
    for model in (Subject("stt-en-small", SMALL, None), Subject("2048 wide", deepspeech(), None)):
        times = [seconds(model, board) for board in BOARDS]
        assert all(least <= most for least, most in times)
        assert all(a >= b for a, b in pairwise([least for least, _ in times[-3:]]))


def test_every_board_says_where_its_figures_are_from() -> None:
    """Nobody has to believe them."""
    assert all("github" in board.source or "#" in board.source for board in BOARDS)
    assert A53.slow < A53.quick


@pytest.mark.usefixtures("shared")
def test_all_models_but_the_genuine_one_are_predicted() -> None:
    """And that one, which is not always there, ends nothing."""
    tables = {title: rows for title, _, rows in run()}
    named = {str(row[0]) for row in tables["Operations"]}
    assert {row[0] for row in tables["PREDICTED real-time factor, one core"]} == (
        named - {"buddybot, 200 wide"}
    )


def test_instructions_were_counted() -> None:
    """Fewer where one instruction multiplies sixteen pairs of bytes."""
    for plain, dot in INSTRUCTIONS.values():
        assert 0 < dot < plain
