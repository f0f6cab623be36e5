"""Results in, files or standard output filled; errors, notes and progress on standard error."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, TextIO

import click

from stt_service.cli.formats import SUFFIXES, Failure, ending, one_line, render
from stt_service.cli.inputs import STDIN
from stt_service.closing import Closing
from stt_service.errors import SttError
from stt_service.events import Partial

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from stt_service.transcriber import Recognition

SINGLE = ("srt", "vtt")
"""Formats whose times belong to one recording."""
CLEAR_LINE = "\r\x1b[K"
"""Back to the line's beginning, and erase it (ECMA-48)."""


class Sink(Protocol):
    """Takes results in order."""

    def write(self, result: Recognition | Failure) -> None:
        """Write what the format says of one recording."""


@contextmanager
def open_sink(form: str, output: str | None, recordings: Sequence[str | Failure]) -> Iterator[Sink]:
    """Open what results are written to; closing it completes the output.

    A slash at the end of ``output`` means a folder, which is made where there is none. Raises
    :exc:`click.UsageError` for an impossible request, :exc:`SttError` naming the file that cannot
    be written.
    """
    if output is not None and (output.endswith("/") or Path(output).is_dir()):
        sink_of_folder = _FolderSink(form, Path(output), recordings)
        with _naming(Path(output)):
            Path(output).mkdir(parents=True, exist_ok=True)
        yield sink_of_folder
        return
    if form in SINGLE and len(recordings) > 1:
        raise click.UsageError(
            f"{form} holds one recording: name a folder with --output, such as -o subtitles/"
        )
    several = len(recordings) > 1
    if output is None:
        sink = _StreamSink(form, sys.stdout, several=several)
        yield sink
        sink.end()
        return
    path = Path(output)
    _refuse_recording(path, recordings)
    with _create(path) as file:
        sink = _NamedSink(form, file, path, several=several)
        yield sink
        sink.end()


def _refuse_recording(target: Path, recordings: Sequence[str | Failure]) -> None:
    """Save a recording from being replaced by its own text."""
    if target.exists():
        for name in recordings:
            path = Path(name) if isinstance(name, str) and name != STDIN else None
            if path is not None and path.exists() and path.samefile(target):
                raise click.UsageError(f"--output would replace the recording {target}")


@contextmanager
def _create(path: Path) -> Iterator[TextIO]:
    """Open a file to be written; what is in it stays until :func:`_empty`."""
    with _naming(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        # Errors as on standard output: names that are no UTF-8 go out as they came in.
        file = os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape")
    try:
        yield file
        with _naming(path):
            file.close()
    finally:
        with suppress(OSError):  # what could not be written has been told already
            file.close()


def _empty(file: TextIO) -> None:
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.truncate(0)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in whatever goes wrong."""
    try:
        yield
    except OSError as error:
        raise SttError(
            f"{path} cannot be written: {error.strerror or error}",
            "Check the path, its permissions and the free space",
        ) from error


class _StreamSink:
    def __init__(self, form: str, file: TextIO, *, several: bool) -> None:
        self._form = form
        self._file = file
        self._several = several
        self._empty = True

    def write(self, result: Recognition | Failure) -> None:
        text = render(self._form, result, first=self._empty, several=self._several)
        self._empty = False
        self._file.write(text)
        self._file.flush()  # whoever reads the pipe need not wait for the last recording

    def end(self) -> None:
        self._file.write(ending(self._form, empty=self._empty))
        self._file.flush()


class _NamedSink(_StreamSink):
    """A file that is emptied when there is something to put in.

    So a mistake in the model's name does not cost the transcript of yesterday.
    """

    def __init__(self, form: str, file: TextIO, path: Path, *, several: bool) -> None:
        super().__init__(form, file, several=several)
        self._path = path

    def write(self, result: Recognition | Failure) -> None:
        with _naming(self._path):
            if self._empty:
                _empty(self._file)
            super().write(result)

    def end(self) -> None:
        with _naming(self._path):
            super().end()


class _FolderSink:
    """One file for each recording, called like it."""

    def __init__(self, form: str, folder: Path, recordings: Sequence[str | Failure]) -> None:
        self._form = form
        names = [name for name in recordings if isinstance(name, str)]
        targets = [folder / (_stem(name) + SUFFIXES[form]) for name in names]
        if len(set(targets)) < len(targets):
            twice = next(target for target in targets if targets.count(target) > 1)
            raise click.UsageError(f"several recordings would be written to {twice}")
        for target in targets:
            _refuse_recording(target, recordings)
        self._targets = dict(zip(names, targets, strict=True))

    def write(self, result: Recognition | Failure) -> None:
        if isinstance(result, Failure):
            return
        path = self._targets[result.file]
        with _create(path) as file, _naming(path):
            _empty(file)
            file.write(render(self._form, result, first=True, several=False))
            file.write(ending(self._form, empty=False))


def _stem(name: str) -> str:
    return "stdin" if name == STDIN else Path(name).stem


class Display(Closing):
    """Standard error: errors and notes always, the bar and rewritten lines on a terminal only."""

    def __init__(self, total: int, *, partials: bool) -> None:
        self._total = total
        self._partials = partials
        self._terminal = sys.stderr.isatty()
        self._shown = False  # a partial stands on the terminal's last line
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._terminal and not self._partials:
            from rich.console import Console  # noqa: PLC0415 -- a pipe need not wait for it
            from rich.progress import Progress  # noqa: PLC0415

            self._bar = Progress(
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._bar.add_task("transcribing", total=self._total)
        return self

    def progress(self, index: int, seconds: float, total: float | None) -> None:
        """Move the bar: so many recordings are done, and this share of the next."""
        if self._bar is not None and self._task is not None:
            share = min(seconds / total, 1.0) if total else 0.0
            self._bar.update(self._task, completed=index + share)
            self._bar.start()

    def partial(self, partial: Partial) -> None:
        """Show what has been heard so far, what is certain of it before the mark."""
        unsure = partial.text.removeprefix(partial.stable).strip()
        line = f"{partial.stable} | {unsure}"
        if self._terminal:
            # Only one row can be rewritten; the end of a long utterance is what changes.
            room = shutil.get_terminal_size().columns - len("… ") - 1
            click.echo(f"{CLEAR_LINE}… {line[-room:]}", err=True, nl=False)
            self._shown = True
        else:
            click.echo(f"… {line}", err=True)

    def done(self, result: Recognition | Failure) -> None:
        """Make room for a result, and report a failure."""
        self._clear()
        if isinstance(result, Failure):
            click.echo(f"error: {one_line(result.error)}", err=True)

    def say(self, note: str) -> None:
        """Print something that the user should know."""
        self._clear()
        click.echo(f"note: {note}", err=True)

    def close(self) -> None:
        """Leave the terminal's last line free. Harmless when done already."""
        self._clear()

    def _clear(self) -> None:
        if self._shown:
            click.echo(CLEAR_LINE, err=True, nl=False)
            self._shown = False
        if self._bar is not None:
            self._bar.stop()
