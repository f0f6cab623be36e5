"""``POST /v1/transcribe``: a whole recording in, its transcript out; nothing touches the disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from stt_service.errors import AudioError, SttError
from stt_service.events import UtteranceFinal, UtteranceRejected
from stt_service.listener.api import BusyError, Control, Wishes
from stt_service.server import messages
from stt_service.server.calls import Call, in_thread
from stt_service.server.limits import MAX_UPLOAD_BYTES, MAX_UPLOADS, UPLOAD_SECONDS
from stt_service.server.sound import feed_recording

FIELD = "audio"
"""Name of the file in a form."""


class TooLargeError(AudioError):
    """The body exceeds the limit."""


class TooSlowError(AudioError):
    """The body did not arrive in time."""


class Recognition(BaseModel):
    """What was said in a recording."""

    text: str = Field(description="All utterances joined by single spaces.")
    utterances: list[messages.Final | messages.Rejected] = Field(
        description="In their order, with words, times and confidence."
    )


class _Form(MultiPartParser):
    """Keeps files in memory, however large: the whole body is bounded before."""

    spool_max_size = MAX_UPLOAD_BYTES + 1


async def read_upload(request: Request) -> bytes:
    """Return the recording in a request: its body, or the file of a form.

    Raises :exc:`AudioError`; :exc:`TooLargeError` before more than the limit is in memory.
    """
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            body = await _read_body(request)
    except TimeoutError as error:
        raise TooSlowError(
            f"the recording did not arrive within {UPLOAD_SECONDS:g} s",
            "Stream it to /v1/recognize",
        ) from error
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        body = await _file_of_form(request, body)
    if not body:
        raise AudioError("there is no recording in the request", "Send a WAV, FLAC or Ogg file")
    return body


async def _read_body(request: Request) -> bytes:
    too_large = TooLargeError(
        f"a recording has at most {MAX_UPLOAD_BYTES >> 20} MiB",
        "Send it as FLAC, cut it, or stream it to /v1/recognize",
    )
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:12]) > MAX_UPLOAD_BYTES:
        raise too_large
    body = bytearray()
    try:
        async for part in request.stream():
            if len(body) + len(part) > MAX_UPLOAD_BYTES:
                raise too_large
            body += part
    except ClientDisconnect as error:
        raise AudioError("the client has gone in the middle of its recording") from error
    return bytes(body)


async def _file_of_form(request: Request, body: bytes) -> bytes:
    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await _Form(request.headers, whole(), max_files=1, max_fields=10).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise AudioError(f"the form cannot be read: {error}", "Check its boundary") from error
    try:
        file = form.get(FIELD)
        if not isinstance(file, UploadFile):
            raise AudioError(f"the form has no file named {FIELD}", f"curl -F {FIELD}=@kitchen.wav")
        return await file.read()
    finally:
        await form.close()


class Uploads:
    """Recordings being recognised. Owned by the server's thread."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._now = 0

    async def recognise(self, request: Request, wishes: Wishes) -> Recognition:
        """Serve one request. Raises :exc:`BusyError` and whatever is wrong with it."""
        if self._now >= MAX_UPLOADS:
            raise BusyError(f"{MAX_UPLOADS} recordings are being recognised", "Try again later")
        self._now += 1
        try:
            return await self._recognise(await read_upload(request), wishes)
        finally:
            self._now -= 1

    async def _recognise(self, recording: bytes, wishes: Wishes) -> Recognition:
        call, closed = Call(), threading.Event()
        caller = await call.open(self._control, wishes)

        async def feed() -> None:
            try:
                await in_thread(lambda: feed_recording(recording, caller, closed))
            except SttError as error:
                call.fail(error)

        feeding = asyncio.create_task(feed())
        call.depends_on(feeding)
        heard: list[messages.Final | messages.Rejected] = []
        try:
            async for event in call.results():
                if isinstance(event, UtteranceFinal | UtteranceRejected):
                    message = messages.message_of(event)
                    assert isinstance(message, messages.Final | messages.Rejected)
                    heard.append(message)
        finally:
            closed.set()
            call.close()
            feeding.cancel()
        said = (one.text for one in heard if isinstance(one, messages.Final))
        return Recognition(text=" ".join(text for text in said if text), utterances=heard)
