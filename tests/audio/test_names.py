"""What the name of a source means."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.audio.names import (
    CommandName,
    FileName,
    MicrophoneName,
    StdinName,
    parse_source,
)
from stt_service.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("microphone", MicrophoneName("default")),
        ("microphone:0", MicrophoneName("0")),
        ("microphone:046d:0825", MicrophoneName("046d:0825")),
        ("microphone: USB Audio", MicrophoneName("USB Audio")),
        ("wav:/tmp/a b.wav", FileName(Path("/tmp/a b.wav"))),
        ("wav:C:odd.wav", FileName(Path("C:odd.wav"))),
        ("cmd:parec", CommandName(("parec",))),
        ("cmd:ssh pi 'arecord -D \"plug hw\"'", CommandName(("ssh", "pi", 'arecord -D "plug hw"'))),
        ("stdin", StdinName()),
    ],
)
def test_names_that_mean_something(text: str, meaning: object) -> None:
    """Each kind, with and without what follows it."""
    assert parse_source(text) == meaning


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "there is no source ''"),
        ("mikrophone", "microphone, microphone:NAME, wav:FILE"),
        ("microphone:", "stt-service devices"),
        ("wav:", "there is no source 'wav:'"),
        ("wav", "there is no source 'wav'"),
        ("cmd: ", "there is no source"),
        ("cmd:''", "names no program"),
        ("cmd:arecord '", "no closing quotation"),
        ("stdin:16000", "there is no source"),
        ("wav:" + "x" * 5000, "too long"),
        ("wav:a\0b", "zero byte"),
    ],
)
def test_names_that_mean_nothing_say_what_would(text: str, complaint: str) -> None:
    """Whoever mistypes is told the forms."""
    with pytest.raises(ConfigError) as caught:
        parse_source(text)
    assert complaint in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_understood_or_refused(rest: str) -> None:
    """No other error, whatever is written."""
    for kind in ("", "microphone:", "wav:", "cmd:", "stdin"):
        with contextlib.suppress(ConfigError):
            parse_source(kind + rest)
