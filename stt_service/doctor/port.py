"""Who answers at the daemon's port."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stt_service.doctor.api import Finding
from stt_service.doctor.reading import read_text

CONNECT_SECONDS = 2.0
"""For a connection on this machine; it takes microseconds."""
MAX_PROCESSES = 4096
"""Looked at; a board has a few hundred."""

_LISTENING = "0A"
"""The state, in /proc/net/tcp."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the daemon says does not work."""

    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon of ours that answers, and what it says."""

    ready: bool
    source: str
    muted: bool
    reasons: tuple[str, ...]
    """Who mutes it."""
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """What is to be said of the place where the daemon listens."""

    address: str
    """For messages."""
    daemon: Daemon | None
    """One of ours, if it answered."""
    refusal: str
    """Why it does not talk to us; empty where it does, or nobody is there."""
    taken: bool
    """Somebody listens there."""
    holder: str
    """The program, where the system tells."""


def is_taken(host: str, port: int) -> bool:
    """Return whether anybody listens there."""
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS):
            return True
    except OSError:
        return False


def holder_of(port: int, root: Path = Path("/")) -> str:
    """Return the program that listens at a TCP port; empty where the system does not tell.

    Other users' processes are seen by root only.
    """
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, root)}
    if not sockets:
        return ""
    processes = sorted(root.glob("proc/[0-9]*"))[:MAX_PROCESSES]
    for process in processes:
        if not sockets.isdisjoint(_open_files(process)):
            name = (read_text(process / "comm") or "").strip()
            return f"{name} (process {process.name})"
    return ""


def _open_files(process: Path) -> Iterator[str]:
    try:
        entries = list((process / "fd").iterdir())
    except OSError:
        return  # it has ended, or belongs to somebody else
    for entry in entries:
        with suppress(OSError):  # closed meanwhile
            yield str(entry.readlink())


def _inodes(port: int, root: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        for line in (read_text(root / "proc/net" / table) or "").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTENING:
                match = re.fullmatch(r"[0-9A-F]+:([0-9A-F]{4})", fields[1])
                if match and int(match[1], 16) == port:
                    yield fields[9]


def judge_port(found: Port) -> Finding:
    """Say whether the daemon can be reached, or could listen there."""
    facts = {"taken": found.taken, "daemon": found.daemon is not None}
    if found.daemon is not None:
        return Finding("port", "ok", "fine", f"a daemon answers at {found.address}", "", facts)
    if not found.taken:
        return Finding("port", "ok", "fine", f"{found.address} is free", "", facts)
    if found.refusal:
        return Finding(
            "port",
            "warn",
            "port-refused",
            f"{found.address}: {found.refusal}",
            "Ask with the settings and as the user of the daemon: see docs/security.md",
            facts,
        )
    if found.holder:
        return Finding(
            "port",
            "fail",
            "port-taken",
            f"{found.address} belongs to {found.holder}",
            "End it, or set server.port to another one",
            facts,
        )
    return Finding(
        "port",
        "fail",
        "port-untold",
        f"somebody else's program listens at {found.address}",
        "`sudo ss -ltnp` says which; end it, or set server.port to another one",
        facts,
    )


def judge_daemon(daemon: Daemon) -> Sequence[Finding]:
    """Say what the running daemon says of its microphone and itself."""
    found = []
    for fault in daemon.faults:
        code = fault.code if fault.code in ("microphone-lost", "microphone-busy") else "failed"
        code = "microphone-silent" if fault.code == "microphone-silent" else code
        area = "engine" if fault.code in ("model", "engine") else "microphone"
        found.append(Finding(area, "fail", code, fault.message, fault.remedy))
    if daemon.muted:
        found.append(
            Finding(
                "microphone",
                "warn",
                "microphone-muted",
                f"the daemon is muted by {', '.join(daemon.reasons)}",
                "stt-service unmute",
                {"muted": True},
            )
        )
    return found
