"""Sentences from books, without those of tests."""

import json
import subprocess
from pathlib import Path

import pytest

from training.texts import Spoken, book, clean, plain_book, sentences, snips, transcripts

PAGE = """<html><body><h2>Chapter</h2>
<p>“Mr.&nbsp;Brown came at 5 <abbr>p.m.</abbr> today. He sat<a
epub:type="noteref" href="#n1">1</a> down.” Then <i>she</i> laughed!</p></body></html>"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with a page of a book, its imprint, and some queries."""
    files = {
        "src/epub/text/chapter-1.xhtml": PAGE,
        "src/epub/text/imprint.xhtml": "<p>Not this.</p>",
        "2017-06-custom-intent-engines/Play/train_Play_full.json": json.dumps(
            {"Play": [{"data": [{"text": "play "}, {"text": "Imagine", "entity": "track"}]}]}
        ),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(tmp_path)]
    for call in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *call], check=True)
    return tmp_path


def test_a_book_gives_its_sentences(clone: Path) -> None:
    """Without front matter, notes and tags; lines with digits are left out later."""
    lines, left_out, _ = clean(book(clone), Spoken(()))
    assert lines == ["chapter", "he sat down", "then she laughed"]
    assert left_out == 0


def test_queries_are_put_together(clone: Path) -> None:
    """Text and entity in one line."""
    assert list(snips(clone)) == ["play Imagine"]


def test_abbreviations_are_read_out() -> None:
    """And do not end a sentence."""
    assert list(sentences("Mr. and Mrs. J. Fox met Dr. No.  They sat.")) == [
        "Mister and Missus J  Fox met Doctor number They sat."
    ]


def test_what_tests_say_is_left_out() -> None:
    """Whole transcripts of three words and more, and six words in a row; short ones stay."""
    spoken = Spoken(["turn it up", "stop", "the quick brown fox jumps over the lazy dog"])
    lines, left_out, read_aloud = clean(
        ["Turn it up!", "stop", "a quick brown fox jumps over the fence", "a brown fox jumps"],
        spoken,
    )
    assert lines == ["stop", "a brown fox jumps"]
    assert (left_out, read_aloud) == (2, 0)


def test_a_book_that_was_read_aloud_gives_itself_away() -> None:
    """By ten words in a row; everyone's six are chance."""
    spoken = Spoken(["she had never in all her life seen such a very large dog as this"])
    _, left_out, read_aloud = clean(
        ["He had never in all her life seen such a very large dog!", "never in all her life seen"],
        spoken,
    )
    assert (left_out, read_aloud) == (2, 1)


def test_speech_trained_on_is_no_test(tmp_path: Path) -> None:
    """A corpus says which speakers are held out; a test's manifest is all test."""
    corpus, manifest = tmp_path / "clips.csv", tmp_path / "manifest.csv"
    corpus.write_text("transcript,split\nkept,train\nheld out,dev\n")
    manifest.write_text("path,transcript\na.wav,said\n")
    assert list(transcripts(corpus)) == ["held out"]
    assert list(transcripts(manifest)) == ["said"]


def test_a_book_in_plain_text_gives_its_sentences(tmp_path: Path) -> None:
    """Wrapped lines are joined; Project Gutenberg's own words before and after are not the book."""
    path = tmp_path / "book.txt"
    path.write_text(
        "The Project Gutenberg EBook\n\n*** START OF THIS PROJECT GUTENBERG EBOOK A\nBOOK ***\n\n"
        "CHAPTER I\n\nIt was _late_ when Mr. Fox\ncame home.  Nobody--nobody\nspoke.\n\n"
        "*** END OF THIS PROJECT GUTENBERG EBOOK A BOOK ***\n\nDonations are welcome.\n"
    )
    lines, *_ = clean(plain_book(path), Spoken(()))
    assert lines == ["chapter i", "it was late when mister fox came home", "nobody nobody spoke"]


def test_other_plain_text_is_taken_whole(tmp_path: Path) -> None:
    """A file without Gutenberg's marks is all book."""
    path = tmp_path / "book.txt"
    path.write_text("She sat down.\n\nHe left.")
    assert list(plain_book(path)) == ["She sat down.", "He left."]


def test_a_book_that_is_copyrighted_is_left_alone(tmp_path: Path) -> None:
    """Project Gutenberg has a few, and says so in them."""
    path = tmp_path / "new.txt"
    path.write_text("** This is a COPYRIGHTED Project Gutenberg eBook **\n\nShe sat down.\n")
    assert list(plain_book(path)) == []
