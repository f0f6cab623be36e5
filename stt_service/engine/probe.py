"""Opens an unknown model in a child process first, where a crash costs nothing.

The C++ code that runs models aborts or reads out of bounds on some damaged files, and would take
the whole program along. So a model that nobody vouches for is opened and run once in a child with
bounded time and memory. That it went well is remembered by the file's hash, the library's version
and the machine, as an empty file in the state directory.

The child runs LiteRT, or any :class:`Trial` of another library.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Container
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from stt_service.engine.messages import NATIVE_BEGINNINGS
from stt_service.errors import ModelError, SttError

PROBE_SECONDS = 60
"""Processor time of the child. A Raspberry Pi runs the largest published model in 15 s."""
PROBE_WAIT_SECONDS = 600
"""For one that waits without end; a good model on a busy machine needs long, too."""
PROBE_GRACE_SECONDS = 5
"""Of processor time until the child is killed, should it ignore the first signal."""
PROBE_BYTES = 1 << 30
"""Memory of the child, in addition to PROBE_BYTES_PER_BYTE times the file's size."""
PROBE_BYTES_PER_BYTE = 8
"""int8 weights unpacked to float32 and packed once more for the vector units."""
REASON_CHARACTERS = 300
"""Of the child's last words, as quoted in a message."""

_REMEDY = "Fetch the file again, or take a model of DeepSpeech 0.9 or Coqui STT 1.x"
_BUSY_REMEDY = "Try again when the machine is less busy, or fetch the file again"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trial:
    """What the child runs."""

    library: str
    """Name and version of what opens the model, fit for a file name."""
    module: str
    """Run with ``python -m``; its arguments are the model's path and :attr:`arguments`."""
    arguments: tuple[str, ...] = ()


def _litert() -> Trial:
    return Trial(f"litert-{version('ai-edge-litert')}", "stt_service.engine.probe")


def ensure_runs(
    path: Path,
    *,
    state_dir: Path | None,
    trusted: Container[str] = (),
    trial: Trial | None = None,
) -> None:
    """Make sure that opening the model cannot end the process.

    ``trusted`` holds SHA-256 sums (hexadecimal) of models known to run; they are not probed.
    Without ``state_dir`` nothing is remembered; without ``trial`` LiteRT is meant. Raises
    :exc:`ModelError` naming the file.
    """
    trial = trial or _litert()
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    if digest in trusted:
        return
    name = f"{digest}-{trial.library}-{platform.machine()}"
    mark = None if state_dir is None else state_dir / "probed" / name
    if mark is not None and mark.exists():
        return
    probe(path, trial=trial)
    if mark is not None:
        try:
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
        except OSError as error:
            logger.info("cannot remember that %s runs: %s", path, error)


def probe(path: Path, *, seconds: float = PROBE_WAIT_SECONDS, trial: Trial | None = None) -> None:
    """Run the model once in a child process. Raises :exc:`ModelError` unless that goes well."""
    trial = trial or _litert()
    arguments = [str(path.absolute()), *trial.arguments]
    command = [sys.executable, "-P", "-m", trial.module, *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p or os.curdir for p in sys.path)}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{path} was not run once within {seconds:g} s", _BUSY_REMEDY) from error
    except OSError as error:
        raise ModelError(f"{path} could not be tried: {error}") from error
    if done.returncode == 0:
        return
    if done.returncode == -signal.SIGXCPU:
        reason = f"it has not ended after {PROBE_SECONDS} s of processor time"
    elif done.returncode < 0:
        reason = f"it crashes the library ({signal.Signals(-done.returncode).name})"
    else:
        lines = done.stderr.strip().splitlines()
        words = [
            line.decode("utf-8", "replace")
            for line in lines
            if not line.startswith(NATIVE_BEGINNINGS)
        ]
        reason = words[-1][-REASON_CHARACTERS:] if words else f"exit status {done.returncode}"
    raise ModelError(f"{path} cannot be run: {reason}", _REMEDY)


def _bound(size: int) -> None:
    most = PROBE_BYTES + PROBE_BYTES_PER_BYTE * size
    # Private memory, not address space: the interpreter's threads reserve much that they never use.
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (PROBE_SECONDS, PROBE_SECONDS + PROBE_GRACE_SECONDS))


def _run_once(path: Path) -> None:
    """Open the model and run it on noise, with all kernels. Raises what LiteRT raises."""
    import numpy as np  # noqa: PLC0415 -- only the child needs these

    from stt_service.engine.graph import read_graph  # noqa: PLC0415
    from stt_service.engine.network import open_network  # noqa: PLC0415

    info = read_graph(path)
    noise = np.random.default_rng(0)
    batch = (info.n_steps, 2 * info.n_context + 1, info.n_features)
    for fast in (False, True):
        network = open_network(path, threads=1, fast=fast)
        cell, hidden = noise.normal(size=(2, info.state_size)).astype(np.float32)
        for _ in range(2):  # the second run meets what the first left behind
            given = noise.normal(size=batch).astype(np.float32)
            if not np.isfinite(network.run(given, cell, hidden)).all():
                raise ValueError("its output is not finite")


def child(run: Callable[[], None], size: int) -> int:
    """Run in the child, within bounds for a model of ``size`` bytes; return its exit status."""
    _bound(size)
    try:
        run()
    except (SttError, RuntimeError, ValueError, MemoryError, OSError) as error:
        print(f"{type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    _path = Path(sys.argv[1])
    sys.exit(child(lambda: _run_once(_path), _path.stat().st_size))
