"""Any program that records to its standard output: arecord, parec, pw-record, ffmpeg, ssh...

recorder ──stdout──► PipeSource ──► blocks
    └─────stderr──► its last lines, for the message when it fails
"""

from __future__ import annotations

import atexit
import os
import shlex
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress

from stt_service.audio.api import AudioSource, Block
from stt_service.audio.descriptor import DescriptorReader
from stt_service.audio.holders import holders
from stt_service.audio.pipe import PipeSource, RawFormat
from stt_service.errors import AudioError, DeviceBusyError, DeviceLostError, SttError

LOST_SECONDS = 5.0
"""Without a byte after which the recorder hangs; the first one may take a sound server's start."""
LAST_LINES = 5
"""Of the recorder's complaints that are kept."""
LINE_BYTES = 300
"""Of each of them."""
END_SECONDS = 1.0
"""Given to the recorder to end when asked, before it is killed."""
_BUSY_WORDS = ("resource busy",)

NO_DELAY = "30"
"""Milliseconds that parec may hold audio back; by default it is seconds."""


def presets(rate: int) -> dict[str, tuple[str, ...]]:
    """Return what to call where only a recorder's name is given: raw mono at ``rate`` hertz."""
    hertz = str(rate)
    return {
        "arecord": ("arecord", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", hertz),
        "parec": (
            *("parec", "--raw", "--format=s16le", "--channels=1"),
            *(f"--rate={hertz}", f"--latency-msec={NO_DELAY}"),
        ),
    }


class Recorder(AudioSource):
    """A running recorder. Owned by the thread that iterates; any thread may close."""

    live = True

    def __init__(
        self,
        command: Sequence[str],
        raw: RawFormat | None = None,
        *,
        rate: int,
        lost_after: float = LOST_SECONDS,
    ) -> None:
        """Start the recorder and wait for its first samples.

        ``command`` is a program and its arguments; the name of a known recorder alone stands
        for :func:`presets` at ``rate`` hertz. ``raw`` declares what others deliver without a
        WAV header. Raises :exc:`DeviceBusyError`, :exc:`DeviceLostError` or :exc:`AudioError`,
        with what the recorder has to say.
        """
        preset = presets(rate).get(command[0]) if len(command) == 1 else None
        self._command = preset or tuple(command)
        self._name = f"the recorder `{shlex.join(self._command)}`"
        self._process = self._start()
        # One that delivers nothing is still being opened, where nobody else can end it with us.
        atexit.register(self._end)
        assert self._process.stdout is not None
        self._reader = DescriptorReader(
            os.dup(self._process.stdout.fileno()), name=self._name, timeout=lost_after
        )
        self._process.stdout.close()
        self._said: deque[str] = deque(maxlen=LAST_LINES)
        self._listener = threading.Thread(target=self._listen, name="recorder-stderr", daemon=True)
        self._listener.start()
        self._closed = threading.Event()
        try:
            self._pipe = PipeSource(
                self._reader, RawFormat(rate) if preset else raw, name=self._name
            )
        except AudioError as error:
            failure = self._failure(error)
            self.close()
            raise failure from error
        self.format = self._pipe.format

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # a group of its own, to be ended with its children
                env={**os.environ, "LC_ALL": "C.UTF-8"},  # its complaints in a language we know
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise AudioError(
                f"{self._name} cannot be started: {reason}",
                "`sudo apt install alsa-utils pulseaudio-utils` brings arecord and parec",
            ) from error

    def _listen(self) -> None:
        """Keep the last complaints, so that the recorder is never stuck with them."""
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while line := stream.readline(LINE_BYTES):
                text = line.decode("utf-8", "replace").strip()
                if text:
                    self._said.append(text)

    def blocks(self) -> Iterator[Block]:
        try:
            yield from self._pipe.blocks()
        except AudioError as error:
            raise self._failure(error) from error
        if self._closed.is_set():
            return
        status = self._wait()
        if status:
            raise self._failure(DeviceLostError(f"{self._name} has ended with status {status}"))

    def _wait(self) -> int | None:
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return None  # it has closed its output and lives on

    def _failure(self, error: SttError) -> SttError:
        """Return ``error`` with what the recorder has said."""
        if self._wait() is not None:
            self._listener.join(END_SECONDS)
        said = " / ".join(self._said)
        if any(word in said.lower() for word in _BUSY_WORDS):
            who = ", ".join(map(str, holders())) or "another program"
            return DeviceBusyError(
                f"the microphone of {self._name} is in use by {who}", "End that program"
            )
        message = f"{error.message}; it says: {said}" if said else error.message
        kind = type(error)
        if isinstance(error, AudioError) and self._process.returncode:
            kind = DeviceLostError
        return kind(message, error.remedy)

    def close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        self._reader.close()
        self._end()
        atexit.unregister(self._end)

    def _end(self) -> None:
        """End the recorder and its children."""
        for number, patience in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, None)):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            try:
                self._process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                continue
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its children, when it has gone itself
