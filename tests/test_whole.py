"""Daemon and server as a whole: sound in, over every way, words out. The real bundled model."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.running import DEMO, PATIENCE, RATE, ROOT, TEXT, Running, sentence

CALLERS = 8
SAID = sentence()
TOKEN = "0123456789abcdef-to-control"


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A daemon that hears what tests say to it."""
    one = Running(tmp_path_factory.mktemp("whole"), "--source", "stdin", server=True)
    one.wait_for("READY=1")
    yield one
    one.close()


@pytest.fixture(autouse=True)
def _nothing_under_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """What one test has said is heard before the next one listens."""
    yield
    if "hearing" in request.fixturenames:
        one, before = request.getfixturevalue("hearing"), -1.0
        while (now := _heard(one)) != before:
            before = now
            time.sleep(0.3)


def _heard(one: Running) -> float:
    counts = httpx.get(one.url + "/v1/status", timeout=PATIENCE).json()["counts"]
    return float(counts["audio_seconds_total"])


def messages_until(socket: Any, kind: str) -> list[dict[str, Any]]:
    got = [json.loads(socket.recv(PATIENCE))]
    while got[-1]["type"] != kind:
        got.append(json.loads(socket.recv(PATIENCE)))
    return got


def recognise(url: str, piece: int = 8000) -> list[dict[str, Any]]:
    """Stream the sentence to the daemon; return all that comes back."""
    got = []
    with connect(url + "/v1/recognize") as client:
        client.send(json.dumps({"type": "start", "rate": RATE}))
        data = SAID.tobytes()
        for at in range(0, len(data), piece):
            client.send(data[at : at + piece])
        client.send('{"type": "end"}')
        with suppress(ConnectionClosed):
            while True:
                got.append(json.loads(client.recv(PATIENCE)))
    return got


def finals(got: list[dict[str, Any]]) -> list[str]:
    return [message["text"] for message in got if message["type"] == "final"]


def test_what_is_said_is_told_as_it_is_said(hearing: Running) -> None:
    """Start, partials that grow, and one final with the times of its words."""
    with connect(hearing.ws + "/v1/transcripts") as client:
        messages_until(client, "ready")
        hearing.say(SAID)
        told = messages_until(client, "final")
    # Standard input is known by name only when its first sample has come, which is told again.
    started, *partials, final = [message for message in told if message["type"] != "ready"]
    assert started["type"] == "speech_started"
    assert partials
    assert {one["type"] for one in partials} == {"partial"}
    assert {one["utterance"] for one in (started, *partials)} == {final["utterance"]}
    assert final["text"] == TEXT
    assert final["confidence"] > 0.5
    times = [time for word in final["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert started["start"] == final["start"] < times[0]
    assert times[-1] <= final["end"]


def test_audio_of_clients_is_recognised(hearing: Running) -> None:
    """With the same result as the microphone's."""
    got = recognise(hearing.ws)
    assert finals(got) == [TEXT]
    assert got[-1]["type"] == "done"


def test_recordings_are_recognised(hearing: Running) -> None:
    """Whole, in one request."""
    answer = httpx.post(hearing.url + "/v1/transcribe", content=DEMO.read_bytes(), timeout=PATIENCE)
    assert answer.json()["text"] == TEXT


def test_health_and_figures_are_true(hearing: Running) -> None:
    """They count what was heard."""

    def status() -> dict[str, Any]:
        return httpx.get(hearing.url + "/v1/status").json()

    assert httpx.get(hearing.url + "/healthz").json() == {"status": "ok"}
    assert httpx.get(hearing.url + "/readyz").status_code == 200
    before = status()
    with connect(hearing.ws + "/v1/transcripts?kinds=final") as client:
        hearing.say(SAID)
        messages_until(client, "final")
    now = status()
    assert (now["source"], now["engine"]) == ("standard input", "litert")
    after = now["counts"]
    assert after["finals_total"] == before["counts"]["finals_total"] + 1
    text = httpx.get(hearing.url + "/metrics").text
    assert f"stt_finals_total {after['finals_total']}" in text


def test_eight_clients_are_heard_beside_the_microphone(hearing: Running) -> None:
    """All at once, and all of them right."""
    heard: list[list[str]] = []

    def call() -> None:
        heard.append(finals(recognise(hearing.ws, piece=3200)))

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    with connect(hearing.ws + "/v1/transcripts?kinds=final") as client:
        for one in callers:
            one.start()
        hearing.say(SAID)
        assert finals(messages_until(client, "final")) == [TEXT]
        for one in callers:
            one.join(PATIENCE)
    assert heard == [[TEXT]] * CALLERS


@pytest.mark.browser
def test_the_page_shows_what_is_said(hearing: Running) -> None:
    """In a real Chromium, from sound to text."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium: apt install chromium")
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(hearing.url + "/")
        page.wait_for_selector("#status[data-kind=ready]")
        hearing.say(SAID)
        page.wait_for_selector("#recent li")
        assert page.text_content("#recent .said") == TEXT
        assert re.fullmatch(r"\d+ %", page.text_content("#recent .sure"))
        browser.close()


def run_until_said(hearing: Running, command: list[str], **environ: str) -> str:
    """Run an example; once it is connected, say the sentence; return its first line."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "STT_SERVICE_URL": hearing.ws, **environ},
    )
    before = httpx.get(hearing.url + "/v1/status").json()["counts"]
    try:
        line: list[str] = []
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: line.append(process.stdout.readline()))
        reader.start()
        for _ in range(int(PATIENCE)):  # an example does not say when it is connected
            hearing.say(SAID)
            reader.join(1)
            if line:
                return line[0].strip()
        raise AssertionError(f"nothing was printed; before: {before}")
    finally:
        process.kill()
        process.wait()


def test_the_example_in_python_listens(hearing: Running) -> None:
    """As a program of its own."""
    line = run_until_said(hearing, [sys.executable, str(ROOT / "examples/python/listen.py")])
    assert re.fullmatch(rf"\d+% {TEXT}", line)


def test_the_example_in_javascript_listens(hearing: Running) -> None:
    """In Node.js."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node: apt install nodejs")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    major = int(version.strip("v").partition(".")[0])
    if major < 20:
        pytest.skip(f"node {version.strip()} has no WebSocket")
    flags = ["--experimental-websocket"] if major < 22 else []
    line = run_until_said(hearing, [node, *flags, str(ROOT / "examples/javascript/listen.mjs")])
    assert line == TEXT


def test_the_example_in_python_transcribes(hearing: Running, tmp_path: Path) -> None:
    """A WAV file, whose header says its rate."""
    soundfile.write(tmp_path / "said.wav", SAID, RATE)
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples/python/send_audio.py"), str(tmp_path / "said.wav")],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, "STT_SERVICE_URL": hearing.ws},
    )
    assert (done.stdout, done.stderr) == (TEXT + "\n", "")


def own_address() -> str:
    """Return an address of this machine beyond loopback; skips where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no network")
        address: str = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no network")
    return address


@pytest.mark.slow
def test_beyond_this_machine_with_token_and_tls(daemon, tmp_path: Path) -> None:
    """Over the network's address, with a certificate that the client checks."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate")
    address = own_address()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")),
            *("-subj", "/CN=stt-service", "-addext", f"subjectAltName=IP:{address}"),
        ],
        check=True,
        capture_output=True,
    )
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    one = daemon(
        *("--source", "stdin"),
        server=True,
        STT_SERVICE_SERVER__HOST=address,
        STT_SERVICE_SERVER__TOKEN_FILE=str(token),
        STT_SERVICE_SERVER__TLS_CERTIFICATE=str(tmp_path / "cert.pem"),
        STT_SERVICE_SERVER__TLS_KEY=str(tmp_path / "key.pem"),
    )
    one.wait_for("READY=1")
    assert one.url.startswith(f"https://{address}:")
    environ = {**os.environ, "SSL_CERT_FILE": str(tmp_path / "cert.pem")}

    def mute(**more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*(sys.executable, "-m", "stt_service", "mute", "test"), "--url", one.ws],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            env={**environ, **more},
        )

    assert mute(STT_SERVICE_TOKEN=TOKEN).returncode == 0
    assert "401" in mute().stderr
    assert "certificate" in mute(STT_SERVICE_TOKEN=TOKEN, SSL_CERT_FILE="").stderr.lower()
    muted = httpx.get(
        one.url + "/v1/status",
        headers={"Authorization": f"Bearer {TOKEN}"},
        verify=ssl.create_default_context(cafile=tmp_path / "cert.pem"),
    ).json()
    assert muted["mute_reasons"] == ["test"]
    assert TOKEN not in one.log


@pytest.mark.slow
def test_a_unix_socket_serves_everything(daemon, tmp_path: Path) -> None:
    """Without any port."""
    path = tmp_path / "socket"
    one = daemon("--source", "stdin", server=True, STT_SERVICE_SERVER__SOCKET=str(path))
    one.wait_for("READY=1")
    assert one.url == f"unix:{path}"
    watching = subprocess.Popen(
        [
            *(sys.executable, "-m", "stt_service", "watch", "--json", "--kinds", "final"),
            *("--url", f"unix:{path}"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["type"] == "hello"
        one.say(SAID)
        assert json.loads(watching.stdout.readline())["text"] == TEXT
    finally:
        watching.kill()
        watching.wait()
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        assert client.get("http://localhost/healthz").json() == {"status": "ok"}
