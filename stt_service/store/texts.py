"""The texts that people agree to, one for each version; a version never changes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("consent_texts")
CURRENT = 1
"""Version of the text that is agreed to now."""


@dataclass(frozen=True, slots=True)
class ConsentText:
    """What somebody agrees to."""

    version: int
    text: str
    """Markdown, English."""
    sha256: str
    """Of the UTF-8 text, in hexadecimal."""


@cache
def consent_text(version: int = CURRENT) -> ConsentText | None:
    """Return a version of the text, None where there is none of that number."""
    try:
        raw = (FOLDER / f"{version}.md").read_bytes()
    except FileNotFoundError:
        return None
    return ConsentText(version, raw.decode("utf-8"), hashlib.sha256(raw).hexdigest())
