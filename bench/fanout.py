"""Fan-out to 200 subscribers of which 20 are stuck: ``python -m bench.fanout [--seconds 60]``.

Server and clients run in processes of their own. Each event carries the time of its publication;
good clients note how old it was, and whether any is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import time
from multiprocessing.connection import Connection
from typing import cast

import numpy as np

from stt_service.events import Partial, UtterancePartial
from stt_service.hub import Hub
from stt_service.server.metrics import resident_bytes
from tests.fakes_server import running

GOOD, STUCK = 180, 20
EVENTS_PER_SECOND = 20
"""What speech makes, with levels and partials."""
LAST_SECONDS = 3.0
"""For the last event to arrive."""
PING, PONG = b"\x89\x04", b"\x8a\x84\0\0\0\0"
"""How a ping begins, and an answer to it, whose mask changes nothing."""
TEXT = 0x81
"""How a text message begins."""
HANDSHAKE = (
    b"GET /v1/transcripts HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class _Ear(asyncio.Protocol):
    """Notes when bytes come, and looks into them later: it must cost less than what it measures."""

    def __init__(self) -> None:
        self.came: list[tuple[float, bytes]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if (at := data.find(PING)) >= 0:  # no text has such bytes
            self._transport.write(PONG + data[at + 2 : at + 6])
        self.came.append((time.monotonic(), data))

    def seen(self) -> list[tuple[int, float]]:
        """Return the number and the age of each event."""
        found, waiting = [], b""
        for when, data in self.came:
            waiting += data
            while (message := _split(waiting)) is not None:
                opcode, text, waiting = message
                event = json.loads(text) if opcode == TEXT else {"type": "ping"}
                if event["type"] == "partial":
                    found.append((int(event["utterance"]), when - event["end"]))
        return found


def _split(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Return the kind of the first message, the message, and the rest; None where it is cut."""
    if data.startswith(b"HTTP"):
        _, end, data = data.partition(b"\r\n\r\n")
        if not end:
            return None
    if len(data) < 4:
        return None
    size, start = data[1], 2
    if size == 126:
        size, start = int.from_bytes(data[2:4], "big"), 4
    if len(data) < start + size:
        return None
    return data[0], data[start : start + size], data[start + size :]


def _clients(port: int, pipe: Connection) -> None:
    async def all_of_them() -> list[list[tuple[int, float]]]:
        loop = asyncio.get_running_loop()
        ears = []
        for _ in range(GOOD):
            transport, ear = await loop.create_connection(_Ear, "127.0.0.1", port)
            transport.write(HANDSHAKE.replace(b"transcripts", b"transcripts?kinds=partial"))
            ears.append(ear)
        await asyncio.to_thread(pipe.recv)  # all events have been published
        await asyncio.sleep(LAST_SECONDS)
        return [ear.seen() for ear in ears]

    pipe.send(asyncio.run(all_of_them()))


def _stuck(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sendall(HANDSHAKE)
    return client


def _publish(hub: Hub, count: int) -> None:
    start = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, start + number / EVENTS_PER_SECOND - time.monotonic()))
        partial = Partial("turn on the light in the kitchen " * 10, "turn on the light")
        hub.publish(UtterancePartial(str(number), partial, time.monotonic()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    count = int(parser.parse_args().seconds * EVENTS_PER_SECOND)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with running() as stage:
        sockets = [_stuck(stage.server.port) for _ in range(STUCK)]
        clients = context.Process(target=_clients, args=(stage.server.port, theirs))
        clients.start()
        theirs.close()
        while stage.hub.counts().subscribers < GOOD + STUCK:
            time.sleep(0.1)
        time.sleep(1)
        before = resident_bytes()
        cpu = time.process_time()
        _publish(stage.hub, count)
        cpu = time.process_time() - cpu
        ours.send("done")
        seen = ours.recv()
        clients.join()
        counts = stage.hub.counts()
        after = resident_bytes()
        for one in sockets:
            one.close()
    ages = 1000 * np.array([age for client in seen for _, age in client])
    complete = sum([number for number, _ in client] == list(range(count)) for client in seen)
    print(f"{count} events, {GOOD} good clients, {complete} with every event in order")
    print(f"fan-out ms: p50 {np.percentile(ages, 50):.1f} p99 {np.percentile(ages, 99):.1f}")
    print(f"stuck clients still there: {counts.subscribers} of {STUCK}")
    print(f"memory MB: {before / 1e6:.0f} before, {after / 1e6:.0f} after")
    print(f"processor: {100 * cpu * EVENTS_PER_SECOND / count:.0f} % of one core")


if __name__ == "__main__":
    main()
