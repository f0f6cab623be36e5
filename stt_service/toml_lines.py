"""Where in a TOML text a key stands: Python's reader keeps values and forgets their lines.

Reads the text a second time, line by line, only to say "line 7" of a mistake. What it cannot
place (keys of inline tables, quoted keys) is simply not found.
"""

from __future__ import annotations

import re

_HEADER = re.compile(r"^\s*\[\s*([\w-]+)\s*\]")
_KEY = re.compile(r"^\s*([\w-]+)(?:\s*\.\s*([\w-]+))?\s*=")
_LONG = ('"""', "'''")

Lines = dict[tuple[str, str], int]
"""(section, key) to line, counted from 1; the key is empty for the section itself."""


def find_lines(text: str) -> Lines:
    """Return the line of each section and of each of its keys, the first where there are two."""
    lines: Lines = {}
    section = ""
    inside = ""  # the quotes of a string over several lines
    # Not splitlines: it also parts lines at characters that may stand within a value.
    for number, line in enumerate(text.split("\n"), 1):
        if inside:
            inside = "" if inside in line else inside
            continue
        if header := _HEADER.match(line):
            section = header[1]
            lines.setdefault((section, ""), number)
        elif key := _KEY.match(line):
            whole = (section, key[1]) if section else (key[1], key[2] or "")
            lines.setdefault(whole, number)
        inside = next((quotes for quotes in _LONG if line.count(quotes) % 2), "")
    return lines
