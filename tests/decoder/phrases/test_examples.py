"""The example of a phrase file of one's own says what it means to."""

from pathlib import Path

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.phrases import build_grammar
from stt_service.decoder.phrases.library import find

BUDDYBOT = Alphabet(tuple(" comegstplfrihvw'"))


def test_an_order_means_what_the_file_says(english: Alphabet, examples: Path) -> None:
    """Each word fills the slot that it is about."""
    sentence = "could i get a triple shot small dark roast espresso with a lot of sugar and cream"
    parse = build_grammar(examples / "coffee.yaml", english).parse(sentence)
    assert parse is not None
    assert parse.intent == "OrderCoffee"
    assert parse.slots == {
        "shots": "triple shot",
        "size": "small",
        "roast": "dark roast",
        "drink": "espresso",
        "sugar": "a lot of sugar",
        "milk": "cream",
    }


def test_every_file_builds_whole_and_without_doubt(english: Alphabet, examples: Path) -> None:
    """Nothing is left out and no sentence has two meanings."""
    files = sorted(path for path in examples.iterdir() if path.suffix in (".yaml", ".txt"))
    assert files
    for file in files:
        grammar = build_grammar(file, english)
        assert grammar.warnings == ()
        assert list(grammar.ambiguities()) == []
        for sentence in grammar.sentences(200):
            assert grammar.parse(sentence) is not None


def test_a_small_alphabet_keeps_what_it_can_spell() -> None:
    """What a robot's 17 letters cannot spell is left out and named."""
    grammar = build_grammar(find("control"), BUDDYBOT)
    assert "forget it" in set(grammar.sentences())
    assert any("'yes" in warning for warning in grammar.warnings)
    assert grammar.parse("yes") is None
