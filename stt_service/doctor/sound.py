"""What a few seconds of the microphone say about it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stt_service.audio.level import FULL_SCALE, decibels
from stt_service.doctor.api import Finding
from stt_service.errors import AudioError, DeviceBusyError, DeviceSilentError

LOUD_DB = -30.0
"""Mean level at which nobody is understood over it: a fan at the microphone, a humming supply."""
OFFSET = 0.02
"""Of full scale, by which the mean of all samples may lie beside zero; cheap cards have 0.005."""
MUCH_CLIPPED = 1e-4
"""Share of samples at full scale beyond which words suffer."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A few seconds of a microphone."""

    name: str
    rate: int
    """Hertz at which it is recorded."""
    samples: int
    rms_db: float
    peak_db: float
    clipped: int
    """Samples at full scale."""
    offset: float
    """Mean of all samples, 1 for full scale."""
    silent: bool
    """Nothing but zeros."""
    overflows: int
    """Times that audio was lost meanwhile."""


def measure(name: str, rate: int, blocks: Iterable[NDArray[np.int16]], overflows: int = 0) -> Heard:
    """Return what mono blocks come to, a few seconds in all."""
    whole = np.concatenate([np.zeros(0, np.int16), *blocks])
    wide = whole.astype(np.float64)
    size = max(1, len(whole))
    peak = max(int(whole.max()), -int(whole.min())) if len(whole) else 0
    return Heard(
        name=name,
        rate=rate,
        samples=len(whole),
        rms_db=decibels(math.sqrt(float(wide @ wide) / size)),
        peak_db=decibels(peak),
        clipped=int(np.count_nonzero((whole == 32767) | (whole == -32768))),
        offset=float(wide.sum()) / size / FULL_SCALE,
        silent=peak == 0,
        overflows=overflows,
    )


def judge_heard(heard: Heard) -> Finding:
    """Say whether anybody can be understood through it."""
    facts = {
        "rate_hz": heard.rate,
        "rms_db": round(heard.rms_db, 1),
        "peak_db": round(heard.peak_db, 1),
        "clipped": heard.clipped,
        "offset": round(heard.offset, 4),
        "overflows": heard.overflows,
    }
    text = (
        f"{heard.name}, {heard.rate} Hz: mean {heard.rms_db:.0f} dB, loudest {heard.peak_db:.0f} dB"
    )
    if heard.silent:
        return Finding(
            "microphone",
            "fail",
            "microphone-silent",
            f"{heard.name} delivers nothing but zeros",
            "Look for a switch on it; `alsamixer`, F4; or it is the wrong one: stt-service setup",
            facts,
        )
    if heard.clipped > MUCH_CLIPPED * heard.samples:
        return Finding(
            "microphone",
            "warn",
            "microphone-clipped",
            f"{text}; {heard.clipped} samples clipped",
            "Turn it down: `alsamixer`, F4, and look at `stt-service devices --meter`",
            facts,
        )
    if abs(heard.offset) > OFFSET:
        return Finding(
            "microphone",
            "warn",
            "microphone-offset",
            f"{text}; its mean lies {100 * heard.offset:.0f} % beside zero",
            "The sound card is poor or damaged: take another one",
            facts,
        )
    if heard.rms_db > LOUD_DB:
        return Finding(
            "microphone",
            "warn",
            "microphone-loud",
            f"{text}: too loud to understand anybody, unless somebody is speaking now",
            "Move it away from fan and loudspeaker, turn it down, or take another USB port",
            facts,
        )
    if heard.overflows:
        often = "once" if heard.overflows == 1 else f"{heard.overflows} times"
        return Finding(
            "microphone",
            "warn",
            "microphone-overflow",
            f"{text}; audio was lost {often}",
            "The machine does not keep up: `top`; and see docs/troubleshooting.md",
            facts,
        )
    return Finding("microphone", "ok", "fine", text, "", facts)


def judge_failure(error: AudioError) -> Finding:
    """Say why a microphone could not be heard."""
    code = "microphone-lost"
    if isinstance(error, DeviceBusyError):
        code = "microphone-busy"
    elif isinstance(error, DeviceSilentError):
        code = "microphone-silent"
    return Finding("microphone", "fail", code, error.message, error.remedy)
