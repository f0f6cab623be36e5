"""What a phrase file says, whatever its format: the values that readers hand to the compiler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stt_service.errors import PhrasesError

MAX_FILE_BYTES = 8 * 2**20
"""Bytes of one phrase file; 100,000 sentences take about 4 MiB."""
MAX_TEMPLATES = 100_000
"""Sentences or templates of one grammar."""
MAX_TEMPLATE_LETTERS = 10_000
"""Characters of one template; the longest in Home Assistant's own files has about 500."""
MAX_NUMBER = 999_999_999
"""Largest number of a range, either side of zero."""
MAX_RANGE = 10_000
"""Numbers of one range; each is spelled out for every template that names it."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a list."""

    text: str
    """What is said, itself a template."""
    out: str | None
    """What the slot receives; None takes the words as they were said."""


@dataclass(frozen=True, slots=True)
class Range:
    """A list of numbers."""

    start: int
    stop: int
    """The last number, included."""
    step: int = 1
    fractions: tuple[str, ...] = ()
    """Decimal digits that may follow each whole number: ("5",) for halves."""
    multiplier: float | None = None
    """The slot receives the number times this."""

    def check(self, place: str) -> None:
        """Raise :exc:`PhrasesError` for a range that is empty or too long to be spelled out."""
        if self.step < 1 or self.stop < self.start:
            raise PhrasesError(
                f"{place} runs from {self.start} to {self.stop} by {self.step}",
                "'to' must not lie below 'from' and 'step' must be at least 1",
            )
        if max(abs(self.start), abs(self.stop), self.step) > MAX_NUMBER:
            raise PhrasesError(
                f"{place} has numbers beyond {MAX_NUMBER}", "Nobody says such numbers; narrow it"
            )
        numbers = (self.stop - self.start) // self.step + 1
        if numbers * (1 + len(self.fractions)) > MAX_RANGE:
            raise PhrasesError(
                f"{place} has more than {MAX_RANGE} numbers", "Narrow it, or take a larger step"
            )


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A list that stands for any words at all."""


ListSpec = tuple[Value, ...] | Range | Wildcard


@dataclass(frozen=True)
class Scope:
    """The lists and rules that a template may name."""

    lists: Mapping[str, ListSpec] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Template:
    """One sentence template, or one plain sentence."""

    text: str
    intent: str
    place: str
    """File and line or key, for messages."""
    scope: Scope
    slots: Mapping[str, str] = field(default_factory=dict)
    """Slots that every sentence of this template has."""


@dataclass(frozen=True)
class PhraseBook:
    """One phrase file or folder."""

    id: str
    language: str
    templates: tuple[Template, ...]
    """In file order: of two that match one sentence, the first counts."""
    skip_words: tuple[str, ...] = ()
    """Words that may precede or follow any sentence."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A sentence and what a phrase file says that it means."""

    sentence: str
    intent: str | None
    """None: it must be none of the phrases."""
    slots: Mapping[str, str]
    place: str
    """File and key, for messages."""


def join(books: Sequence[PhraseBook]) -> PhraseBook:
    """Make one book of several: all their templates in order, each with its own lists and rules.

    Words that may surround the sentences of one may surround those of all. Raises
    :exc:`PhrasesError` when they are of different languages, or too many together.
    """
    if len(books) == 1:
        return books[0]
    name = "+".join(book.id for book in books)
    languages = {book.language for book in books}
    if len(languages) > 1:
        raise PhrasesError(
            f"{name} are of different languages: {', '.join(sorted(languages))}",
            "Number words and signs are read in one language; name files of one",
        )
    templates = tuple(template for book in books for template in book.templates)
    if len(templates) > MAX_TEMPLATES:
        raise PhrasesError(
            f"{name} have {len(templates)} sentences, at most {MAX_TEMPLATES} are taken",
            "Name fewer files",
        )
    skipped = dict.fromkeys(word for book in books for word in book.skip_words)
    return PhraseBook(name, books[0].language, templates, tuple(skipped))
