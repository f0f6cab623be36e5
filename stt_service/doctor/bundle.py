"""Findings and settings in, what may go into a public bug report out.

Nothing is cut out of a text, for one can never be sure to have found it all. It goes the other way:
no text is let in. What gets through is numbers, yes and no, and words out of a list that is fixed
here and in the settings' types; messages, names of devices and files, phrases and addresses do not.
"""

from __future__ import annotations

import json
import math
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stt_service.doctor.api import AREAS, CODES, Fact, Finding
from stt_service.doctor.machine import MACHINES
from stt_service.doctor.python import installed
from stt_service.doctor.reading import read_text

FORM = 1
"""Version of the form."""
CHANGED = "(changed)"
"""Stands for a setting whose value is nobody's business."""
LEFT_OUT = "(left out)"
STATUSES = ("ok", "warn", "fail")
PACKAGES = (
    "numpy",
    "ai-edge-litert",
    "soxr",
    "soundfile",
    "webrtcvad-wheels",
    "pyaudio",
    "uvicorn",
)
"""Whose versions matter."""
WORDS = frozenset({*MACHINES, "armv7l", "armv6l", "litert", "deepspeech", "coqui"})
WORDS_OF_SETTINGS = frozenset(
    {"auto", "none", "mix", "microphone", "stdin", "continuous", "push-to-talk", "wake", "strict"}
    | {"bias", "litert", "deepspeech", "coqui", "s16le", "u8", "s24le", "s32le", "f32le", "f64le"}
    | {"127.0.0.1", "0.0.0.0", "localhost"}  # noqa: S104 -- compared, not bound
)
"""Values that settings have in common with everybody's."""
BOARDS = re.compile(
    r"Raspberry Pi (?:\d|Zero|Zero 2|400|500|Compute Module \d)"
    r"(?: W)?(?: Model [AB])?(?: Plus)?(?: Rev \d\.\d)?"
)
MOST = 1e12
"""Of any figure: nothing that is measured here has more, and serial numbers have."""
MAX_NAME = 40
"""Characters of a fact's name."""
_FACT = re.compile(r"[a-z][a-z0-9_]*")


def bundle(
    findings: Iterable[Finding],
    settings: Mapping[str, Mapping[str, Any]],
    defaults: Mapping[str, Mapping[str, Any]],
    words: Iterable[str] = (),
    root: Path = Path("/"),
) -> str:
    """Return the report as JSON text.

    ``settings`` and ``defaults`` hold section, key and value; ``words`` are further ones that may
    be told: the names of the models that everybody knows.
    """
    known = WORDS | frozenset(words)
    return json.dumps(
        {
            "form": FORM,
            "stt-service": _version("stt-service"),
            "python": ".".join(platform.python_version_tuple()[:2]),
            "kernel": _numbers(platform.release()),
            "board": board(root),
            "packages": {name: _version(name) for name in PACKAGES},
            "settings": changed(settings, defaults),
            "findings": [_told(finding, known) for finding in findings],
        },
        indent=2,
    )


def board(root: Path = Path("/")) -> str | None:
    """Return which Raspberry Pi it is; None for any other machine."""
    text = (read_text(root / "proc/device-tree/model") or "").rstrip("\0")
    return text if BOARDS.fullmatch(text) else None


def changed(
    settings: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Mapping[str, Any]]
) -> dict[str, Fact]:
    """Return the keys that differ from the shipped ones, with those values that say nothing."""
    return {
        f"{section}.{key}": _setting(settings[section][key])
        for section, keys in defaults.items()
        for key in keys
        if settings[section][key] != keys[key]
    }


def _setting(value: object) -> Fact:
    if isinstance(value, bool | int | float):
        return _number(value)
    if isinstance(value, str) and value in WORDS_OF_SETTINGS:
        return value
    return CHANGED


def _told(finding: Finding, words: frozenset[str]) -> dict[str, object]:
    facts = {
        name: _fact(value, words)
        for name, value in finding.facts.items()
        if len(name) <= MAX_NAME and _FACT.fullmatch(name)
    }
    return {
        "area": finding.area if finding.area in AREAS else LEFT_OUT,
        "status": finding.status if finding.status in STATUSES else LEFT_OUT,
        "code": finding.code if finding.code in CODES else LEFT_OUT,
        "facts": facts,
    }


def _fact(value: Fact, words: frozenset[str]) -> Fact:
    if isinstance(value, str):
        return value if value in words else LEFT_OUT
    return _number(value)


def _number(value: float) -> Fact:
    if isinstance(value, bool):
        return value
    return value if math.isfinite(value) and abs(value) < MOST else LEFT_OUT


def _version(name: str) -> str | None:
    numbers = installed(name)
    return None if numbers is None else ".".join(map(str, numbers))


def _numbers(text: str) -> str | None:
    match = re.match(r"\d{1,3}(\.\d{1,5}){0,3}", text)
    return match[0] if match else None
