"""Phrase files of every format, and everything that can be wrong with them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Parse
from stt_service.decoder.phrases import automaton, build_grammar
from stt_service.decoder.phrases.book import MAX_FILE_BYTES
from stt_service.decoder.phrases.readers import read_phrases
from stt_service.errors import PhrasesError

HOME = """
language: en
intents:
  HassTurnOn:
    data:
      - sentences: ["turn on [the] {name}", "<start> {level:brightness} <nice>"]
        slots: {domain: light, rooms: [hall, attic]}
      - sentences: ["<local> {here}"]
        expansion_rules: {local: "do [it]"}
        lists: {here: {values: [now]}}
  Bool:
    data: [{sentences: [on, yes, "no", "{0..100,5:n}"]}]
lists:
  name: {values: [Kitchen Lamp, {in: "desk[ top] lamp", out: desk.lamp}, "(tv|telly)"]}
  level: {range: {from: 0, to: 100, step: 50, multiplier: 2.55}}
expansion_rules: {start: "set to", nice: "[%]"}
skip_words: [please, "can you"]
"""


@pytest.mark.parametrize(
    ("sentence", "intent", "slots"),
    [
        ("turn on kitchen lamp", "HassTurnOn", {"name": "Kitchen Lamp"}),
        ("turn on the desk top lamp", "HassTurnOn", {"name": "desk.lamp"}),
        ("turn on the telly", "HassTurnOn", {"name": "telly"}),
        ("set to fifty percent", "HassTurnOn", {"brightness": "127.5"}),
        ("please can you turn on tv please", "HassTurnOn", {"name": "tv"}),
        ("do it now", "HassTurnOn", {"here": "now"}),
        ("on", "Bool", {}),
        ("yes", "Bool", {}),
        ("ten", "Bool", {"n": "10"}),
    ],
)
def test_home_assistant_files_give_intents_and_slots(
    english: Alphabet, sentence: str, intent: str, slots: dict[str, str]
) -> None:
    """Lists, ranges, rules, fixed slots, local lists and rules, skip words."""
    fixed = {"domain": "light", "rooms": "hall, attic"}
    if intent == "HassTurnOn" and "here" not in slots:
        slots = {**fixed, **slots}
    assert Parse(intent, slots) == build_grammar(HOME, english).parse(sentence)


def test_other_sentences_are_none_of_the_phrases(english: Alphabet) -> None:
    """Neither beginnings, nor endings, nor skip words without a sentence, nor silence."""
    grammar = build_grammar(HOME, english)
    others = ("turn on", "lamp", "please", "", "now", "on on", "set to forty percent")
    assert [None] * len(others) == [grammar.parse(other) for other in others]


def test_plain_text_names_intents_in_brackets(english: Alphabet, tmp_path: Path) -> None:
    """Before the first heading the file's name is the intent."""
    path = tmp_path / "house.txt"
    path.write_text("# lamps\nlight on\n[Off]\n[the] light off\n\n[On]\nplease light\n")
    grammar = build_grammar(path, english)
    assert grammar.id == "house"
    assert grammar.intents == ("house", "Off", "On")
    assert Parse("Off", {}) == grammar.parse("the light off")
    assert Parse("house", {}) == grammar.parse("light on")


def test_mycroft_intents_take_entities_from_their_folder(english: Alphabet, tmp_path: Path) -> None:
    """An entity without a file stands for any words: such sentences are left out, and said."""
    (tmp_path / "weather.intent").write_text("(what is|how's) the weather in {city}\nsay {words}\n")
    (tmp_path / "city.entity").write_text("# cities\nparis\nnew york\n")
    grammar = build_grammar(tmp_path, english)
    assert Parse("weather", {"city": "new york"}) == grammar.parse("how's the weather in new york")
    assert [warning.split(": ")[1].split(";")[0] for warning in grammar.warnings] == [
        "{words} stands for any words"
    ]


def test_a_folder_of_vocabularies_has_an_intent_for_each(english: Alphabet, tmp_path: Path) -> None:
    """A line is one way to say it."""
    (tmp_path / "yes.voc").write_text("yes\nyeah|yep\n")
    (tmp_path / "no.voc").write_text("no [thanks]\n")
    grammar = build_grammar(tmp_path, english)
    assert Parse("yes", {}) == grammar.parse("yep")
    assert Parse("no", {}) == grammar.parse("no thanks")


def test_a_folder_of_yaml_files_shares_lists(english: Alphabet, tmp_path: Path) -> None:
    """As Home Assistant's custom_sentences/en does."""
    (tmp_path / "a.yaml").write_text("intents: {A: {data: [{sentences: ['go {where}']}]}}")
    (tmp_path / "b.yaml").write_text("language: en\nlists: {where: {values: [home]}}")
    assert Parse("A", {"where": "home"}) == build_grammar(tmp_path, english).parse("go home")


def _yaml(sentence: str, rest: str = "") -> str:
    return f"intents: {{Do: {{data: [{{sentences: [{sentence!r}]}}]}}}}\n{rest}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no sentences"),
        ("# nothing\n\n", "has no sentences"),
        ("turn (on", r"line 1.*'\(' at letter 6 is never closed"),
        ("turn on)", r"'\)' at letter 8 closes nothing"),
        ("turn [on)", r"'\)' at letter 9 closes nothing"),
        ("a|b;c", r"';' at letter 4 follows '\|': add brackets"),
        ("turn ()", "brackets at letter 6 are empty"),
        ("{na(me}", "stands inside of a name"),
        ("a\\", "ends in a backslash"),
        ("(" * 40 + "a" + ")" * 40, "nest more than 32"),
        ("a " * 6000 + "[b]", "at most 10000"),
        ("go {where}", r"there is no list \{where\}.*Add it under lists"),
        ("go {0..99999:n}", "more than 10000 numbers"),
        ("go {9..1:n}", "from 9 to 1"),
        ("go {1..9,0:n}", "from 1 to 9 by 0"),
        ("go <where>", "there is no rule <where>"),
        ("(" + ";".join("abcdefghij") + ")", "permutation.* has 10 items"),
        ("...", "no sentence is left.*no words"),
        ("日本", "no sentence is left.*cannot spell"),
        (_yaml("<a>", "expansion_rules: {a: 'x <b>', b: '[<a>]'}"), "refers to itself: <a> -> <b>"),
        (_yaml("{a}", "lists: {a: {values: ['b {a}']}}"), "refers to itself"),
        (_yaml("{a}", "lists: {a: {wildcard: true}}"), "no sentence is left.*any words"),
        (_yaml("{a}", "lists: {a: {values: []}}"), "lists.a has no values"),
        (_yaml("{a}", "lists: {a: {}}"), "lists.a is no list"),
        (_yaml("{a}", "lists: {a: {values: [{out: b}]}}"), "has no 'in'"),
        (_yaml("{a}", "lists: {a: {range: {from: 1}}}"), "range.to is None, not a whole number"),
        (_yaml("{a}", "lists: {a: {range: {from: 9, to: 1}}}"), "from 9 to 1"),
        (_yaml("{a}", "lists: {a: {range: {from: 0, to: 9999999999}}}"), "beyond 999999999"),
        (_yaml("{a}", "lists: {a: {range: {from: 1, to: 2, fractions: x}}}"), "halves or tenths"),
        (_yaml("{a}", "lists: [a]"), "lists is a list, not a mapping"),
        ("intents: [a]", "intents is a list, not a mapping"),
        ("intents: {A: {data: [{sentences: go}]}}", r"sentences is a text, not a list"),
        ("intents: {A: {data: [{sentences: [[go]]}]}}", r"sentences\[0\] is a list, not a text"),
        ("intents: {A: {data: []}}", "has no sentences"),
        ("intents: {A: [", "not valid YAML"),
        ("intents: " + "[" * 100, "nests more than 30"),
        ("intents: " + "[" * 1000, "nest"),  # newer YAML libraries are first to say so
        ("intents: &a [*a]", "not valid YAML.*recursive"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "".join(
                f"b{i}: &b{i} [{','.join(['*' + (f'b{i - 1}' if i else 'a')] * 9)}]\n"
                for i in range(12)
            )
            + "intents: *b11",
            "more than 1000000 values",
        ),
        (
            _yaml(
                "go <r0>",
                "expansion_rules: {"
                + "".join(f"r{i}: '<r{i + 1}> <r{i + 1}>', " for i in range(25))
                + "r25: '.'}",
            ),
            "more than 2000000 letters",
        ),
        (
            _yaml(
                "go <r0>",
                "expansion_rules: {"
                + "".join(f"r{i}: '<r{i + 1}>', " for i in range(80))
                + "r80: b}",
            ),
            "nest more than 64",
        ),
    ],
    ids=lambda value: value[:30],
)
def test_what_is_wrong_is_named(english: Alphabet, text: str, message: str) -> None:
    """File, place and what is wrong with it."""
    with pytest.raises(PhrasesError, match=message):
        build_grammar(text, english)


def test_templates_that_sound_alike_for_too_long_are_refused(
    english: Alphabet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve words that may be left out before one that counts: 2^12 places to be at."""
    monkeypatch.setattr(automaton, "MAX_STATES", 1000)
    with pytest.raises(PhrasesError, match="more than 1000 states"):
        build_grammar("[(a|b)] " * 12 + "a" + " (a|b)" * 12, english)


def test_files_that_cannot_be_read_are_named(english: Alphabet, tmp_path: Path) -> None:
    """Missing, not UTF-8, too large, or a folder of other things."""
    with pytest.raises(PhrasesError, match=r"no\.txt: No such file"):
        build_grammar(tmp_path / "no.txt", english)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(PhrasesError, match="not UTF-8"):
        build_grammar(tmp_path / "latin.txt", english)
    (tmp_path / "huge.txt").write_bytes(b"a" * (MAX_FILE_BYTES + 1))
    with pytest.raises(PhrasesError, match="larger than"):
        build_grammar(tmp_path / "huge.txt", english)
    with pytest.raises(PhrasesError, match=r"no \.yaml, \.intent or \.voc"):
        build_grammar(tmp_path, english)


@settings(deadline=None, max_examples=300)
@given(st.text("ab []()|;{}<>\\:#.1%\n", max_size=40) | st.text(max_size=40))
def test_any_text_builds_or_is_refused(text: str) -> None:
    """Nothing but PhrasesError leaves the builder."""
    alphabet = Alphabet(tuple(" abcdefghijklmnopqrstuvwxyz'"))
    try:
        grammar = build_grammar(text, alphabet)
    except PhrasesError:
        return
    for sentence in grammar.sentences(5):
        assert grammar.parse(sentence) is not None


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_damaged_file_builds_or_is_refused(data: st.DataObject) -> None:
    """A real file with letters changed or cut."""
    alphabet = Alphabet(tuple(" abcdefghijklmnopqrstuvwxyz'"))
    text = list(HOME)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 9))] = data.draw(
            st.text("[]{}<>:-&* \nab1", max_size=3)
        )
    try:
        build_grammar("".join(text), alphabet)
    except PhrasesError:
        return


@pytest.mark.parametrize("name", ["../secret", "x" * 500, "a\0b", ".."])
def test_entities_are_read_from_their_own_folder_only(
    english: Alphabet, tmp_path: Path, name: str
) -> None:
    """Whatever a template calls them."""
    (tmp_path / "secret.entity").write_text("word\n")
    folder = tmp_path / "skill"
    folder.mkdir()
    (folder / "go.intent").write_text(f"go\nread {{{name}}}\n")
    grammar = build_grammar(folder, english)
    assert list(grammar.sentences()) == ["go"]


def test_an_empty_file_is_named_as_it_is_called(tmp_path):
    """With its ending: `empty` alone is an adjective."""
    (tmp_path / "empty.txt").touch()
    with pytest.raises(PhrasesError, match=r"^empty\.txt has no sentences"):
        read_phrases(tmp_path / "empty.txt")
