"""Real processes and mounts for tests that wrong them: collectors, PostgreSQL, small disks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port

START_SECONDS = 600.0
"""That a collector may take to answer, on a machine that does other things too."""
BITS = 4


class Running:
    """A collector in processes of its own, which keeps its port when it is started again."""

    def __init__(self, database: str, objects: Path, workers: int = 1) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = objects.with_name("collector.log")
        self._command = [sys.executable, "-m", "stt_service", "collector", "run"]
        self._command += ["--database", database, "--objects", str(objects)]
        self._command += ["--bits", str(BITS), "--per-day", "1000000"]
        self._command += ["--port", str(self.port), "--workers", str(workers)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Running:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def wait(self) -> Running:
        """Return when it answers."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return self
            except httpx.TransportError:
                assert self._process is not None
                assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def pids(self) -> list[int]:
        """Return its own process and those below."""
        assert self._process is not None
        found = [self._process.pid]
        for one in found:
            children = Path(f"/proc/{one}/task/{one}/children")
            with suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
                found += [int(child) for child in children.read_text().split()]
        return found

    def rss_mib(self) -> float:
        pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in self.pids())
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End all of its processes at once, without a word; return when none holds its port."""
        assert self._process is not None
        pids = self.pids()
        os.killpg(self._process.pid, number)
        self._process.wait(60)
        end = time.monotonic() + START_SECONDS
        while any(map(_runs, pids)):
            assert time.monotonic() < end, "a process outlives kill -9"
            time.sleep(0.01)


def _runs(pid: int) -> bool:
    """Return whether a process still has files open; one that nobody has waited for has none."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


class Postgres:
    """A PostgreSQL of the test's own."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._user = "postgres" if os.geteuid() == 0 else None
        self._port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        if self._user:
            shutil.chown(folder, self._user)
        self._run("initdb", "-U", "postgres", "--auth=trust", "--no-sync")

    def _run(self, program: str, *options: str) -> None:
        command = [str(self._programs / program), "-D", str(self._folder / "data"), *options]
        # Not through a pipe: the server would keep its end.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command, stdout=output, stderr=output, user=self._user, check=False, timeout=180
            )
            output.seek(0)
            assert done.returncode == 0, output.read()

    def start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """``immediate`` is a crash: it recovers from its log when it starts."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")


def postgres_programs() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return places[-1] if places and (places[-1] / "initdb").exists() else None


@contextmanager
def own_postgres() -> Iterator[Postgres]:
    """Lend a PostgreSQL that runs; skip the test where it is not installed."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Postgres(programs, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a file system of so many bytes; skip the test where that is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if (
        not shutil.which("mount")
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        pytest.skip("a small file system cannot be mounted here (needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
