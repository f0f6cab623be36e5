"""Expected word errors as a loss: the network hears what the search makes of its output.

CTC makes transcripts likely, letter by letter, and knows nothing of the words that a language model
takes for them. Here the search itself goes over a batch; each of its best hypotheses is made
likelier the fewer words of it are wrong, measured against their mean (minimum word error rate
training: Shannon 2017, "Optimizing expected word error rate via sampling"; Prabhavalkar et al.
2018). It is for networks that spell already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from stt_service.decoder.api import Hypothesis, Scorer
from stt_service.decoder.kernels import Task, open_kernel
from stt_service.wer import word_errors
from training.data import Batch, encode
from training.export import BLANK, TEMPERATURE
from training.letters import ALPHABET

SPACE = ALPHABET.index(" ")
ALPHA, BETA = 0.75, -1.0
"""Weights of the language model: about those that the bundled one is used with."""
BEAM_WIDTH = 64
"""Hypotheses kept at each frame: what is confused is found by a narrow search, too."""
HYPOTHESES = 6
"""Texts compared of each utterance."""
LEAST_SHARE = 1e-3
"""Less likely texts move nothing."""


@dataclass(frozen=True)
class Pull:
    """How the likelihood of one text of one utterance is to change."""

    row: int
    """The utterance in its batch."""
    labels: tuple[int, ...]
    """The text."""
    weight: float
    """Expected word errors gained per nat by which the text becomes likelier."""


def output(logits: Tensor) -> Tensor:
    """Return the log probabilities that an exported network gives, of raw logits ``[..., L]``."""
    bias = torch.zeros(logits.shape[-1], device=logits.device)
    bias[-1] = BLANK
    return (logits / TEMPERATURE + bias).log_softmax(-1)


def spelled(labels: Sequence[int]) -> str:
    """Return the words of label indices, joined by single spaces."""
    return " ".join("".join(ALPHABET[label] for label in labels).split())


def pulls(row: int, found: Sequence[Hypothesis], said: str) -> tuple[float, list[Pull]]:
    """Return the expected word errors of an utterance's hypotheses, and how each shall change.

    ``found`` is best first. Of those that spell the same words the best counts.
    """
    scored: dict[str, float] = {}
    for one in found:
        scored.setdefault(spelled(one.labels), one.score)
    kept = list(scored.items())[:HYPOTHESES]
    if not kept:
        return 0.0, []
    scores = np.array([score for _, score in kept])
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    errors = np.array([word_errors(said, text).edits for text, _ in kept], np.float64)
    expected = float(shares @ errors)
    weights = shares * (errors - expected)
    return expected, [
        Pull(row, tuple(encode(text)), float(weight))
        for (text, _), share, weight in zip(kept, shares, weights, strict=True)
        if share >= LEAST_SHARE and weight
    ]


class WordErrors:
    """The loss for one scorer. Used by the training loop's thread."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def search(self, log_probabilities: Tensor) -> list[Hypothesis]:
        """Return the best hypotheses of one utterance, ``[T, labels + 1]``."""
        scorer = self.scorer
        kernel = open_kernel(
            Task(
                labels=tuple(ALPHABET),
                space=SPACE,
                beam_width=BEAM_WIDTH,
                lexicons=(scorer.lexicon,),
                score=scorer.language.score,
                alike=scorer.language.alike,
                start=scorer.language.start(),
                alpha=scorer.alpha,
                beta=scorer.beta,
            )
        )
        kernel.advance(log_probabilities.exp().numpy())
        # Some differ in no word.
        found = kernel.hypotheses(2 * HYPOTHESES, final=True)
        scorer.language.release()
        return found

    def __call__(self, logits: Tensor, batch: Batch) -> tuple[Tensor, float]:
        """Return what to minimise for raw logits ``[T, B, L]``, and the expected word error rate.

        The first has the gradient of the second, and another value.
        """
        log_probabilities = output(logits.float())
        heard = log_probabilities.detach().cpu()
        parts = torch.split(batch.targets.cpu(), batch.target_lengths.tolist())
        errors, words = 0.0, 0
        found: list[Pull] = []
        for row, (frames, labels) in enumerate(zip(batch.lengths.tolist(), parts, strict=True)):
            said = spelled(labels.tolist())
            expected, own = pulls(row, self.search(heard[:frames, row]), said)
            errors, words = errors + expected, words + len(said.split())
            found += own
        words = max(1, words)
        if not found:
            return logits.sum() * 0.0, errors / words
        rows = torch.tensor([pull.row for pull in found], device=logits.device)
        negative = nn.functional.ctc_loss(
            log_probabilities[:, rows],
            torch.tensor([x for pull in found for x in pull.labels], device=logits.device),
            batch.lengths[rows],
            torch.tensor([len(pull.labels) for pull in found], device=logits.device),
            blank=len(ALPHABET),
            reduction="none",
            zero_infinity=True,
        )
        weights = torch.tensor([pull.weight for pull in found], device=logits.device)
        return -(weights * negative).sum() / words, errors / words
