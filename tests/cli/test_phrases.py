"""``stt-service phrases``."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stt_service.cli.phrases import phrases_group
from stt_service.errors import PhrasesError


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small phrase file with a doubtful sentence and a word that cannot be spelled."""
    path = tmp_path / "house.txt"
    path.write_text("[On]\nlight [on]\n[Off]\nlight off\nlight\n[Other]\n日本\n")
    return path


def test_check_counts_and_warns(house: Path) -> None:
    """Intents, sentences, words; what is left out; what is ambiguous."""
    result = CliRunner().invoke(phrases_group, ["check", str(house)])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[:4] == ["intents: 2 - On, Off", "slots: 0", "sentences: 3", "words: 3"]
    assert any(line.startswith("warning: house.txt line 7, '日本'") for line in lines)
    assert "ambiguous: 'light' is On()" in lines


def test_parse_prints_intent_and_slots_as_json(house: Path) -> None:
    """One object on one line."""
    result = CliRunner().invoke(phrases_group, ["parse", str(house), "Light OFF!"])
    assert json.loads(result.output) == {"intent": "Off", "slots": {}}


def test_parse_fails_for_other_sentences(house: Path) -> None:
    """Exit status 1, nothing on standard output."""
    result = CliRunner().invoke(phrases_group, ["parse", str(house), "lamp on"])
    assert (result.exit_code, result.stdout) == (1, "")


def test_expand_prints_sentences(house: Path) -> None:
    """As many as asked for."""
    result = CliRunner().invoke(phrases_group, ["expand", str(house), "--limit", "2"])
    assert result.output.splitlines() == ["light", "light off"]


def test_another_alphabet_may_be_named(house: Path, tmp_path: Path) -> None:
    """A letter a line."""
    alphabet = tmp_path / "alphabet.txt"
    alphabet.write_text("# letters\n \nl\ni\ng\nh\nt\n")
    result = CliRunner().invoke(phrases_group, ["expand", str(house), "--alphabet", str(alphabet)])
    assert result.output.splitlines() == ["light"]


def test_a_missing_file_is_named() -> None:
    """The program prints such faults in one line."""
    result = CliRunner().invoke(phrases_group, ["check", "nowhere.txt"])
    assert isinstance(result.exception, PhrasesError)


def test_the_library_is_listed_and_shown() -> None:
    """Names with their intents; a file as it is, to start one's own from."""
    listed = CliRunner().invoke(phrases_group, ["list"]).output
    assert "timers: " in listed
    assert "StartTimer" in listed
    shown = CliRunner().invoke(phrases_group, ["show", "timers"]).output
    assert shown.startswith("# Timers")
    assert "expansion_rules:" in shown


def test_tests_are_run(tmp_path: Path) -> None:
    """What is misunderstood is shown with its place; exit status 1."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "intents: {On: {data: [{sentences: [light on]}]}}\n"
        "tests: [{sentences: [light on], intent: {name: On}}, {sentences: [light on]}]\n"
    )
    result = CliRunner().invoke(phrases_group, ["test", str(path)])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "own.yaml: tests[1]: 'light on' is On()",
        "own: 1 of 2 as told",
    ]
    assert CliRunner().invoke(phrases_group, ["test", "lights,timers"]).exit_code == 0


def test_a_file_without_tests_is_named(house: Path) -> None:
    """Rather than pass."""
    result = CliRunner().invoke(phrases_group, ["test", str(house)])
    assert isinstance(result.exception, PhrasesError)
