"""One URL in, one whole file out: resumed after a cut, retried after a stall, checked before use.

What has arrived lies in ``FILE.part``; ``FILE.part.json`` says which version of which URL it is
the beginning of. The server is asked to go on only from that very version (``If-Range``), so a
file that changes between two tries is never glued together from both.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from stt_service import __version__
from stt_service.atomic import write_atomically
from stt_service.errors import DownloadError
from stt_service.models.store import Progress, sha256

logger = logging.getLogger(__name__)

MAX_REDIRECTS = 5
"""GitHub needs one, mirrors two or three; more is a loop."""
SPARE_BYTES = 64 << 20
"""Disk space left free: a full disk would stop everything else on the board."""
READ_BYTES = 1 << 16
MAX_STATE_BYTES = 1 << 16
"""Of ``FILE.part.json``: a URL and a validator."""
MAX_RETRY_AFTER = 60.0
"""Seconds; a server that wants a longer pause is asked again by hand."""
RETRIED = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that may pass by themselves."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server; tests are less patient."""

    connect: float = 15.0
    """Seconds to reach it."""
    stall: float = 30.0
    """Seconds without a byte, after which the connection is given up and made anew."""
    tries: int = 6
    """Tries in a row that bring nothing new; with the pauses about a minute."""
    pause: float = 1.0
    """Seconds before the second try, doubled before each further one."""
    longest_pause: float = 30.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched, and what it must be."""

    url: str
    target: Path
    size: int
    """Bytes."""
    sha256: str | None = None
    """Lower-case hexadecimal; None where nobody knows it yet."""

    @property
    def part(self) -> Path:
        """Where it grows."""
        return self.target.with_name(self.target.name + ".part")

    @property
    def part_state(self) -> Path:
        """What the part is the beginning of."""
        return self.target.with_name(self.target.name + ".part.json")


class _RetryableError(Exception):
    """One try failed in a way that the next may not."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


def fetch(
    wanted: Wanted,
    progress: Progress | None = None,
    patience: Patience | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Fetch the file to ``wanted.target`` and return its SHA-256.

    Raises :exc:`DownloadError`; what has arrived stays for the next call to go on from, unless
    it is known to be wrong.
    """
    patience = patience or Patience()
    _check_space(wanted)
    timeout = httpx.Timeout(patience.stall, connect=patience.connect)
    headers = {"User-Agent": f"stt-service/{__version__}", "Accept-Encoding": "identity"}
    with httpx.Client(
        timeout=timeout, headers=headers, follow_redirects=True, max_redirects=MAX_REDIRECTS
    ) as client:
        _fetch_all(client, wanted, progress, patience, sleep)
    digest = sha256(wanted.part)
    if wanted.sha256 is not None and digest != wanted.sha256:
        _discard(wanted)
        raise DownloadError(
            f"{wanted.url} arrived damaged or is another file than it was: "
            f"its SHA-256 is {digest}, not {wanted.sha256}",
            "Run the command again; if this repeats, the file has been replaced at its source",
        )
    wanted.part.replace(wanted.target)
    wanted.part_state.unlink(missing_ok=True)
    return digest


def _fetch_all(
    client: httpx.Client,
    wanted: Wanted,
    progress: Progress | None,
    patience: Patience,
    sleep: Callable[[float], None],
) -> None:
    """Try until the part has its full size, or nothing new came several times in a row."""
    failures = 0
    while (before := _arrived(wanted)) != wanted.size:
        try:
            _try_once(client, wanted, before, progress)
            continue
        except _RetryableError as error:
            reason, pause = str(error), error.pause
        except httpx.TooManyRedirects as error:
            raise DownloadError(f"{wanted.url} redirects in a circle") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise DownloadError(f"{wanted.url} is no address to fetch from: {error}") from error
        except httpx.TimeoutException:
            reason, pause = "the server sends nothing", None
        except httpx.TransportError as error:
            reason, pause = str(error) or type(error).__name__, None
        except OSError as error:
            raise DownloadError(
                f"{wanted.part} cannot be written: {error.strerror or error}"
            ) from error
        failures = 1 if _arrived(wanted) > before else failures + 1
        if failures >= patience.tries:
            raise DownloadError(
                f"{wanted.url} could not be fetched: {reason}; "
                f"{_arrived(wanted)} of {wanted.size} bytes have arrived",
                "Run the command again to go on from there",
            )
        if pause is None:
            pause = min(patience.pause * 2 ** (failures - 1), patience.longest_pause)
        logger.info("%s: %s; trying again in %.1f s", wanted.url, reason, pause)
        sleep(pause)


def _try_once(client: httpx.Client, wanted: Wanted, have: int, progress: Progress | None) -> None:
    headers = {}
    validator = _validator(wanted)
    if have and validator is not None:
        headers = {"Range": f"bytes={have}-", "If-Range": validator}
    elif have and wanted.sha256 is not None:
        # Nothing to name the version by, but the checksum would tell.
        headers = {"Range": f"bytes={have}-"}
    with client.stream("GET", wanted.url, headers=headers) as response:
        _check_response(response, wanted, have)
        offset = have if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
        _remember(response, wanted)
        with wanted.part.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            for block in response.iter_raw(READ_BYTES):
                offset += len(block)
                if offset > wanted.size:
                    break
                file.write(block)
                if progress is not None:
                    progress(offset, wanted.size)
            file.flush()
            os.fsync(file.fileno())
    if offset > wanted.size:
        _discard(wanted)
        raise DownloadError(
            f"{wanted.url} sends more than the {wanted.size} bytes that it should have",
            "It is another file than it was; nothing has been installed",
        )
    if offset < wanted.size:
        raise _RetryableError("the connection was closed early")


def _check_response(response: httpx.Response, wanted: Wanted, have: int) -> None:
    """Let pass only an answer whose body is the file, from its start or from ``have`` on."""
    status = response.status_code
    if wanted.url.startswith("https:") and response.url.scheme != "https":
        raise DownloadError(f"{wanted.url} redirects to {response.url.scheme}, which is not safe")
    if status in RETRIED:
        raise _RetryableError(f"the server answers {status}", _retry_after(response))
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        _discard(wanted)
        raise _RetryableError("the server has a shorter file than has already arrived")
    if status not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        raise DownloadError(
            f"{wanted.url} cannot be fetched: the server answers {status} {response.reason_phrase}",
            "Check the address, the clock and the network's sign-in page",
        )
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise DownloadError(f"{wanted.url} is sent compressed, which cannot be resumed")
    if status == httpx.codes.PARTIAL_CONTENT:
        span = response.headers.get("Content-Range", "")
        if span != f"bytes {have}-{wanted.size - 1}/{wanted.size}":
            _discard(wanted)
            raise _RetryableError(f"the server sends another part than asked for ({span!r})")
    elif (length := response.headers.get("Content-Length")) not in (None, str(wanted.size)):
        raise DownloadError(
            f"{wanted.url} has {length} bytes, not {wanted.size}",
            "It is another file than it was; nothing has been installed",
        )


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return min(float(value), MAX_RETRY_AFTER) if value.isdecimal() else None


def _arrived(wanted: Wanted) -> int:
    """Return how much of this very file has arrived."""
    try:
        size = wanted.part.stat().st_size
    except FileNotFoundError:
        return 0
    known = _state(wanted).get("url") == wanted.url
    return size if known and size <= wanted.size else 0


def _state(wanted: Wanted) -> dict[str, str]:
    try:
        with wanted.part_state.open("rb") as file:
            state = json.loads(file.read(MAX_STATE_BYTES))
    except (FileNotFoundError, ValueError):
        return {}  # it only saves time: without it the file is fetched from its start
    return state if isinstance(state, dict) else {}


def _validator(wanted: Wanted) -> str | None:
    return _state(wanted).get("validator")


def _remember(response: httpx.Response, wanted: Wanted) -> None:
    """Write down which version the part is of, before its first byte."""
    etag = response.headers.get("ETag", "")
    # A weak ETag or a date vouches for the meaning of a file, not for its bytes.
    validator = etag if etag.startswith('"') else None
    state = {"url": wanted.url} | ({"validator": validator} if validator else {})
    write_atomically(wanted.part_state, json.dumps(state).encode())


def _discard(wanted: Wanted) -> None:
    wanted.part.unlink(missing_ok=True)
    wanted.part_state.unlink(missing_ok=True)


def _check_space(wanted: Wanted) -> None:
    missing = wanted.size - _arrived(wanted)
    free = shutil.disk_usage(wanted.target.parent).free
    if free < missing + SPARE_BYTES:
        raise DownloadError(
            f"{wanted.target.parent} has {free >> 20} MiB free, but "
            f"{wanted.target.name} needs {missing >> 20} MiB more and {SPARE_BYTES >> 20} to spare",
            "Free some space, or set paths.state to a larger disk",
        )
