"""What is said and ordered when a microphone fails, as a specification."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.audio.outage import (
    BUSY,
    CALM_SECONDS,
    EARLY_WAIT,
    LATE_WAIT,
    LOST,
    OVERFLOW,
    SILENT,
    Outage,
    Step,
)
from stt_service.errors import AudioError, DeviceBusyError, DeviceLostError
from stt_service.events import Fault, Recovered

RATE = 100
GONE = DeviceLostError("the cable is out", "Plug it in")
BLOCK = 10
"""Samples: a tenth of a second."""


def outage(silent_after: float = 0.0) -> Outage:
    return Outage("the mike", RATE, silent_after=silent_after)


def said(steps: list[Step]) -> list[tuple[type, str]]:
    return [(type(event), event.code) for step in steps for event in step.events]


def hear(it: Outage, seconds: float, *, zeros: bool = False, overflows: int = 0) -> list[Step]:
    counts = [overflows] + [0] * (round(seconds * RATE / BLOCK) - 1)
    return [it.heard(BLOCK, zeros=zeros, overflows=count) for count in counts]


def test_a_failure_is_told_once_however_often_it_is_tried() -> None:
    """With the reason and the remedy of the first."""
    it = outage()
    steps = [it.failed(GONE) for _ in range(20)]
    assert [event for step in steps for event in step.events] == [
        Fault(LOST, "the cable is out", "Plug it in")
    ]


def test_waits_double_and_are_longer_once_it_takes_long() -> None:
    """Quick while somebody is plugging it in, patient overnight, and never for ever."""
    it = outage()
    waits = [it.failed(GONE).wait for _ in range(400)]
    assert waits[:5] == [0.25, 0.5, 1.0, 2.0, 2.0]
    assert waits[100] == EARLY_WAIT
    assert waits[-1] == LATE_WAIT


def test_something_plugged_in_makes_it_quick_again() -> None:
    """The next attempts come at once."""
    it = outage()
    for _ in range(400):
        it.failed(GONE)
    it.plugged()
    assert it.failed(GONE).wait == 0.25


def test_it_is_back_when_it_delivers_for_a_while() -> None:
    """One block could be the last gasp."""
    it = outage()
    it.failed(GONE)
    assert said(hear(it, 0.4)) == []
    it.failed(GONE)
    steps = hear(it, 2)
    assert said(steps) == [(Recovered, LOST)]
    assert steps[4].events == (Recovered(LOST, "the mike is there again"),)


def test_another_reason_ends_the_first() -> None:
    """At most one failure of delivery stands at a time."""
    it = outage()
    steps = [it.failed(GONE), it.failed(DeviceBusyError("held by arecord")), it.failed(GONE)]
    assert said(steps) == [
        (Fault, LOST),
        (Recovered, LOST),
        (Fault, BUSY),
        (Recovered, BUSY),
        (Fault, LOST),
    ]


def test_a_wrong_channel_counts_as_lost() -> None:
    """Whatever else keeps it from being used is told in its own words."""
    (event,) = outage().failed(AudioError("no channel 7", "take 0")).events
    assert event == Fault(LOST, "no channel 7", "take 0")


def test_zeros_are_silence_only_after_their_time() -> None:
    """Told once; reopened then, and again after twice the time, until it is heard."""
    it = outage(silent_after=3.0)
    steps = hear(it, 40, zeros=True)
    assert said(steps) == [(Fault, SILENT)]
    assert [i * BLOCK / RATE for i, step in enumerate(steps, 1) if step.reopen] == [3.0, 9.0, 21.0]
    assert said(hear(it, 1)) == [(Recovered, SILENT)]
    assert sum(step.reopen for step in hear(it, 3, zeros=True)) == 1


def test_zeros_may_be_let_pass() -> None:
    """Some microphones send them whenever nobody speaks."""
    assert said(hear(outage(silent_after=0.0), 5000, zeros=True)) == []


def test_a_lost_microphone_is_back_even_with_zeros() -> None:
    """It is there; that it is silent is another matter."""
    it = outage(silent_after=3.0)
    it.failed(GONE)
    assert said(hear(it, 4, zeros=True)) == [(Recovered, LOST), (Fault, SILENT)]


def test_overflows_are_told_once_and_are_over_after_a_calm_minute() -> None:
    """They never stop anything."""
    it = outage()
    steps = hear(it, 1, overflows=2) + hear(it, 30, overflows=1) + hear(it, CALM_SECONDS)
    assert said(steps) == [(Fault, OVERFLOW), (Recovered, OVERFLOW)]
    assert not any(step.reopen or step.wait for step in steps)
    assert [event.message for step in steps for event in step.events][1].endswith("3 times in all")


STEPS = st.one_of(
    st.sampled_from([GONE, DeviceBusyError("held"), AudioError("odd")]),
    st.tuples(st.integers(1, 2000), st.booleans(), st.integers(0, 2)),
)


@pytest.mark.parametrize("silent_after", [0.0, 3.0])
@given(steps=st.lists(STEPS, max_size=60))
def test_faults_and_recoveries_alternate(silent_after: float, steps: list[object]) -> None:
    """Nothing recovers that had not failed, nothing fails twice, waits stay within bounds."""
    it = outage(silent_after)
    standing: set[str] = set()
    for step in steps:
        if isinstance(step, AudioError):
            result = it.failed(step)
            assert 0 < result.wait <= LATE_WAIT
        else:
            samples, zeros, overflows = step
            result = it.heard(samples, zeros=zeros, overflows=overflows)
        for event in result.events:
            if isinstance(event, Fault):
                assert event.code not in standing
                standing.add(event.code)
            else:
                standing.remove(event.code)
        assert len(standing - {OVERFLOW}) <= 1
