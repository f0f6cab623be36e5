"""What was withdrawn, as a collector's address says it: page by page, each bounded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import httpx
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from stt_service.collector.dataset_manifest import (
    MAX_REVOCATIONS,
    Revocation,
    is_export,
    revocations,
)
from stt_service.errors import DatasetError

PATH = "/v1/revocations"
TIMEOUT_SECONDS = 30.0
"""For one answer."""
MAX_PAGE = 16 << 20
"""Bytes of an answer: a hundred thousand withdrawals."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Hash = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")]


class _Line(BaseModel):
    number: int = Field(ge=1)
    id: Id
    audio_sha256: Hash | None = None
    deleted: str = Field(max_length=40, pattern=r"^[0-9T:.Z+-]*$")


class _Page(BaseModel):
    revocations: list[_Line]
    next: int = Field(ge=0)


def withdrawn(origin: str | None, after: int) -> Iterator[Revocation]:
    """Return what was withdrawn after a number, as a collector or a newer copy says.

    Raises :exc:`DatasetError`.
    """
    if origin is None:
        raise DatasetError(
            "this dataset names no collector", "Say --from with its address, or a newer copy"
        )
    if is_export(Path(origin)):
        return (one for one in revocations(Path(origin)) if one.number > after)
    return fetch(origin, after)


def fetch(
    collector: str, after: int, transport: httpx.BaseTransport | None = None
) -> Iterator[Revocation]:
    """Yield what was withdrawn after a number, to the end. Raises :exc:`DatasetError`.

    Only HTTPS, or this machine: who changes an answer on its way keeps withdrawn clips alive.
    """
    try:
        address = httpx.URL(collector)
    except httpx.InvalidURL as error:
        raise _unusable(collector) from error
    trusted = address.scheme == "https" or (address.scheme == "http" and address.host in LOOPBACK)
    if not trusted or not address.host:
        raise _unusable(collector)
    count = 0
    with httpx.Client(timeout=TIMEOUT_SECONDS, transport=transport) as client:
        while True:
            page = _ask(client, collector.rstrip("/"), after)
            for line in page.revocations:
                count += 1
                if line.number <= after or count > MAX_REVOCATIONS:
                    raise DatasetError(
                        f"{collector} gives withdrawals out of order, or too many",
                        "Tell who hosts it",
                    )
                after = line.number
                yield Revocation(line.number, line.id, line.audio_sha256 or "", line.deleted)
            if not page.revocations:
                return


def _ask(client: httpx.Client, collector: str, after: int) -> _Page:
    content = bytearray()
    try:
        with client.stream("GET", f"{collector}{PATH}", params={"after": after}) as answer:
            if answer.status_code != httpx.codes.OK:
                raise DatasetError(
                    f"{collector} answers {answer.status_code}", "Try again later, or use --from"
                )
            for block in answer.iter_bytes():
                content += block
                if len(content) > MAX_PAGE:
                    raise DatasetError(f"{collector} answers without end", "Tell who hosts it")
        return _Page.model_validate_json(bytes(content))
    except httpx.HTTPError as error:
        raise DatasetError(
            f"{collector} cannot be reached: {error}", "Try again later, or use --from"
        ) from error
    except ValidationError as error:
        raise DatasetError(
            f"{collector} is no collector: its answer is another", "Use --from"
        ) from error


def _unusable(collector: str) -> DatasetError:
    return DatasetError(
        f"{collector} is no address that can be trusted",
        "Name it with https://, or http:// on this machine",
    )
