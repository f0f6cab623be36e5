"""How a run is trained, and how fast it learns at each of its moments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True)
class TrainConfig:
    """How to train. A run may be resumed with other values."""

    hours: float = 2.0
    """Training time after which the learning rate has fallen to its end; the run then stops."""
    steps: int | None = None
    """Stop after this many steps instead, and fall with the steps."""
    learning_rate: float = 1.2e-3
    """Highest learning rate."""
    final_rate: float = 0.01
    """Learning rate at the end, relative to the highest."""
    warmup: int = 300
    """Steps over which the learning rate rises."""
    weight_decay: float = 0.01
    """Share of the weights taken away per unit of learning rate."""
    dropout: float = 0.15
    """Share of activations left out in training."""
    gradient_norm: float = 1.0
    """Longest gradient; longer ones are shortened."""
    average: float = 0.998
    """Decay of the averaged weights per step."""
    batch_frames: int = 4000
    """Padded frames per batch and process."""
    max_batch: int = 48
    """Utterances per batch and process."""
    curriculum: int = 16
    """First epochs, which hold short utterances only."""
    long_share: float = 0.4
    """Share of the long utterances heard in each later epoch."""
    made_per_recorded: float = 1.0
    """Most made-up speech in an epoch, in seconds per second of recorded speech."""
    seed: int = 1
    """Seed of weights, plans and augmentation."""
    save_minutes: float = 3.0
    """Time between checkpoints."""
    validate_minutes: float = 10.0
    """Time between validations."""
    validate_clips: int = 120
    """Clips per set in those."""
    workers: int = 1
    """Processes that prepare batches; 0 prepares them in the training process."""
    bfloat16: bool | None = None
    """Compute products in bfloat16: three times as fast on CPUs with AMX, and on GPUs. None: where
    the processor or GPU has units for it; without them it takes thirty times as long."""
    flat_start: int = 500
    """First steps, in which evenly spread letters help CTC with a weight falling from 1 to 0."""
    word_errors: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of expected word errors in what is minimised, 0 to 1; the rest is CTC. Only for a
    network that spells already."""
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How often and how much noise, rooms and gaps change the recordings, 0 to 1."""
    ramp: int = 20
    """Epochs over which they grow to that strength: CTC has to find letters first."""


def rate_at(config: TrainConfig, step: int, seconds: float) -> float:
    """Return the learning rate: linear rise, then a cosine over the run's steps or time.

    A run of few steps warms up in a fifth of them, lest it end before it has begun to learn.
    """
    done = step / config.steps if config.steps else seconds / (config.hours * 3600)
    warmup = min(config.warmup, max(1, config.steps // 5)) if config.steps else config.warmup
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return config.learning_rate * min(1.0, (step + 1) / warmup) * max(config.final_rate, fall)


def strength_at(config: TrainConfig, epoch: int) -> float:
    """Return how strongly recordings are changed in an epoch, 0 to 1: an even rise to the end."""
    return config.strength * min(1.0, (epoch + 1) / max(1, config.ramp))
