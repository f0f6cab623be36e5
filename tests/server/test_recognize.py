"""The WebSocket for clients' audio, and recordings as a whole."""

from __future__ import annotations

import io
import json
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from stt_service.listener.api import Wishes
from stt_service.server import recognize, sound, upload
from tests.fakes_server import Stage
from tests.server.conftest import eventually

SAMPLES = (np.sin(np.arange(16_000) / 8) * 8000).astype("<i2")


def rest(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return everything that comes until the connection is closed, for whatever reason."""
    got = []
    with suppress(ConnectionClosed):
        while True:
            got.append(json.loads(socket.recv(10)))
    return got


def recording(kind: str, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, SAMPLES, rate, format=kind)
    return file.getvalue()


@pytest.fixture
def audio(stage: Stage):
    with connect(stage.ws + "/v1/recognize") as socket:
        assert json.loads(socket.recv(10))["type"] == "hello"
        yield socket


def start(socket: ClientConnection, **more: object) -> None:
    socket.send(json.dumps({"type": "start", **more}))
    assert json.loads(socket.recv(10))["type"] == "done"


def test_declared_audio_is_recognised(stage: Stage, audio: ClientConnection) -> None:
    """However it is cut, bytes of a sample apart included; partials come on the way."""
    start(audio, rate=16_000, hot_words={"loud": 2}, endpoints=False)
    data = SAMPLES.tobytes()
    for at in range(0, len(data), 999):
        audio.send(data[at : at + 999])
    audio.send('{"type": "end"}')
    got = rest(audio)
    assert got[0]["type"] == "speech_started"
    assert [message["type"] for message in got[-2:]] == ["final", "done"]
    assert {message["type"] for message in got[1:-2]} == {"partial"}
    (caller,) = stage.control.callers
    assert np.array_equal(caller.samples, SAMPLES)
    assert caller.wishes == Wishes(hot_words={"loud": 2.0}, endpoints=False)
    eventually(caller.closed.is_set)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_are_resampled(stage: Stage, audio: ClientConnection, rate: int) -> None:
    """With the state kept from message to message: no sample more or less."""
    start(audio, rate=rate, channels=2)
    stereo = np.repeat(SAMPLES[: rate // 4], 2).tobytes()
    for at in range(0, len(stereo), 4000):
        audio.send(stereo[at : at + 4000])
    audio.send('{"type": "end"}')
    rest(audio)
    frames = len(stereo) // 4
    assert abs(len(stage.control.callers[0].samples) - frames * 16_000 / rate) <= 1


def test_a_wav_header_declares_itself(stage: Stage, audio: ClientConnection) -> None:
    """Without any first message."""
    data = recording("WAV")
    audio.send(data[:10])
    audio.send(data[10:])
    audio.send('{"type": "end"}')
    assert rest(audio)[-1]["type"] == "done"
    assert np.array_equal(stage.control.callers[0].samples, SAMPLES)


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (['{"type": "end"}'], "bad-message"),
        (["{"], "bad-message"),
        (['{"type": "start", "rate": 5}'], "bad-message"),
        ([b"no header at all, but text", '{"type": "end"}'], "audio"),
        ([recording("FLAC"), '{"type": "end"}'], "audio"),
        (['{"type": "start", "rate": 16000}', '{"type": "start"}'], "bad-message"),
        (['{"type": "start", "rate": 16000}', '{"type": "end"}'], "audio"),
        (['{"type": "start", "rate": 16000}', bytes(64), '{"type": "mute"}'], "bad-message"),
    ],
)
def test_what_is_wrong_is_said(
    stage: Stage, audio: ClientConnection, messages: list[str | bytes], code: str
) -> None:
    """And the client is forgotten."""
    for message in messages:
        audio.send(message)
    errors = [message for message in rest(audio) if message["type"] == "error"]
    assert [error["code"] for error in errors] == [code]
    eventually(lambda: all(caller.closed.is_set() for caller in stage.control.callers))


def test_a_busy_server_says_so(stage: Stage, audio: ClientConnection) -> None:
    """Over both ways in."""
    stage.control.limit = 0
    audio.send('{"type": "start", "rate": 16000}')
    assert rest(audio)[-1]["code"] == "busy"
    answer = httpx.post(stage.http + "/v1/transcribe", content=recording("WAV"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_a_client_that_goes_is_forgotten(stage: Stage) -> None:
    """In the middle of its audio."""
    with connect(stage.ws + "/v1/recognize") as socket:
        socket.recv(10)
        start(socket, rate=16_000)
        socket.send(SAMPLES.tobytes())
    eventually(stage.control.callers[0].closed.is_set)


def test_a_client_that_goes_while_it_is_let_in_is_forgotten(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has asked for a recogniser, and is not there when it gets one."""
    open_caller, gone = stage.control.open_caller, threading.Event()

    def open_late(*given: Any) -> Any:
        assert gone.wait(10)
        return open_caller(*given)

    monkeypatch.setattr(stage.control, "open_caller", open_late)
    with connect(stage.ws + "/v1/recognize") as socket:
        socket.recv(10)
        socket.send('{"type": "start", "rate": 16000}')
    gone.set()
    eventually(lambda: bool(stage.control.callers))
    eventually(stage.control.callers[0].closed.is_set)


@pytest.mark.parametrize("way", ["feed_stream", "feed_recording"])
def test_a_mistake_of_ours_is_told_to_the_client(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    """It does not wait for ever for a result that does not come; the log says more."""

    def wrong(*_: object) -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr(recognize if way == "feed_stream" else upload, way, wrong)
    if way == "feed_stream":
        with connect(stage.ws + "/v1/recognize") as socket:
            socket.send('{"type": "start", "rate": 16000}')
            assert rest(socket)[-1]["code"] == "refused"
    else:
        answer = httpx.post(stage.http + "/v1/transcribe", content=recording("WAV"))
        assert answer.json()["message"] == "the server has made a mistake"
    assert "ValueError: a mistake" in caplog.text


def test_a_client_too_fast_is_made_to_wait(stage: Stage, audio: ClientConnection) -> None:
    """By TCP: nothing is lost, and memory stays bounded."""
    start(audio, rate=16_000)
    caller = stage.control.callers[0]
    caller.stuck = 100.0
    data = bytes(1 << 20)
    sent = []

    def flood() -> None:
        for _ in range(20):
            audio.send(data)
            sent.append(1)
        audio.send('{"type": "end"}')

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    thread.join(1.0)
    assert thread.is_alive()
    assert len(sent) <= 16
    caller.stuck = 0.0
    assert rest(audio)[-1]["type"] == "done"
    assert len(caller.samples) == 20 * len(data) // 2


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
@pytest.mark.parametrize("form", [False, True], ids=["body", "form"])
def test_recordings_are_transcribed(stage: Stage, kind: str, form: bool) -> None:
    """Whole, as a body or as a file of a form."""
    data = recording(kind)
    given = {"files": {"audio": data}} if form else {"content": data}
    answer = httpx.post(stage.http + "/v1/transcribe?alternatives=3&endpoints=false", **given)
    assert answer.status_code == 200
    body = answer.json()
    assert body["text"] == "loud"
    assert body["utterances"][0]["end"] == 1.0
    caller = stage.control.callers[0]
    assert caller.wishes == Wishes(alternatives=3, endpoints=False)
    assert len(caller.samples) == 16_000
    eventually(caller.closed.is_set)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"content": b""}, 400),
        ({"content": b"no recording"}, 400),
        ({"content": recording("FLAC")[:60]}, 400),
        ({"files": {"other": b"x"}}, 400),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=a"}}, 400),
    ],
)
def test_wrong_recordings_are_refused(stage: Stage, given: dict[str, Any], status: int) -> None:
    """With what is wrong and what to do."""
    answer = httpx.post(stage.http + "/v1/transcribe", **given)
    assert answer.status_code == status
    assert answer.json()["message"]


def test_large_and_long_recordings_are_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their size before they are in memory, by their length whatever they say of it."""
    monkeypatch.setattr(upload, "MAX_UPLOAD_BYTES", 20_000)
    assert httpx.post(stage.http + "/v1/transcribe", content=bytes(20_001)).status_code == 413
    parts = (bytes(1000) for _ in range(30))
    assert httpx.post(stage.http + "/v1/transcribe", content=parts).status_code == 413
    monkeypatch.setattr(upload, "MAX_UPLOAD_BYTES", 1 << 20)
    monkeypatch.setattr(sound, "MAX_UPLOAD_SECONDS", 0.5)
    answer = httpx.post(stage.http + "/v1/transcribe", content=recording("FLAC"))
    assert (answer.status_code, "longer" in answer.json()["message"]) == (400, True)


def test_nothing_is_written_to_disk(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A form's file neither, which libraries like to spool: there is no folder to spool into."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    file = io.BytesIO()
    soundfile.write(file, np.tile(SAMPLES, 100), 16_000, format="WAV")
    assert len(file.getvalue()) > 3 << 20
    answer = httpx.post(stage.http + "/v1/transcribe", files={"audio": file.getvalue()})
    assert answer.status_code == 200
