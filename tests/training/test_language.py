"""The source of the bundled language model."""

import random
from pathlib import Path

from stt_service.decoder.ngram_text import Normaliser
from stt_service.decoder.scorer import open_scorer
from tests.decoder.scorer_files import ENGLISH
from training.language import HOUSEHOLD, LETTERS, Templates

BUNDLED = Path(__file__).parents[2] / "models" / "stt-en-small.ngram"


def test_templates_are_drawn_from(tmp_path: Path) -> None:
    """Alternatives, brackets and lists, nested."""
    path = tmp_path / "t.txt"
    path.write_text(
        "# comment\n{room} = hall|{big} room\n{big} = large\n(turn|put) on [the {room}]\n"
    )
    templates = Templates(path)
    dice = random.Random(1)
    drawn = set(templates.sentences(dice, 200))
    places = ("", " the hall", " the large room")
    assert drawn == {f"{verb} on{place}" for verb in ("turn", "put") for place in places}


def test_every_household_sentence_can_be_spoken() -> None:
    """No digit, no sign, no unknown list."""
    normaliser = Normaliser(LETTERS)
    sentences = list(normaliser.sentences(Templates(HOUSEHOLD).sentences(random.Random(2), 20)))
    assert normaliser.left_out == 0
    assert len(sentences) > 5000


def test_the_bundled_model_knows_the_house() -> None:
    """It opens, is small, and prefers sentences to their shuffled words."""
    assert BUNDLED.stat().st_size < 14 << 20
    language = open_scorer(BUNDLED, ENGLISH).language

    def total(sentence: str) -> float:
        state, sum_ = language.start(), 0.0
        for word in sentence.split():
            score, after = language.score([state], [word])
            state, sum_ = int(after[0]), sum_ + float(score[0])
        return sum_

    assert total("turn on the kitchen light") > total("light kitchen the on turn") + 10
    for word in ("zero", "nine", "yes", "no", "stop", "go", "left", "right", "alarm", "timer"):
        assert language.knows(word)
