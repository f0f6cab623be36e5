"""Results and a reference file in, word and character error rates out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stt_service.cli.common import counted
from stt_service.cli.formats import Failure, one_line
from stt_service.wer import Errors, letter_errors, normalise, read_references, word_errors

if TYPE_CHECKING:
    from stt_service.transcriber import Recognition

NONE = Errors(0, 0)


@dataclass(frozen=True, slots=True)
class _Line:
    file: str
    words: Errors
    letters: Errors


@dataclass
class Tally:
    """Adds up the errors of one call. Raises :exc:`SttError` when the file cannot be used."""

    reference: Path
    _lines: list[_Line] = field(default_factory=list)
    _without: int = 0

    def __post_init__(self) -> None:
        self._texts = read_references(self.reference)

    @property
    def recordings(self) -> tuple[str, ...]:
        """The recordings that the file names."""
        return tuple(map(str, self._texts))

    def add(self, result: Recognition | Failure) -> None:
        """Count a result. A recording that failed counts as one in which nothing was heard."""
        said = self._texts.get(Path(result.file).resolve())
        if said is None:
            self._without += 1
            return
        heard = "" if isinstance(result, Failure) else normalise(result.transcript.text)
        line = _Line(result.file, word_errors(said, heard), letter_errors(said, heard))
        self._lines.append(line)

    def print(self, *, per_file: bool) -> None:
        """Print the rates on standard error, so that standard output stays data."""
        if per_file:
            for line in self._lines:
                click.echo(f"{_rates(line.words, line.letters)}  {one_line(line.file)}", err=True)
        words = sum((line.words for line in self._lines), NONE)
        letters = sum((line.letters for line in self._lines), NONE)
        if self._lines:
            of = f"{counted(len(self._lines), 'recordings')}, {counted(words.length, 'words')}"
            click.echo(f"{_rates(words, letters)}  {of}", err=True)
        else:
            click.echo("nothing to compare", err=True)
        if self._without:
            click.echo(
                f"{counted(self._without, 'recordings', 'are')} not in {self.reference}", err=True
            )


def _rates(words: Errors, letters: Errors) -> str:
    return f"WER {words.rate:7.2%}  CER {letters.rate:7.2%}"
