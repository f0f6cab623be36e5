"""The voices of Kokoro-82M: a small neural network that sounds like people.

Optional: the extra ``kokoro``, and a folder with its two files, ``kokoro-v1.0.onnx`` (or
``.int8.onnx``) and ``voices-v1.0.bin``, from https://github.com/thewh1teagle/kokoro-onnx. The
network and its voices are under the Apache License 2.0 (https://huggingface.co/hexgrad/Kokoro-82M).

A voice is a table of style vectors; the mean of two tables is a speaker of its own.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import soundfile

from stt_service.errors import SttError

if TYPE_CHECKING:
    from kokoro_onnx import Kokoro

    from training.synthesis.engines import Pair

logger = logging.getLogger(__name__)

MODEL = "kokoro*.onnx"
"""The network's file in the folder."""
STYLES = "voices*.bin"
"""The voices' file beside it."""
SPEEDS = (0.5, 2.0)
"""Slowest and fastest that it speaks."""


def check(folder: Path) -> None:
    """Raise :exc:`~stt_service.errors.SttError` if the folder's voices cannot speak here."""
    if importlib.util.find_spec("kokoro_onnx") is None:
        raise SttError("kokoro-onnx is not installed", "Run: pip install 'stt-service[kokoro]'")
    for pattern in (MODEL, STYLES):
        if not any(folder.glob(pattern)):
            raise SttError(
                f"{folder} has no {pattern}",
                "Put kokoro-v1.0.onnx and voices-v1.0.bin there, from the releases of "
                "https://github.com/thewh1teagle/kokoro-onnx.",
            )


def say(folder: Path, pairs: Sequence[Pair]) -> None:
    """Write the sound of each request to its path, at 24 kHz; what fails has none."""
    kokoro = _load(folder)
    for request, path in pairs:
        names = request.persona.voice.name.split("+")
        slow, fast = SPEEDS
        try:
            audio, rate = kokoro.create(
                request.text,
                style(kokoro.voices, names),
                speed=min(fast, max(slow, request.native_tempo)),
                lang="en-gb" if names[0].startswith("b") else "en-us",
            )
        except (KeyError, ValueError) as exc:
            # The others of a set of thousands are not lost.
            logger.warning("kokoro did not speak as %s: %s", "+".join(names), exc)
            continue
        soundfile.write(path, audio, rate)


def style(
    voices: dict[str, npt.NDArray[np.float32]], names: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Return the style table of the voices named, or the mean of several. Raises ``KeyError``."""
    result: npt.NDArray[np.float32] = np.mean([voices[name] for name in names], axis=0)
    return result


@cache
def _load(folder: Path) -> Kokoro:
    import onnxruntime  # noqa: PLC0415 - optional, and takes half a second
    from kokoro_onnx import Kokoro  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    # One process a core speaks already.
    options.intra_op_num_threads = 1
    model = min(folder.glob(MODEL), key=lambda path: path.name)
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return Kokoro.from_session(session, str(next(folder.glob(STYLES))))
