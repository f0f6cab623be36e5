"""Plays a recording at real speed and for ever, with pauses, as raw audio: a microphone.

For the proofs, run by the package's own Python; `cmd:` followed by this is the source.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import soundfile

PAUSE = 2
"""Seconds of faint noise after each time."""
BLOCK = 0.1
"""Seconds that are written at once."""


def main() -> None:
    """Write the recording of the command line to standard output until nobody reads."""
    samples, rate = soundfile.read(Path(sys.argv[1]), dtype="int16")
    noise = np.random.default_rng(1).integers(-20, 20, PAUSE * rate).astype("int16")
    whole = np.concatenate([samples, noise])
    blocks = np.array_split(whole, max(1, int(len(whole) / rate / BLOCK)))
    start, sent = time.monotonic(), 0
    while True:
        for block in blocks:
            sys.stdout.buffer.write(block.tobytes())
            sys.stdout.buffer.flush()
            sent += len(block)
            time.sleep(max(0, start + sent / rate - time.monotonic()))


if __name__ == "__main__":
    main()
