"""Tells everybody when the listener becomes ready, and when it no longer is."""

from __future__ import annotations

import asyncio

from stt_service.events import ReadyChanged
from stt_service.hub import Hub
from stt_service.listener.api import Control, State

LOOK_SECONDS = 0.25
"""Between looks: nobody sees the difference, and a look costs microseconds."""


def readiness(state: State) -> ReadyChanged:
    """Return what there is to tell."""
    model = state.model.id if state.model is not None else None
    return ReadyChanged(state.ready, state.source, model)


async def watch_readiness(hub: Hub, control: Control) -> None:
    """Publish each change, for ever."""
    told = readiness(control.state())
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = readiness(control.state())
        if now != told:
            told = now
            hub.publish(now)
