"""What clients may use, as named numbers; all of it is bounded, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MAX_MESSAGE_BYTES = 1 << 20
"""Of one WebSocket message: 5 s of 48 kHz stereo in 16 bits; a set of phrases is smaller."""
STALL_SECONDS = 5.0
"""For the network to take one message. By then the queue of events has overflowed anyway."""
PING_SECONDS = 20.0
"""Between pings of a WebSocket: sooner than routers forget a connection in which nothing flows."""
PONG_SECONDS = 20.0
"""For the answer; a client that lost its power is gone after both."""
SEND_BUFFER_BYTES = 64 * 1024
"""The system's buffer for each connection; its default of megabytes would hide stuck clients."""
COMMANDS_PER_SECOND = 20.0
"""Of one client, on average: four times what the fastest finger does."""
COMMANDS_BURST = 40
"""At once."""
HEAD_SECONDS = 10.0
"""For a request to arrive up to the end of its headers: a connection that sends a byte now and then
would keep its place for ever."""
TRANSCRIBE = "/v1/transcribe"
"""The one address that reads its bodies itself, and has limits of its own."""
MAX_BODY_BYTES = 256 << 10
"""Of a request to any other: JSON that somebody has typed."""
BODY_SECONDS = 10.0
"""For that to arrive."""
MAX_QUERY_TEXT = 4096
"""Characters of phrases in an address: escaped they have twelve times as many, and a request's head
has at most 64 KiB. Longer ones go to /v1/recognize."""
MAX_UPLOAD_BYTES = 64 << 20
"""Of a recording for /v1/transcribe: held in memory, half an hour of 16 kHz, 16 bits."""
MAX_UPLOAD_SECONDS = 3600.0
"""Of audio in one: FLAC and Ogg grow when they are unpacked."""
UPLOAD_SECONDS = 120.0
"""For a recording to arrive. Slower clients stream it to /v1/recognize."""
MAX_UPLOADS = 4
"""At once, for each holds its recording in memory."""
AUDIO_AHEAD_SECONDS = 2.0
"""Of a client's audio may wait for the recogniser; then the client is made to wait."""
FIRST_MESSAGE_SECONDS = 10.0
"""For a client of /v1/recognize to say what it will send."""
AUDIO_IDLE_SECONDS = 60.0
"""Without audio, after which such a client makes room for another."""
MAX_EVENTS_WAITING = 1000
"""Results that may wait for a client of /v1/recognize; it is cut off beyond."""


@dataclass
class Rate:
    """How often something may happen: a bucket that fills with time. Owned by one thread."""

    clock: Callable[[], float]
    """Seconds."""
    per_second: float = COMMANDS_PER_SECOND
    burst: float = COMMANDS_BURST

    def __post_init__(self) -> None:
        self._left, self._then = self.burst, self.clock()

    def allow(self) -> bool:
        """Count one more; return whether it may happen."""
        now = self.clock()
        self._left = min(self.burst, self._left + (now - self._then) * self.per_second)
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
