"""What goes over the WebSockets: every message that the server sends, as a model and as JSON.

    event ──message_of──► ServerMessage ──encode──► text ──parse_message──► ServerMessage

No I/O. What clients send is in :mod:`stt_service.server.commands`. Fields may be added within a
version, and clients skip fields and types that they do not know; anything else makes a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from stt_service import events
from stt_service.errors import SttError
from stt_service.listener.api import State

VERSION = 1
"""Of the protocol; in ``hello``, and in the path of every address."""


class ProtocolError(SttError):
    """A message is not what the protocol allows."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class WordBody(_Message):
    """One word."""

    word: str
    start: float = Field(description="Seconds on the source's clock.")
    end: float = Field(description="Seconds on the source's clock.")
    confidence: float = Field(description="0 to 1, calibrated.")


class AlternativeBody(_Message):
    """Another thing that may have been said."""

    text: str
    confidence: float


class FaultBody(_Message):
    """Something that does not work, and is being retried."""

    code: str = Field(description="Stable, for programs: microphone-lost, model, overflow...")
    message: str
    remedy: str = ""


class StateBody(_Message):
    """What is the case now."""

    ready: bool = Field(description="What is said now would be recognised, were it not muted.")
    source: str
    muted: bool
    mute_reasons: tuple[str, ...]
    speaking: bool
    faults: tuple[FaultBody, ...]
    model: str | None
    scorer: str | None
    engine: str | None


class Hello(_Message):
    """The first message of every connection."""

    type: Literal["hello"] = "hello"
    version: int = VERSION
    server: str = Field(description="Name and version of the program.")
    session: str = Field(description="Id of this connection.")
    kinds: tuple[str, ...] = Field(description="Kinds of events that will come.")
    may: tuple[str, ...] = Field(description="Commands that this client may send.")
    state: StateBody


class Ready(_Message):
    """Whether what is said would be recognised. Follows hello, then comes when it changes."""

    type: Literal["ready"] = "ready"
    ready: bool
    source: str
    model: str | None


class _Speech(_Message):
    type: str
    utterance: str = Field(description="Id, the same in all messages of one utterance.")
    text: str = ""
    confidence: float | None = Field(
        default=None, description="0 to 1, calibrated; null until the end."
    )
    words: tuple[WordBody, ...] = ()
    start: float = Field(description="Seconds on the source's clock.")
    end: float = Field(description="Seconds on the source's clock.")


class SpeechStarted(_Speech):
    """Somebody has begun to speak. Exactly one final or rejected follows."""

    type: Literal["speech_started"] = "speech_started"


class Partial(_Speech):
    """What has been heard so far; sent when it has changed."""

    type: Literal["partial"] = "partial"
    stable: str = Field(description="Whole words at the head of text that will not change.")


class _Result(_Speech):
    alternatives: tuple[AlternativeBody, ...] = ()
    intent: str | None = Field(default=None, description="With phrases: the intent that matched.")
    slots: Mapping[str, str] = Field(default_factory=dict)
    model: str = ""
    scorer: str | None = None
    engine: str = ""


class Final(_Result):
    """What was said."""

    type: Literal["final"] = "final"


class Rejected(_Result):
    """Noise, a click, none of the phrases, or nothing at all: text is not vouched for."""

    type: Literal["rejected"] = "rejected"
    reason: str = Field(description="rejected, confidence, length, muted, silence or fault.")


class Wake(_Message):
    """The wake phrase was said: what follows is meant for the machine."""

    type: Literal["wake"] = "wake"
    phrase: str
    end: float = Field(description="Seconds on the source's clock.")


class Level(_Message):
    """How loud it is, a few times a second; only for those who ask for it."""

    type: Literal["level"] = "level"
    rms_db: float = Field(description="Decibels below full scale, -100 at least.")
    peak_db: float
    clipped: int = Field(description="Samples at full scale since the last level.")
    speech: bool


class Mute(_Message):
    """Whether the microphone is listened to."""

    type: Literal["mute"] = "mute"
    muted: bool
    reasons: tuple[str, ...]


class FaultMessage(_Message):
    """Something does not work; it is being retried."""

    type: Literal["fault"] = "fault"
    code: str = Field(description="Stable, for programs: microphone-lost, model, overflow...")
    message: str
    remedy: str = ""


class Recovered(_Message):
    """What did not work works again."""

    type: Literal["recovered"] = "recovered"
    code: str = Field(description="That of the fault.")
    message: str


class Done(_Message):
    """A command has been carried out, or the audio is recognised to its end."""

    type: Literal["done"] = "done"
    id: str | None = Field(default=None, description="That of the command.")


class Pong(_Message):
    """The answer to a ping."""

    type: Literal["pong"] = "pong"
    id: str | None = None


class ErrorMessage(_Message):
    """A command was refused, or the connection is about to be closed for this."""

    type: Literal["error"] = "error"
    id: str | None = None
    code: str = Field(description="bad-message, forbidden, refused, busy, rate, audio, too-much.")
    message: str
    remedy: str = ""


EventMessage = (
    Ready
    | SpeechStarted
    | Partial
    | Final
    | Rejected
    | Wake
    | Level
    | Mute
    | FaultMessage
    | Recovered
)
ServerMessage = Hello | EventMessage | Done | Pong | ErrorMessage

KINDS: dict[str, type[events.LiveEvent]] = {
    "ready": events.ReadyChanged,
    "speech_started": events.UtteranceStarted,
    "partial": events.UtterancePartial,
    "final": events.UtteranceFinal,
    "rejected": events.UtteranceRejected,
    "wake": events.WakeHeard,
    "level": events.Level,
    "mute": events.MuteChanged,
    "fault": events.Fault,
    "recovered": events.Recovered,
}
"""Kinds that a client may choose."""
DEFAULT_KINDS = tuple(kind for kind in KINDS if kind != "level")
"""Levels are many, and only meters want them."""

_ANY: TypeAdapter[ServerMessage] = TypeAdapter(
    Annotated[ServerMessage, Field(discriminator="type")]
)


def message_of(event: events.LiveEvent) -> EventMessage:  # noqa: C901, PLR0911 -- one for each kind
    """Return what is sent for an event."""
    match event:
        case events.UtteranceStarted(utterance, start):
            return SpeechStarted(utterance=utterance, start=start, end=start)
        case events.UtterancePartial(utterance, partial, end, start):
            return Partial(
                utterance=utterance, text=partial.text, stable=partial.stable, start=start, end=end
            )
        case events.UtteranceFinal(utterance, transcript):
            return Final(utterance=utterance, **_result(transcript))
        case events.UtteranceRejected(utterance, transcript, reason):
            return Rejected(utterance=utterance, reason=reason, **_result(transcript))
        case events.WakeHeard(phrase, end):
            return Wake(phrase=phrase, end=end)
        case events.Level(rms_db, peak_db, clipped, speech):
            return Level(
                rms_db=round(rms_db, 1), peak_db=round(peak_db, 1), clipped=clipped, speech=speech
            )
        case events.MuteChanged(muted, reasons):
            return Mute(muted=muted, reasons=reasons)
        case events.Fault(code, message, remedy):
            return FaultMessage(code=code, message=message, remedy=remedy)
        case events.Recovered(code, message):
            return Recovered(code=code, message=message)
        case events.ReadyChanged(ready, source, model):
            return Ready(ready=ready, source=source, model=model)


def _result(transcript: events.Transcript) -> dict[str, Any]:
    return {
        "text": transcript.text,
        "confidence": transcript.confidence,
        "words": tuple(
            WordBody(word=word.word, start=word.start, end=word.end, confidence=word.confidence)
            for word in transcript.words
        ),
        "alternatives": tuple(
            AlternativeBody(text=other.text, confidence=other.confidence)
            for other in transcript.alternatives
        ),
        "start": transcript.start,
        "end": transcript.end,
        "intent": transcript.intent,
        "slots": dict(transcript.slots),
        "model": transcript.model,
        "scorer": transcript.scorer,
        "engine": transcript.engine,
    }


def state_of(state: State) -> StateBody:
    """Return what a client is told of the listener."""
    return StateBody(
        ready=state.ready,
        source=state.source,
        muted=state.muted,
        mute_reasons=state.mute_reasons,
        speaking=state.speaking,
        faults=tuple(
            FaultBody(code=fault.code, message=fault.message, remedy=fault.remedy)
            for fault in state.faults
        ),
        model=state.model.id if state.model is not None else None,
        scorer=state.scorer,
        engine=state.engine,
    )


def encode(message: ServerMessage) -> str:
    """Return a message as it is sent: JSON on one line."""
    return message.model_dump_json()


def parse_message(text: str | bytes) -> ServerMessage | None:
    """Read what a server has sent; None for a type that this version does not know.

    Raises :exc:`ProtocolError` for what is no message.
    """
    try:
        return _ANY.validate_json(text)
    except ValidationError as error:
        kinds = {one["type"] for one in error.errors(include_url=False, include_input=False)}
        if kinds == {"union_tag_invalid"}:
            return None
        raise ProtocolError(
            f"the server has sent what is no message: {first_mistake(error)}",
            "Is it an stt-service of the same age?",
        ) from error


def first_mistake(error: ValidationError) -> str:
    """Say in a few words what pydantic found first."""
    one = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in one["loc"])
    return f"{place}: {one['msg']}" if place else one["msg"]


def schema() -> dict[str, Any]:
    """Return the JSON schema of everything that the server sends."""
    return _ANY.json_schema(mode="serialization")
