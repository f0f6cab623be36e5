"""The library of ready phrases."""

from pathlib import Path

import pytest

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.phrases import build_grammar
from stt_service.decoder.phrases.library import FOLDER, SETS, find, names
from stt_service.decoder.phrases.readers import read_phrases, read_tests
from stt_service.errors import PhrasesError

HUNDREDS = 200
"""Templates of the whole library, at least."""


@pytest.mark.parametrize("name", names())
def test_a_file_says_what_it_means_to(english: Alphabet, name: str) -> None:
    """Its tests hold, nothing is left out, and no sentence has two meanings."""
    (path,) = find(name)
    grammar = build_grammar(path, english)
    assert grammar.warnings == ()
    assert list(grammar.ambiguities()) == []
    trials = read_tests(path)
    tried = {trial.intent for trial in trials}
    assert None in tried
    assert len(tried) > min(len(grammar.intents), 4)
    for trial in trials:
        parse = grammar.parse(trial.sentence)
        found = (parse.intent, parse.slots) if parse else (None, {})
        assert (trial.sentence, trial.intent, dict(trial.slots)) == (trial.sentence, *found)


def test_the_library_covers_a_house(english: Alphabet) -> None:
    """Hundreds of templates; the whole of them builds, and no sentence has two meanings."""
    assert sum(len(read_phrases(find(name)).templates) for name in names()) >= HUNDREDS
    house = build_grammar(find("home"), english)
    assert house.warnings == ()
    assert list(house.ambiguities()) == []
    for name in SETS["home"]:
        for trial in read_tests(FOLDER / f"{name}.yaml"):
            parse = house.parse(trial.sentence)
            assert trial.intent is None or (parse and parse.intent == trial.intent)


def test_names_and_files_may_be_combined(english: Alphabet, tmp_path: Path) -> None:
    """In the order named, each once, words around sentences shared."""
    own = tmp_path / "own.txt"
    own.write_text("[Greet]\nahoy\n")
    grammar = build_grammar(find(f"timers, lights,timers,{own}"), english)
    assert grammar.id == "timers+lights+own"
    sentences = ("lights on", "cancel my timer", "could you ahoy")
    parses = [grammar.parse(sentence) for sentence in sentences]
    assert [parse.intent for parse in parses if parse] == ["LightOn", "CancelTimer", "Greet"]


def test_a_path_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody's own file is hidden by one of ours."""
    monkeypatch.chdir(tmp_path)
    Path("lights").write_text("let there be light\n")
    assert find("lights") == (Path("lights"),)


@pytest.mark.parametrize(
    ("text", "remedy"), [("lihgts", "lights"), ("zzz", "timers"), ("", "timers")]
)
def test_a_wrong_name_is_answered_with_right_ones(text: str, remedy: str) -> None:
    """One that is near, or all."""
    with pytest.raises(PhrasesError, match=remedy):
        find(text)


def test_languages_do_not_mix(tmp_path: Path) -> None:
    """Number words are of one language."""
    path = tmp_path / "de.yaml"
    path.write_text("language: de\nintents: {An: {data: [{sentences: [an]}]}}\n")
    with pytest.raises(PhrasesError, match="different languages: de, en"):
        read_phrases((path, *find("lights")))


@pytest.mark.parametrize("text", ["tests: [a]", "tests: [{sentences: a}]", "tests: [{intent: x}]"])
def test_tests_that_are_none_are_named(tmp_path: Path, text: str) -> None:
    """With file and key."""
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(PhrasesError, match=r"t\.yaml: tests"):
        read_tests(path)
