"""Whether the network costs money by the byte, as far as NetworkManager knows."""

from __future__ import annotations

import shutil
import subprocess

SECONDS = 5.0
"""That the system's bus may take."""
NAME = "org.freedesktop.NetworkManager"
QUESTION = ("get-property", NAME, "/org/freedesktop/NetworkManager", NAME, "Metered")
METERED = ("u 1", "u 3")
"""Yes, and probably yes."""


def is_metered() -> bool:
    """Return whether it does; what is not known counts as free."""
    busctl = shutil.which("busctl")
    if busctl is None:
        return False
    try:
        done = subprocess.run(
            [busctl, "--system", *QUESTION],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() in METERED
