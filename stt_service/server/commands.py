"""What clients send: every command, as a model, read from outside and therefore bounded."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from stt_service.listener.api import Wishes
from stt_service.server.messages import KINDS, ProtocolError, first_mistake

MAX_TEXT = 256 * 1024
"""Characters of a command: phrase files of 10,000 sentences fit, and parsing one takes 1 ms."""
MAX_NAME = 200
"""Characters of an id or a reason: shown on pages, stored with the mute state."""
MAX_HOT_WORDS = 1000
"""As in the settings; more belong into a phrase file."""

_T = TypeVar("_T")
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f]*$")]
Boost = Annotated[float, Field(ge=-100, le=100)]
HotWords = Annotated[dict[Name, Boost], Field(max_length=MAX_HOT_WORDS)]
Kind = Literal[
    "ready",
    "speech_started",
    "partial",
    "final",
    "rejected",
    "wake",
    "level",
    "mute",
    "fault",
    "recovered",
]


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    id: Name | None = Field(default=None, description="Comes back in the answer.")


class MuteCommand(_Command):
    """Stop listening until the reason is taken away. Survives a restart of the daemon."""

    type: Literal["mute"]
    reason: Name = "client"


class UnmuteCommand(_Command):
    """Take one reason away, or all of them."""

    type: Literal["unmute"]
    reason: Name | None = None


class PauseCommand(_Command):
    """Do not listen while something speaks: until ``resume``, the time, or this client's end."""

    type: Literal["pause"]
    seconds: Annotated[float, Field(gt=0, le=3600)] | None = None


class ResumeCommand(_Command):
    """End the pause of this client."""

    type: Literal["resume"]


class ListenCommand(_Command):
    """Push to talk: the next utterance counts."""

    type: Literal["listen"]


class PingCommand(_Command):
    """Ask for a pong."""

    type: Literal["ping"]


class SubscribeCommand(_Command):
    """Choose the kinds of events that come from now on."""

    type: Literal["subscribe"]
    kinds: Annotated[list[Kind], Field(max_length=len(KINDS))]


class SetPhrasesCommand(_Command):
    """Listen at the microphone for these phrases from the next utterance on."""

    type: Literal["set-phrases"]
    phrases: Annotated[str, Field(max_length=MAX_TEXT)] | None = Field(
        description="A phrase file's content, names of the library parted by commas, or null."
    )
    mode: Literal["strict", "bias"] = "strict"


class SetHotWordsCommand(_Command):
    """Boost these words at the microphone from the next utterance on."""

    type: Literal["set-hot-words"]
    hot_words: HotWords = Field(description="Word or phrase to boost, natural-log units.")


class StartCommand(_Command):
    """First message of /v1/recognize: what the audio is, and what is wanted of it."""

    type: Literal["start"]
    rate: Annotated[int, Field(ge=8_000, le=192_000)] | None = Field(
        default=None, description="Hertz of raw audio; null where a WAV header comes first."
    )
    encoding: Literal["s16le", "u8", "s24le", "s32le", "f32le", "f64le"] = "s16le"
    channels: Annotated[int, Field(ge=1, le=8)] = 1
    phrases: Annotated[str, Field(max_length=MAX_TEXT)] | None = Field(
        default=None,
        description="A phrase file's content, or names of the library parted by commas.",
    )
    phrases_mode: Literal["strict", "bias"] = "strict"
    hot_words: HotWords = Field(default_factory=dict)
    alternatives: Annotated[int, Field(ge=1, le=100)] = 1
    endpoints: bool = Field(default=True, description="Cut into utterances where nobody speaks.")

    def wishes(self) -> Wishes:
        """Return what is wanted of recognition."""
        return Wishes(
            phrases=self.phrases,
            phrases_mode=self.phrases_mode,
            hot_words=self.hot_words,
            alternatives=self.alternatives,
            endpoints=self.endpoints,
        )


class EndCommand(_Command):
    """Last message of /v1/recognize: the audio is over."""

    type: Literal["end"]


Command = (
    MuteCommand
    | UnmuteCommand
    | PauseCommand
    | ResumeCommand
    | ListenCommand
    | PingCommand
    | SubscribeCommand
    | SetPhrasesCommand
    | SetHotWordsCommand
)
"""Of /v1/transcripts."""
AudioCommand = StartCommand | EndCommand | PingCommand
"""Of /v1/recognize, beside binary messages of audio."""

FREE = ("ping", "subscribe")
"""Commands that change nothing but this connection."""
CONTROLLING = (
    "mute", "unmute", "pause", "resume", "listen", "set-phrases", "set-hot-words"
)  # fmt: skip
"""Commands that change what is heard, for everybody."""

_COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])
_AUDIO: TypeAdapter[AudioCommand] = TypeAdapter(
    Annotated[AudioCommand, Field(discriminator="type")]
)


def parse_command(text: str) -> Command:
    """Read a command of /v1/transcripts. Raises :exc:`ProtocolError`."""
    return _parse(_COMMAND, text)


def parse_audio_command(text: str) -> AudioCommand:
    """Read a text message of /v1/recognize. Raises :exc:`ProtocolError`."""
    return _parse(_AUDIO, text)


def encode(command: Command | AudioCommand) -> str:
    """Return a command as it is sent."""
    return command.model_dump_json(exclude_none=True)


def _parse(adapter: TypeAdapter[_T], text: str) -> _T:
    if len(text) > MAX_TEXT:
        raise ProtocolError(f"a message has at most {MAX_TEXT} characters")
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        raise ProtocolError(first_mistake(error), "docs/protocol.md lists all commands") from error


def schema() -> dict[str, Any]:
    """Return the JSON schema of everything that clients send."""
    both: TypeAdapter[Any] = TypeAdapter(
        Annotated[Command | StartCommand | EndCommand, Field(discriminator="type")]
    )
    return both.json_schema()
