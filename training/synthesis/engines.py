"""Texts in, sound out: how each program is made to speak.

A persona's vocal tract is made by playing the voice slower or faster (``sound.finish``), so here
the program is asked for the opposite change of tempo and pitch beforehand.
"""

from __future__ import annotations

import logging
import math
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from training.synthesis import kokoro
from training.synthesis.voices import Persona

logger = logging.getLogger(__name__)

SPEAK_SECONDS = 60
"""Longest time a program may take over one text (festival: over one list of texts)."""
ESPEAK_WORDS_PER_MINUTE = 160
"""espeak-ng's speed for a tempo of 1."""
ESPEAK_SPEEDS = (80, 400)
"""Slowest and fastest that it speaks well."""
FESTIVAL_PITCH = 105.0
"""Mean pitch of festival's diphone voices in Hz."""

Sound = tuple[npt.NDArray[np.float32], int]


@dataclass(frozen=True)
class Request:
    """One text for one speaker."""

    text: str
    """What to say, with punctuation."""
    persona: Persona
    """Who says it."""
    tempo: float
    """How fast, relative to the voice's own tempo."""
    gap: int
    """Pause between words in 10 ms, where the program can do that."""

    @property
    def native_tempo(self) -> float:
        """Tempo to ask for: playing the sound at another speed changes it again."""
        return self.tempo / self.persona.tract

    @property
    def native_pitch(self) -> float:
        """Pitch factor to ask for."""
        return self.persona.pitch / self.persona.tract


Pair = tuple[Request, Path]


def _espeak(request: Request, path: Path) -> list[str]:
    slow, fast = ESPEAK_SPEEDS
    speed = min(fast, max(slow, round(ESPEAK_WORDS_PER_MINUTE * request.native_tempo)))
    # espeak-ng's pitch doubles from 0 to 50 and again to 99.
    pitch = min(99, max(0, round(50 + 50 * math.log2(request.native_pitch))))
    options = ["-s", str(speed), "-p", str(pitch), "-g", str(request.gap), "-w", str(path)]
    return ["espeak-ng", "-v", request.persona.voice.name, *options, "--", request.text]


def _flite(request: Request, path: Path) -> list[str]:
    stretch = f"duration_stretch={1 / request.native_tempo:.3f}"
    shift = f"f0_shift={request.native_pitch:.3f}"
    voice = ["-voice", request.persona.voice.name]
    return [
        "flite",
        *voice,
        "--setf",
        stretch,
        "--setf",
        shift,
        "-t",
        request.text,
        "-o",
        str(path),
    ]


def _festival_script(requests: Sequence[Pair]) -> str:
    lines = []
    for request, path in requests:
        voice = request.persona.voice.name
        lines.append(f"(voice_{voice})")
        if voice.endswith("_hts"):
            # Without this festival adds to the options of the voice before.
            lines.append(
                f'(set! hts_engine_params (append hts_engine_params \'(("-r" '
                f"{request.native_tempo:.3f}))))"
            )
        else:
            mean = FESTIVAL_PITCH * request.native_pitch
            lines.append(f"(Parameter.set 'Duration_Stretch {1 / request.native_tempo:.3f})")
            lines.append(
                f"(set! int_lr_params '((target_f0_mean {mean:.1f}) (target_f0_std 14)"
                " (model_f0_mean 170) (model_f0_std 34)))"
            )
        text = request.text.replace("\\", "").replace('"', "")
        lines.append(f'(utt.save.wave (utt.synth (Utterance Text "{text}")) "{path}" \'riff)')
    return "\n".join(lines)


def _one_by_one(command: Callable[[Request, Path], list[str]], pairs: Sequence[Pair]) -> None:
    for request, path in pairs:
        _run(command(request, path), SPEAK_SECONDS)


def _festival(pairs: Sequence[Pair]) -> None:
    # It takes a second to load a voice: one process says all.
    pairs = sorted(pairs, key=lambda pair: pair[0].persona.voice.name)
    script = pairs[0][1].with_suffix(".scm")
    script.write_text(_festival_script(pairs), encoding="utf-8")
    _run(["festival", "--batch", str(script)], SPEAK_SECONDS * len(pairs))


def _run(command: list[str], seconds: float) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=seconds)
    except (subprocess.SubprocessError, OSError) as exc:
        # The texts without a file are left out; the others of a set of thousands are not lost.
        logger.warning("%s did not speak: %s", command[0], exc)


def _read(path: Path) -> Sound | None:
    try:
        data, rate = soundfile.read(path, dtype="float32")
    except (soundfile.LibsndfileError, OSError):
        return None
    return (data, rate) if len(data) else None


_ENGINES: dict[str, Callable[[Sequence[Pair]], None]] = {
    "espeak-ng": partial(_one_by_one, _espeak),
    "flite": partial(_one_by_one, _flite),
    "festival": _festival,
}


def speak(requests: Sequence[Request], kokoro_folder: Path | None = None) -> list[Sound | None]:
    """Return the sound and the rate of each request; None where its program failed.

    ``kokoro_folder`` holds Kokoro's files, for personas of its voices.
    """
    engines = dict(_ENGINES)
    if kokoro_folder:
        engines["kokoro"] = partial(kokoro.say, kokoro_folder)
    with tempfile.TemporaryDirectory(prefix="voices-") as folder:
        pairs = [(request, Path(folder) / f"{i}.wav") for i, request in enumerate(requests)]
        for engine, say in engines.items():
            own = [pair for pair in pairs if pair[0].persona.voice.engine == engine]
            if own:
                say(own)
        return [_read(path) for _, path in pairs]
