"""The three modes: what leaves a gate and what does not."""

from __future__ import annotations

from stt_service.events import (
    Alternative,
    Heard,
    LiveEvent,
    Partial,
    Transcript,
    UtteranceFinal,
    UtterancePartial,
    UtteranceRejected,
    UtteranceStarted,
    WakeHeard,
    Word,
)
from stt_service.listener.gate import Gate, Open, PushToTalk, WakePhrase


def transcript(text: str, start: float = 0.0) -> Transcript:
    """A word a second."""
    words = tuple(Word(w, start + i, start + i + 1, 0.9) for i, w in enumerate(text.split()))
    return Transcript(
        text=text,
        confidence=0.9,
        words=words,
        alternatives=(Alternative(text, 0.9), Alternative(f"{text} or so", 0.2)),
        rejected=False,
        start=start,
        end=start + len(words),
        model="m",
        scorer=None,
        engine="e",
    )


def started(name: str, start: float = 0.0) -> UtteranceStarted:
    return UtteranceStarted(name, start)


def final(name: str, text: str, start: float = 0.0) -> UtteranceFinal:
    return UtteranceFinal(name, transcript(text, start))


def rejected(name: str, text: str = "") -> UtteranceRejected:
    return UtteranceRejected(name, transcript(text), "rejected")


def partial(name: str, text: str, stable: str) -> UtterancePartial:
    return UtterancePartial(name, Partial(text, stable), 1.0)


def all_of(gate: Gate, *heard: Heard) -> list[LiveEvent]:
    return [event for one in heard for event in gate.admit(one)]


def wake() -> WakePhrase:
    """Two phrases, one the beginning of the other; 5 s after them, 3 s after an order."""
    return WakePhrase(["hey", "hey computer"], 5.0, 3.0)


def test_an_open_gate_lets_everything_pass() -> None:
    """Whatever is ordered."""
    gate = Open()
    gate.listen(0.0)
    heard = (started("a"), partial("a", "x", ""), final("a", "x"), rejected("b"))
    assert all_of(gate, *heard) == list(heard)
    assert gate.advance(100.0, speaking=False) is None
    assert not gate.deaf


def test_push_to_talk_is_deaf_until_it_is_pressed() -> None:
    """And again after one utterance."""
    gate = PushToTalk(3.0)
    assert gate.deaf
    assert all_of(gate, started("a"), final("a", "x")) == []
    gate.listen(0.0)
    assert not gate.deaf
    heard = (started("b"), final("b", "y"))
    assert all_of(gate, *heard) == list(heard)
    assert gate.deaf


def test_a_press_that_nobody_follows_is_over_in_time() -> None:
    """Who has begun to speak may finish; noise that was rejected leaves the time as it is."""
    gate = PushToTalk(3.0)
    gate.listen(1.0)
    assert all_of(gate, started("a"), rejected("a")) == [started("a"), rejected("a")]
    assert gate.advance(3.9, speaking=False) is None
    assert gate.advance(4.0, speaking=True) is None
    assert gate.advance(4.1, speaking=False) == 1.0
    assert gate.deaf
    assert gate.advance(9.0, speaking=False) is None


def test_nothing_leaves_before_the_wake_phrase() -> None:
    """Neither words, nor that somebody speaks, nor what was rejected."""
    gate = wake()
    heard = (
        started("a"),
        partial("a", "some secret", "some"),
        final("a", "some secret hey computer"),
        started("b"),
        rejected("b", "hey computer"),
    )
    assert all_of(gate, *heard) == []
    assert not gate.deaf


def test_the_phrase_alone_opens_the_gate_for_a_while() -> None:
    """The next utterance passes whole, the one after it does not."""
    gate = wake()
    assert all_of(gate, started("a"), final("a", "hey computer")) == [
        WakeHeard("hey computer", 2.0)
    ]
    heard = (started("b", 3.0), partial("b", "lights", ""), final("b", "lights on", 3.0))
    assert all_of(gate, *heard) == list(heard)
    assert all_of(gate, started("c"), final("c", "secret")) == []


def test_the_gate_closes_when_nobody_goes_on() -> None:
    """The time counts from the end of the utterance with the phrase."""
    gate = wake()
    all_of(gate, started("a"), final("a", "hey"))
    assert gate.advance(5.9, speaking=False) is None
    assert gate.advance(6.0, speaking=False) == 1.0
    assert all_of(gate, started("b"), final("b", "secret")) == []


def test_what_is_said_in_one_breath_counts() -> None:
    """Without the phrase, in alternatives too; the longest phrase is taken off."""
    gate = wake()
    events = all_of(gate, started("a"), final("a", "hey computer lights on"))
    assert events[:2] == [WakeHeard("hey computer", 2.0), started("a")]
    last = events[2]
    assert isinstance(last, UtteranceFinal)
    found = last.transcript
    assert (found.text, [word.word for word in found.words]) == ("lights on", ["lights", "on"])
    assert [one.text for one in found.alternatives] == ["lights on", "lights on or so"]
    assert found.words[0].start == 2.0
    assert all_of(gate, started("b"), final("b", "secret")) == []


def test_partials_after_the_phrase_pass_at_once() -> None:
    """As soon as the phrase is certain; started comes before them."""
    gate = wake()
    assert all_of(gate, started("a"), partial("a", "hey computer", "hey")) == []
    assert all_of(gate, partial("a", "hey you", "hey you")) == [
        WakeHeard("hey", 1.0),
        started("a"),
        partial("a", "you", "you"),
    ]
    gate = wake()
    assert all_of(gate, started("a"), partial("a", "hey computer", "hey computer")) == [
        WakeHeard("hey computer", 1.0)
    ]
    assert all_of(gate, partial("a", "hey computer lights", "hey computer")) == [
        started("a"),
        partial("a", "lights", ""),
    ]
    (last,) = all_of(gate, final("a", "hey computer lights"))
    assert isinstance(last, UtteranceFinal)
    assert last.transcript.text == "lights"


def test_a_started_utterance_is_always_ended() -> None:
    """Even when what follows the phrase is rejected in the end."""
    gate = wake()
    all_of(gate, started("a"), partial("a", "hey computer lights", "hey computer"))
    (last,) = all_of(gate, rejected("a", "hey computer lights"))
    assert isinstance(last, UtteranceRejected)
    assert (last.utterance, last.transcript.text) == ("a", "lights")


def test_an_order_opens_the_gate_without_a_phrase() -> None:
    """For a shorter time: nobody has to take a breath."""
    gate = wake()
    gate.listen(0.0)
    heard = (started("a"), final("a", "lights on"))
    assert all_of(gate, *heard) == list(heard)
    gate.listen(10.0)
    assert gate.advance(13.0, speaking=False) == 10.0
