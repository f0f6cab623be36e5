"""The microphone's way from samples to events, exact to the sample."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.engine.api import Samples, StreamOptions
from stt_service.errors import EngineError
from stt_service.events import (
    Level,
    LiveEvent,
    UtteranceFinal,
    UtterancePartial,
    UtteranceRejected,
    UtteranceStarted,
)
from stt_service.hearing import Hearing, Judge
from stt_service.listener.ear import Ear
from stt_service.listener.gate import Gate, Open, PushToTalk
from tests.fakes import FakeEngine, audio, fake_cutter

SENTENCE = audio(100, 50, 50)
"""A second of silence, half a second of sound, half a second of silence."""


def hearing(engine: FakeEngine | None = None, judge: Judge | None = None) -> Hearing:
    names = (str(number) for number in count(1))
    return Hearing(engine or FakeEngine(), StreamOptions(), ids=names, judge=judge)


def an_ear(gate: Gate | None = None) -> Ear:
    ear = Ear(100, fake_cutter(), gate or Open())
    ear.use(hearing())
    return ear


def take(ear: Ear, samples: Samples, *, begin: int = 0, block: int = 7) -> list[LiveEvent]:
    """Feed in blocks from sample ``begin`` of the source's clock; levels are left out."""
    events: list[LiveEvent] = []
    for at in range(0, len(samples), block):
        part = samples[at : at + block]
        events += ear.take(part, begin + at + len(part))
    return [event for event in events if not isinstance(event, Level)]


def summary(events: list[LiveEvent]) -> list[tuple[str, str, float]]:
    """Kind, id and time of starts and ends."""
    found = []
    for event in events:
        if isinstance(event, UtteranceStarted):
            found.append(("started", event.utterance, event.start))
        elif isinstance(event, UtteranceFinal):
            found.append(("final", event.utterance, event.transcript.end))
        elif isinstance(event, UtteranceRejected):
            found.append((event.reason, event.utterance, event.transcript.end))
    return [(kind, name, round(time, 6)) for kind, name, time in found]


def test_times_are_those_of_the_source() -> None:
    """Words and utterances, of the second utterance too."""
    ear = an_ear()
    events = take(ear, np.concatenate((SENTENCE, SENTENCE)))
    assert summary(events) == [
        ("started", "1", 0.95),
        ("final", "1", 1.55),
        ("started", "2", 2.95),
        ("final", "2", 3.55),
    ]
    finals = [event for event in events if isinstance(event, UtteranceFinal)]
    words = [word for event in finals for word in event.transcript.words]
    assert [(round(w.start, 6), round(w.end, 6)) for w in words] == [(1.0, 1.5), (3.0, 3.5)]


@given(st.integers(1, 200))
def test_blocks_of_any_size_say_the_same(block: int) -> None:
    """Only partials are as many as there are looks."""
    samples = np.concatenate((SENTENCE, SENTENCE))
    assert summary(take(an_ear(), samples, block=block)) == summary(take(an_ear(), samples))


def test_partials_come_every_tenth_of_a_second_and_only_when_changed() -> None:
    """Two sounds are two words; in between nothing changes."""
    events = take(an_ear(), audio(100, 50, 10, 50, 50), block=1)
    partials = [event for event in events if isinstance(event, UtterancePartial)]
    assert [p.partial.text for p in partials] == ["loud", "loud loud"]
    assert partials[0].end == pytest.approx(1.05)


def test_audio_before_the_first_block_is_a_gap_too() -> None:
    """The source may have been running before."""
    assert summary(take(an_ear(), SENTENCE, begin=1000)) == [
        ("started", "1", 10.95),
        ("final", "1", 11.55),
    ]


def test_a_gap_ends_the_utterance_and_times_go_on() -> None:
    """What was dropped is neither glued over nor forgotten."""
    ear = an_ear()
    events = take(ear, audio(100, 50))
    events += take(ear, audio(0, 50, 50), begin=400)
    assert summary(events) == [
        ("started", "1", 0.95),
        ("final", "1", 1.5),
        ("started", "2", 4.0),
        ("final", "2", 4.55),
    ]


def test_skipped_audio_is_heard_by_nobody_and_its_time_passes() -> None:
    """Neither at its beginning nor at its end."""
    ear = an_ear()
    events = take(ear, audio(100, 50))
    events += ear.drop("muted")
    ear.skip(300)
    events += take(ear, audio(100, 50, 50), begin=300)
    assert summary(events) == [
        ("started", "1", 0.95),
        ("muted", "1", 1.5),
        ("started", "2", 3.95),
        ("final", "2", 4.55),
    ]


def test_nothing_is_recognised_without_a_model_but_levels_come() -> None:
    """The meter helps to find out what is wrong."""
    ear = Ear(100, fake_cutter(), Open())
    events = list(ear.take(SENTENCE, 200))
    assert {type(event) for event in events} == {Level}
    assert len(events) == 8


def test_levels_know_of_speech() -> None:
    """Four a second."""
    events = list(an_ear().take(audio(0, 50, 50), 100))
    assert len([event for event in events if isinstance(event, Level)]) == 4


def test_push_to_talk_hears_what_was_said_while_the_button_went_down() -> None:
    """Half a second of it, with the right times; then it is deaf again."""
    ear = an_ear(PushToTalk(5.0))
    assert take(ear, audio(100, 30)) == []
    ear.listen()
    events = take(ear, audio(0, 30, 100, 50, 100), begin=130)
    assert summary(events) == [("started", "1", 0.95), ("final", "1", 1.65)]
    ear.listen()
    events = take(ear, audio(100, 50, 100), begin=410)
    assert summary(events) == [("started", "2", 5.05), ("final", "2", 5.65)]


def test_a_press_without_speech_is_answered() -> None:
    """Clients show that somebody listens: they must learn that it is over."""
    ear = an_ear(PushToTalk(2.0))
    take(ear, audio(100))
    ear.listen()
    events = take(ear, audio(300), begin=100, block=10)
    assert summary(events) == [("started", "1", 1.0), ("silence", "1", 3.0)]


def test_a_failing_engine_leaves_an_ended_utterance() -> None:
    """Exactly one end follows each start."""
    ear = an_ear()
    events = take(ear, audio(100, 50))
    bad = np.full(50, FakeEngine.poison, np.int16)
    with pytest.raises(EngineError):
        take(ear, bad, begin=150)
    events += ear.drop("fault")
    assert [one[0] for one in summary(events)] == ["started", "fault"]
    assert not ear.speaking


def test_another_engine_takes_over_without_losing_a_frame() -> None:
    """In the middle of the sound that makes a start: its beginning is not lost."""
    ear = an_ear()
    take(ear, audio(100, 7), block=1)
    ear.use(hearing())
    events = take(ear, audio(0, 43, 50), begin=107, block=1)
    assert summary(events) == [("started", "1", 0.95), ("final", "1", 1.55)]


def test_the_judge_rejects_what_is_unsure_or_too_short() -> None:
    """The fake is a quarter sure of each word."""
    for judge, reason in (
        (Judge(0.3), "confidence"),
        (Judge(0, 0.6), "length"),
        (Judge(), "final"),
    ):
        ear = Ear(100, fake_cutter(), Open())
        ear.use(hearing(judge=judge))
        assert summary(take(ear, SENTENCE))[1] == (reason, "1", 1.55)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 90)), max_size=8), st.integers(1, 60))
def test_every_start_has_one_end(stretches: list[tuple[int, int]], block: int) -> None:
    """Whatever is heard, in whatever blocks, however it is cut off."""
    ear = an_ear()
    lengths = [length for pair in stretches for length in pair] or [10]
    events = take(ear, audio(*lengths), block=block)
    events += [event for event in ear.cut() if not isinstance(event, Level)]
    kinds = [one[:2] for one in summary(events)]
    begun = [name for kind, name in kinds if kind == "started"]
    over = [name for kind, name in kinds if kind != "started"]
    assert begun == over
