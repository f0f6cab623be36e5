"""Rooms that do not exist: impulse responses from a talker to a device on a shelf or a wall.

Writes a set ``room_impulses_simulated``: the image method of ``pyroomacoustics`` with randomised
images, which keeps box rooms from ringing. The same seed gives the same rooms.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyroomacoustics as pra
import soundfile

from training.features import SAMPLE_RATE

SET_NAME = "room_impulses_simulated"
"""Folder of the set."""
ROOMS = 300
"""Rooms of a set; one talker and one device in each."""
SIDES = ((2.2, 2.0, 2.2), (9.0, 7.0, 3.4))
"""Smallest and largest room: length, width, height in metres."""
REVERBERATION = (0.12, 0.9)
"""Time in which sound falls by 60 dB, in seconds; the upper end for large rooms only."""
SECONDS_PER_CUBIC_METRE = 0.012
"""How much the longest reverberation grows with the room: a bathroom is not a hall."""
DISTANCE = (0.3, 5.0)
"""From mouth to microphone in metres."""
MARGIN = 0.25
"""Least distance to any wall in metres."""
MOUTH = (1.0, 1.8)
"""Height of mouths, sitting and standing, in metres."""
DEVICE = (0.5, 1.7)
"""Height of devices in metres."""
ORDER = 24
"""Most reflections of a path; those after it are under the room's own noise, or in no room."""
SECONDS = 0.5
"""Length kept of a response."""
TRIES = 200
"""Places drawn before another room is."""


@dataclass(frozen=True)
class Response:
    """An impulse response."""

    samples: npt.NDArray[np.float32]
    """At 16 kHz, loudest sample 0.9."""
    distance: float
    """From mouth to microphone in metres."""
    reverberation: float
    """Time in which sound falls by 60 dB in that room, in seconds."""


def simulate(rng: np.random.Generator) -> Response:
    """Draw a room, a talker and a device in it, and return what the device hears of a click."""
    while True:
        room_size = rng.uniform(*SIDES)
        wanted = float(rng.uniform(np.log(DISTANCE[0]), np.log(DISTANCE[1])))
        places = _places(rng, room_size, float(np.exp(wanted)))
        if places is None:
            continue
        mouth, device = places
        longest = min(REVERBERATION[1], 0.25 + SECONDS_PER_CUBIC_METRE * float(room_size.prod()))
        decay = float(rng.uniform(REVERBERATION[0], longest))
        try:
            absorption, order = pra.inverse_sabine(decay, room_size)
        except ValueError:
            # So large and so dry a room does not exist: its walls would have to swallow all.
            continue
        room = pra.ShoeBox(
            room_size,
            fs=SAMPLE_RATE,
            materials=pra.Material(absorption),
            max_order=min(order, ORDER),
            use_rand_ism=True,
            max_rand_disp=0.05,
            air_absorption=True,
        )
        room.add_source(mouth)
        room.add_microphone(device)
        room.compute_rir()
        impulse = np.asarray(room.rir[0][0], dtype=np.float32)
        start = max(0, int(np.argmax(np.abs(impulse))) - 16)
        impulse = impulse[start : start + int(SECONDS * SAMPLE_RATE)]
        impulse *= np.float32(0.9 / np.abs(impulse).max())
        return Response(impulse, float(np.linalg.norm(mouth - device)), decay)


def _places(
    rng: np.random.Generator, room: npt.NDArray[np.float64], distance: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    for _ in range(TRIES):
        mouth = np.array([*rng.uniform(MARGIN, room[:2] - MARGIN), rng.uniform(*MOUTH)])
        height = float(rng.uniform(*DEVICE)) - mouth[2]
        if abs(height) > distance:
            continue
        angle, reach = rng.uniform(0, 2 * np.pi), np.sqrt(distance**2 - height**2)
        device = mouth + np.array([reach * np.cos(angle), reach * np.sin(angle), height])
        if (device > MARGIN).all() and (device < room - MARGIN).all():
            return mouth, device
    return None


def write_set(out: Path, rooms: int = ROOMS, seed: int = 1) -> Path:
    """Write the set below ``out`` unless it is there, and return its folder."""
    folder = out / SET_NAME
    manifest = folder / "manifest.csv"
    if manifest.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    # pyroomacoustics displaces images with a generator of its own.
    pra.random.seed(seed)
    rng = np.random.default_rng(seed)
    part = manifest.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "speaker", "transcript", "seconds"))
        for number in range(rooms):
            response = simulate(rng)
            name = f"room_{number:03d}_{response.distance:.1f}m_{response.reverberation:.2f}s.flac"
            soundfile.write(folder / name, response.samples, SAMPLE_RATE, subtype="PCM_24")
            seconds = len(response.samples) / SAMPLE_RATE
            writer.writerow((name, "noise", "room impulse response", f"{seconds:.2f}"))
    part.replace(manifest)
    return folder
