"""Recordings on disk, read a block at a time: WAV, FLAC, Ogg (Vorbis, Opus), MP3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import soundfile

from stt_service.audio.api import AudioFormat, AudioSource, Block
from stt_service.audio.hushed import hushed
from stt_service.errors import AudioError

BLOCK_FRAMES = 8192
"""Frames read at once: half a second at 16 kHz, 256 KiB at 8 channels of float32."""
MAX_HINT_SECONDS = 7 * 24 * 3600.0
"""A header that claims more is not believed; the audio is read to its end all the same."""

_RAW_SUFFIXES = (".raw", ".pcm", ".s16", ".s16le", ".f32", ".f32le")
_INT16_SUBTYPES = ("PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW")
"""Sample forms that int16 holds exactly; everything else is read as float32."""
_MPG123 = (b"[src/libmpg123/", b"Note: ", b"Warning: ")
"""How lines begin that libsndfile's reader of MP3 writes to standard error by itself."""
_NO_REASONS = ("File does not exist", "Unspecified internal error")
"""What libsndfile says of damaged MP3, for want of anything that is true."""


class DecodedSource(AudioSource):
    """What libsndfile reads. Its rate and channels are always those that the recording states."""

    def __init__(self, opened: bytes | BinaryIO, name: str) -> None:
        """Open a path or a file that has a descriptor, which is then closed with this.

        Messages call it ``name``. Raises :exc:`AudioError`.
        """
        self._name = name
        self._opened = None if isinstance(opened, bytes) else opened
        try:
            # By its descriptor, never as an object: see stt_service/memory_file.py.
            with hushed(_MPG123):
                self._file = soundfile.SoundFile(
                    opened if isinstance(opened, bytes) else opened.fileno(), closefd=False
                )
        except (soundfile.LibsndfileError, OSError) as error:
            if self._opened is not None:
                self._opened.close()
            raise AudioError(
                f"{name} is not a recording that can be read{_reason(error)}",
                "WAV, FLAC, Ogg and MP3 files can",
            ) from error
        try:
            self.format = AudioFormat(self._file.samplerate, self._file.channels, name)
            if self._file.frames == 0:
                raise AudioError(f"{name} holds no samples", "Record it again")
        except AudioError:
            self.close()
            raise
        seconds = self._file.frames / self._file.samplerate
        self.duration = seconds if 0 < seconds <= MAX_HINT_SECONDS else None
        self._chatty = self._file.subtype.startswith("MPEG")
        self._type = "int16" if self._file.subtype in _INT16_SUBTYPES else "float32"

    def blocks(self) -> Iterator[Block]:
        got_any = False
        while True:
            try:
                with hushed(_MPG123) if self._chatty else nullcontext():
                    block: Block = self._file.read(BLOCK_FRAMES, dtype=self._type, always_2d=True)
            except (soundfile.LibsndfileError, OSError) as error:
                raise AudioError(
                    f"{self._name} is damaged{_reason(error)}", "Copy or record it again"
                ) from error
            if not len(block):
                break
            got_any = True
            yield block
        if not got_any:
            raise AudioError(f"{self._name} holds no samples", "Copy or record it again")

    def close(self) -> None:
        self._file.close()
        if self._opened is not None:
            self._opened.close()


class FileSource(DecodedSource):
    """One recording on disk."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises :exc:`AudioError` naming it when it is no usable recording."""
        _refuse_other_things(path)
        # As bytes: a name that is no UTF-8 is a name all the same.
        super().__init__(os.fsencode(path), str(path))


def _refuse_other_things(path: Path) -> None:
    if path.is_dir():
        raise AudioError(f"{path} is a folder", "Name the files in it")
    if not path.exists():
        raise AudioError(f"there is no file {path}")
    if not path.is_file():
        raise AudioError(f"{path} is a device or a pipe", "Pipe it into standard input")
    try:
        with path.open("rb") as file:
            head = file.read(128)
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror or error}") from error
    if not head:
        raise AudioError(f"{path} is empty", "Copy or record it again")
    if head.startswith(b"version https://git-lfs"):
        raise AudioError(f"{path} is a Git LFS pointer", "Run `git lfs pull` in its repository")
    if path.suffix.lower() in _RAW_SUFFIXES:
        raise AudioError(
            f"{path} is raw audio, which does not say its sample rate",
            "Pipe it into standard input and declare rate, channels and sample format",
        )


def _reason(error: Exception) -> str:
    """Return what to append to a message: a colon and the library's words, or nothing."""
    text = str(getattr(error, "error_string", None) or error).strip().rstrip(".")
    return "" if text.startswith(_NO_REASONS) else f": {text}"
