"""The phrase files that come with the program, by name: ``lights``, or ``lights,timers``."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from stt_service.errors import PhrasesError

FOLDER = Path(__file__).resolve().parents[2] / "phrases"
SEPARATOR = ","
"""Parts several names, or paths."""
SETS = {
    "home": (
        "control",
        "lights",
        "devices",
        "climate",
        "timers",
        "alarms",
        "media",
        "weather",
        "lists",
        "calls",
    )
}
"""Names for several files at once."""


def names() -> tuple[str, ...]:
    """Return the names of the ready files, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def find(text: str) -> tuple[Path, ...]:
    """Return the phrase files that ``--phrases TEXT`` names.

    ``text`` is a path, or names of the library and paths parted by commas; a path wins over a
    name. Raises :exc:`PhrasesError` for what is neither.
    """
    if text and Path(text).exists():
        return (Path(text),)
    found: list[Path] = []
    for part in text.split(SEPARATOR):
        found += [path for path in _one(part.strip(), text) if path not in found]
    return tuple(found)


def _one(name: str, text: str) -> list[Path]:
    if name and Path(name).exists():
        return [Path(name)]
    ready = names()
    chosen = SETS.get(name, (name,) if name in ready else ())
    if not chosen:
        known = (*ready, *SETS)
        close = get_close_matches(name, known, 1)
        whole = "" if name == text else f"{text!r}: "
        raise PhrasesError(
            f"{whole}there is no phrase file {name!r}, and none of that name in the library",
            f"Did you mean {close[0]!r}?" if close else f"Name a file, or of {', '.join(known)}",
        )
    return [FOLDER / f"{one}.yaml" for one in chosen]
