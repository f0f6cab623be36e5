"""The daemon as a process: what starts, signals and systemd do to it. The real bundled model."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest
import soundfile

from stt_service.app import data_dir
from stt_service.app_daemon import unchangeable
from stt_service.config import load
from stt_service.decoder.ngram_file import fingerprint
from stt_service.settings import Settings
from stt_service.store.learned import Comparison, Version
from tests import running
from tests.upload.conftest import Device


@pytest.fixture
def sentence(tmp_path: Path) -> Path:
    """A bundled recording with silence around it, which ends in the middle of nothing."""
    path = tmp_path / "sentence.wav"
    soundfile.write(path, running.sentence(), running.RATE)
    return path


def test_a_source_is_heard_to_its_end(daemon, sentence: Path) -> None:
    """As fast as it is recognised; nothing is heard twice, nothing is lost."""
    one = daemon("--source", f"wav:{sentence}", "--once", "--fast", "--print")
    assert one.end() == (0, "turn on the kitchen light\n")
    assert "turn on" not in one.errors.read_text()


def test_a_source_that_is_not_there_is_a_failure_once(daemon, tmp_path: Path) -> None:
    """A script must know."""
    one = daemon("--source", f"wav:{tmp_path}/gone.wav", "--once")
    assert one.end()[0] == 1
    assert "there is no file" in one.errors.read_text()


def test_a_command_is_heard_to_its_end_once(daemon, sentence: Path) -> None:
    """It is not started again, as it would be without `--once`."""
    one = daemon("--source", f"cmd:cat {sentence}", "--once", "--print")
    assert one.end() == (0, "turn on the kitchen light\n")


def test_a_command_that_fails_is_a_failure_once(daemon, tmp_path: Path) -> None:
    """Whatever it says is told, in a sentence that ends once."""
    one = daemon("--source", f"cmd:cat {tmp_path}/gone.wav", "--once")
    assert one.end()[0] == 1
    assert "No such file or directory\n" in one.errors.read_text()


def test_a_source_that_no_model_has_heard_is_a_failure_once(daemon, sentence: Path) -> None:
    """Nothing was recognised, so it was not done."""
    one = daemon("--source", f"wav:{sentence}", "--once", "--fast", "--model", "gone")
    assert one.end()[0] == 1
    assert "there is no model called gone" in one.errors.read_text()


@pytest.mark.parametrize("source", ["wav:{sentence}", "stdin"])
def test_phrases_without_a_sentence_are_a_failure_once(
    daemon, sentence: Path, tmp_path: Path, source: str
) -> None:
    """At once, however long the source would go on: nobody is there who could mend them."""
    phrases = tmp_path / "orders.txt"
    phrases.write_text("# none yet\n")
    source = source.format(sentence=sentence)
    one = daemon("--source", source, "--once", "--print", "--phrases", str(phrases))
    assert one.process.wait(running.PATIENCE) == 1
    assert one.end() == (1, "")
    assert "orders.txt has no sentences" in one.log


@pytest.mark.slow
def test_the_utterance_under_way_is_ended_first(daemon, sentence: Path) -> None:
    """SIGTERM in the middle of a sentence that comes through a pipe."""
    samples, rate = soundfile.read(sentence, dtype="int16")
    one = daemon(
        "--source",
        "stdin",
        "--print",
        STT_SERVICE_LISTENER__DRAIN="1",
    )
    one.wait_for("READY=1")
    raw = samples[: rate * 3].tobytes()
    one.process.stdin.buffer.write(raw)
    one.process.stdin.flush()
    time.sleep(2)
    status, printed = one.end(signal.SIGTERM)
    assert (status, printed.split()[:2]) == (0, ["turn", "on"])


@pytest.mark.slow
def test_a_daemon_without_microphone_or_model_lives_and_says_so(daemon, tmp_path: Path) -> None:
    """And tells systemd that it is ready: it waits."""
    one = daemon("--source", "cmd:false", "--model", "no-such-model")
    one.wait_for("READY=1")
    one.wait_for("no-such-model")
    assert one.end(signal.SIGTERM)[0] == 0
    assert "there is no model called no-such-model" in one.errors.read_text()


@pytest.mark.slow
def test_one_instance_uses_a_port_and_a_microphone(daemon) -> None:
    """The second says who the first is; after kill -9 the place is free."""
    first = daemon("--source", "microphone:none-such")
    first.wait_for("READY=1")
    second = daemon("--source", "microphone:none-such")
    assert second.end()[0] == 1
    assert f"process {first.process.pid}" in second.errors.read_text()
    first.end(signal.SIGKILL)
    third = daemon("--source", "microphone:none-such")
    third.wait_for("READY=1")
    assert third.end(signal.SIGINT)[0] == 130


@pytest.mark.slow
def test_a_port_in_use_ends_it_though_it_listens_already(daemon) -> None:
    """And the recorder that was started meanwhile goes with it."""
    command = "dd if=/dev/zero bs=3271 status=none"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        one = daemon("--source", f"cmd:{command}", "--port", port, server=True)
        status, _ = one.end()
    assert status not in (0, None)
    assert f"{port} is in use" in one.log
    assert not runs(command)


@pytest.mark.slow
def test_a_recorder_that_never_delivers_goes_with_it(daemon) -> None:
    """It is still being opened when the daemon ends."""
    command = f"sleep 1000.{os.getpid()}"
    one = daemon("--source", f"cmd:{command}")
    deadline = time.monotonic() + running.PATIENCE
    while not runs(command):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert one.end(signal.SIGTERM)[0] == 0
    assert not runs(command)


def runs(command: str) -> bool:
    """Whether there is a process with these words on its command line, and no other."""
    wanted = command.replace(" ", "\0").encode() + b"\0"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes() == wanted:
                return True
    return False


@pytest.mark.slow
def test_settings_are_reloaded_and_mistakes_change_nothing(daemon, tmp_path: Path) -> None:
    """The log says what needs a restart."""
    file = tmp_path / "config.toml"
    file.write_text("[listener]\nmin_confidence = 0.1\n")
    one = daemon("--config", str(file), "--source", "cmd:sleep 1000")
    one.wait_for("READY=1")
    file.write_text("[listener]\nmin_confidence = 7\n")
    one.process.send_signal(signal.SIGHUP)
    one.wait_for("RELOADING=1")
    one.wait_for("READY=1")
    file.write_text("[listener]\nmin_confidence = 0.2\n[server]\nport = 1\n")
    one.process.send_signal(signal.SIGHUP)
    one.wait_for("RELOADING=1")
    one.wait_for("READY=1")
    assert one.end(signal.SIGTERM)[0] == 0
    log = one.errors.read_text()
    assert f"{file}:2: listener.min_confidence = 7" in log
    assert "reloaded the settings" in log
    assert "a restart is needed for server.port" in log


@pytest.mark.slow
def test_what_is_learned_and_forgotten_elsewhere_is_taken_over(daemon, tmp_path: Path) -> None:
    """By itself, within seconds: the nightly upkeep and a withdrawal are other processes."""
    device = Device(tmp_path / "state" / "store")
    device.give("keep")
    consent = device.ledger.standing().owner
    assert consent is not None
    one = daemon("--source", "cmd:sleep 1000")
    one.wait_for("READY=1")
    scorer = data_dir() / "stt-en-small.ngram"
    version = Version(
        number=1,
        file="stt-en-small+1.ngram",
        base=fingerprint(scorer) or 0,
        hot_words={"kitchen": 1.0},
        learned=(device.keep(1).id,),
        pseudonym=consent.pseudonym,
        made="2026-11-29T03:30:00+00:00",
        comparison=Comparison(utterances=10, words=50, before=9, after=4),
    )
    device.utterances.learned.adopt(version, scorer.read_bytes(), "")
    _opened(one, 2)
    device.utterances.withdraw("owner", "asked")
    _opened(one, 3)
    device.database.close()
    assert one.end(signal.SIGTERM)[0] == 0


def _opened(one: running.Running, times: int) -> None:
    end = time.monotonic() + running.PATIENCE
    while one.log.count("opened the model stt-en-small") < times:
        assert time.monotonic() < end, one.log
        time.sleep(0.05)


@pytest.mark.slow
def test_a_stopped_process_goes_on_where_it_was(daemon, sentence: Path) -> None:
    """SIGSTOP in the middle: no watchdog, no timeout, nothing lost of a recording."""
    one = daemon("--source", f"wav:{sentence}", "--once", "--print")
    one.wait_for("READY=1")
    one.process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    one.process.send_signal(signal.SIGCONT)
    assert one.end() == (0, "turn on the kitchen light\n")


def settings(**listener: object) -> Settings:
    return load(environ={}, flags={"listener": listener}).settings


def test_a_reload_knows_what_it_cannot_do(own_state: Path) -> None:
    """Key by key."""
    before = settings()
    assert unchangeable(before, settings(min_confidence=0.9, drain=1)) == []
    assert unchangeable(before, settings(callers=1)) == ["listener.callers"]
