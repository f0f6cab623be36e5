"""Keys of a TOML text set to new values; its comments, order and everything else stay.

    text, {section: {key: value}} ──set_keys──► text

Python reads TOML and does not write it. What cannot be done line by line (inline tables, quoted
keys) is noticed, since the outcome is read again, and refused.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from stt_service.errors import ConfigError
from stt_service.toml_lines import find_lines

Value = bool | int | float | str
Changes = Mapping[str, Mapping[str, Value]]
"""Section to key to value."""


def set_keys(text: str, changes: Changes) -> str:
    """Return the text with these keys set.

    Raises :exc:`ConfigError` for what is no TOML, and for keys written in a form that is not
    understood.
    """
    before = _read(text)
    wanted = {section: {**_section(before, section), **keys} for section, keys in changes.items()}
    # Not splitlines: it also parts lines at characters that may stand within a value.
    lines = text.removesuffix("\n").split("\n") if text else []
    for section, keys in changes.items():
        for key, value in keys.items():
            _set(lines, section, key, value)
    after = "".join(f"{line}\n" for line in lines)
    try:
        found = tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        found = {}
    if found != {**before, **wanted}:
        written = "; ".join(
            f"[{section}] {key} = {literal(value)}"
            for section, keys in changes.items()
            for key, value in keys.items()
        )
        raise ConfigError(
            "the settings file is written in a way that cannot be changed by a program",
            f"Set these by hand with `stt-service config edit`: {written}",
        )
    return after


def literal(value: Value) -> str:
    """Return a value as TOML writes it."""
    # Strings and numbers are written alike in JSON and in TOML, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the settings file is not TOML: {error}") from error


def _section(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name, {})
    return found if isinstance(found, Mapping) else {}


def _set(lines: list[str], section: str, key: str, value: Value) -> None:
    places = find_lines("\n".join(lines))
    if (section, key) in places:
        first = places[section, key] - 1
        last = _last_line(lines, first)
        name = lines[first].partition("=")[0].rstrip()
        comment = _comment(lines[last]) if first == last else ""
        lines[first : last + 1] = [f"{name} = {literal(value)}{comment}"]
        return
    keys = [line for (where, what), line in places.items() if where == section and what]
    own = [line - 1 for line in keys]
    if (section, "") in places:
        header = places[section, ""] - 1
        below = [line for line in own if line > header]
        at = _last_line(lines, max(below)) if below else header
        lines.insert(at + 1, f"{key} = {literal(value)}")
    elif own:  # `vad.frame_ms = 20`, above all headers
        lines.insert(_last_line(lines, max(own)) + 1, f"{section}.{key} = {literal(value)}")
    else:
        lines += [*([""] if lines and lines[-1].strip() else []), f"[{section}]"]
        lines.append(f"{key} = {literal(value)}")


def _last_line(lines: list[str], first: int) -> int:
    """Return where the value that begins on a line ends: lists and texts may have several."""
    for last in range(first, len(lines)):
        if _is_toml("\n".join(lines[first : last + 1])):
            return last
    return first


def _comment(line: str) -> str:
    """Return what stands behind a value, with the space before it."""
    for match in re.finditer(r"\s*#", line):
        if _is_toml(line[: match.start()]) and "=" in line[: match.start()]:
            return line[match.start() :]
    return ""


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True
