"""What several commands need: the settings of this call, command options on top; a quiet end."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stt_service.config import Loaded
    from stt_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """What the options before the sub-command have said; click hands it on as ``ctx.obj``."""

    config_file: Path | None = None
    """From ``--config``."""

    def load(self, flags: Mapping[str, Mapping[str, Any]] | None = None) -> Loaded:
        """Return all settings and their sources, the command's own options on top.

        ``flags`` holds section, key and value; options that were not given are None and count
        for nothing. Raises :exc:`ConfigError`.
        """
        from stt_service.config import load  # noqa: PLC0415 -- `--help` need not wait for it

        given = {
            section: {key: value for key, value in keys.items() if value is not None}
            for section, keys in (flags or {}).items()
        }
        return load(file=self.config_file, flags=given)

    def settings(self, flags: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
        """Return the settings alone. Raises :exc:`ConfigError`."""
        return self.load(flags).settings


def end_standard_error() -> None:
    """Keep libraries from taking leave: LiteRT's do so in C++, after Python has ended."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stderr.fileno())
        os.close(null)
    except (OSError, ValueError):
        return  # what is not written yet is for Python to report
