"""An HTTP proxy that does to requests what bad lines do, by a seed.

    client ──request──► fault? ──► server
           ◄──answer─── fault? ◄──

Each request meets at most one fault. It understands of HTTP only where a message ends, which is all
that it needs to cut, lose, double and delay them.
"""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress

from stt_service.closing import Closing

FAULTS = ("refuse", "cut-there", "cut-back", "lose", "stall", "again", "late")
"""Not taken; cut on the way there, and back; no answer; slow; sent twice; sent after the next."""
STALL_SECONDS = 0.05
LATE_SECONDS = 0.3
"""Longest that a request is held back after its client was told that the line is dead."""
SERVER_SECONDS = 30.0
MAX_BODY = 4 << 20

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


class FaultProxy(Closing):
    """Runs in a thread of its own until closed."""

    def __init__(self, port: int, *, share: float, seed: int) -> None:
        """``port`` is where requests really go; ``share`` of them meet a fault."""
        self.upstream = port
        self.share = share
        self.met: dict[str, int] = dict.fromkeys(FAULTS, 0)
        self.port = 0
        self._chance = random.Random(seed)
        self._late: set[asyncio.Task[bytes]] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """End, once what is late has arrived."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._settled(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def settle(self) -> None:
        """Return when what is late has arrived."""
        asyncio.run_coroutine_threadsafe(self._settled(), self._loop).result()

    async def _settled(self) -> None:
        await asyncio.gather(*self._late)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        with suppress(OSError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: Reader, writer: Writer) -> bool:
        """Pass one request on; return whether the connection may go on."""
        request, whole = await _message(reader)
        if not request:
            return False
        if not whole:  # its client gave up: so it arrives, as far as it came
            await self._pass(request, answered=False)
            return False
        fault = self._chance.choice(FAULTS) if self._chance.random() < self.share else ""
        if fault:
            self.met[fault] += 1
        if fault == "late":
            task = asyncio.create_task(self._pass(request, after=self._chance.random()))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        if fault in ("refuse", "late"):
            return False
        if fault == "cut-there":
            await self._pass(request[: self._chance.randrange(len(request))], answered=False)
            return False
        if fault == "stall":
            await asyncio.sleep(STALL_SECONDS)
        answer = await self._pass(request)
        if fault == "again":
            answer = await self._pass(request)
        if fault == "lose" or not answer:
            return False
        cut = self._chance.randrange(len(answer)) if fault == "cut-back" else len(answer)
        writer.write(answer[:cut])
        await writer.drain()
        return not fault

    async def _pass(self, request: bytes, *, answered: bool = True, after: float = 0.0) -> bytes:
        """Send to the server; return what it answers, nothing when it does not."""
        await asyncio.sleep(after * LATE_SECONDS)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            return b""
        try:
            back.write(request)
            await back.drain()
            if not answered:
                return b""
            answer, whole = await asyncio.wait_for(_message(there), SERVER_SECONDS)
            return answer if whole else b""
        except (OSError, TimeoutError):
            return b""
        finally:
            back.close()


async def _message(reader: Reader) -> tuple[bytes, bool]:
    """Return a request or an answer, and whether it is whole."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        return error.partial, False
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = min(int(value), MAX_BODY)
    try:
        return head + await reader.readexactly(length), True
    except asyncio.IncompleteReadError as error:
        return head + error.partial, False
