"""The backlog as a specification: what waits, what is dropped, what is counted."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.audio.backlog import Backlog

ROOM = 10
"""Samples: at 10 Hz one second, so that hypothesis fills it soon."""


def numbered(start: int, count: int) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.int16)


def backlog() -> Backlog:
    return Backlog(10, seconds=1.0)


def test_blocks_come_out_as_they_went_in() -> None:
    """In order, each as it was put."""
    waiting = backlog()
    waiting.put(numbered(0, 3))
    waiting.put(numbered(3, 2))
    assert [waiting.get(0).tolist(), waiting.get(0).tolist()] == [[0, 1, 2], [3, 4]]
    assert waiting.get(0) is None
    assert (waiting.dropped, waiting.clock, waiting.ended) == (0, 5, False)


@given(st.lists(st.one_of(st.integers(0, 25), st.just("get"), st.just("clear")), max_size=60))
def test_the_newest_second_is_what_waits(steps: list[int | str]) -> None:
    """However it is fed, what can be got are the last samples put, and the rest is counted."""
    waiting = backlog()
    put, model, dropped = 0, [], 0
    for step in steps:
        if step == "get":
            block = waiting.get(0)
            assert (block is None) == (not model)
            if block is not None:
                assert block.tolist() == model[: len(block)]
                assert len(block) > 0
                model = model[len(block) :]
        elif step == "clear":
            waiting.clear()
            model = []
        else:
            waiting.put(numbered(put, step))
            model += range(put, put + step)
            put += step
            lost = max(0, len(model) - ROOM)
            model, dropped = model[lost:], dropped + lost
        assert waiting.dropped == dropped
        assert waiting.waiting == len(model) / 10
        assert waiting.clock == put - len(model)


def test_the_clock_shows_where_samples_are_missing() -> None:
    """A step larger than the block that was got is the gap before it."""
    waiting = backlog()
    waiting.put(numbered(0, 4))
    waiting.get(0)
    before = waiting.clock
    waiting.put(numbered(4, 14))
    block = waiting.get(0)
    assert waiting.clock - before - len(block) == waiting.dropped == 4


def test_the_end_comes_after_the_last_block() -> None:
    """What waits can still be got; then there is nothing, at once and for ever."""
    waiting = backlog()
    waiting.put(numbered(0, 3))
    waiting.end()
    assert not waiting.ended
    assert len(waiting.get()) == 3
    assert waiting.get() is None
    assert waiting.ended
    with pytest.raises(ValueError, match="ended"):
        waiting.put(numbered(0, 1))


@pytest.mark.parametrize("wake", [lambda it: it.put(numbered(0, 3)), Backlog.end])
def test_whoever_waits_is_woken(wake) -> None:
    """By audio and by its end."""
    waiting = backlog()
    got = []
    thread = threading.Thread(target=lambda: got.append(waiting.get()), daemon=True)
    thread.start()
    wake(waiting)
    thread.join(10)
    assert len(got) == 1


def test_one_condition_serves_several_queues() -> None:
    """A thread with its own condition is told of audio in any of them."""
    changed = threading.Condition()
    first, second = (Backlog(10, changed=changed) for _ in range(2))
    with changed:
        threading.Thread(target=second.put, args=(numbered(0, 3),), daemon=True).start()
        assert changed.wait_for(lambda: first.waiting or second.waiting, 10)
    assert first.get(0) is None
    assert len(second.get(0)) == 3


def test_nothing_is_lost_between_two_threads() -> None:
    """Every sample is got or counted as dropped, in order."""
    waiting = Backlog(1000, seconds=0.5)
    got: list[np.ndarray] = []

    def take() -> None:
        while not waiting.ended:
            block = waiting.get(1)
            if block is not None:
                got.append(block)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    for start in range(0, 20_000, 50):
        waiting.put(numbered(start, 50))
    waiting.end()
    thread.join(10)
    values = np.concatenate(got)
    assert (np.diff(values) > 0).all()
    assert len(values) + waiting.dropped == 20_000 == waiting.clock


def test_a_source_that_can_wait_loses_nothing() -> None:
    """It is let in as soon as there is room, and let go when the backlog ends."""
    waiting = backlog()

    def feed() -> None:
        for start in range(0, 500, 7):
            waiting.put_in_turn(numbered(start, 7))
        waiting.put_in_turn(numbered(0, 25))  # more than there will ever be room for
        waiting.put_in_turn(numbered(0, 7))  # waits until the end

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    got = []
    while len(got) < 504:
        got += waiting.get(10).tolist()
    assert got == list(range(504))
    assert len(waiting.get(10)) == 25
    waiting.end()
    thread.join(10)
    assert not thread.is_alive()
    assert waiting.dropped == 0
