"""Libraries are installed whole, checked, and only where they can run."""

import zipfile
from dataclasses import replace
from hashlib import sha256

import pytest
from click.testing import CliRunner

from stt_service.cli.common import Context
from stt_service.cli.engine import engine_group
from stt_service.engine.native import install as module
from stt_service.engine.native.install import (
    PACKAGES,
    check_machine,
    install,
    installed_library,
    remove,
    state_of,
)
from stt_service.errors import EngineError

MEMBERS = {"pkg/lib/libdeepspeech.so": b"the library", "pkg/lib/other.so": b"its sibling"}


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel of our own making, pinned as if it were the official one."""
    path = tmp_path / "deepspeech.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pkg/__init__.py", "raise SystemExit")
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    package = replace(
        PACKAGES["deepspeech"],
        sha256=sha256(path.read_bytes()).hexdigest(),
        members={name: sha256(content).hexdigest() for name, content in MEMBERS.items()},
    )
    monkeypatch.setattr(module, "PACKAGES", {"deepspeech": package, "coqui": PACKAGES["coqui"]})
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    return path


def put(wheel, state, said=None):
    """Install ``wheel`` as deepspeech."""
    announce = (lambda line: None) if said is None else said.append
    return install("deepspeech", state, announce=announce, wheel=wheel)


def test_only_the_shared_objects_are_kept(wheel, tmp_path):
    """No Python code of the wheel, no temporary folder."""
    path = put(wheel, tmp_path / "state")
    assert path == installed_library("deepspeech", tmp_path / "state")
    files = {p.name: p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file()}
    assert files == {"libdeepspeech.so": b"the library", "other.so": b"its sibling"}
    assert [p.name for p in (tmp_path / "state/engines").iterdir()] == ["deepspeech-tflite-0.9.3"]


def test_installing_again_does_nothing(wheel, tmp_path):
    """And says so."""
    path = put(wheel, tmp_path)
    before, said = path.stat().st_mtime_ns, []
    put(wheel, tmp_path, said)
    assert path.stat().st_mtime_ns == before
    assert said == ["deepspeech-tflite-0.9.3 is installed already"]


def test_a_damaged_library_is_noticed_and_replaced(wheel, tmp_path):
    """Every file's hash is known."""
    path = put(wheel, tmp_path)
    path.write_bytes(b"something else")
    assert state_of("deepspeech", tmp_path) == "damaged"
    path.unlink()
    assert state_of("deepspeech", tmp_path) == "damaged"
    put(wheel, tmp_path)
    assert state_of("deepspeech", tmp_path) == "installed"


def test_another_wheel_is_refused(wheel, tmp_path):
    """Nothing of it is left behind."""
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    with pytest.raises(
        EngineError,
        match=r"not the official wheel.*Nothing was installed. Take what `pip download .*==0.9.3`",
    ):
        put(wheel, tmp_path / "state")
    assert list((tmp_path / "state/engines").iterdir()) == []
    assert state_of("deepspeech", tmp_path / "state") == "not installed"


def test_a_library_that_is_not_installed_is_named_with_the_command(tmp_path):
    """What to type."""
    with pytest.raises(EngineError, match="stt-service engine install coqui"):
        installed_library("coqui", tmp_path)


def test_removing_twice_is_harmless(wheel, tmp_path):
    """It says whether there was anything."""
    put(wheel, tmp_path)
    assert remove("deepspeech", tmp_path)
    assert not remove("deepspeech", tmp_path)


@pytest.mark.parametrize("machine", ["aarch64", "armv7l"])
def test_other_boards_are_told_of_the_setting(machine):
    """The index has wheels for x86-64 only."""
    with pytest.raises(EngineError, match=rf"{machine}.*engine\.library = "):
        check_machine(PACKAGES["deepspeech"], system="Linux", machine=machine)


def test_a_state_directory_that_cannot_be_written_is_an_error(wheel, tmp_path):
    """With the setting that names another."""
    (tmp_path / "state").write_text("a file")
    with pytest.raises(EngineError, match=r"paths\.state"):
        put(wheel, tmp_path / "state")


def test_pips_reason_is_passed_on(wheel, tmp_path, monkeypatch):
    """And the way round it."""
    shell = tmp_path / "python"
    shell.write_text("#!/bin/sh\necho 'ERROR: no route to the index' >&2\nexit 1\n")
    shell.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(shell))
    with pytest.raises(EngineError, match=r"no route to the index.*--wheel"):
        install("deepspeech", tmp_path / "state", announce=print)


def test_the_commands_list_install_and_remove(wheel, own_state):
    """What is printed is short and says what to do next."""

    def call(*arguments):
        return CliRunner().invoke(engine_group, arguments, obj=Context(), catch_exceptions=False)

    assert "* litert" in call("list").output
    assert "deepspeech  [deepspeech-tflite 0.9.3, not installed]" in call("list").output
    put(wheel, own_state)
    assert "deepspeech  [deepspeech-tflite 0.9.3, installed]" in call("list").output
    assert call("remove", "deepspeech").output == "deepspeech is removed\n"
    assert call("remove", "deepspeech").output == "deepspeech is not installed\n"
