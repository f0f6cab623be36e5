"""Who holds the microphone, where the system tells."""

from __future__ import annotations

import sys
from pathlib import Path

from stt_service.audio.holders import Holder, holders

NOBODY = (sys.executable, "-c", "")


def process(proc: Path, pid: int, name: str, *links: str) -> None:
    """A process as /proc shows it, with the files it has open."""
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "comm").write_text(f"{name}\n")
    for number, link in enumerate(links):
        (folder / "fd" / str(number)).symlink_to(link)


def test_open_capture_devices_tell(tmp_path: Path) -> None:
    """Playback and other cards do not count; files that are gone do no harm."""
    process(tmp_path, 10, "arecord", "/dev/null", "/dev/snd/pcmC1D0c")
    process(tmp_path, 11, "aplay", "/dev/snd/pcmC1D0p")
    process(tmp_path, 12, "other", "/dev/snd/pcmC0D0c", "/dev/snd/controlC1")
    (tmp_path / "13").mkdir()
    assert holders(1, proc=tmp_path, pactl=NOBODY) == (Holder("arecord", 10),)
    everybody = set(holders(proc=tmp_path, pactl=NOBODY))
    assert everybody == {Holder("arecord", 10), Holder("other", 12)}
    assert str(Holder("arecord", 10)) == "arecord (process 10)"


def test_those_behind_a_sound_server_follow_it(tmp_path: Path) -> None:
    """The server holds the card, programs record through the server."""
    process(tmp_path, 10, "pulseaudio", "/dev/snd/pcmC1D0c")
    answer = (
        'Source Output #4\n\tProperties:\n\t\tapplication.name = "Firefox"\n'
        '\t\tapplication.process.id = "77"\n'
        'Source Output #5\n\tProperties:\n\t\tapplication.name = "parec"\n'
    )
    pactl = (sys.executable, "-c", f"print({answer!r})")
    assert holders(1, proc=tmp_path, pactl=pactl) == (
        Holder("pulseaudio", 10),
        Holder("Firefox", 77),
        Holder("parec", None),
    )


def test_a_system_that_does_not_tell_is_no_error(tmp_path: Path) -> None:
    """No /proc, no pactl."""
    assert holders(proc=tmp_path / "none", pactl=("no-such-program",)) == ()
