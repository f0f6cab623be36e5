"""Whether the microphone is listened to: reasons against it, some of which end by themselves.

A *mute* has a reason and lasts until that reason is taken away, a restart included. A *pause* has
one too, but ends with its time, which is counted in samples of the source, and with the program.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from pathlib import Path

from stt_service.atomic import write_atomically
from stt_service.errors import SttError
from stt_service.events import MuteChanged

logger = logging.getLogger(__name__)

FILE = "mute.json"
"""In the state folder: {"reasons": [...]}."""
MAX_FILE_BYTES = 1 << 16
"""Ten times what all reasons at their longest take."""
MAX_REASONS = 64
"""Of mutes and of pauses each; nobody has as many switches."""
MAX_REASON = 100
"""Characters of a reason."""


class MuteSwitch:
    """All reasons not to listen. Any thread may call anything."""

    def __init__(self, folder: Path, rate: int, *, pause_limit: float) -> None:
        """Read the mutes of the last run from ``folder``.

        ``rate`` in hertz counts the time of pauses; ``pause_limit`` in seconds is the longest.
        A file that cannot be understood counts as a mute, for somebody had muted: see
        :attr:`complaint`.
        """
        self._path = folder / FILE
        self._rate = rate
        self._limit = pause_limit
        self._lock = threading.Lock()
        self._pauses: dict[str, int] = {}
        self.complaint = ""
        """What went wrong with the file, empty when nothing did."""
        self._reasons: dict[str, int] = dict.fromkeys(self._read(), 0)
        self._saved = list(self._reasons)
        self._muted = bool(self._reasons)

    @property
    def muted(self) -> bool:
        """Whether there is any reason. Costs nothing: the capture thread asks for each block."""
        return self._muted

    def now(self) -> MuteChanged:
        """Return the state, mutes before pauses, oldest first."""
        with self._lock:
            return self._now()

    def mute(self, reason: str) -> None:
        """Add a reason. Raises :exc:`SttError` for one that is empty or too long."""
        with self._lock:
            self._add(self._reasons, reason, 0)

    def unmute(self, reason: str | None = None) -> None:
        """Take a reason away, or with None all of them, pauses included."""
        with self._lock:
            if reason is None:
                self._reasons.clear()
                self._pauses.clear()
            else:
                self._reasons.pop(reason, None)
            self._muted = bool(self._reasons or self._pauses)

    def pause(self, reason: str, seconds: float | None = None) -> None:
        """Add a pause of ``seconds``, at most and by default the limit; a new one replaces it.

        Raises :exc:`SttError` for an unusable reason or time.
        """
        seconds = self._limit if seconds is None else seconds
        if not 0 < seconds < math.inf:
            raise SttError(f"a pause of {seconds} seconds", "Name a time above 0")
        with self._lock:
            self._add(self._pauses, reason, math.ceil(min(seconds, self._limit) * self._rate))

    def resume(self, reason: str) -> None:
        """End a pause; harmless where there is none."""
        with self._lock:
            self._pauses.pop(reason, None)
            self._muted = bool(self._reasons or self._pauses)

    def advance(self, samples: int) -> None:
        """Let the time of the source pass."""
        if not self._pauses:
            return
        with self._lock:
            left = {reason: rest - samples for reason, rest in self._pauses.items()}
            self._pauses = {reason: rest for reason, rest in left.items() if rest > 0}
            self._muted = bool(self._reasons or self._pauses)

    def save(self) -> None:
        """Write the mutes so that a restart finds them. Raises :exc:`SttError` naming the file."""
        with self._lock:
            reasons = list(self._reasons)
        if reasons == self._saved:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps({"reasons": reasons}).encode())
        except OSError as error:
            raise SttError(
                f"{self._path} cannot be written: {error.strerror}",
                "A restart will not know whether the microphone is muted; free some space there",
            ) from error
        self._saved = reasons

    def _add(self, to: dict[str, int], reason: str, value: int) -> None:
        if not 0 < len(reason) <= MAX_REASON:
            raise SttError(
                f"a reason of {len(reason)} characters", f"Give one of 1 to {MAX_REASON}"
            )
        if reason not in to and len(to) >= MAX_REASONS:
            raise SttError(
                f"there are {MAX_REASONS} reasons already", "Give the same one each time"
            )
        to[reason] = value
        self._muted = True

    def _now(self) -> MuteChanged:
        reasons = tuple(dict.fromkeys((*self._reasons, *self._pauses)))
        return MuteChanged(bool(reasons), reasons)

    def _read(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                raw = file.read(MAX_FILE_BYTES)
        except FileNotFoundError:
            return []
        except OSError as error:
            self.complaint = f"{self._path} cannot be read: {error.strerror}"
            return ["unknown"]
        try:
            found = json.loads(raw)["reasons"]
            if not isinstance(found, list):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            self.complaint = f"{self._path} is damaged"
            return ["unknown"]
        return [str(reason)[:MAX_REASON] for reason in found[:MAX_REASONS]]
