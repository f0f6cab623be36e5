"""What is taken out of the store: sound to a loudspeaker or a recogniser, copies to a folder."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import soundfile

from stt_service.audio.api import AudioFormat
from stt_service.audio.resample import Resampler, Samples
from stt_service.errors import StoreError
from stt_service.memory_file import memory_file
from stt_service.store.utterances import Utterances

PLAYERS = (("pw-play", "-"), ("aplay", "-q", "-"), ("paplay", "/dev/stdin"))
"""Programs that play a WAV file from standard input, tried in this order."""
PLAY_SECONDS = 330.0
"""After which a player hangs: no utterance is longer than 300 s."""


def play(flac: bytes) -> None:
    """Play a FLAC file's content, through no file. Raises :exc:`StoreError`."""
    samples, rate = soundfile.read(io.BytesIO(flac), dtype="int16")
    wave = io.BytesIO()
    soundfile.write(wave, samples, rate, format="WAV", subtype="PCM_16")
    complaint, remedy = "there is no player", "sudo apt install alsa-utils"
    for command in PLAYERS:
        if shutil.which(command[0]) is None:
            continue
        remedy = (
            "`aplay -l` lists loudspeakers; stt-service utterances export FOLDER copies the sound"
        )
        try:
            done = subprocess.run(
                command,
                input=wave.getvalue(),
                capture_output=True,
                timeout=PLAY_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            complaint = f"{command[0]} failed: {error}"
            continue
        if done.returncode == 0:
            return
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        complaint = f"{command[0]} failed: {said[-1] if said else done.returncode}"
    raise StoreError(f"the sound cannot be played: {complaint}", remedy)


def samples(flac: bytes, rate: int) -> Samples:
    """Return a FLAC file's sound as mono int16 at ``rate`` hertz. Raises :exc:`AudioError`."""
    with memory_file(flac) as memory:  # by its descriptor, as when it was written
        found, own = soundfile.read(memory.fileno(), dtype="int16", closefd=False)
    resampler = Resampler(AudioFormat(own, 1, "a kept utterance"), rate)
    return np.concatenate((resampler.feed(found), resampler.finish()))


def export(utterances: Utterances, folder: Path) -> int:
    """Copy everything into a folder: a FLAC file each, and ``utterances.jsonl``.

    Deletion tokens stay behind. Returns how many there are. Raises :exc:`StoreError`, also for a
    folder that holds anything.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StoreError(f"{folder} is not empty", "Name a new folder")
        found = utterances.listing()
        with (folder / "utterances.jsonl").open("w", encoding="utf-8") as lines:
            for one in found:
                name = f"{one.id}.flac"
                (folder / name).write_bytes(utterances.sound(one))
                print(json.dumps({"file": name, **one.public()}, ensure_ascii=False), file=lines)
    except OSError as error:
        raise StoreError(f"{error.filename or folder}: {error.strerror or error}") from error
    return len(found)
