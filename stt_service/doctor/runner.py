"""Runs checks one after the other: none hangs the rest, none breaks the rest."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable, Iterator

from stt_service.doctor.api import Check, Finding
from stt_service.errors import SttError

logger = logging.getLogger(__name__)

REPORT = "Please report it with `stt-service doctor --bundle FILE`"


def examine(checks: Iterable[Check]) -> Iterator[Finding]:
    """Yield what the checks find, each within its time."""
    for check in checks:
        yield from _bounded(check)


def _bounded(check: Check) -> list[Finding]:
    answer: queue.SimpleQueue[list[Finding]] = queue.SimpleQueue()
    # A daemon: a driver that never answers must not keep the program from ending.
    threading.Thread(
        target=lambda: answer.put(_run(check)), name=f"doctor-{check.area}", daemon=True
    ).start()
    try:
        return answer.get(timeout=check.seconds)
    except queue.Empty:
        return [
            Finding(
                check.area,
                "fail",
                "check-hangs",
                f"no answer within {check.seconds:g} s",
                "What it asks hangs: a driver, a sound server, a worn card. Restart the machine",
            )
        ]


def _run(check: Check) -> list[Finding]:
    try:
        return list(check.run())
    except SttError as error:
        return [Finding(check.area, "fail", "failed", error.message, error.remedy)]
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return [Finding(check.area, "fail", "failed", what, "Mend that, then ask again")]
    except Exception as error:  # the edge of a thread: the other checks go on
        logger.debug("the check of %s broke", check.area, exc_info=True)
        kind = type(error).__name__
        return [
            Finding(check.area, "warn", "check-broken", f"the check itself broke: {kind}", REPORT)
        ]
