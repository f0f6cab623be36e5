"""Who holds the microphone, where the system tells: /proc for sound cards, pactl for PulseAudio."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PACTL = ("pactl", "list", "source-outputs")
PACTL_SECONDS = 2.0
"""Time given to a sound server to answer; it does within milliseconds, or hangs."""
MAX_NAMED = 5
"""Programs named in a message."""
SOUND_SERVERS = ("pulseaudio", "pipewire", "wireplumber")

_CAPTURE = re.compile(r"/dev/snd/pcmC(\d+)D\d+c")
_PROPERTY = re.compile(r'^\s*application\.(name|process\.id) = "(.{1,200})"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Holder:
    """A program that records."""

    name: str
    pid: int | None
    """Its process; None where the sound server does not tell."""

    def __str__(self) -> str:
        return self.name if self.pid is None else f"{self.name} (process {self.pid})"


def holders(
    card: int | None = None, *, proc: Path = PROC, pactl: tuple[str, ...] = PACTL
) -> tuple[Holder, ...]:
    """Return the programs that record from an ALSA card (None: from any), most direct first.

    Other users' processes are seen by root only. Where it is a sound server that holds the card,
    the programs that record through it follow.
    """
    found = list(dict.fromkeys(_open_files(proc, card)))
    if not found or any(holder.name in SOUND_SERVERS for holder in found):
        found += _through_server(pactl)
    return tuple(found[:MAX_NAMED])


def _open_files(proc: Path, card: int | None) -> Iterator[Holder]:
    for process in proc.glob("[0-9]*"):
        try:
            links = [str(entry.readlink()) for entry in (process / "fd").iterdir()]
            name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue  # it has ended, or belongs to somebody else
        cards = {int(match[1]) for link in links if (match := _CAPTURE.fullmatch(link))}
        if cards if card is None else card in cards:
            yield Holder(name, int(process.name))


def _through_server(pactl: tuple[str, ...]) -> list[Holder]:
    try:
        answer = subprocess.run(
            pactl,
            capture_output=True,
            check=False,
            timeout=PACTL_SECONDS,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return []  # no PulseAudio here
    found = []
    for part in answer.stdout.split("Source Output #")[1:]:
        said = dict(_PROPERTY.findall(part))
        if "name" in said:
            pid = said.get("process.id", "")
            found.append(Holder(said["name"], int(pid) if pid.isdecimal() else None))
    return found
