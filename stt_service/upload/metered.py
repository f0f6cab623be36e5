"""Whether the network costs money by the byte, as far as NetworkManager knows."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

SECONDS = 5.0
"""That the system's bus may take."""
NAME = "org.freedesktop.NetworkManager"
QUESTION = ("--system", "get-property", NAME, "/org/freedesktop/NetworkManager", NAME, "Metered")
ANSWERS = {"u 1": True, "u 2": False, "u 3": True, "u 4": False}
"""Yes, no, probably yes, probably no; 0 is unknown. See NMMetered in NetworkManager's manual."""


def is_metered(program: str = "busctl", question: Sequence[str] = QUESTION) -> bool | None:
    """Return whether it does; None where nobody knows."""
    found = shutil.which(program)
    if found is None:
        return None
    try:
        done = subprocess.run(
            [found, *question], capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return ANSWERS.get(done.stdout.strip()) if done.returncode == 0 else None
