"""Recognitions in, lines of text, JSON, subtitles or NIST CTM out. Pure: no files, no options."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stt_service.events import Transcript, Word

if TYPE_CHECKING:
    from stt_service.transcriber import Recognition

MAX_CUE_WORDS = 10
"""Words of one subtitle: two short lines, as broadcasters advise."""
MAX_CUE_SECONDS = 6.0
"""A subtitle that stays longer is read twice."""
CUE_PAUSE = 0.8
"""Seconds of silence after which a new subtitle begins."""
TIME_DIGITS = 3
"""Decimals of seconds: milliseconds."""
SHARE_DIGITS = 4
"""Decimals of confidences."""

_BREAKING = ("Cc", "Zl", "Zp")
"""Unicode's categories of controls and of characters that end a line or a paragraph."""

SUFFIXES = {
    "text": ".txt",
    "json": ".json",
    "jsonl": ".jsonl",
    "srt": ".srt",
    "vtt": ".vtt",
    "ctm": ".ctm",
}
"""Format to the suffix of its files."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A recording that could not be transcribed."""

    file: str
    error: str
    """What went wrong and what to do about it."""


def one_line(text: str) -> str:
    """Return a name as one line of text: its line ends and other controls as Python escapes them.

    In a name that has any, a backslash is doubled, so that names stay apart.
    """
    if not any(unicodedata.category(letter) in _BREAKING for letter in text):
        return text
    return "".join(
        letter.encode("unicode_escape").decode()
        if letter == "\\" or unicodedata.category(letter) in _BREAKING
        else letter
        for letter in text
    )


def as_mapping(result: Recognition | Failure) -> dict[str, Any]:
    """Return what JSON says of one recording."""
    if isinstance(result, Failure):
        return {"file": result.file, "error": result.error}
    known = {"file": result.file, "duration": round(result.duration, TIME_DIGITS)}
    whole = _transcript(result.transcript)
    return (
        known
        | whole
        | {
            "cpu_seconds": round(result.cpu_seconds, TIME_DIGITS),
            "segments": [_segment(segment) for segment in result.segments],
        }
    )


def _transcript(transcript: Transcript) -> dict[str, Any]:
    fields = asdict(transcript)
    fields["confidence"] = round(transcript.confidence, SHARE_DIGITS)
    fields["slots"] = dict(transcript.slots)
    for word in fields["words"]:
        word["start"] = round(word["start"], TIME_DIGITS)
        word["end"] = round(word["end"], TIME_DIGITS)
        word["confidence"] = round(word["confidence"], SHARE_DIGITS)
    for alternative in fields["alternatives"]:
        alternative["confidence"] = round(alternative["confidence"], SHARE_DIGITS)
    del fields["start"], fields["end"]
    return fields


def _segment(transcript: Transcript) -> dict[str, Any]:
    """Return one utterance; its words stand in the recording's own list."""
    return {
        "start": round(transcript.start, TIME_DIGITS),
        "end": round(transcript.end, TIME_DIGITS),
        "text": transcript.text,
        "confidence": round(transcript.confidence, SHARE_DIGITS),
        "rejected": transcript.rejected,
        "intent": transcript.intent,
        "slots": dict(transcript.slots),
    }


def render(name: str, result: Recognition | Failure, *, first: bool, several: bool) -> str:
    """Return what one recording adds to the output, line ends included.

    ``first``: nothing has been written yet; ``several``: the output holds other recordings too,
    so that lines of text name theirs. Failures show in JSON only. :func:`ending` closes the output.
    """
    if name == "json":
        return ("[\n" if first else ",\n") + _dump(as_mapping(result))
    if name == "jsonl":
        return _dump(as_mapping(result)) + "\n"
    heading = "WEBVTT\n\n" if name == "vtt" and first else ""
    if isinstance(result, Failure):
        return heading
    if name == "text":
        lines = [segment.text for segment in result.segments] or [""]
        mark = f"{one_line(result.file)}\t" if several else ""
        return "".join(f"{mark}{line}\n" for line in lines)
    if name == "ctm":
        return "".join(_ctm(result.file, word) for word in result.transcript.words)
    cues = enumerate(_cues(result.segments), 1)
    return heading + "".join(_cue(words, i, comma=name == "srt") for i, words in cues)


def ending(name: str, *, empty: bool) -> str:
    """Return what closes the output."""
    if name == "json":
        return "[]\n" if empty else "\n]\n"
    return "WEBVTT\n" if name == "vtt" and empty else ""


def _dump(mapping: dict[str, Any]) -> str:
    text = json.dumps(mapping, ensure_ascii=False, allow_nan=False)
    # File names that are no UTF-8 hold lone surrogates; Python's escape for them is JSON's too.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _ctm(file: str, word: Word) -> str:
    # File and word are fields of a line that is split at spaces.
    name = "_".join(file.split())
    length = max(word.end - word.start, 0.0)
    return f"{name} 1 {word.start:.3f} {length:.3f} {word.word} {word.confidence:.3f}\n"


def _cues(segments: Sequence[Transcript]) -> Iterator[list[Word]]:
    for segment in segments:
        cue: list[Word] = []
        for word in segment.words:
            if cue and (
                len(cue) == MAX_CUE_WORDS
                or word.end - cue[0].start > MAX_CUE_SECONDS
                or word.start - cue[-1].end > CUE_PAUSE
            ):
                yield cue
                cue = []
            cue.append(word)
        if cue:
            yield cue


def _cue(words: Sequence[Word], number: int, *, comma: bool) -> str:
    start, end = _clock(words[0].start, comma=comma), _clock(words[-1].end, comma=comma)
    head = f"{number}\n" if comma else ""
    return f"{head}{start} --> {end}\n{' '.join(word.word for word in words)}\n\n"


def _clock(seconds: float, *, comma: bool) -> str:
    thousandths = round(seconds * 1000)
    minutes, thousandths = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    mark = "," if comma else "."
    return f"{hours:02}:{minutes:02}:{thousandths // 1000:02}{mark}{thousandths % 1000:03}"
