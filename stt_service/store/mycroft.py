"""What a Mycroft configuration says of ``opt_in``."""

from __future__ import annotations

import json
from pathlib import Path

from stt_service.errors import StoreError

MAX_BYTES = 1 << 20
"""Mycroft's own, with all its comments, has 20 KiB."""


def opted_in(path: Path) -> bool:
    """Return whether a configuration says that its owner opted in; silence is no.

    Its JSON may have whole lines of comments, as Mycroft's has. Raises :exc:`StoreError` for a
    file that cannot be read.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}", "Name another") from error
    if len(raw) > MAX_BYTES:
        raise StoreError(f"{path} is larger than any Mycroft configuration", "Name another")
    try:
        lines = raw.decode("utf-8").splitlines()
        kept = [line for line in lines if not line.lstrip().startswith(("//", "#"))]
        found = json.loads("\n".join(kept))
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is no Mycroft configuration: {error}", "Name another") from error
    return isinstance(found, dict) and found.get("opt_in") is True
