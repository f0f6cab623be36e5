"""What is never saved, whatever was agreed to: numbers spoken digit by digit, names, quiet hours.

They look at the text that was recognised and at its alternatives. What was misheard in all of them
passes: the filters make accidents rarer, and reviewing is what rules them out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time

from stt_service.errors import ConfigError
from stt_service.events import Transcript

DIGITS = frozenset(
    (
        "zero",
        "oh",
        "o",
        "nought",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
    )
)
"""English words that numbers are spelt out with: a run may be a PIN, a card, a telephone."""
REPEATS = frozenset(("double", "triple"))
"""Do not end a run: "double seven"."""
_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """A time of day, from its begin to before its end, over midnight too."""

    begin: time
    end: time

    def hold(self, now: time) -> bool:
        """Return whether a time lies within."""
        if self.begin <= self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end


def parse_hours(text: str, key: str) -> Hours:
    """Return the hours that ``22:00-07:00`` names. Raises :exc:`ConfigError` naming the key."""
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{key}: {text!r} is no time of day", "Write 22:00-07:00")
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    return Hours(time(from_hour, from_minute), time(to_hour, to_minute))


@dataclass(frozen=True, slots=True)
class Rules:
    """What is dropped instead of saved."""

    quiet: tuple[Hours, ...] = ()
    """Of the local time; nothing is saved then."""
    digits: int = 0
    """Length of a run of spoken digits that is not saved, 0 to save all."""
    names: tuple[str, ...] = ()
    """Words, or several in a row, in any case."""

    def quiet_now(self, now: datetime) -> bool:
        """Return whether a local time lies within quiet hours."""
        return any(hours.hold(now.time()) for hours in self.quiet)

    def drop(self, transcript: Transcript) -> str | None:
        """Return why an utterance is not to be saved: ``digits`` or ``names``, else None."""
        for text in (transcript.text, *(one.text for one in transcript.alternatives)):
            words = _words(text)
            if self.digits and longest_run(words) >= self.digits:
                return "digits"
            if any(_within(_words(name), words) for name in self.names):
                return "names"
        return None


def longest_run(words: Iterable[str]) -> int:
    """Return the length of the longest run of digits, spoken or written, in them."""
    longest = run = 0
    for word in words:
        if word in DIGITS:
            run += 1
        elif word.isdecimal():
            run += len(word)
        elif word not in REPEATS:
            run = 0
        longest = max(longest, run)
    return longest


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.casefold())


def _within(name: list[str], words: list[str]) -> bool:
    return bool(name) and any(window == name for window in _windows(words, len(name)))


def _windows(words: list[str], length: int) -> Iterator[list[str]]:
    return (words[start : start + length] for start in range(len(words) - length + 1))
