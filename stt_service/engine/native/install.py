"""Fetches the original libraries: official wheels in, their shared objects out, nothing else kept.

The wheels are for Python 3.9 and older, but the libraries inside do not know Python. They lie in
``engines/NAME-VERSION`` below the state directory; the folder appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from stt_service.errors import EngineError

PIP_SECONDS = 900
"""For 4 MB: a slow line gets its time, a stalled one comes to an end."""
MAX_WHEEL_BYTES = 64 << 20
"""The larger of the two has 4 MB."""
REASON_LINES = 3
"""Of pip's last words, as quoted in a message."""
MACHINE = "x86_64"
"""The only one for which the index has official wheels of these versions."""
OTHER_MACHINES = (
    'Get libdeepspeech.so or libstt.so for this board and name it: engine.library = "/path/of/it". '
    "Or take --engine litert, which runs the same models"
)

Announce = Callable[[str], None]
"""Told what is being done, for people."""


@dataclass(frozen=True, slots=True)
class Package:
    """One official wheel and what is kept of it."""

    engine: str
    """Name of the engine."""
    project: str
    """Name on the package index."""
    version: str
    platform: str
    """The wheel's platform tag."""
    sha256: str
    """Of the wheel, hexadecimal."""
    members: Mapping[str, str]
    """Path inside the wheel to SHA-256; the first is the library, the rest it is linked with."""

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return f"{self.project}-{self.version}"

    @property
    def library(self) -> str:
        """File name of the library."""
        return Path(next(iter(self.members))).name


PACKAGES: Mapping[str, Package] = MappingProxyType(
    {
        "deepspeech": Package(
            "deepspeech",
            "deepspeech-tflite",
            "0.9.3",
            "manylinux1_x86_64",
            "46b76baf8ea9b5d43c2d8081b1c4a5aa5e45407016ac8365a0bc859072c4f748",
            {
                "deepspeech/lib/libdeepspeech.so": (
                    "6d0178ced7c690afd07d8a8b6e7e39fa85767e23fb3bd2156a28292d05bad3e9"
                ),
            },
        ),
        "coqui": Package(
            "coqui",
            "stt",
            "1.4.0",
            "manylinux_2_24_x86_64",
            "d1bde1d719b2685d7703cd31d4d641304407921daa108b7aca60a0b86baab096",
            {
                "stt/lib/libstt.so": (
                    "31816defe02de2565122f516b749b8e76443b9a82c871676d4bfd9570288087f"
                ),
                "stt/lib/libkenlm.so": (
                    "1ec91ddca50741e29b85e709d39bc3625a61f860a218aa8ea46086f5d43d6bdf"
                ),
            },
        ),
    }
)


def installed_library(engine: str, state_dir: Path) -> Path:
    """Return what ``install`` has fetched. Raises :exc:`EngineError` if there is nothing."""
    package = PACKAGES[engine]
    path = _folder(package, state_dir) / package.library
    if not path.is_file():
        raise EngineError(
            f"the {engine} library is not installed", f"stt-service engine install {engine}"
        )
    return path


def state_of(engine: str, state_dir: Path) -> str:
    """Return ``installed``, ``not installed`` or ``damaged``, every file's hash being compared."""
    package = PACKAGES[engine]
    folder = _folder(package, state_dir)
    if not folder.is_dir():
        return "not installed"
    try:
        whole = all(
            _sum(folder / Path(member).name) == pin for member, pin in package.members.items()
        )
    except OSError:
        whole = False
    return "installed" if whole else "damaged"


def install(engine: str, state_dir: Path, *, announce: Announce, wheel: Path | None = None) -> Path:
    """Install a library and return its path; one that is there and whole is left alone.

    ``wheel`` is taken instead of the package index, for machines without a connection. Raises
    :exc:`EngineError` with what to do.
    """
    package = PACKAGES[engine]
    if state_of(engine, state_dir) == "installed":
        announce(f"{package.folder} is installed already")
        return installed_library(engine, state_dir)
    check_machine(package)
    folder = _folder(package, state_dir)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".install-") as made:
            room = Path(made)
            whom = (
                "Take what `pip download --no-deps --python-version 3.9 --only-binary :all: "
                f"{package.project}=={package.version}` fetches"
            )
            if wheel is None:
                announce(f"fetching {package.folder} through pip")
                wheel = fetch(package, room / "wheel")
                whom = "Ask whoever runs your package index"
            announce(f"checking {wheel.name}")
            _verify(package, wheel, whom)
            unpack(package, wheel, room / "new")
            if folder.exists():
                folder.rename(room / "old")
            (room / "new").rename(folder)
    except OSError as error:
        raise EngineError(
            f"{package.folder} cannot be put into {folder.parent}: {error.strerror or error}",
            "Make room, or choose another folder: paths.state",
        ) from error
    return installed_library(engine, state_dir)


def remove(engine: str, state_dir: Path) -> bool:
    """Remove a library. Returns whether there was one. Raises :exc:`EngineError`."""
    folder = _folder(PACKAGES[engine], state_dir)
    if not folder.is_dir():
        return False
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise EngineError(f"{folder} cannot be removed: {error.strerror or error}") from error
    return True


def check_machine(package: Package, *, system: str = "", machine: str = "") -> None:
    """Raise :exc:`EngineError` where there is no official wheel; by default for this machine."""
    system, machine = system or platform.system(), machine or platform.machine()
    if (system, machine) != ("Linux", MACHINE):
        raise EngineError(
            f"there is no official wheel of {package.folder} for {system} on {machine}, "
            f"only for Linux on {MACHINE}",
            OTHER_MACHINES,
        )


def fetch(package: Package, room: Path) -> Path:
    """Download the wheel into ``room`` with pip, whose settings of index and proxy hold."""
    if importlib.util.find_spec("pip") is None:
        raise EngineError(
            f"fetching {package.folder} needs pip, which this Python lacks",
            "python3 -m ensurepip, or apt install python3-pip, or give the wheel with --wheel",
        )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(room)]
    command += ["--python-version", "3.9", "--implementation", "cp", "--abi", "cp39"]
    command += ["--platform", package.platform, f"{package.project}=={package.version}"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(
            f"pip did not fetch {package.folder} within {PIP_SECONDS} s", "Try again later"
        ) from error
    wheels = sorted(room.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = " / ".join(words[-REASON_LINES:]) or f"exit status {done.returncode}"
        raise EngineError(
            f"pip could not fetch {package.folder}: {reason}",
            "Check the connection and pip's index, or give the wheel with --wheel",
        )
    return wheels[0]


def unpack(package: Package, wheel: Path, folder: Path) -> None:
    """Write the kept members, each compared with its pin, into a new folder."""
    folder.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member, pin in package.members.items():
                content = archive.read(member)
                if hashlib.sha256(content).hexdigest() != pin:
                    raise EngineError(f"{member} in {wheel.name} is not the official one")
                (folder / Path(member).name).write_bytes(content)
    except (zipfile.BadZipFile, KeyError) as error:
        raise EngineError(f"{wheel.name} is not the wheel it should be: {error}") from error


def _verify(package: Package, wheel: Path, remedy: str) -> None:
    size = wheel.stat().st_size
    if size > MAX_WHEEL_BYTES or (found := _sum(wheel)) != package.sha256:
        what = f"{size} bytes" if size > MAX_WHEEL_BYTES else f"SHA-256 {found}"
        raise EngineError(
            f"{wheel.name} is not the official wheel of {package.folder}: {what} "
            f"instead of SHA-256 {package.sha256}",
            f"Nothing was installed. {remedy}",
        )


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder(package: Package, state_dir: Path) -> Path:
    return state_dir / "engines" / package.folder
