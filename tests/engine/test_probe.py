"""A model that would take the program down with it is found out in a child process."""

import logging

import pytest

from stt_service.engine import probe as module
from stt_service.engine.probe import Trial, ensure_runs, probe
from stt_service.errors import ModelError


def test_a_good_model_is_tried_once_and_remembered(tiny_model, tmp_path, monkeypatch):
    """The second time nothing is started."""
    ensure_runs(tiny_model, state_dir=tmp_path)
    (mark,) = (tmp_path / "probed").iterdir()
    assert "-litert-" in mark.name
    monkeypatch.setattr(module.sys, "executable", "/nowhere/python")
    ensure_runs(tiny_model, state_dir=tmp_path)


def test_a_trusted_model_is_not_tried(tiny_model, tiny_sum, monkeypatch):
    """The registry vouches for it."""
    monkeypatch.setattr(module.sys, "executable", "/nowhere/python")
    ensure_runs(tiny_model, state_dir=None, trusted={tiny_sum})
    with pytest.raises(ModelError, match=r"tiny\.tflite could not be tried"):
        ensure_runs(tiny_model, state_dir=None)


def test_a_changed_model_is_tried_again(tiny_model, tmp_path):
    """What is remembered is the content, not the name."""
    path = tmp_path / "model.tflite"
    path.write_bytes(tiny_model.read_bytes())
    ensure_runs(path, state_dir=tmp_path)
    path.write_bytes(b"TFL3TFL3 is not enough")
    with pytest.raises(ModelError, match=r"model\.tflite cannot be run"):
        ensure_runs(path, state_dir=tmp_path)
    assert len(list((tmp_path / "probed").iterdir())) == 1


def test_where_nothing_can_be_remembered_the_model_still_runs(tiny_model, tmp_path, caplog):
    """A state directory that cannot be written costs a trial each time, and is logged."""
    (tmp_path / "probed").write_text("a file where the folder should be")
    with caplog.at_level(logging.INFO):
        ensure_runs(tiny_model, state_dir=tmp_path)
    assert "cannot remember" in caplog.text


def test_a_crash_is_an_error_that_names_the_file(tmp_path, monkeypatch):
    """A signal that ends the child is named; the program goes on."""
    shell = tmp_path / "python"
    shell.write_text("#!/bin/sh\nkill -SEGV $$\n")
    shell.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(shell))
    with pytest.raises(ModelError, match=r"bad\.tflite cannot be run: it crashes .*SIGSEGV"):
        probe(tmp_path / "bad.tflite")


def test_the_reason_is_what_the_child_said_last(tmp_path, monkeypatch):
    """And not how a library took leave after it."""
    shell = tmp_path / "python"
    shell.write_text("#!/bin/sh\necho 'ValueError: too odd' >&2\necho INFO: bye >&2\nexit 1\n")
    shell.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(shell))
    with pytest.raises(ModelError, match="cannot be run: ValueError: too odd"):
        probe(tmp_path / "bad.tflite")


def test_a_model_that_does_not_end_is_an_error(tmp_path, monkeypatch):
    """The child's time is bounded."""
    shell = tmp_path / "python"
    shell.write_text("#!/bin/sh\nexec sleep 30\n")
    shell.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(shell))
    with pytest.raises(ModelError, match=r"bad\.tflite was not run once within 0\.2 s"):
        probe(tmp_path / "bad.tflite", seconds=0.2)


def test_a_model_that_computes_without_end_is_an_error(tmp_path, monkeypatch):
    """What counts is processor time: a busy machine is no reason to refuse a good model."""
    (tmp_path / "endless.py").write_text(
        "from stt_service.engine import probe\n"
        "probe.PROBE_SECONDS = 1\n"
        "def run():\n"
        "    while True: pass\n"
        "probe.child(run, 0)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match=r"bad\.tflite cannot be run: it has not ended after 60 s"):
        probe(tmp_path / "bad.tflite", trial=Trial("endless", "endless"))


def test_a_missing_model_is_named(tmp_path):
    """Before anything is started."""
    with pytest.raises(ModelError, match="cannot be read"):
        ensure_runs(tmp_path / "none", state_dir=None)
