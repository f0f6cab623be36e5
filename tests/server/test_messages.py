"""The wire codec: every event, every command, and what is neither."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service import events
from stt_service.server import commands, messages
from stt_service.server.messages import ProtocolError
from tests.fakes_server import final

SAMPLES: list[events.LiveEvent] = [
    events.ReadyChanged(ready=True, source="microphone", model="m"),
    events.UtteranceStarted("1", 0.5),
    events.UtterancePartial("1", events.Partial("turn on", "turn"), 1.0, 0.5),
    final(),
    events.UtteranceRejected("1", final().transcript, "confidence"),
    events.WakeHeard("hey computer", 1.5),
    events.Level(-20.04, -3.0, 2, speech=True),
    events.MuteChanged(muted=True, reasons=("page",)),
    events.Fault("microphone-lost", "it is gone", "Plug it in"),
    events.Recovered("microphone-lost", "it is back"),
]


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_every_event_survives_the_way(event: events.LiveEvent) -> None:
    """What is read is what was sent, and its type leads."""
    message = messages.message_of(event)
    text = messages.encode(message)
    assert messages.parse_message(text) == message
    assert next(iter(json.loads(text))) == "type"
    assert messages.KINDS[message.type] is type(event)


def test_every_kind_has_a_sample() -> None:
    """A new kind of event comes with a test."""
    assert {type(event) for event in SAMPLES} == set(messages.KINDS.values())


def test_speech_has_the_promised_fields() -> None:
    """All four kinds, so that a client need not ask which it is."""
    promised = {"type", "utterance", "text", "confidence", "words", "start", "end"}
    for event in SAMPLES[1:5]:
        assert promised <= set(json.loads(messages.encode(messages.message_of(event))))


def test_unknown_types_and_fields_are_skipped() -> None:
    """So that a newer daemon may say more."""
    assert messages.parse_message('{"type": "smell", "of": "roses"}') is None
    assert messages.parse_message('{"type": "done", "new": 1}') == messages.Done()


@given(st.text() | st.binary())
def test_rubbish_from_a_server_is_refused(data: str | bytes) -> None:
    """With our own error, whatever it is."""
    try:
        messages.parse_message(data)
    except ProtocolError:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
TYPES = st.sampled_from((*commands.FREE, *commands.CONTROLLING, "start", "end", "x"))
FIELDS = st.sampled_from(
    ("id", "reason", "seconds", "kinds", "phrases", "hot_words", "mode", "rate")
)


@given(st.builds(lambda kind, more: json.dumps({**more, "type": kind}), TYPES,
                 st.dictionaries(FIELDS, JSON)) | st.text())  # fmt: skip
def test_rubbish_from_a_client_is_refused(text: str) -> None:
    """A command or our own error; a command survives the way back."""
    for parse in (commands.parse_command, commands.parse_audio_command):
        try:
            command = parse(text)
        except ProtocolError:
            continue
        assert parse(commands.encode(command)) == command


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "mute", "reason": ""}',
        '{"type": "mute", "reason": "a\\nb"}',
        '{"type": "mute", "more": 1}',
        '{"type": "pause", "seconds": 0}',
        '{"type": "pause", "seconds": NaN}',
        '{"type": "set-hot-words", "hot_words": {"a": 1e9}}',
        '{"type": "subscribe", "kinds": ["smell"]}',
        '{"type": "ping", "id": 5}',
        f'{{"type": "set-phrases", "phrases": "{"a" * (commands.MAX_TEXT + 1)}"}}',
    ],
)
def test_wrong_commands_are_refused(text: str) -> None:
    """Everything from outside is bounded."""
    with pytest.raises(ProtocolError):
        commands.parse_command(text)
