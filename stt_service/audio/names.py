"""The name of a source in, what it means out: ``microphone:USB``, ``wav:FILE``, ``cmd:COMMAND``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from stt_service.errors import ConfigError

FORMS = "microphone, microphone:NAME, wav:FILE, cmd:COMMAND and stdin"
MAX_LENGTH = 4096
"""Characters; Linux takes no longer path."""
DEFAULT_MICROPHONE = "default"
"""Stands for the system's default capture device."""


@dataclass(frozen=True, slots=True)
class MicrophoneName:
    """A capture device."""

    wanted: str = DEFAULT_MICROPHONE
    """An index, a USB id ``vendor:product``, a part of the name, or ``default``."""


@dataclass(frozen=True, slots=True)
class FileName:
    """A recording that plays the microphone."""

    path: Path


@dataclass(frozen=True, slots=True)
class CommandName:
    """A program that records to its standard output."""

    command: tuple[str, ...]
    """Program and arguments; no shell sees them."""


@dataclass(frozen=True, slots=True)
class StdinName:
    """Standard input."""

    kind: Literal["stdin"] = "stdin"


SourceName: TypeAlias = MicrophoneName | FileName | CommandName | StdinName


def parse_source(text: str) -> SourceName:
    """Return what ``text`` names. Raises :exc:`ConfigError` saying what it should be."""
    if len(text) > MAX_LENGTH or "\0" in text:
        raise ConfigError("the source's name is too long, or holds a zero byte")
    kind, colon, rest = text.strip().partition(":")
    rest = rest.strip()
    if kind == "microphone":
        if colon and not rest:
            raise ConfigError(
                f"the source {text!r} names no microphone",
                "`stt-service devices` lists them; `microphone` alone is the default one",
            )
        return MicrophoneName(rest or DEFAULT_MICROPHONE)
    if kind == "stdin" and not colon:
        return StdinName()
    if kind == "wav" and rest:
        return FileName(Path(rest))
    if kind == "cmd" and rest:
        return CommandName(_command(text, rest))
    raise ConfigError(f"there is no source {text!r}", f"There are {FORMS}")


def _command(text: str, rest: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(rest))
    except ValueError as error:
        raise ConfigError(
            f"the source {text!r} is no command: {str(error).lower()}", "Close what is quoted"
        ) from error
    if not words or not words[0]:
        raise ConfigError(f"the source {text!r} names no program", f"There are {FORMS}")
    return words
