"""Have a WAV file recognised by a running stt-service. Needs only ``pip install websockets``."""

import json
import os
import sys
from pathlib import Path

from websockets.sync.client import connect

URL = os.environ.get("STT_SERVICE_URL", "ws://127.0.0.1:8765")
PIECE = 8000  # bytes; a quarter of a second at 16 kHz


def main(path: Path) -> None:
    """Send one file and print its transcript."""
    with connect(URL + "/v1/recognize") as socket:
        with path.open("rb") as file:  # its header says rate and channels
            while piece := file.read(PIECE):
                socket.send(piece)
        socket.send(json.dumps({"type": "end"}))
        for text in socket:
            message = json.loads(text)
            if message["type"] == "final":
                print(message["text"])
            elif message["type"] == "error":
                sys.exit(f"error: {message['message']}. {message['remedy']}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
