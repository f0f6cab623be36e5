"""``python -m training.texts``: plain sentences out of public-domain books and CC0 collections.

A sentence a line goes out, for ``python -m training.language``. Sources are git folders as cloned:
Standard Ebooks (XHTML, CC0), the Snips benchmark (JSON, CC0), books in plain text as Project
Gutenberg gives them (public domain), and any file of sentences.
What is spoken in recordings that a model will be measured on is left out, see :class:`Spoken`.
"""

from __future__ import annotations

import argparse
import csv
import html
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from stt_service.decoder.ngram_text import Normaliser

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz'")
RUN = 6
"""Words in a row that a line may not share with a test's transcript: no two books share six by
chance, but for phrases that everyone uses."""
SHORTEST = 3
"""Words; a transcript of fewer ("stop", "nine") is no sentence anybody owns."""
READ_RUN, READ_LINES = 10, 3
"""Words in a row, and lines of a book that share as many with tests: a book with more such lines
was read aloud there, and is left out as a whole."""
WHOLE = ("books", "library")
"""Kinds of which a source is a book."""
FRONT = re.compile(
    r"/(colophon|imprint|titlepage|halftitlepage|uncopyright|toc|endnotes|loi|dedication|epigraph)\."
)
PARAGRAPH = re.compile(r"<(p|h[1-6])\b[^>]*>(.*?)</\1>", re.DOTALL)
NOTE = re.compile(r"<a\b[^>]*noteref[^>]*>.*?</a>", re.DOTALL)
TAG = re.compile(r"<[^>]+>")
SPOKEN_AS = {
    "Mr.": "Mister", "Mrs.": "Missus", "Messrs.": "Messrs", "Dr.": "Doctor", "St.": "Saint",
    "Prof.": "Professor", "Capt.": "Captain", "Col.": "Colonel", "Gen.": "General",
    "Lt.": "Lieutenant", "Sgt.": "Sergeant", "Rev.": "Reverend", "Jr.": "Junior", "Sr.": "Senior",
    "etc.": "et cetera", "vs.": "versus", "No.": "number", "a.m.": "a m", "p.m.": "p m",
}  # fmt: skip
"""Abbreviations to what is read aloud."""
ABBREVIATION = re.compile("|".join(rf"(?<!\w){re.escape(short)}" for short in SPOKEN_AS))
INITIAL = re.compile(r"(?<!\w)([A-Z])\.(?=[\s\u00a0\u2060A-Z,])")
BLANK_LINE = re.compile(r"\n\s*\n")
LICENCE_END = re.compile(r"\*{3}\s*START OF TH\w+ PROJECT GUTENBERG(?s:.*?)\*{3}", re.IGNORECASE)
LICENCE_START = re.compile(r"\*{3}\s*END OF TH\w+ PROJECT GUTENBERG", re.IGNORECASE)
"""A Gutenberg text lies between these."""
COPYRIGHTED = "This is a COPYRIGHTED Project Gutenberg"
"""What the few say that are not in the public domain."""
SENTENCE_END = re.compile(r"(?<=[.!?\u2026])\s+|(?<=[.!?\u2026][\"'\u2019\u201d)])\s+")


class Spoken:
    """What is said in recordings that must stay unknown."""

    def __init__(self, transcripts: Iterable[str]) -> None:
        self._whole: set[tuple[str, ...]] = set()
        self._runs: set[tuple[str, ...]] = set()
        self._long: set[tuple[str, ...]] = set()
        for transcript in transcripts:
            words = transcript.split()
            if len(words) >= SHORTEST:
                self._whole.add(tuple(words))
            self._runs.update(runs(words, RUN))
            self._long.update(runs(words, READ_RUN))

    def has(self, words: Sequence[str]) -> bool:
        """Whether ``words`` are a transcript, or share :data:`RUN` words in a row with one."""
        return tuple(words) in self._whole or any(run in self._runs for run in runs(words, RUN))

    def reads(self, words: Sequence[str]) -> bool:
        """Whether ``words`` share :data:`READ_RUN` words in a row with a transcript."""
        return any(run in self._long for run in runs(words, READ_RUN))


def runs(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    """Yield every ``length`` words in a row."""
    return (tuple(words[i : i + length]) for i in range(len(words) - length + 1))


def transcripts(path: Path) -> Iterator[str]:
    """Yield the transcripts of a table; of one with a column ``split``, those not trained on."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row.get("split", "test") != "train":
                yield row["transcript"]


def sentences(text: str) -> Iterator[str]:
    """Cut prose into sentences, abbreviations read out."""
    text = ABBREVIATION.sub(lambda found: SPOKEN_AS[found[0]], " ".join(text.split()))
    yield from SENTENCE_END.split(INITIAL.sub(r"\1 ", text))


def book(folder: Path) -> Iterator[str]:
    """Yield the sentences of a Standard Ebooks repository."""
    for name in _names(folder, "src/epub/text"):
        if FRONT.search(name):
            continue
        for _, inner in PARAGRAPH.findall(_show(folder, name)):
            yield from sentences(html.unescape(TAG.sub("", NOTE.sub("", inner))))


def plain_book(path: Path) -> Iterator[str]:
    """Yield the sentences of a book in plain text, whose paragraphs are parted by blank lines.

    None of a book that is not in the public domain.
    """
    text = path.read_text("utf-8", errors="replace")
    if COPYRIGHTED in text:
        return
    if begin := LICENCE_END.search(text):
        text = text[begin.end() :]
    if end := LICENCE_START.search(text):
        text = text[: end.start()]
    for paragraph in BLANK_LINE.split(text.replace("_", "").replace("--", " ")):
        yield from sentences(paragraph)


def snips(folder: Path) -> Iterator[str]:
    """Yield what people typed to assistants, the training part of the Snips benchmark."""
    for name in _names(folder, "2017-06-custom-intent-engines"):
        if "/train_" in name and name.endswith("_full.json"):
            for queries in json.loads(_show(folder, name)).values():
                for query in queries:
                    yield "".join(part["text"] for part in query["data"]).strip()


def _names(folder: Path, under: str) -> list[str]:
    done = ["git", "-C", str(folder), "ls-tree", "-r", "--name-only", "HEAD", under]
    return subprocess.run(done, check=True, capture_output=True, text=True).stdout.splitlines()


def _show(folder: Path, name: str) -> str:
    done = ["git", "-C", str(folder), "show", f"HEAD:{name}"]
    raw = subprocess.run(done, check=True, capture_output=True).stdout
    return raw.decode("utf-8", errors="replace")


def clean(lines: Iterable[str], spoken: Spoken) -> tuple[list[str], int, int]:
    """Return fit, different lines as words, how many tests say, and how many were read there."""
    kept: dict[str, None] = {}
    left_out = read_aloud = 0
    for words in Normaliser(LETTERS).sentences(lines):
        if spoken.has(words):
            left_out += 1
            read_aloud += spoken.reads(words)
        else:
            kept[" ".join(words)] = None
    return list(kept), left_out, read_aloud


def main() -> None:
    """Read the command line and write the texts, one file for each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--books", type=Path, nargs="*", default=[], help="Standard Ebooks clones")
    parser.add_argument(
        "--library", type=Path, nargs="*", default=[], help="books in plain text, a file each"
    )
    parser.add_argument("--snips", type=Path, help="clone of the Snips benchmark")
    parser.add_argument("--plain", type=Path, nargs="*", default=[], help="a sentence a line")
    parser.add_argument(
        "--without", type=Path, nargs="*", default=[], help="manifest.csv of tests, clips.csv"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder")
    options = parser.parse_args()
    spoken = Spoken(line for path in options.without for line in transcripts(path))
    options.out.mkdir(parents=True, exist_ok=True)
    sources: dict[str, list[tuple[Path, Iterator[str]]]] = {
        "books": [(folder, book(folder)) for folder in options.books],
        "library": [(path, plain_book(path)) for path in options.library],
        "snips": [(options.snips, snips(options.snips))] if options.snips else [],
        "sentences": [(path, iter(path.read_text("utf-8").splitlines())) for path in options.plain],
    }
    for kind, texts in sources.items():
        with (options.out / f"{kind}.txt").open("w", encoding="utf-8") as file:
            for name, text in texts:
                lines, left_out, read_aloud = clean(text, spoken)
                taken = kind not in WHOLE or read_aloud <= READ_LINES
                count = sum(line.count(" ") + 1 for line in lines)
                fate = "taken" if taken else "not taken"
                print(f"{name}: {count:,} words, {left_out} lines of tests, {fate}")
                if taken:
                    file.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main()
