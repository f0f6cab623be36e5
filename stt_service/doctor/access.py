"""Who may use the sound cards, and whether the state folder can be written to."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from stt_service.doctor.api import Finding
from stt_service.doctor.reading import existing, read_text

MAX_NODES = 256
"""Devices looked at; ALSA has at most 32 cards."""
SOUND_SERVERS = {"pipewire": "PipeWire", "pulseaudio": "PulseAudio"}
"""Names of processes, and what people call them."""
FIRST_PERSON = 1000
"""User id from which on people begin; those below are the system's."""


@dataclass(frozen=True, slots=True)
class Cards:
    """The capture devices of ALSA."""

    nodes: int
    usable: int
    """Of those, which this process may open."""
    group: str | None
    """That may, where others may not."""
    granted: bool
    """The user is in that group, but has not logged in since."""


def read_cards(root: Path = Path("/")) -> Cards:
    """Look at the devices without opening one."""
    nodes = sorted(root.glob("dev/snd/pcm*c"))[:MAX_NODES]
    barred = [node for node in nodes if not os.access(node, os.R_OK | os.W_OK)]
    group, granted = None, False
    if barred:
        try:
            found = grp.getgrgid(barred[0].stat().st_gid)
            me = pwd.getpwuid(os.getuid())
            group = found.gr_name
            granted = me.pw_name in found.gr_mem and found.gr_gid not in os.getgroups()
        except (KeyError, OSError):
            pass  # a user or group without a name, as in containers; or just unplugged
    return Cards(len(nodes), len(nodes) - len(barred), group, granted)


def judge_cards(found: Cards) -> Finding:
    """Say whether sound cards may be opened."""
    facts = {"devices": found.nodes, "usable": found.usable}
    if found.nodes and not found.usable and found.granted:
        return Finding(
            "permissions",
            "fail",
            "login-again",
            f"you were put into the group {found.group}, and have not logged in since",
            "Log out and in again, or restart",
            facts,
        )
    if found.nodes and not found.usable:
        return Finding(
            "permissions",
            "fail",
            "sound-forbidden",
            "this user may not open sound cards",
            f"sudo usermod -aG {found.group or 'audio'} $USER, then log out and in again",
            facts,
        )
    if not found.nodes:
        return Finding("permissions", "ok", "fine", "there is no sound card to open", "", facts)
    text = f"{found.usable} of {found.nodes} capture devices may be opened"
    return Finding("permissions", "ok", "fine", text, "", facts)


@dataclass(frozen=True, slots=True)
class Servers:
    """Sound servers that run here: they hold the microphones for whoever is logged in."""

    own: str | None
    """Of this user."""
    others: str | None
    """Of somebody else."""


def read_servers(root: Path = Path("/"), user: int | None = None) -> Servers:
    """Look for their processes. Where processes of others are hidden, none of theirs is seen."""
    me = os.getuid() if user is None else user
    own = others = None
    for process in root.glob("proc/[0-9]*"):
        name = SOUND_SERVERS.get((read_text(process / "comm") or "").strip())
        if name is None:
            continue
        try:
            owner = process.stat().st_uid
        except OSError:
            continue  # it has just ended
        if owner == me:
            own = name
        elif owner >= FIRST_PERSON:
            others = name
    return Servers(own, others)


def judge_servers(found: Servers, user: int | None = None) -> Finding:
    """Say whose the microphones are: a service of the system's gets at none that a server holds."""
    me = os.getuid() if user is None else user
    facts = {"sound_server": found.own is not None, "sound_server_of_others": bool(found.others)}
    if found.own is None and found.others is not None and me < FIRST_PERSON:
        return Finding(
            "permissions",
            "warn",
            "sound-elsewhere",
            f"{found.others} holds the microphones for somebody who is logged in",
            "Run the service as that user: sudo systemctl disable --now stt-service; then, without "
            "sudo, systemctl --user enable --now stt-service; see docs/systemd.md",
            facts,
        )
    text = "no sound server runs: ALSA alone" if found.own is None else f"{found.own} runs for you"
    return Finding("permissions", "ok", "fine", text, "", facts)


def read_state(folder: Path) -> tuple[Path, bool]:
    """Return the nearest folder that is there, and whether we may write to it."""
    place = existing(folder.absolute())
    return place, os.access(place, os.W_OK | os.X_OK)


def judge_state(place: Path, *, writable: bool) -> Finding:
    """Say whether a mute, a model or a consent can be remembered."""
    facts = {"state_writable": writable}
    if writable:
        return Finding("permissions", "ok", "fine", "the state folder can be written", "", facts)
    return Finding(
        "permissions",
        "fail",
        "state-unwritable",
        f"{place} cannot be written: no mute is remembered, no model installed",
        "Run it as the user whose folder that is, or set paths.state",
        facts,
    )
