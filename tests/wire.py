"""Rubbish for the port, made from a seed: requests, WebSocket frames, commands, audio.

Written to a plain socket, so that it can be as wrong as it likes.
"""

from __future__ import annotations

import json
import random
import re
import socket
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

PATHS = ("/v1/transcripts", "/v1/transcripts?kinds=level,final,%00", "/v1/recognize")
FRAMES = 30
"""In one connection, at most: the server cuts clients with more commands than that at once."""
PATIENCE = 30.0
"""Seconds for the server to end a connection that was closed in good order, or never will be."""
PAUSE = 1.0
"""Seconds in which nothing comes, after which the client says that nothing follows."""
_UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_COMMANDS: tuple[dict[str, Any], ...] = (
    {"type": "listen"},
    {"type": "ping", "id": "1"},
    {"type": "pause", "seconds": 0.001},
    {"type": "resume"},
    {"type": "subscribe", "kinds": ["final", "level"]},
    {"type": "set-phrases", "phrases": "lights", "mode": "bias"},
    {"type": "set-phrases", "phrases": None},
    {"type": "set-hot-words", "hot_words": {"lamp": 3.0}},
    {"type": "start", "rate": 16000, "channels": 1, "encoding": "s16le"},
    {"type": "start", "rate": 48000, "channels": 2, "encoding": "f32le", "endpoints": False},
    {"type": "end"},
)
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1e308, 1 << 70, "", "\0", "é" * 50, "x" * 5000),
    *([], {}, [[[[]]]], {"a": {"b": []}}, "strict", "lights", 8000, 192001),
)
_HTTP = (
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
    (
        b"POST /v1/transcribe?alternatives=3 HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 4\r\n\r\nRIFF"
    ),
    (
        b"POST /v1/transcribe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\nContent-Dispositi"
    ),
    b"GET /v1/transcripts HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
)


@dataclass(frozen=True)
class Answer:
    """What became of one connection."""

    sent: int
    """Frames, or requests."""
    status: int
    """Of HTTP; 0 when the server said nothing that looks like it."""
    hung: bool
    """The server did not end the connection in time."""


def frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    """Return a WebSocket frame as a client sends it, or should not."""
    head = bytes([(0x80 if fin else 0) | opcode & 0x7F])
    mark = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([mark | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([mark | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([mark | 127]) + struct.pack(">Q", len(payload))
    if not masked:
        return head + payload
    key = b"\x12\x34\x56\x78"
    repeated = np.resize(np.frombuffer(key, np.uint8), len(payload))
    return head + key + (np.frombuffer(payload, np.uint8) ^ repeated).tobytes()


def damaged(draw: random.Random, data: bytes) -> bytes:
    """Return bytes with some of them changed, cut out or said twice."""
    found = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(found) + 1)
        match draw.randrange(4):
            case 0:
                found[at : at + 1] = draw.randbytes(1)
            case 1:
                del found[at : at + draw.randint(1, 9)]
            case 2:
                found[at:at] = found[: draw.randint(0, 40)]
            case _:
                found[at:at] = draw.randbytes(draw.randint(1, 9))
    return bytes(found)


def _command(draw: random.Random) -> bytes:
    command = dict(draw.choice(_COMMANDS))
    for _ in range(draw.randrange(3)):
        command[draw.choice([*command, "id", "nonsense"])] = draw.choice(_VALUES)
    text = json.dumps(command).encode()
    return damaged(draw, text) if draw.random() < 0.2 else text


def _frame(draw: random.Random) -> bytes:
    match draw.randrange(10):
        case 0 | 1 | 2 | 3 | 4:
            return frame(1, _command(draw))
        case 5 | 6:
            return frame(2, draw.randbytes(draw.choice((0, 1, 3, 640, 3200, 9001))))
        case 7:
            return frame(
                draw.randrange(16), draw.randbytes(draw.randrange(140)), fin=draw.random() < 0.7
            )
        case 8:
            return frame(9, draw.randbytes(draw.randrange(126)))
        case _:
            return frame(1, b"[" * draw.choice((10, 100_000)))


def _conversation(draw: random.Random) -> tuple[bytes, bytes, int]:
    """Return how a client begins, what it says once it is answered, and how many frames that is."""
    if draw.random() < 0.1:
        return damaged(draw, draw.choice(_HTTP)), b"", 1
    count = draw.randint(1, FRAMES)
    frames = [_frame(draw) for _ in range(count)]
    if draw.random() < 0.1:
        at = draw.randrange(count)
        frames[at] = draw.choice((damaged(draw, frames[at]), frame(1, b"{}", masked=False)))
    upgrade = _UPGRADE.format(draw.choice(PATHS)).encode()
    if draw.random() < 0.05:
        upgrade = damaged(draw, upgrade)
    return upgrade, b"".join(frames) + frame(8, b"\x03\xe8"), count


def talk(port: int, seed: int) -> Answer:
    """Say one conversation's worth of rubbish, and wait for the server to end it."""
    begin, rest, count = _conversation(random.Random(seed))
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        talker = _Talker(client)
        talker.say(begin)
        talker.hear(PAUSE, until=b"\r\n\r\n")
        if rest:
            talker.say(rest)
            talker.hear(PAUSE)
        if not talker.ended:  # the server may wait for the rest of something
            talker.stop()
            talker.hear(PATIENCE)
    status = re.match(rb"HTTP/1\.1 (\d{3})", talker.head)
    return Answer(count, int(status[1]) if status else 0, not talker.ended)


class _Talker:
    """A client that does not mind being cut."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self.head = b""
        """How the answer begins."""
        self.ended = False

    def say(self, data: bytes) -> None:
        try:
            self._client.sendall(data)
        except OSError:
            self.ended = True

    def stop(self) -> None:
        try:
            self._client.shutdown(socket.SHUT_WR)
        except OSError:
            self.ended = True

    def hear(self, seconds: float, until: bytes | None = None) -> None:
        """Take what comes until it ends, or until ``seconds`` pass without any."""
        self._client.settimeout(seconds)
        while not self.ended and (until is None or until not in self.head):
            try:
                data = self._client.recv(1 << 16)
            except TimeoutError:
                return
            except OSError:
                data = b""
            self.ended = not data
            self.head = (self.head + data)[:4096]
