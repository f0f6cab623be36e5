"""``stt-service phrases``: what a phrase file says, before anyone has to say it aloud."""

from __future__ import annotations

import json
import string
import sys
from itertools import islice
from pathlib import Path

import click

from stt_service.cli.common import Commands, counted
from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Parse
from stt_service.decoder.phrases import Mode, PhraseGrammar, build_grammar
from stt_service.decoder.phrases.book import Trial
from stt_service.decoder.phrases.library import SETS, find, names
from stt_service.decoder.phrases.readers import read_phrases, read_tests
from stt_service.errors import PhrasesError

ENGLISH = Alphabet((" ", *string.ascii_lowercase, "'"))
"""The labels of DeepSpeech's and Coqui's English models."""
MAX_SHOWN = 20
"""Warnings, and ambiguous sentences, that ``check`` prints; the rest it counts."""

_FILES = click.argument("files", metavar="NAMES|FILE")
_ALPHABET = click.option(
    "--alphabet",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The model's alphabet.txt, a letter a line; English letters without it.",
)


@click.group("phrases", cls=Commands)
def phrases_group() -> None:
    """The library of ready phrases, and checks of phrase files.

    NAMES are names of the library, parted by commas; FILE is a phrase file or folder of your own.
    """


@phrases_group.command("list")
def list_() -> None:
    """List the library: what --phrases takes by name."""
    for name in names():
        book = read_phrases(find(name))
        intents = dict.fromkeys(template.intent for template in book.templates)
        click.echo(f"{name}: {counted(len(book.templates), 'templates')} - {', '.join(intents)}")
    for name, parts in SETS.items():
        click.echo(f"{name}: {','.join(parts)}")


@phrases_group.command()
@_FILES
def show(files: str) -> None:
    """Print phrase files, to start one of your own from."""
    for path in find(files):
        if path.is_dir():
            raise PhrasesError(f"{path} is a folder", "Name one of its files")
        read_phrases(path)  # so that what is printed is a phrase file of bearable size
        click.echo(path.read_text(encoding="utf-8"), nl=False)


@phrases_group.command()
@_FILES
@_ALPHABET
@click.option(
    "--mode",
    type=click.Choice(["strict", "bias"]),
    default="strict",
    show_default=True,
    help="Build as for this --phrases-mode.",
)
def check(files: str, alphabet: Path | None, mode: Mode) -> None:
    """Count the sentences; show what is left out and what is ambiguous."""
    grammar = _build(files, alphabet, mode)
    _show_list("intents", grammar.intents)
    _show_list("slots", grammar.slots)
    click.echo(f"sentences: {grammar.sentence_count():,}")
    click.echo(f"words: {len(grammar.words):,}")
    click.echo(f"states: {len(grammar.lexicon.first_arc):,}")
    for warning in grammar.warnings[:MAX_SHOWN]:
        click.echo(f"warning: {warning}")
    if len(grammar.warnings) > MAX_SHOWN:
        click.echo(f"and {len(grammar.warnings) - MAX_SHOWN} more warnings")
    for doubt in islice(grammar.ambiguities(), MAX_SHOWN):
        click.echo(f"ambiguous: {doubt.sentence!r} is {_meaning(doubt.first)}")
        click.echo(f"  by {doubt.first_place}")
        click.echo(f"  and {_meaning(doubt.second)} by {doubt.second_place}; the first counts")


@phrases_group.command()
@_FILES
@_ALPHABET
def test(files: str, alphabet: Path | None) -> None:
    """Try the sentences under `tests:` of YAML files; exit with 1 when one is misunderstood."""
    failed = False
    for path in find(files):
        trials = read_tests(path)
        if not trials:
            raise PhrasesError(
                f"{path} has no tests",
                "Write: tests: [{sentences: [...], intent: {name: ..., slots: {...}}}]",
            )
        grammar = _build(str(path), alphabet)
        wrong = [trial for trial in trials if not _as_told(grammar, trial)]
        for trial in wrong:
            meaning = grammar.parse(trial.sentence)
            found = _meaning(meaning) if meaning else "none of the phrases"
            click.echo(f"{trial.place}: {trial.sentence!r} is {found}")
        click.echo(f"{path.stem}: {len(trials) - len(wrong)} of {len(trials)} as told")
        failed = failed or bool(wrong)
    sys.exit(int(failed))


@phrases_group.command()
@_FILES
@click.argument("sentence")
@_ALPHABET
def parse(files: str, sentence: str, alphabet: Path | None) -> None:
    """Print intent and slots of SENTENCE as JSON; exit with 1 when it is none of the phrases."""
    meaning = _build(files, alphabet).parse(sentence)
    if meaning is None:
        click.echo(f"{files} does not have this sentence", err=True)
        sys.exit(1)
    click.echo(json.dumps({"intent": meaning.intent, "slots": meaning.slots}, ensure_ascii=False))


@phrases_group.command()
@_FILES
@_ALPHABET
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Sentences."
)
def expand(files: str, alphabet: Path | None, limit: int) -> None:
    """Print sentences, sorted, one a line."""
    for sentence in _build(files, alphabet).sentences(limit):
        click.echo(sentence)


def _build(files: str, alphabet: Path | None, mode: Mode = "strict") -> PhraseGrammar:
    try:
        letters = Alphabet.from_file(alphabet) if alphabet else ENGLISH
    except UnicodeDecodeError as error:
        raise PhrasesError(f"{alphabet} is not UTF-8 text", "Name an alphabet.txt") from error
    return build_grammar(find(files), letters, mode)


def _as_told(grammar: PhraseGrammar, trial: Trial) -> bool:
    meaning = grammar.parse(trial.sentence)
    if meaning is None or trial.intent is None:
        return meaning is None and trial.intent is None
    return (meaning.intent, meaning.slots) == (trial.intent, dict(trial.slots))


def _show_list(title: str, names: tuple[str, ...]) -> None:
    click.echo(f"{title}: {len(names)}{' - ' if names else ''}{', '.join(names)}")


def _meaning(meaning: Parse) -> str:
    slots = ", ".join(f"{name}={value!r}" for name, value in meaning.slots.items())
    return f"{meaning.intent}({slots})"
