"""A TCP proxy that does to connections what bad lines do, by a seed.

Of every connection: nothing, or refused at once, cut somewhere on the way there or on the way back,
stalled, or its whole request sent once more behind the client's back.
"""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress

PIECE = 16_384
STALL_SECONDS = 0.2
FAULTS = ("refuse", "cut-there", "cut-back", "stall", "again")
FAR = 40_000
"""Bytes within which every connection is cut: none lives long."""


class FaultProxy:
    """Runs in a thread of its own until closed."""

    def __init__(self, port: int, *, share: float, seed: int) -> None:
        """``port`` is where requests really go; ``share`` of the connections meet a fault."""
        self.upstream = port
        self.share = share
        self.met: dict[str, int] = dict.fromkeys(FAULTS, 0)
        self._chance = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def port(self) -> int:
        """Where clients connect to."""
        return self._port

    def close(self) -> None:
        """End, and all connections with it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._chance.choice(FAULTS) if self._chance.random() < self.share else ""
        limit = self._chance.randrange(FAR)
        if fault:
            self.met[fault] += 1
        sent = bytearray()
        # A task of a stream that is cancelled would be reported as a failure.
        with suppress(OSError, asyncio.CancelledError):
            if fault != "refuse":
                there, back = await asyncio.open_connection("127.0.0.1", self.upstream)
                if fault == "stall":
                    await asyncio.sleep(STALL_SECONDS)
                await asyncio.wait(
                    [
                        asyncio.create_task(
                            _pump(reader, back, None if fault in ("again", "stall") else limit, sent)
                        ),
                        asyncio.create_task(
                            _pump(there, writer, limit % 200 if fault == "cut-back" else None)
                        ),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                back.close()
        writer.close()
        if fault == "again":
            await self._again(bytes(sent))

    async def _again(self, request: bytes) -> None:
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self.upstream)
            back.write(request)
            await back.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(there.read(PIECE), 2.0)
            back.close()


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    limit: int | None,
    copy: bytearray | None = None,
) -> None:
    done = 0
    with suppress(OSError):
        while data := await reader.read(PIECE):
            if limit is not None and done + len(data) > limit:
                writer.write(data[: limit - done])
                await writer.drain()
                return
            if copy is not None:
                copy += data
            writer.write(data)
            await writer.drain()
            done += len(data)
