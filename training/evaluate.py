"""A network and held-out clips in, error rates out: per set, by word and by character."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import jiwer
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training.augment import Backdrop, add_noise
from training.data import collate, encode
from training.features import mfcc
from training.letters import ALPHABET
from training.model import DeepSpeech
from training.prepare import Clip, Corpus

_Clip = TypeVar("_Clip")

BATCH_FRAMES = 16000
"""Padded frames evaluated at once."""
CLOSED_SET_LIMIT = 60
"""Sets of at most this many different transcripts, each heard twice on average, are also scored as
a choice among them: what a strict grammar of those phrases would answer."""


@dataclass(frozen=True)
class SetScore:
    """How well one set was recognised."""

    name: str
    """Set's name, with the noise level where noise was added."""
    clips: int
    """Number of clips scored."""
    wer: float
    """Word error rate of the greedy reading, 0 is perfect."""
    cer: float
    """Character error rate of the greedy reading."""
    closed_error: float | None
    """Share of clips where another of the set's transcripts was likelier; None for open sets."""


def greedy(log_probs: Tensor) -> str:
    """Return the best label of each frame (``[T, labels + 1]``), repeats and blanks removed."""
    best = torch.unique_consecutive(log_probs.argmax(dim=1)).tolist()
    return "".join(ALPHABET[i] for i in best if i < len(ALPHABET)).strip()


def closed_choice(log_probs: Tensor, choices: Sequence[str]) -> str:
    """Return the choice with the highest CTC probability given ``[T, labels + 1]``."""
    frames = log_probs.shape[0]
    labels = [encode(choice) for choice in choices]
    losses = nn.functional.ctc_loss(
        log_probs[:, None, :].expand(-1, len(choices), -1),
        torch.tensor([label for row in labels for label in row]),
        torch.full((len(choices),), frames),
        torch.tensor([len(row) for row in labels]),
        blank=len(ALPHABET),
        reduction="none",
    )
    return choices[int(losses.argmin())]


def spread(clips: list[_Clip], limit: int | None) -> list[_Clip]:
    """Return at most ``limit`` clips, evenly from all over the list."""
    if not limit or len(clips) <= limit:
        return clips
    return [clips[i] for i in np.linspace(0, len(clips) - 1, limit).astype(int)]


@torch.no_grad()
def log_probabilities(
    model: DeepSpeech, audios: Iterable[npt.NDArray[np.float32]], *, bfloat16: bool = False
) -> list[Tensor]:
    """Return per audio the network's log probabilities ``[T, labels + 1]``, batched by length."""
    device = next(model.parameters()).device
    features = [mfcc(audio) for audio in audios]
    results: list[Tensor] = [torch.empty(0)] * len(features)
    order = sorted((i for i, f in enumerate(features) if len(f)), key=lambda i: len(features[i]))
    while order:
        size = max(1, BATCH_FRAMES // len(features[order[-1]]))
        part, order = order[-size:], order[:-size]
        batch = collate([features[i] for i in part], [""] * len(part))
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            logits = model(batch.features.to(device), batch.lengths.to(device))
        log_probs = logits.float().log_softmax(-1).cpu()
        for row, i in enumerate(part):
            results[i] = log_probs[: len(features[i]), row]
    return results


def _score(name: str, references: list[str], log_probs: list[Tensor]) -> SetScore:
    texts = [greedy(p) if len(p) else "" for p in log_probs]
    choices = sorted(set(references))
    closed = None
    if 1 < len(choices) <= min(CLOSED_SET_LIMIT, len(references) // 2):
        usable = [(r, p) for r, p in zip(references, log_probs, strict=True) if len(p)]
        wrong = (
            sum(closed_choice(p, choices) != r for r, p in usable) + len(references) - len(usable)
        )
        closed = wrong / len(references)
    wer = float(jiwer.wer(references, texts))
    return SetScore(name, len(references), wer, float(jiwer.cer(references, texts)), closed)


def evaluate(
    model: DeepSpeech,
    corpus: Corpus,
    clips: Sequence[Clip],
    *,
    snr_db: float | None = None,
    limit: int | None = None,
    bfloat16: bool = False,
) -> list[SetScore]:
    """Score ``clips`` set by set, with noise of a fixed ratio (decibels) added if asked for.

    ``limit`` takes that many clips per set, evenly spread. The model is left in evaluation mode.
    """
    model.eval()
    sets: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        sets[clip.set].append(clip)
    noises = [corpus.audio(clip) for clip in corpus.select("noise")]
    scores = []
    for name, all_members in sorted(sets.items()):
        members = spread(all_members, limit)
        audios = [corpus.audio(clip) for clip in members]
        if snr_db is not None:
            backdrop = Backdrop(noises, [], [])
            audios = [
                add_noise(np.random.default_rng(i), audio, backdrop, (snr_db, snr_db))
                for i, audio in enumerate(audios)
            ]
        label = name if snr_db is None else f"{name} +{snr_db:g} dB"
        log_probs = log_probabilities(model, audios, bfloat16=bfloat16)
        scores.append(_score(label, [clip.transcript for clip in members], log_probs))
    return scores


def summary(scores: Sequence[SetScore]) -> float:
    """Return the number that decides which checkpoint is best: a mean, small sets count for less.

    Character errors of open sets and wrong choices of closed ones count alike.
    """
    weights = [math.sqrt(score.clips) for score in scores]
    values = [
        score.cer if score.closed_error is None else (score.cer + score.closed_error) / 2
        for score in scores
    ]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / max(1e-9, sum(weights))
