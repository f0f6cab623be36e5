"""The composition root's part for sound: settings in; sources, cutters and devices out."""
# ruff: noqa: PLC0415 -- as in stt_service.app

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stt_service.settings import Settings

if TYPE_CHECKING:
    from stt_service.audio.api import AudioSource
    from stt_service.audio.devices import Device
    from stt_service.audio.resample import Samples
    from stt_service.events import Fault, Recovered
    from stt_service.segmenter import SegmenterSettings
    from stt_service.utterance_cutter import UtteranceCutter
    from stt_service.vad.api import Vad


def voice_detector(settings: Settings, rate: int) -> Vad:
    """Return the detector for audio at ``rate`` hertz. Raises :exc:`ConfigError`."""
    from stt_service.vad.gain import GainVad
    from stt_service.vad.webrtc import WebRtcVad

    vad = settings.vad
    detector = WebRtcVad(rate, frame_ms=vad.frame_ms, aggressiveness=vad.aggressiveness)
    return GainVad(detector, vad.max_gain)


def segmenter_settings(settings: Settings) -> SegmenterSettings:
    """Return what the segmenter goes by. Raises :exc:`ConfigError`."""
    from stt_service.segmenter import SegmenterSettings

    return SegmenterSettings(**settings.segmenter.model_dump())


def utterance_cutter(settings: Settings, rate: int) -> UtteranceCutter:
    """Return what cuts audio at ``rate`` hertz into utterances. Raises :exc:`ConfigError`."""
    from stt_service.utterance_cutter import UtteranceCutter

    return UtteranceCutter(voice_detector(settings, rate), segmenter_settings(settings))


def open_named_source(
    settings: Settings,
    rate: int,
    report: Callable[[Fault | Recovered], None],
    *,
    name: str | None = None,
    real_time: bool = True,
    supervised: bool = True,
) -> AudioSource:
    """Return the source that ``name`` (None: the settings) calls for.

    ``rate`` in hertz is the model's; ``report`` is told what fails and what works again, by the
    thread that iterates. Not ``real_time`` plays recordings as fast as they are read; not
    ``supervised`` lets a microphone's first failure end it. Raises :exc:`ConfigError` and, for
    what is not opened again, :exc:`AudioError`.
    """
    from stt_service.audio.names import parse_source
    from stt_service.audio.opening import Opening, open_source
    from stt_service.audio.pipe import RawFormat

    source, microphone = settings.source, settings.microphone
    raw = None
    if source.rate != "auto":
        raw = RawFormat(source.rate, source.channels, source.encoding)
    opening = Opening(
        rate=rate,
        raw=raw,
        channel=None if source.channel == "mix" else source.channel,
        microphone_rate=None if microphone.rate == "auto" else microphone.rate,
        lost_after=microphone.lost_after,
        silent_after=microphone.silent_after,
        real_time=real_time,
        supervised=supervised,
    )
    return open_source(parse_source(name or source.name), opening, report)


def capture_devices() -> list[Device]:
    """Return all capture devices. Raises :exc:`AudioError` where PortAudio is missing."""
    from stt_service.audio.opening import capture_devices

    return capture_devices()


def read_recording(path: Path, rate: int) -> Iterator[Samples]:
    """Yield a recording as mono samples at ``rate`` hertz. Raises :exc:`AudioError`."""
    from stt_service.audio.files import FileSource
    from stt_service.audio.resample import mono_blocks

    with FileSource(path) as source:
        yield from mono_blocks(source, rate)
