"""What runs within the emulator: so many seconds of a recording, recognised once.

python guest.py MODEL RECORDING SECONDS BEAM [SCORER]
"""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np

from stt_service.decoder.scorer import open_scorer
from stt_service.decoder.search import Decoder
from stt_service.engine.acoustic import AcousticModel
from stt_service.engine.graph import read_graph


def recognise(model: Path, recording: Path, seconds: int, beam: int, scorer: Path | None) -> None:
    """Run features, network and search; the recording is mono, 16 bits, 16 kHz."""
    with wave.open(str(recording)) as file:
        samples = np.frombuffer(file.readframes(seconds * file.getframerate()), np.int16)
    info = read_graph(model)
    rows = AcousticModel(model, threads=1).probabilities(samples)
    language = open_scorer(scorer, info.alphabet) if scorer else None
    stream = Decoder(info.alphabet, scorer=language, frame_step=info.frame_step).stream(beam)
    stream.advance(rows)
    stream.finish(seconds)


if __name__ == "__main__":
    recognise(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        int(sys.argv[3]),
        int(sys.argv[4]),
        Path(sys.argv[5]) if len(sys.argv) > 5 else None,
    )
