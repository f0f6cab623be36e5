"""What is said and done when a microphone fails: failures and deliveries in, events and waits out.

Neither clock nor device: time is the audio delivered and the waits that were ordered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from stt_service.errors import DeviceBusyError, DeviceSilentError, SttError
from stt_service.events import Fault, Recovered

FIRST_WAIT = 0.25
"""Seconds before the first new attempt; each further one waits twice as long."""
EARLY_WAIT = 2.0
"""Seconds between attempts at most while the failure is young: somebody is plugging it in, and
whoever speaks to a machine gives it no more than a few seconds."""
EARLY_SECONDS = 600.0
"""Seconds of waiting for which a failure is young."""
LATE_WAIT = 15.0
"""Seconds between attempts later on: each costs a tenth of a second of processor time."""
STEADY_SECONDS = 0.5
"""Of audio that make a recovery: one block may be the last gasp."""
FORGET_SECONDS = 10.0
"""Of audio after which the next failure is a new one, and its first wait short again."""
CALM_SECONDS = 60.0
"""Of audio without a loss after which overflows are over."""
LONGEST_SILENCE = 600.0
"""Seconds of zeros between two reopenings at most; the time doubles, because some microphones
send zeros whenever it is quiet."""

Event: TypeAlias = Fault | Recovered

LOST, BUSY, SILENT, OVERFLOW = (
    "microphone-lost",
    "microphone-busy",
    "microphone-silent",
    "overflow",
)
_OVER = {
    LOST: "{} is there again",
    BUSY: "{} is free again",
    SILENT: "{} is heard again",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from something that happened."""

    events: tuple[Event, ...] = ()
    wait: float = 0.0
    """Seconds to wait before the source is opened again."""
    reopen: bool = False
    """The source delivers, but is to be closed and opened again."""


class Outage:
    """The state of one source that is kept running. Owned by one thread."""

    def __init__(self, name: str, rate: int, *, silent_after: float) -> None:
        """``rate`` in hertz; ``silent_after`` in seconds of zeros, 0 lets them pass."""
        self._name = name
        self._rate = rate
        self._silent_after = silent_after
        self._patience = silent_after
        self._fault: str | None = None
        self._waited = 0.0  # seconds, of this failure
        self._attempts = 0
        self._since_opened = 0  # samples
        self._zeros = 0  # samples in a row
        self._lost = 0  # overflows in all
        self._calm = 0  # samples since the last one
        self._overflowing = False

    def failed(self, error: SttError) -> Step:
        """The source could not be opened, or has broken off."""
        self._since_opened = self._zeros = 0
        wait = min(FIRST_WAIT * 2 ** min(self._attempts, 10), self._longest_wait())
        self._attempts += 1
        self._waited += wait
        events = self._begin(_code(error), error.message, error.remedy)
        return Step(events, wait=wait)

    def _longest_wait(self) -> float:
        return EARLY_WAIT if self._waited < EARLY_SECONDS else LATE_WAIT

    def plugged(self) -> None:
        """Something was plugged in or out: what fails now may soon work."""
        self._attempts = 0
        self._waited = 0.0

    def heard(self, samples: int, *, zeros: bool, overflows: int = 0) -> Step:
        """The source has delivered.

        ``zeros``: all of the samples are 0; ``overflows``: losses since the last call.
        """
        self._since_opened += samples
        events = self._count(samples, overflows)
        if zeros:
            self._zeros += samples
        else:
            self._zeros = 0
            self._patience = self._silent_after
        steady = self._since_opened >= STEADY_SECONDS * self._rate
        if self._fault and steady and not (self._fault == SILENT and zeros):
            events += (self._over(),)
        if self._since_opened >= FORGET_SECONDS * self._rate:
            self.plugged()
        if self._silent_after and self._zeros >= self._patience * self._rate:
            self._zeros = self._since_opened = 0
            self._patience = min(2 * self._patience, max(LONGEST_SILENCE, self._silent_after))
            events += self._begin(
                SILENT,
                f"{self._name} delivers nothing but zeros",
                "Is it switched off, muted, or the wrong one? See `stt-service devices --meter`",
            )
            return Step(events, reopen=True)
        return Step(events)

    def _begin(self, code: str, message: str, remedy: str) -> tuple[Event, ...]:
        """Report a failure once; a different one ends the one before."""
        if code == self._fault:
            return ()
        ended = (self._over(),) if self._fault else ()
        self._fault = code
        return (*ended, Fault(code, message, remedy))

    def _over(self) -> Recovered:
        assert self._fault is not None
        code, self._fault = self._fault, None
        return Recovered(code, _OVER[code].format(self._name))

    def _count(self, samples: int, overflows: int) -> tuple[Event, ...]:
        self._lost += overflows
        if overflows:
            self._calm = 0
            if self._overflowing:
                return ()
            self._overflowing = True
            return (
                Fault(
                    OVERFLOW,
                    f"audio of {self._name} was lost",
                    "The machine is too busy: other programs, or too slow a model",
                ),
            )
        self._calm += samples
        if not self._overflowing or self._calm < CALM_SECONDS * self._rate:
            return ()
        self._overflowing = False
        return (
            Recovered(
                OVERFLOW,
                f"no audio of {self._name} was lost for a minute; {self._lost} times in all",
            ),
        )


def _code(error: SttError) -> str:
    if isinstance(error, DeviceBusyError):
        return BUSY
    return SILENT if isinstance(error, DeviceSilentError) else LOST
