"""What training minimises, and the scale of its inputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stt_service.decoder.api import Scorer
from training.data import Batch
from training.features import mfcc
from training.flatstart import even_loss
from training.prepare import Corpus
from training.settings import TrainConfig
from training.words import WordErrors

DIGITAL_SILENCE = -150.0
"""First coefficients below this are frames of zeros: a few of them would set the whole scale."""
STATISTICS_CLIPS = 400
"""Clips measured for the mean and spread of the features."""


def ctc(logits: Tensor, batch: Batch, blank: int) -> Tensor:
    """Return the CTC loss per target letter over the batch."""
    losses = nn.functional.ctc_loss(
        logits.log_softmax(-1),
        batch.targets,
        batch.lengths,
        batch.target_lengths,
        blank=blank,
        reduction="none",
        zero_infinity=True,
    )
    return losses.sum() / batch.target_lengths.sum().clamp_min(1)


def feature_statistics(corpus: Corpus) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation (``[26]``) of the raw features of the training clips."""
    clips = corpus.select("train")
    chosen = clips[:: max(1, len(clips) // STATISTICS_CLIPS)]
    rows = torch.cat([torch.from_numpy(mfcc(corpus.audio(clip))) for clip in chosen])
    rows = rows[rows[:, 0] > DIGITAL_SILENCE]
    return rows.mean(0), rows.std(0)


class Objective:
    """What one run minimises: CTC, at first helped by letters spread evenly, later by words."""

    def __init__(self, config: TrainConfig, blank: int, scorer: Scorer | None = None) -> None:
        """``scorer`` is what words are searched with; it must be there for word errors to count."""
        if config.word_errors and scorer is None:
            raise ValueError("word errors are counted with a scorer")
        self._config = config
        self._blank = blank
        self._words = WordErrors(scorer) if scorer and config.word_errors else None

    def __call__(self, logits: Tensor, batch: Batch, step: int) -> tuple[Tensor, dict[str, float]]:
        """Return what to minimise at a step, and the parts of it that are logged, by name."""
        plain = ctc(logits, batch, self._blank)
        logged = {"loss": float(plain.detach())}
        if step < self._config.flat_start:
            even = even_loss(
                logits, batch.features, batch.lengths, batch.targets, batch.target_lengths,
                self._blank,
            )  # fmt: skip
            return plain + (1 - step / self._config.flat_start) * even, logged
        if self._words is None:
            return plain, logged
        words, logged["word errors"] = self._words(logits, batch)
        share = self._config.word_errors
        return (1 - share) * plain + share * words, logged
