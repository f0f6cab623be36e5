"""Manual page, completion and list of libraries, as packages have them."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stt_service import __version__
from stt_service.cli import COMMANDS

ROOT = Path(__file__).parents[2]


def described(folder: Path) -> Path:
    """Run the script as the package's build does."""
    subprocess.run(
        [sys.executable, str(ROOT / "packaging/describe.py"), str(folder)],
        check=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SOURCE_DATE_EPOCH": "86400"},
    )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return described(tmp_path_factory.mktemp("root"))


def page(folder: Path) -> str:
    return gzip.decompress((folder / "usr/share/man/man1/stt-service.1.gz").read_bytes()).decode()


def test_the_page_has_every_command(folder: Path) -> None:
    """Each with its own heading, and the version and the date of the release on top."""
    text = page(folder).replace("\\-", "-")
    assert [name for name in COMMANDS if f".SS stt-service {name}" not in text] == []
    assert text.startswith(f'.TH STT-SERVICE 1 1970-01-02 "stt-service {__version__}"')


def test_groff_and_mandoc_have_no_complaint(folder: Path, tmp_path: Path) -> None:
    """No escape, macro or date that a formatter does not know."""
    if shutil.which("mandoc") is None:
        pytest.skip("needs mandoc")
    source = tmp_path / "stt-service.1"
    source.write_text(page(folder), encoding="utf-8")
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", str(source)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == ""


def test_twice_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """A release can be built again and compared."""
    again = described(tmp_path)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 5
    for file in files:
        assert file.read_bytes() == (again / file.relative_to(folder)).read_bytes()


def test_bash_completes_commands(folder: Path) -> None:
    """The script is valid, and asks the program, which answers."""
    script = folder / "usr/share/bash-completion/completions/stt-service"
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=60)
    done = subprocess.run(
        [sys.executable, "-m", "stt_service"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env={
            **os.environ,
            "_STT_SERVICE_COMPLETE": "bash_complete",
            "COMP_WORDS": "stt-service tr",
            "COMP_CWORD": "1",
        },
    )
    assert done.stdout.split() == ["plain,transcribe"]


def test_libraries_are_listed_with_their_licences(folder: Path) -> None:
    """Name, version and licence, a line each."""
    lines = (folder / "usr/share/doc/stt-service/vendored.txt").read_text().splitlines()
    assert any(line.startswith("numpy ") and "BSD" in line for line in lines)
    assert [line for line in lines if line.endswith(": ")] == []
