"""MP3 is told from everything else by two frames in a row."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from stt_service.audio.mpeg import frame_bytes, is_mpeg

NOISE = np.random.default_rng(0).normal(0, 0.1, 12_000)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("mode", ["CONSTANT", "AVERAGE", "VARIABLE"])
def test_frames_follow_each_other(rate, mode):
    """At every rate and in every way of spending bits, each frame leads to the next one."""
    file = io.BytesIO()
    soundfile.write(file, NOISE, rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    data = file.getvalue()
    assert is_mpeg(data)
    assert is_mpeg(data[:4])
    place = count = 0
    while (length := frame_bytes(data[place:])) is not None:
        place += length
        count += 1
    assert place == len(data)
    assert count >= len(NOISE) // 1152


@pytest.mark.parametrize(
    "header",
    [
        "7ffb9064",  # no sync
        "ffeb9064",  # reserved edition
        "fff99064",  # reserved layer
        "fffd9064",  # layer II
        "fffb0064",  # free bit rate
        "fffbf064",  # no bit rate
        "fffb9c64",  # no sample rate
        "fffb9066",  # reserved emphasis
        "ffffffff",  # samples of -1
        "fffb90",  # cut short
    ],
)
def test_headers_with_a_field_that_cannot_be_are_none(header):
    """Each of the fields is looked at."""
    assert frame_bytes(bytes.fromhex("fffb9064")) == 417
    assert frame_bytes(bytes.fromhex(header)) is None
    assert not is_mpeg(bytes.fromhex(header))


@given(st.binary(min_size=1500, max_size=1600))
def test_a_header_alone_is_not_enough(rest):
    """What looks like one frame and goes on otherwise is raw audio."""
    assert not is_mpeg(bytes.fromhex("fffb9064") + rest.replace(b"\xff", b"\xfe"))
