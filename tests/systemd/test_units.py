"""The units: shut in tightly, explained line by line, and true to what the program does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "systemd"
SYSTEM = FOLDER / "stt-service.service"
USER = FOLDER / "user/stt-service.service"
BOTH = pytest.mark.parametrize("unit", [SYSTEM, USER], ids=["system", "user"])
OURS = sorted((*FOLDER.rglob("*.service"), *FOLDER.rglob("*.timer")))
UPKEEP = FOLDER / "stt-service-upkeep.service"
WAY_OUT = FOLDER / "network.conf"
EACH = pytest.mark.parametrize("unit", OURS, ids=lambda unit: f"{unit.parent.name}-{unit.name}")
MAX_EXPOSURE = 1.5
"""Of 10, by the measure of systemd-analyze."""
EXPLAINED_BY_NAME = {
    "Description",
    "Documentation",
    "LogExtraFields",
    "SyslogIdentifier",
    "WantedBy",
}
needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze"
)


def values(unit: Path) -> dict[str, str]:
    """Return each directive's last value."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))


@needs_analyze
@pytest.mark.parametrize("way_out", [False, True], ids=["shut", "with a way out"])
@pytest.mark.parametrize("unit", [SYSTEM, UPKEEP], ids=["daemon", "upkeep"])
def test_the_system_services_are_hardly_exposed(
    unit: Path, tmp_path: Path, *, way_out: bool
) -> None:
    """The sandbox is tight by the measure of systemd itself, with the network's drop-in too."""
    copy = tmp_path / unit.name
    text = unit.read_text(encoding="utf-8")
    if way_out:  # as systemd joins them; there is no section behind the service's but the last
        ours, install, rest = text.partition("[Install]")
        added = WAY_OUT.read_text(encoding="utf-8").partition("[Service]\n")[2]
        text = f"{ours}{added}\n{install}{rest}"
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(copy)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot judge a file")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= MAX_EXPOSURE


@needs_analyze
@EACH
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    """No directive is misspelt, and no value refused; only the program may be missing here."""
    copy = tmp_path / unit.name
    for one in unit.parent.glob("stt-service*.*"):  # a timer wants its service
        text = one.read_text(encoding="utf-8")
        text = re.sub("ExecStart=stt-service ", "ExecStart=/bin/true ", text)
        (tmp_path / one.name).write_text(text, encoding="utf-8")
    manager = "--user" if unit.parent.name == "user" else "--system"
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", manager, str(copy)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert [line for line in done.stderr.splitlines() if copy.name in line] == []


@EACH
def test_every_directive_is_explained(unit: Path) -> None:
    """Each block of directives, between empty lines or comments, begins with a comment."""
    explained = False
    missing = []
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            explained = True
        elif not line or line.startswith("["):
            explained = False
        elif line.partition("=")[0] not in EXPLAINED_BY_NAME:
            missing += [] if explained else [line]
    assert missing == []


@BOTH
def test_the_watchdog_waits_longer_than_a_lost_microphone(unit: Path) -> None:
    """A microphone that went away is a fault that is told, not a hang."""
    defaults = tomllib.loads((FOLDER.parent / "stt_service/default.toml").read_text("utf-8"))
    assert int(values(unit)["WatchdogSec"]) > defaults["microphone"]["lost_after"] + 5
    assert int(values(unit)["TimeoutStopSec"]) > defaults["listener"]["drain"]
