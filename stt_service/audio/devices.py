"""Capture devices as the system names them, and which of them is meant.

An index changes with every plug; the name and the USB id stay. So a device is looked for anew each
time it is opened, and one that was found by its index is from then on known by what stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stt_service.audio.names import DEFAULT_MICROPHONE
from stt_service.errors import DeviceLostError

ALSA_CARDS = Path("/proc/asound")
MAX_CARDS = 32
"""ALSA's own limit."""
MAX_LISTED = 12
"""Devices named in a message."""

_HARDWARE = re.compile(r"\(hw:(\d+),\d+\)")
_USB_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class Device:
    """One capture device."""

    index: int
    """Its place in the list, which changes when something is plugged in or out."""
    name: str
    """As PortAudio has it, such as ``USB Audio: - (hw:1,0)`` or ``pulse``."""
    channels: int
    """The most it can deliver; plug-ins such as ``pulse`` say 32 and mean any number."""
    rate: float
    """Hertz; its own rate."""
    default: bool
    """The system records from it when nothing is said."""
    usb: str | None = None
    """``vendor:product`` in hexadecimal; None where it is not on USB."""
    rates: tuple[int, ...] = ()
    """Hertz that it records now, of the usual ones; none while it is in use, or not asked."""

    @property
    def card(self) -> int | None:
        """Return the number of its ALSA card; None for plug-ins."""
        match = _HARDWARE.search(self.name)
        return int(match[1]) if match else None

    @property
    def identity(self) -> tuple[str | None, str]:
        """Return what stays when it is plugged in elsewhere."""
        return self.usb, _HARDWARE.sub("", self.name)


def usb_ids(cards: Path = ALSA_CARDS) -> dict[int, str]:
    """Return the USB id of each ALSA card that has one."""
    found = {}
    for card in range(MAX_CARDS):
        try:
            text = (cards / f"card{card}" / "usbid").read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            continue  # no such card, or not on USB
        found[card] = text.strip().lower()
    return found


def hardware(cards: Path = ALSA_CARDS) -> str:
    """Return something that differs when a sound card has come or gone; cheap."""
    try:
        return (cards / "cards").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


class Wanted:
    """The device that is meant; remembers which one that was. Owned by one thread."""

    def __init__(self, name: str = DEFAULT_MICROPHONE) -> None:
        """``name``: an index, a USB id, a part of the name, or ``default``."""
        self.name = name
        self._known: tuple[str | None, str] | None = None

    def find(self, devices: Sequence[Device]) -> Device:
        """Return the device. Raises :exc:`DeviceLostError` naming those there are."""
        device = self._find(devices)
        if device is None:
            raise self._missing(devices)
        self._known = device.identity
        return device

    def _find(self, devices: Sequence[Device]) -> Device | None:
        name = self.name.lower()
        if self._known is not None and (name.isdecimal() or name == DEFAULT_MICROPHONE):
            same = next((device for device in devices if device.identity == self._known), None)
            if same is not None or name.isdecimal():
                return same
        if name == DEFAULT_MICROPHONE:
            usual = next((device for device in devices if device.default), None)
            return usual or (devices[0] if devices else None)
        if name.isdecimal():
            return next((device for device in devices if device.index == int(name)), None)
        if _USB_ID.fullmatch(name):
            return next((device for device in devices if device.usb == name), None)
        exact = [device for device in devices if device.name.lower() == name]
        part = [device for device in devices if name in device.name.lower()]
        return next(iter(exact + part), None)

    def _missing(self, devices: Sequence[Device]) -> DeviceLostError:
        if not devices:
            return DeviceLostError(
                "there is no microphone", "Plug one in; `arecord -l` shows what the system sees"
            )
        names = ", ".join(device.name for device in devices[:MAX_LISTED])
        what = "" if self.name == DEFAULT_MICROPHONE else f" {self.name}"
        return DeviceLostError(f"there is no microphone{what}", f"There are {names}")
