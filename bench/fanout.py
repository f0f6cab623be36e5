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

import numpy as np
from websockets.asyncio.client import connect

from stt_service.events import Partial, UtterancePartial
from stt_service.hub import Hub
from stt_service.server.metrics import resident_bytes
from tests.fakes_server import running

GOOD, STUCK = 180, 20
EVENTS_PER_SECOND = 20
"""What speech makes, with levels and partials."""


async def _listen(port: int, count: int) -> list[tuple[int, float]]:
    seen = []
    async with connect(
        f"ws://127.0.0.1:{port}/v1/transcripts?kinds=partial", compression=None, proxy=None
    ) as client:
        await client.recv()
        while len(seen) < count:
            message = json.loads(await client.recv())
            seen.append((int(message["utterance"]), time.monotonic() - message["end"]))
    return seen


def _clients(port: int, count: int, pipe: Connection) -> None:
    async def all_of_them() -> list[list[tuple[int, float]]]:
        return await asyncio.gather(*(_listen(port, count) for _ in range(GOOD)))

    pipe.send(asyncio.run(all_of_them()))


def _stuck(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sendall(
        b"GET /v1/transcripts HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
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
        clients = context.Process(target=_clients, args=(stage.server.port, count, theirs))
        clients.start()
        while stage.hub.counts().subscribers < GOOD + STUCK:
            time.sleep(0.1)
        time.sleep(1)
        before = resident_bytes()
        cpu = time.process_time()
        _publish(stage.hub, count)
        cpu = time.process_time() - cpu
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
