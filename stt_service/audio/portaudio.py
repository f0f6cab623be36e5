"""PortAudio, the library that reaches microphones: all calls into it are here.

It lists the devices once, when it is initialised, so that whoever looks for a microphone that was
plugged in later must close it and open it anew. Not reentrant: one lock guards all of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, Protocol

from stt_service.audio.devices import ALSA_CARDS, Device, usb_ids
from stt_service.audio.holders import holders
from stt_service.audio.hushed import hushed
from stt_service.closing import Closing
from stt_service.errors import AudioError, DeviceBusyError, DeviceLostError, SttError

OTHER_RATES = (48_000, 44_100, 32_000, 16_000, 8_000)
"""Hertz, tried in turn where a device refuses the rate that it calls its own."""

# PortAudio's own numbers, from portaudio.h.
INVALID_CHANNELS = -9998
INVALID_RATE = -9997
INVALID_DEVICE = -9996
DEVICE_UNAVAILABLE = -9985
_BUSY_WORDS = "Device or resource busy"

OnAudio = Callable[[bytes, bool], None]
"""Called by PortAudio's thread with the bytes of int16 samples and whether some were lost before.
Must neither block nor raise."""


class _Native(Protocol):
    """What PyAudio returns, as far as it is used."""

    def start_stream(self) -> None: ...
    def is_active(self) -> bool: ...
    def close(self) -> None: ...


def _library() -> ModuleType:
    try:
        import pyaudio  # noqa: PLC0415 -- an extra, which files and pipes do without
    except ImportError as error:
        raise AudioError(
            f"microphones need PyAudio, which cannot be loaded: {error}",
            "Run `sudo apt install portaudio19-dev python3-dev gcc` and "
            "`pip install 'stt-service[mic]'`, or record with `cmd:arecord`",
        ) from error
    assert isinstance(pyaudio, ModuleType)
    return pyaudio


class Stream(Closing):
    """A capture that is open; runs from :meth:`start` until any thread closes it."""

    def __init__(self, stream: _Native, rate: int, channels: int) -> None:
        self._stream: _Native | None = stream
        self._lock = threading.Lock()  # nobody asks a stream that is being closed
        self.rate = rate
        self.channels = channels

    def start(self) -> None:
        """Let the audio come. Raises :exc:`DeviceLostError`."""
        assert self._stream is not None, "a closed stream does not start"
        with hushed():
            try:
                self._stream.start_stream()
            except OSError as error:
                raise DeviceLostError(f"the microphone does not start: {error}") from error

    @property
    def active(self) -> bool:
        """Whether it runs; false when the device has broken off. Some do without a word."""
        with self._lock:
            return self._stream is not None and self._stream.is_active()

    def close(self) -> None:
        with self._lock:
            stream, self._stream = self._stream, None
            if stream is not None:
                with hushed():
                    stream.close()


class PortAudio(Closing):
    """The library, initialised: a list of devices as of now. Owned by one thread."""

    def __init__(self) -> None:
        """Raises :exc:`AudioError` when the library is missing or does not start."""
        self._pyaudio = _library()
        with hushed():
            try:
                self._library: Any = self._pyaudio.PyAudio()
            except OSError as error:
                raise AudioError(f"PortAudio does not start: {error}") from error

    def devices(self, *, with_rates: bool = False) -> list[Device]:
        """Return all devices that capture; to tell their rates, each is opened for a moment."""
        usb = usb_ids(ALSA_CARDS)
        default = self._default()
        found = []
        for index in range(self._library.get_device_count()):
            info = self._library.get_device_info_by_index(index)
            if info["maxInputChannels"] < 1:
                continue
            device = Device(
                index=index,
                name=str(info["name"]),
                channels=int(info["maxInputChannels"]),
                rate=float(info["defaultSampleRate"]),
                default=index == default,
            )
            device = replace(device, usb=None if device.card is None else usb.get(device.card))
            if with_rates:
                device = replace(device, rates=self._rates(device))
            found.append(device)
        return found

    def _default(self) -> int | None:
        try:
            return int(self._library.get_default_input_device_info()["index"])
        except OSError:
            return None  # there is none

    def _rates(self, device: Device) -> tuple[int, ...]:
        taken = []
        with hushed():
            for rate in sorted({*OTHER_RATES, round(device.rate)}):
                try:
                    self._library.is_format_supported(
                        rate,
                        input_device=device.index,
                        input_channels=1,
                        input_format=self._pyaudio.paInt16,
                    )
                except ValueError:
                    continue  # PyAudio's way to say no
                taken.append(rate)
        return tuple(taken)

    def capture(
        self,
        device: Device,
        on_audio: OnAudio,
        *,
        rate: int | None,
        channels: int,
        block_seconds: float,
    ) -> Stream:
        """Open a capture of int16 samples.

        ``device`` is one of :meth:`devices`; ``rate`` in hertz, None for the device's own.
        Raises :exc:`DeviceBusyError`, :exc:`DeviceLostError` or, where the device cannot do what
        is asked for, :exc:`AudioError`.
        """
        own = round(device.rate)
        rates = (rate,) if rate else tuple(dict.fromkeys((own, *OTHER_RATES)))
        for at in rates:
            stream = self._try(device, on_audio, at, channels, block_seconds)
            if stream is not None:
                return Stream(stream, at, channels)
        raise _refused(device, rates, channels)

    def _try(
        self, device: Device, on_audio: OnAudio, rate: int, channels: int, block_seconds: float
    ) -> _Native | None:
        """Return a stream, or None when the device refuses rate or channels."""
        overflow, go_on = self._pyaudio.paInputOverflow, self._pyaudio.paContinue

        def arrived(data: bytes, _frames: int, _times: object, flags: int) -> tuple[None, int]:
            on_audio(data, bool(flags & overflow))
            return None, go_on

        code = 0
        with hushed() as said:
            try:
                stream: _Native = self._library.open(
                    rate=rate,
                    channels=channels,
                    format=self._pyaudio.paInt16,
                    input=True,
                    input_device_index=device.index,
                    frames_per_buffer=max(1, round(rate * block_seconds)),
                    stream_callback=arrived,
                    start=False,
                )
                return stream
            except OSError as error:
                code, reason = error.errno or 0, error.strerror or str(error)
        if code in (INVALID_RATE, INVALID_CHANNELS):
            return None
        raise _failure(device, code, reason, said)

    def close(self) -> None:
        library, self._library = self._library, None
        if library is not None:
            with hushed():
                library.terminate()


def _refused(device: Device, rates: Sequence[int], channels: int) -> AudioError:
    return AudioError(
        f"{device.name} does not record {channels} channel(s) at "
        f"{' or '.join(map(str, rates))} Hz [{INVALID_RATE}]",
        "Leave microphone.rate at auto, or take the device `pulse` or `default`",
    )


def _failure(device: Device, code: int, reason: str, said: Sequence[str]) -> SttError:
    """Return what PortAudio's error means."""
    # "Unanticipated host error" says nothing; ALSA's last word on it does.
    why = next((line for line in reversed(said) if line.startswith("ALSA lib")), "")
    detail = f"{reason} [{code}]" + (f"; {why.partition(') ')[2] or why}" if why else "")
    if code == DEVICE_UNAVAILABLE or any(_BUSY_WORDS in line for line in said):
        who = ", ".join(map(str, holders(device.card)))
        return DeviceBusyError(
            f"{device.name} is in use by {who or 'another program'}",
            "End that program, or share the device: take `pulse` or `default`",
        )
    return DeviceLostError(
        f"{device.name} cannot be opened: {detail}", "Unplug it and plug it in again"
    )
