"""The original libraries run the bundled model, whose language model they cannot read."""

import pytest

from stt_service.app import Request, Session, data_dir
from stt_service.config import load
from stt_service.engine.native.library import Library
from stt_service.errors import ScorerError

DEMO = data_dir() / "demo-4-stop-the-music.flac"


def request(library_path, state, **scorer):
    name = Library(library_path).family.name
    engine = {"name": name, "library": str(library_path)}
    flags = {"engine": engine, "scorer": scorer, "paths": {"state": str(state)}}
    return Request(load(flags=flags).settings)


def test_an_own_scorer_that_cannot_be_read_is_left_out(library_path, tmp_path):
    """What is missing can be told."""
    with Session(request(library_path, tmp_path)) as session:
        assert session.unread.name == "stt-en-small.ngram"
        heard = session.transcribe(str(DEMO)).transcript
    assert heard.scorer is None
    assert "music" in heard.text


def test_a_scorer_that_was_asked_for_is_not_left_out(library_path, tmp_path):
    """The engine that can is named."""
    path = data_dir() / "stt-en-small.ngram"
    with pytest.raises(ScorerError, match="--engine litert"):
        Session(request(library_path, tmp_path, path=str(path)))
