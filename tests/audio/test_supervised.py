"""A source that is opened again whenever it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from stt_service.audio.api import AudioFormat, AudioSource, Block
from stt_service.audio.outage import Event
from stt_service.audio.resample import mono_blocks
from stt_service.audio.supervised import SupervisedSource
from stt_service.errors import AudioError, DeviceBusyError, DeviceLostError
from stt_service.events import Fault, Recovered

RATE = 8000
SECOND = np.ones((RATE, 1), np.int16)

pytestmark = pytest.mark.timeout(60)


class FakeMicrophone(AudioSource):
    """Delivers the given blocks, then fails as it is told, or ends."""

    live = True

    def __init__(
        self,
        blocks: list[Block],
        failure: AudioError | None,
        *,
        rate: int = RATE,
        channels: int = 1,
        losing: int = 0,
    ) -> None:
        self.format = AudioFormat(rate, channels, "fake")
        self._losing = losing
        self._blocks = blocks
        self._failure = failure
        self.closed = threading.Event()

    def blocks(self) -> Iterator[Block]:
        for block in self._blocks:
            self.overflows += self._losing
            yield block
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self.closed.set()


class Shelf:
    """Hands out what lies on it, one for each opening; at the end it closes the source."""

    def __init__(self, *things: FakeMicrophone | AudioError) -> None:
        self.things = list(things)
        self.opened: list[FakeMicrophone] = []
        self.events: list[Event] = []

    def supervise(self, **options: object) -> list[np.ndarray]:
        source = SupervisedSource("the mike", self.take, RATE, report=self.events.append, **options)
        self.finish: Callable[[], None] = source.close
        assert (source.format.rate, source.format.channels, source.live) == (RATE, 1, True)
        blocks = list(source.blocks())
        self.overflows = source.overflows
        return blocks

    def take(self) -> FakeMicrophone:
        if not self.things:
            self.finish()
            raise DeviceLostError("nothing left")
        thing = self.things.pop(0)
        if isinstance(thing, AudioError):
            raise thing
        self.opened.append(thing)
        return thing

    @property
    def said(self) -> list[tuple[type, str]]:
        return [(type(event), event.code) for event in self.events]


def test_what_breaks_off_is_opened_again() -> None:
    """Each is closed; what both gave comes in a row; one fault, one recovery."""
    gone = DeviceLostError("gone")
    shelf = Shelf(FakeMicrophone([SECOND], gone), gone, FakeMicrophone([2 * SECOND], gone))
    blocks = shelf.supervise()
    assert np.concatenate(blocks).tolist() == [1] * RATE + [2] * RATE
    assert all(source.closed.is_set() for source in shelf.opened)
    assert shelf.said[:2] == [(Fault, "microphone-lost"), (Recovered, "microphone-lost")]


def test_none_at_the_start_is_a_fault_like_any_other() -> None:
    """The reason comes from whoever could not open it."""
    shelf = Shelf(DeviceBusyError("held by arecord", "end it"), FakeMicrophone([SECOND], None))
    shelf.supervise()
    assert shelf.events[0] == Fault("microphone-busy", "held by arecord", "end it")
    assert shelf.said[1] == (Recovered, "microphone-busy")


def test_an_end_is_a_failure_too() -> None:
    """A recorder that has nothing more to say is started again."""
    shelf = Shelf(FakeMicrophone([SECOND], None))
    shelf.supervise()
    assert isinstance(shelf.events[0], Fault)
    assert shelf.events[0].message == "fake has ended"


def test_the_one_that_comes_back_may_have_another_rate() -> None:
    """The blocks' rate stays; channels are picked or mixed."""
    gone = DeviceLostError("gone")
    stereo = np.tile(np.array([[100, 300]], np.int16), (2 * RATE, 1))
    shelf = Shelf(
        FakeMicrophone([SECOND], gone),
        FakeMicrophone([stereo], gone, rate=2 * RATE, channels=2),
    )
    heard = np.concatenate(shelf.supervise())
    assert abs(len(heard) - 2 * RATE) < RATE / 10
    assert heard[-RATE // 2] == pytest.approx(200, abs=2)


def test_a_channel_is_picked_once() -> None:
    """Whoever listens may name it again: what comes out is that channel alone."""
    stereo = np.tile(np.array([[100, 300]], np.int16), (RATE, 1))
    shelf = Shelf(FakeMicrophone([stereo], None, channels=2))
    source = SupervisedSource("the mike", shelf.take, RATE, report=shelf.events.append, channel=1)
    shelf.finish = source.close
    heard = np.concatenate(list(mono_blocks(source, RATE, channel=1)))
    assert heard.tolist() == [300] * RATE


def test_zeros_for_too_long_have_it_opened_again() -> None:
    """And they are told apart from a microphone that has gone."""
    silent = FakeMicrophone([0 * SECOND] * 5, DeviceLostError("never reached"))
    shelf = Shelf(silent, FakeMicrophone([SECOND], None))
    shelf.supervise(silent_after=2.0)
    assert shelf.said[:2] == [(Fault, "microphone-silent"), (Recovered, "microphone-silent")]
    assert silent.closed.is_set()


def test_overflows_are_counted_over_all_openings() -> None:
    """For metrics."""
    first = FakeMicrophone([SECOND] * 2, None, losing=1)
    shelf = Shelf(first, FakeMicrophone([SECOND], None, losing=1))
    shelf.supervise()
    assert shelf.overflows == 3
    assert shelf.said[0] == (Fault, "overflow")


def test_something_plugged_in_ends_the_wait() -> None:
    """Nobody who plugs a microphone in waits for a timer."""
    gone = DeviceLostError("gone")
    looks = iter(range(1000))
    begin = time.monotonic()
    shelf = Shelf(*[gone] * 8)
    shelf.supervise(plugged=lambda: next(looks))
    assert time.monotonic() - begin < 8  # 2 in truth; 13.75 without
    assert shelf.said == [(Fault, "microphone-lost")]


def test_closing_ends_it_wherever_it_is() -> None:
    """While it waits for a microphone that does not come."""
    waiting = threading.Event()

    def missing() -> AudioSource:
        waiting.set()
        raise DeviceLostError("there is none")

    source = SupervisedSource("the mike", missing, RATE, report=lambda _event: None)
    thread = threading.Thread(target=lambda: list(source.blocks()), daemon=True)
    thread.start()
    assert waiting.wait(10)
    source.close()
    thread.join(10)
    assert not thread.is_alive()
