"""Reference and recognised text in, word and character error rates out.

A page instead of a dependency: the default installation stays small, and the figure is the
same (``tests/test_wer.py`` compares with jiwer).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stt_service.errors import SttError

_NOT_SPOKEN = re.compile(r"[^\w'\s]|_")


@dataclass(frozen=True, slots=True)
class Errors:
    """Edits between what was said and what was recognised; they add up."""

    edits: int
    """Insertions, deletions and substitutions."""
    length: int
    """Units of the reference."""

    def __add__(self, other: Errors) -> Errors:
        return Errors(self.edits + other.edits, self.length + other.length)

    @property
    def rate(self) -> float:
        """Edits for each unit of the reference; infinite where it is empty and the other is not."""
        if self.length == 0:
            return float("inf") if self.edits else 0.0
        return self.edits / self.length


def normalise(text: str) -> str:
    """Lower the case, drop punctuation but apostrophes, leave single spaces."""
    return " ".join(
        _NOT_SPOKEN.sub(" ", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")).split()
    )


def word_errors(reference: str, recognised: str) -> Errors:
    """Compare two normalised texts word by word."""
    words = reference.split()
    return Errors(_distance(words, recognised.split()), len(words))


def letter_errors(reference: str, recognised: str) -> Errors:
    """Compare two normalised texts letter by letter, spaces included."""
    return Errors(_distance(reference, recognised), len(reference))


def _distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Return Levenshtein's distance, a row of its table at a time."""
    codes: dict[str, int] = {}
    left, right = (
        np.array([codes.setdefault(unit, len(codes)) for unit in units], np.int32)
        for units in (a, b)
    )
    steps = np.arange(len(b) + 1, dtype=np.int32)
    row = steps
    for code in left:
        above = row + 1
        above[1:] = np.minimum(above[1:], row[:-1] + (right != code))
        # What remains are insertions, each one more than its left neighbour.
        row = np.minimum.accumulate(above - steps) + steps
    return int(row[-1])


def read_references(path: Path) -> dict[Path, str]:
    """Return the normalised transcript of each recording, by its absolute path.

    Paths in the file count from its folder. Raises :exc:`SttError` naming file and line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = {"path", "transcript"} - set(rows.fieldnames or ())
            if missing:
                raise SttError(
                    f"{path} has no column {' and no column '.join(sorted(missing))}",
                    "Its first line must name the columns path and transcript",
                )
            references: dict[Path, str] = {}
            for row in rows:
                if not row["path"] or row["transcript"] is None:
                    raise SttError(f"{path}, line {rows.line_num}: no path or no transcript")
                references[(path.parent / row["path"]).resolve()] = normalise(row["transcript"])
    except OSError as error:
        raise SttError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SttError(f"{path} is no CSV file in UTF-8: {error}") from error
    if not references:
        raise SttError(f"{path} names no recordings", "Write a line for each below the first")
    return references
