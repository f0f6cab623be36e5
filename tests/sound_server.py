"""A sound server of the tests' own: microphones that hear what a test plays, and can be unplugged.

PulseAudio's null sinks stand for the world and their monitors for microphones; ALSA's plug-in
makes them devices that PortAudio sees.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

NAMES = ("mic_a", "mic_b")
START_SECONDS = 20.0
"""Granted to the server; it needs half a second on an idle machine."""
LATE_SECONDS = 0.5
"""By which the server may be behind."""
_ALSA = "</usr/share/alsa/alsa.conf>\n" + "".join(
    f'pcm.{name} {{ type pulse device "{name}.monitor" }}\n' for name in NAMES
)
_DEFAULT = "pcm.!default { type pulse }\nctl.!default { type pulse }\n"


def missing() -> str:
    """Return why there can be no sound server here; empty when there can."""
    for program in ("pulseaudio", "pactl"):
        if shutil.which(program) is None:
            return f"needs {program}: apt install pulseaudio pulseaudio-utils libasound2-plugins"
    try:
        import pyaudio  # noqa: F401, PLC0415
    except ImportError as error:
        return f"needs PyAudio: {error}"
    return ""


class SoundServer:
    """A running PulseAudio and the ALSA configuration that leads to it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._modules: dict[str, str] = {}
        (folder / "asound.conf").write_text(_ALSA + _DEFAULT)
        for name, value in {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{folder}/native",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
            "JACK_NO_START_SERVER": "1",
        }.items():
            monkeypatch.setenv(name, value)
        self._log = (folder / "log").open("wb")
        self.start()

    def start(self) -> None:
        """Start the server, without microphones; after :meth:`kill`, another one."""
        self._modules.clear()
        socket = self._folder / "native"
        socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"),
                *("--use-pid-file=no", "--resample-method=speex-float-10", "-L"),
                f"module-native-protocol-unix auth-anonymous=1 socket={socket}",
            ],
            stdout=self._log,
            stderr=self._log,
        )
        deadline = time.monotonic() + START_SECONDS
        while self._pactl("info", check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self._folder / "log").read_text()[-500:]
                pytest.skip(f"PulseAudio does not start: {said}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End the server as a crash would."""
        self._process.kill()
        self._process.wait(10)

    def _pactl(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["pactl", *words], capture_output=True, text=True, check=check)

    def plug(self, name: str, *, rate: int = 48_000, channels: int = 1) -> None:
        """Make the microphone ``name``, one of NAMES, appear."""
        module = self._pactl(
            *("load-module", "module-null-sink", f"sink_name={name}"),
            *(f"rate={rate}", f"channels={channels}", "format=s16le"),
        )
        self._modules[name] = module.stdout.strip()

    def unplug(self, name: str) -> None:
        """Make it vanish."""
        self._pactl("unload-module", self._modules.pop(name))

    def play(self, name: str, samples: np.ndarray, rate: int) -> None:
        """Say ``samples``, mono int16, into the microphone; returns when they were said.

        The server has them whole before it begins: a busy machine puts no gaps into them.
        """
        file = self._folder / "said.wav"
        soundfile.write(file, samples, rate, subtype="PCM_16")
        self._pactl("upload-sample", str(file), "said")
        self._pactl("play-sample", "said", name)
        time.sleep(len(samples) / rate + LATE_SECONDS)
        self._pactl("remove-sample", "said")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._log.close()
