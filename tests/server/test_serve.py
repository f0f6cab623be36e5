"""The running server: addresses, start-up errors, health, metrics, headers."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from stt_service.client import Client, Where
from stt_service.errors import ConfigError
from stt_service.server.app import OnDemand
from stt_service.server.commands import PingCommand
from stt_service.server.serve import Address, Server, ServerError
from tests.fakes_server import Stage, running
from tests.running import ROOT

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


def test_a_port_in_use_is_named_with_a_remedy(stage: Stage) -> None:
    """Before any thread is started."""
    threads = threading.active_count()
    with pytest.raises(ServerError, match="in use") as caught:
        Server(Address(port=stage.server.port))
    assert "--port" in caught.value.remedy
    assert threading.active_count() == threads


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-name.invalid"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    """It is a mistake in the settings."""
    with pytest.raises(ServerError, match="no address of this machine"):
        Server(Address(host, 0))


def test_tls_wants_both_files(tmp_path: Path) -> None:
    """And files that are what they should be."""
    with pytest.raises(ConfigError, match="go together"):
        Address(certificate=tmp_path / "a")
    wrong = tmp_path / "cert.pem"
    wrong.write_text("no certificate")
    with (
        Server(Address(port=0, certificate=wrong, key=wrong)) as server,
        pytest.raises(ConfigError, match="cannot be used"),
    ):
        server.start(lambda *_: None, clients=1)  # type: ignore[arg-type]


def test_a_unix_socket_is_private_and_goes_with_the_server(tmp_path: Path) -> None:
    """One that a killed process has left behind is replaced."""
    path = tmp_path / "socket"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with running(path=path):
        assert path.stat().st_mode & 0o777 == 0o660
        Client(Where(f"unix:{path}")).ask(PingCommand(type="ping"))
    assert not path.exists()


def test_it_ends_with_its_clients_connected() -> None:
    """Nothing is left running, and the port is free again."""
    with running() as stage:
        port = stage.server.port
        connection = socket.create_connection(("127.0.0.1", port))
    assert "server" not in {thread.name for thread in threading.enumerate()}
    connection.close()
    with running(port=port):
        pass


def test_it_sleeps_while_nobody_asks(stage: Stage) -> None:
    """A board in silence is not woken for clients that do not exist."""
    (thread,) = (one for one in threading.enumerate() if one.name == "server")
    status = Path(f"/proc/self/task/{thread.native_id}/status")

    def wakes() -> int:
        return int(status.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    httpx.get(stage.http + "/healthz")
    time.sleep(0.5)  # until that connection is closed
    before = wakes()
    time.sleep(1.0)
    assert wakes() - before <= 2


def test_what_http_needs_is_loaded_by_the_first_request() -> None:
    """A daemon that comes back tells WebSockets what it hears without waiting for that."""
    script = """
import sys
import stt_service.server.app, stt_service.server.serve
assert not {"fastapi", "prometheus_client"} & set(sys.modules), "loaded too early"
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_it_is_made_once_whoever_asks_meanwhile() -> None:
    """Clients that go before it is there do not stop it, and those who wait get their answer."""
    made, served, go = [], [], threading.Event()

    def make() -> ASGIApp:
        made.append(threading.current_thread())
        go.wait(20)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            served.append(scope["path"])

        return app

    async def ask() -> None:
        async def unused(*_: object) -> dict[str, object]:
            return {}

        late = OnDemand(make)
        gone, *others = [
            asyncio.create_task(late({"type": "http", "path": path}, unused, unused))
            for path in "abc"
        ]
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*others)

    asyncio.run(ask())
    assert len(made) == 1
    assert made[0] is not threading.current_thread()
    assert served == ["b", "c"]


def test_health_and_readiness_differ(stage: Stage) -> None:
    """A daemon without a microphone lives, and is not ready."""
    stage.control.now = replace(stage.control.now, ready=False)
    assert httpx.get(stage.http + "/healthz").status_code == 200
    assert httpx.get(stage.http + "/readyz").status_code == 503
    stage.control.now = replace(stage.control.now, ready=True)
    assert httpx.get(stage.http + "/readyz").json()["source"] == "fake microphone"


def test_metrics_are_what_prometheus_reads(stage: Stage) -> None:
    """With the ratios worked out, and the histogram whole."""
    text = httpx.get(stage.http + "/metrics").text
    samples = {
        (sample.name, sample.labels.get("le")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["stt_realtime_factor", None] == 0.04
    assert samples["stt_vad_speech_ratio", None] == 0.4
    assert samples["stt_audio_seconds_total", None] == 100
    assert samples["stt_backlog_seconds", None] == 0.5
    assert samples["stt_final_latency_seconds_bucket", "0.06"] == 1
    assert samples["stt_final_latency_seconds_count", None] == 2
    assert samples["stt_resident_memory_bytes", None] > 1e6
    assert samples["stt_clients", None] == 0


def test_answers_keep_browsers_strict(stage: Stage) -> None:
    """No inline code, no other machine, no frame, no guessing of types."""
    answer = httpx.get(stage.http + "/")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for name in ("index.html", "app.js", "view.js", "style.css"):
        path = "/" if name == "index.html" else f"/{name}"
        assert "http://" not in httpx.get(stage.http + path).text, name


def test_openapi_describes_the_http_part(stage: Stage) -> None:
    """Without a page that would load scripts from elsewhere."""
    paths = httpx.get(stage.http + "/openapi.json").json()["paths"]
    assert set(paths) == {"/healthz", "/readyz", "/metrics", "/v1/status", "/v1/transcribe"}
    assert httpx.get(stage.http + "/docs").status_code == 404
