"""Expected word errors: what the search confuses is pulled apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from stt_service.decoder.alphabet import Alphabet  # noqa: E402
from stt_service.decoder.api import Hypothesis, Scorer  # noqa: E402
from tests.decoder.kit import Bigrams, noise, speak, word_lexicon  # noqa: E402
from tests.training.speaking import write_set  # noqa: E402
from training.data import collate  # noqa: E402
from training.letters import ALPHABET  # noqa: E402
from training.model import ModelConfig  # noqa: E402
from training.objective import Objective  # noqa: E402
from training.prepare import Corpus, prepare  # noqa: E402
from training.settings import TrainConfig  # noqa: E402
from training.train import Trainer  # noqa: E402
from training.words import HYPOTHESES, WordErrors, output, pulls, spelled  # noqa: E402

LETTERS = Alphabet(tuple(ALPHABET))
WORDS = ["on", "no", "one", "nine", "none"]
SCORER = Scorer("test", Bigrams(WORDS), word_lexicon(LETTERS, WORDS), 0.8, 0.5)


def batch_of(transcripts: list[str], frames: int):
    """A batch whose features nobody looks at."""
    return collate([np.zeros((frames, 26), np.float32)] * len(transcripts), transcripts)


def spoken(text: str, seed: int, sure: float = 0.6):
    """Raw logits ``[T, 1, 29]`` of a network that hears ``text`` with some doubt."""
    clear = np.log(speak(LETTERS, text, sure=sure))
    doubt = np.log(noise(len(clear), LETTERS, seed=seed, sharpness=1.5))
    return torch.tensor(clear + doubt)[:, None]


def hypothesis(text: str, score: float) -> Hypothesis:
    """What the search returns, as far as it is looked at."""
    labels = tuple(LETTERS.encode(text))
    return Hypothesis(labels, tuple(range(len(labels))), score, score)


def test_the_gradient_is_that_of_the_expected_errors() -> None:
    """A small step along it changes what the search expects by as much as it says."""
    words = WordErrors(SCORER)
    batch = batch_of(["no one"], 20)
    logits = spoken("on one", seed=3, sure=0.5).requires_grad_()
    loss, before = words(logits, batch)
    loss.backward()
    slope = logits.grad
    step = 0.02 / float(slope.norm())
    after = words((logits - step * slope).detach(), batch)[1]
    assert before > 0.5
    assert before - after == pytest.approx(step * float(slope.square().sum()), rel=0.1)


def test_following_it_makes_words_right() -> None:
    """From a network that hears another word, to one that hears what was said."""
    words = WordErrors(SCORER)
    batch = batch_of(["nine"], 14)
    logits = spoken("none", seed=1, sure=0.3)
    for _ in range(60):
        logits.requires_grad_()
        loss, expected = words(logits, batch)
        loss.backward()
        logits = (logits - 4.0 * logits.grad).detach()
    assert expected < 0.1
    assert spelled(words.search(output(logits)[:, 0])[0].labels) == "nine"


@given(
    scores=st.lists(st.floats(-30, 0), min_size=1, max_size=12),
    texts=st.permutations(["no", "one", "no one", "nine none", "on on on", "", "one no", "none"]),
)
def test_pulls_cancel_out(scores, texts) -> None:
    """What one text loses the others gain, and those with fewer errors than expected gain."""
    pairs = zip(texts, sorted(scores, reverse=True), strict=False)
    found = [hypothesis(text, score) for text, score in pairs]
    expected, changes = pulls(4, found, "no one")
    assert 0 <= expected <= 3
    assert len(changes) <= HYPOTHESES
    assert sum(change.weight for change in changes) == pytest.approx(0, abs=0.02)
    assert all(change.row == 4 for change in changes)
    right = [change.weight for change in changes if spelled(change.labels) == "no one"]
    assert all(weight < 0 for weight in right)


def test_spellings_of_the_same_words_count_once() -> None:
    """A space at the end makes no other text."""
    expected, changes = pulls(0, [hypothesis("no ", -1.0), hypothesis("no", -1.5)], "no")
    assert (expected, changes) == (0.0, [])


def test_words_heard_in_silence_are_errors() -> None:
    """They are made less likely; where nothing is heard there is nothing to learn."""
    words = WordErrors(SCORER)
    logits = spoken("one", seed=2).requires_grad_()
    loss, expected = words(logits, batch_of([""], 11))
    assert expected > 0.5
    loss.backward()
    assert float(logits.grad.abs().sum()) > 0
    quiet = torch.full((9, 1, 29), -20.0)
    quiet[:, :, -1] = 20.0
    loss, expected = words(quiet.requires_grad_(), batch_of([""], 9))
    assert (float(loss.detach()), expected) == (0.0, 0.0)


def test_padding_is_not_searched() -> None:
    """A short utterance beside a long one comes to what it comes to alone."""
    words = WordErrors(SCORER)
    short, long = spoken("no", seed=5), spoken("nine one", seed=6)
    padded = torch.full((len(long), 2, 29), 7.0)
    padded[: len(short), 0] = short[:, 0]
    padded[:, 1] = long[:, 0]
    both = batch_of(["on", "nine no"], len(long))
    both = replace(both, lengths=torch.tensor([len(short), len(long)]))
    alone = [
        words(short, batch_of(["on"], len(short)))[1],
        2 * words(long, batch_of(["nine no"], len(long)))[1],
    ]
    assert words(padded, both)[1] == pytest.approx(sum(alone) / 3)


def test_ctc_keeps_its_share() -> None:
    """The objective is a mean of both, and logs both."""
    batch = batch_of(["nine"], 14)
    logits = spoken("none", seed=1)
    config = TrainConfig(flat_start=0, word_errors=0.75)
    blank = LETTERS.blank
    mixed, logged = Objective(config, blank, SCORER)(logits, batch, 0)
    plain, only = Objective(replace(config, word_errors=0.0), blank)(logits, batch, 0)
    words = WordErrors(SCORER)(logits, batch)[0]
    assert float(mixed) == pytest.approx(0.25 * float(plain) + 0.75 * float(words), rel=1e-5)
    assert set(logged) == {"loss", "word errors"}
    assert only == {"loss": logged["loss"]}


def test_a_run_that_counts_words_logs_them(tmp_path: Path) -> None:
    """From corpus to curves; without a scorer it does not begin."""
    prepare([write_set(tmp_path / "data") / "train"], tmp_path / "corpus")
    corpus = Corpus(tmp_path / "corpus")
    tiny = ModelConfig(dense1=32, dense2=32, dense3=32, lstm=24, dense5=32)
    config = TrainConfig(
        steps=2, batch_frames=600, workers=0, bfloat16=False, flat_start=0, word_errors=0.9
    )
    Trainer(corpus, tmp_path / "run", tiny, config, scorer=SCORER).run()
    assert ",word errors," in (tmp_path / "run" / "curves.csv").read_text()
    with pytest.raises(ValueError, match="scorer"):
        Trainer(corpus, tmp_path / "other", tiny, config)
