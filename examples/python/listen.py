"""Print what a running stt-service hears. Needs only ``pip install websockets``."""

import asyncio
import contextlib
import json
import os
import sys

from websockets.asyncio.client import connect

URL = os.environ.get("STT_SERVICE_URL", "ws://127.0.0.1:8765")
ADDRESS = URL + "/v1/transcripts?kinds=partial,final"


async def main() -> None:
    """Connect, print, and connect again."""
    token = os.environ.get("STT_SERVICE_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # connect() as an iterator connects again whenever the daemon was restarted.
    async for socket in connect(ADDRESS, additional_headers=headers):
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "partial":
                print(f"\r\033[K… {message['text']}", end="", file=sys.stderr, flush=True)
            elif message["type"] == "final":
                print("\r\033[K", end="", file=sys.stderr, flush=True)
                print(f"{message['confidence']:.0%} {message['text']}", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
