"""A file of sentence templates in, sentences out.

A template a line: ``(one|of|these)``, ``[perhaps this]``, ``{list}``; lists are defined by
``{name} = a|b``; lines that begin with ``#`` are comments.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

TAKEN = 0.5
"""How often what stands in brackets is said."""

INNERMOST = re.compile(r"\(([^()\[\]]*)\)|\[([^()\[\]]*)\]|\{(\w+)\}")

Slot = Callable[[random.Random], str]


class Templates:
    """The lines of template files, drawn from at random.

    ``slots`` are lists that are computed; one of them replaces a list of the same name.
    """

    def __init__(self, *paths: Path, slots: Mapping[str, Slot] | None = None) -> None:
        self._lists: dict[str, str] = {}
        self._slots = dict(slots or {})
        self.lines: list[str] = []
        for path in paths:
            for line in path.read_text(encoding="utf-8").splitlines():
                name, equals, value = line.partition(" = ")
                if equals:
                    self._lists[name.strip("{}")] = value
                elif line and not line.startswith("#"):
                    self.lines.append(line)

    def draw(self, line: str, dice: random.Random) -> str:
        """Return one sentence of a template. Raises :exc:`KeyError` for an unknown list."""

        def choose(match: re.Match[str]) -> str:
            one_of, perhaps, name = match.groups()
            if name in self._slots:
                return self._slots[name](dice)
            if perhaps is not None and dice.random() >= TAKEN:
                return ""
            options: str = self._lists[name] if name else perhaps or one_of
            return dice.choice(options.split("|"))

        while INNERMOST.search(line):
            line = INNERMOST.sub(choose, line)
        return " ".join(line.split())

    def sentences(self, dice: random.Random, draws: int) -> Iterator[str]:
        """Yield ``draws`` sentences from each template."""
        for line in self.lines:
            for _ in range(draws):
                yield self.draw(line, dice)
