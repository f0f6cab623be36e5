"""A daemon that nobody talks to sends nothing to the network: strace and the kernel say so."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bench import idle

SECONDS = 5.0


def missing() -> str:
    """Return why this cannot be watched here; empty when it can."""
    for program in ("strace", "unshare", "ip", "pgrep"):
        if shutil.which(program) is None:
            return f"needs {program}"
    allowed = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return "may not make a network of its own" if allowed.returncode else ""


@pytest.mark.slow
def test_an_idle_daemon_sends_nothing() -> None:
    """No packet, not even to itself, and no attempt."""
    if reason := missing():
        pytest.skip(reason)
    found = {str(what): count for what, count in idle.run(SECONDS)}
    assert found["of those, sent or connected over IP"] == 0
    assert found["packets, loopback included"] == "0"
