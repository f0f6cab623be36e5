"""Recordings that cannot be read as they flow are read from memory, up to a limit."""

import io

import numpy as np
import pytest
import soundfile

from stt_service.audio import spool
from stt_service.audio.pipe import PipeSource, RawFormat
from stt_service.audio.spool import open_pipe
from stt_service.errors import AudioError
from tests.audio.test_pipe import WAVE, Dribble, wav


def packed(form, subtype=None):
    """The test's samples in a file of that form."""
    file = io.BytesIO()
    file.name = f"a.{form.lower()}"
    soundfile.write(file, WAVE, 16_000, format=form, subtype=subtype)
    return file.getvalue()


class OneWay(Dribble):
    """A pipe: it says that it cannot be moved about in."""

    def seekable(self):
        return False

    def seek(self, *_):
        raise io.UnsupportedOperation

    def read(self, size=-1):
        return self._data.read(min(size, 1000))


def test_flac_is_read_to_the_bit():
    """Declared raw or not: what its first letters say counts."""
    for declared in (None, RawFormat(8_000)):
        with open_pipe(OneWay(packed("FLAC")), declared) as source:
            assert source.format.rate == 16_000
            assert source.format.name == "standard input"
            heard = np.concatenate(list(source.blocks()))
        assert heard[:, 0].tolist() == WAVE.tolist()


def test_ogg_is_read():
    """Lossy: as many samples."""
    with open_pipe(OneWay(packed("OGG", "VORBIS"))) as source:
        assert sum(map(len, source.blocks())) == len(WAVE)


def test_wav_and_raw_audio_flow():
    """They need not end before the first words are heard."""
    for source in (
        open_pipe(OneWay(wav(WAVE.tobytes()))),
        open_pipe(OneWay(WAVE.tobytes()), RawFormat(16_000)),
    ):
        assert isinstance(source, PipeSource)
        heard = np.concatenate(list(source.blocks()))
        assert heard[:, 0].tolist() == WAVE.tolist()


def test_mp3_is_read_with_and_without_a_tag():
    """A tag is not needed: what `lame` and `sox` write begins with a frame."""
    bare = packed("MP3")
    assert bare[0] == 0xFF
    tag = b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)
    for data in (bare, tag + bare):
        with open_pipe(OneWay(data)) as source:
            assert sum(map(len, source.blocks())) == len(WAVE)


def test_raw_audio_is_not_taken_for_mp3():
    """Declared, it is what it was declared to be; undeclared, it is refused for what it is."""
    frame = packed("MP3")[:4]
    alike = frame + WAVE.tobytes()
    with open_pipe(OneWay(alike), RawFormat(16_000)) as source:
        assert np.concatenate(list(source.blocks())).tobytes() == alike
    with pytest.raises(AudioError, match=r"no WAV header.*--rate"):
        open_pipe(OneWay(alike), declare="Say --rate")


def test_more_than_the_limit_is_refused_and_not_read_on(monkeypatch):
    """The remedy is a file, or WAV, which flows."""
    monkeypatch.setattr(spool, "MAX_SPOOLED_BYTES", 2_500)
    pipe = OneWay(packed("FLAC"))
    with pytest.raises(AudioError, match=r"standard input carries FLAC .*Name the file"):
        open_pipe(pipe)
    assert pipe._data.tell() <= 2_500 + 1_000


def test_damaged_recordings_are_refused_by_name():
    """Nothing is silence that is none."""
    with pytest.raises(AudioError, match="standard input is not a recording that can be read"):
        open_pipe(io.BytesIO(b"fLaC" + bytes(100)))
