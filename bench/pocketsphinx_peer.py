"""PocketSphinx with its own en-us model: the rival that needs no training either."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from bench.fsg import words_of
from stt_service.decoder.alphabet import SPACE

logger = logging.getLogger(__name__)


WIDE = {"beam": 1e-80, "pbeam": 1e-80, "wbeam": 1e-60}
"""Beams beyond which it finds no more (its own are 1e-48, 1e-48 and 7e-29)."""


class PocketSphinx:
    """One decoder, with a grammar or with its own language model; with ``wide`` beams if asked."""

    def __init__(self, fsg: str | None = None, *, wide: bool = False) -> None:
        beams = WIDE if wide else {}
        if fsg is None:
            self._decoder = pocketsphinx.Decoder(loglevel="FATAL", **beams)
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "grammar.fsg")
            path.write_text(self._pronounceable(fsg), encoding="utf-8")
            self._decoder = pocketsphinx.Decoder(fsg=str(path), lm=None, loglevel="FATAL", **beams)

    @staticmethod
    def _pronounceable(fsg: str) -> str:
        """Leave out words that its dictionary lacks: it refuses a grammar with any."""
        dictionary = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
        known = {line.split(maxsplit=1)[0] for line in dictionary.open(encoding="utf-8")}
        unknown = words_of(fsg) - known
        if unknown:
            logger.warning("PocketSphinx cannot pronounce: %s", " ".join(sorted(unknown)))
        lines = [line for line in fsg.splitlines() if line.split(SPACE)[-1] not in unknown]
        return "\n".join([*lines, ""])

    def transcribe(self, samples: NDArray[np.int16]) -> str:
        """Return the text of 16 kHz audio, empty when nothing was found."""
        decoder = self._decoder
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        return "" if hypothesis is None else hypothesis.hypstr
