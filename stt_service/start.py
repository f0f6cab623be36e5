"""Where the program starts: ready for Ctrl-C before anything that takes time is imported."""

from __future__ import annotations

import sys
from typing import NoReturn

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as shells have it."""


def main() -> NoReturn:
    """Run ``stt-service`` and exit, in silence where it is interrupted while it starts or ends."""
    try:
        from stt_service.cli import main as run  # noqa: PLC0415 -- what there is to be ready for

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
