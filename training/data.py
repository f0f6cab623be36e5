"""A prepared corpus in, batches of padded features out.

An epoch is a *plan*: a list of items (one sentence, or several words of one speaker in a row)
sorted into batches of about the same number of frames. The plan and every random choice follow
from (seed, epoch, item) alone; a run that was stopped goes on with the very batch it had reached.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.augment import AugmentConfig, Backdrop, augment, masked_mfcc
from training.features import HOP, SAMPLE_RATE, mfcc
from training.letters import ALPHABET
from training.manifest import SYNTHETIC_SETS, clip_weights
from training.prepare import Clip, Corpus

WORDS_IN_A_ROW = (0.3, 0.18, 0.16, 0.14, 0.12, 0.1)
"""Probability of joining 1, 2, ... short clips of one speaker into one utterance."""
JOIN_WORDS = 3
"""Clips of at most this many words may be joined."""
JOIN_SECONDS = 3.5
"""Clips of at most this length may be joined."""
COMMANDS_IN_A_ROW = (0.88, 0.12)
"""Probability of joining 1 or 2 longer commands of one known speaker."""
JOIN_COMMAND_WORDS = 8
"""Longer sentences are never joined..."""
JOIN_COMMAND_SECONDS = 4.0
"""...nor are slower ones."""
GAP_SECONDS = (0.0, 0.45)
"""Silence between joined clips."""
SORT_JITTER = 0.15
"""Relative noise on lengths before sorting, so that batches differ from epoch to epoch."""
LONG_FRAMES = 200
"""Longer items (4 s) are left out of the first epochs, where CTC finds the letters of a word sooner
than those of a sentence, and thinned out later, lest a few readers of books crowd out commands."""
SILENT_SHARE = 0.01
"""Items without speech, relative to all others: the model must be able to say nothing."""
BABBLE_CLIPS = 64
"""Clips that serve as other people talking."""

_INDEX = {letter: index for index, letter in enumerate(ALPHABET)}


@dataclass(frozen=True)
class Item:
    """One utterance of an epoch."""

    clips: tuple[int, ...]
    """Indices of the clips spoken one after another; none for noise alone."""
    frames: int
    """Expected length in frames, before augmentation."""


@dataclass(frozen=True)
class Batch:
    """Padded utterances."""

    features: Tensor
    """Raw features, float32 ``[B, T, 26]``."""
    lengths: Tensor
    """Frames per utterance, int64 ``[B]``."""
    targets: Tensor
    """All label indices one after another, int64."""
    target_lengths: Tensor
    """Labels per utterance, int64 ``[B]``."""


def encode(transcript: str) -> list[int]:
    """Return the label indices of a transcript."""
    return [_INDEX[letter] for letter in transcript]


def collate(features: Sequence[npt.NDArray[np.float32]], transcripts: Sequence[str]) -> Batch:
    """Pad features with zeros to the longest."""
    lengths = torch.tensor([len(f) for f in features])
    padded = torch.zeros(len(features), int(lengths.max()), features[0].shape[1])
    for row, value in enumerate(features):
        padded[row, : len(value)] = torch.from_numpy(value)
    labels = [encode(t) for t in transcripts]
    flat = torch.tensor([label for row in labels for label in row], dtype=torch.int64)
    return Batch(padded, lengths, flat, torch.tensor([len(row) for row in labels]))


def _groups(
    rng: np.random.Generator,
    clips: Sequence[Clip],
    chosen: Sequence[int],
    chances: Sequence[float],
) -> Iterator[tuple[int, ...]]:
    """Cut the chosen clips into runs of 1, 2, ... of the same speaker, or at least the same set."""
    speakers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in chosen:
        clip = clips[index]
        speakers["" if not clip.speaker.startswith("unknown") else clip.set, clip.speaker].append(
            index
        )
    sizes = np.arange(1, len(chances) + 1)
    for key in sorted(speakers):
        indices = [speakers[key][i] for i in rng.permutation(len(speakers[key]))]
        while indices:
            size = int(rng.choice(sizes, p=chances))
            yield tuple(indices[:size])
            indices = indices[size:]


def _joinable(clip: Clip, words: int, seconds: float) -> bool:
    return clip.n_words <= words and clip.samples <= seconds * SAMPLE_RATE


def _weights(clips: Sequence[Clip], made_per_recorded: float) -> list[float]:
    """Return how likely each clip is to be in an epoch: 1 but for repeated and for made-up ones."""
    weights = clip_weights([c.set for c in clips], [c.transcript for c in clips])
    made = [clip.set.startswith(SYNTHETIC_SETS) for clip in clips]
    samples = {True: 0.0, False: 0.0}
    for clip, weight, is_made in zip(clips, weights, made, strict=True):
        samples[is_made] += weight * clip.samples
    if not all(samples.values()):
        return weights
    share = min(1.0, made_per_recorded * samples[False] / samples[True])
    return [
        weight * (share if is_made else 1.0) for weight, is_made in zip(weights, made, strict=True)
    ]


def plan_items(
    clips: Sequence[Clip], seed: int, epoch: int, made_per_recorded: float = 1.0
) -> list[Item]:
    """Return the utterances of one epoch over ``clips`` (the training split).

    ``made_per_recorded`` is how much made-up speech may be in it per second of recorded speech,
    where there is any: of hours of it each epoch hears another part, lest the few hours of people
    be drowned.
    """
    rng = np.random.default_rng([seed, epoch])
    weights = _weights(clips, made_per_recorded)
    drawn = [i for i, weight in enumerate(weights) if rng.random() < weight]
    short = {i for i in drawn if _joinable(clips[i], JOIN_WORDS, JOIN_SECONDS)}
    commands = {
        i
        for i in drawn
        if i not in short
        and _joinable(clips[i], JOIN_COMMAND_WORDS, JOIN_COMMAND_SECONDS)
        and not clips[i].speaker.startswith("unknown")
    }
    groups = [(i,) for i in drawn if i not in short and i not in commands]
    items = [Item(group, clips[group[0]].samples // HOP) for group in groups]
    for joined, chances in ((short, WORDS_IN_A_ROW), (commands, COMMANDS_IN_A_ROW)):
        items += [
            Item(group, sum(clips[i].end - clips[i].begin for i in group) // HOP + 15 * len(group))
            for group in _groups(rng, clips, [i for i in drawn if i in joined], chances)
        ]
    silent = int(len(items) * SILENT_SHARE)
    return items + [Item((), int(rng.integers(50, 250))) for _ in range(silent)]


def plan_batches(
    items: Sequence[Item], seed: int, epoch: int, batch_frames: int, max_batch: int
) -> list[list[int]]:
    """Sort item indices into batches of at most ``batch_frames`` padded frames, in random order."""
    rng = np.random.default_rng([seed, epoch, 1])
    frames = np.array([item.frames for item in items])
    order = np.argsort(
        frames * rng.uniform(1 - SORT_JITTER, 1 + SORT_JITTER, len(items)), kind="stable"
    )
    batches: list[list[int]] = []
    current: list[int] = []
    longest = 0
    for index in order.tolist():
        new_longest = max(longest, int(frames[index]))
        if current and (
            len(current) >= max_batch or new_longest * (len(current) + 1) > batch_frames
        ):
            batches.append(current)
            current, new_longest = [], int(frames[index])
        current.append(index)
        longest = new_longest
    batches.append(current)
    return [batches[i] for i in rng.permutation(len(batches))]


def _balanced(clips: Sequence[Clip]) -> list[Clip]:
    """Repeat the clips of small sets: much made noise must not drown the little that is real."""
    sets: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        sets[clip.set].append(clip)
    most = max((len(own) for own in sets.values()), default=0)
    return [clip for name in sorted(sets) for clip in sets[name] * round(most / len(sets[name]))]


class EpochData(Dataset[Batch]):
    """The batches of one epoch by index. Fixed once made; used in the loader's process."""

    def __init__(
        self,
        corpus: Corpus,
        seed: int,
        epoch: int,
        *,
        batch_frames: int = 12000,
        max_batch: int = 96,
        long_share: float = 1.0,
        made_per_recorded: float = 1.0,
        augmentation: AugmentConfig | None = None,
    ) -> None:
        self.corpus = corpus
        self.clips = corpus.select("train")
        self.seed = seed
        self.epoch = epoch
        self.augmentation = augmentation
        self.items = plan_items(self.clips, seed, epoch, made_per_recorded)
        if long_share < 1.0:
            rng = np.random.default_rng([seed, epoch, 3])
            kept = [i for i in self.items if i.frames <= LONG_FRAMES or rng.random() < long_share]
            self.items = kept or self.items
        self.batches = plan_batches(self.items, seed, epoch, batch_frames, max_batch)
        self._backdrop: Backdrop | None = None

    def __len__(self) -> int:
        return len(self.batches)

    def _load_backdrop(self) -> Backdrop:
        if self._backdrop is None:
            noises = [self.corpus.audio(clip) for clip in _balanced(self.corpus.select("noise"))]
            impulses = [self.corpus.audio(clip) for clip in self.corpus.select("impulse")]
            impulses = [
                i[int(np.argmax(np.abs(i))) :] / max(1e-6, float(np.abs(i).max())) for i in impulses
            ]
            step = max(1, len(self.clips) // BABBLE_CLIPS)
            babble = [self.corpus.audio(clip) for clip in self.clips[::step]]
            self._backdrop = Backdrop(
                noises, impulses, [b for b in babble if len(b) > SAMPLE_RATE // 2]
            )
        return self._backdrop

    def speech(self, item: Item, rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], str]:
        """Return the audio and the transcript of an item, joined, not yet augmented."""
        if not item.clips:
            noises = self._load_backdrop().noises
            samples = item.frames * HOP
            if noises and rng.random() < 0.7:
                source = noises[int(rng.integers(len(noises)))]
                start = int(rng.integers(max(1, len(source) - samples)))
                return source[start : start + samples], ""
            return rng.standard_normal(samples, dtype=np.float32) * np.float32(0.001), ""
        clips = [self.clips[i] for i in item.clips]
        if len(clips) == 1:
            return self.corpus.audio(clips[0], trimmed=bool(rng.random() < 0.5)), clips[
                0
            ].transcript
        parts: list[npt.NDArray[np.float32]] = []
        for clip in clips:
            parts.append(self.corpus.audio(clip, trimmed=bool(rng.random() < 0.85)))
            parts.append(np.zeros(int(rng.uniform(*GAP_SECONDS) * SAMPLE_RATE), dtype=np.float32))
        return np.concatenate(parts[:-1]), " ".join(clip.transcript for clip in clips)

    def features(self, index: int) -> tuple[npt.NDArray[np.float32], str]:
        """Return the features ``[T, 26]`` and the transcript of an item."""
        rng = np.random.default_rng([self.seed, self.epoch, 2, index])
        audio, transcript = self.speech(self.items[index], rng)
        if self.augmentation is None:
            return mfcc(audio), transcript
        audio = augment(rng, audio, self._load_backdrop(), self.augmentation)
        return masked_mfcc(rng, audio, self.augmentation), transcript

    def __getitem__(self, index: int) -> Batch:
        rows = [self.features(item) for item in self.batches[index]]
        rows = [row for row in rows if len(row[0])]
        return collate([row[0] for row in rows], [row[1] for row in rows])


def loader(
    data: EpochData, start: int, rank: int, world: int, workers: int = 1
) -> DataLoader[Batch]:
    """Return the epoch's batches from ``start`` on; of several processes each takes its own."""
    last = len(data) - len(data) % world
    return DataLoader(
        data,
        batch_size=None,
        sampler=range(start + rank, last, world),
        num_workers=workers,
        prefetch_factor=6 if workers else None,
        # Its own generator: the loader must not use up random numbers of the training itself.
        generator=torch.Generator(),
    )
