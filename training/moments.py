"""What each layer hears: the second moments of its inputs over recordings, to round weights by."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training.evaluate import log_probabilities, spread
from training.model import DeepSpeech
from training.prepare import Corpus
from training.rounding import Moment

Array = npt.NDArray[np.float32]

CLIPS = 60
"""Utterances to take moments of; fifteen do nearly as well."""
CLIP_WORDS = 5
"""They have at least as many, where any has."""

_READERS = {
    "layer2": ("layer2.weight",),
    "layer3": ("layer3.weight",),
    "lstm": ("lstm.weight_ih",),
    # What the LSTM says goes up and, a frame later, back into itself.
    "layer5": ("layer5.weight", "lstm.weight_hh"),
    "layer6": ("layer6.weight",),
}
"""Modules of the network, and the folded matrices that read what these are given."""


def speech_of(corpus: Corpus) -> list[Array]:
    """Return recordings from all over a corpus to take moments of; speakers left out stay out."""
    clips = corpus.select("train")
    sentences = [clip for clip in clips if clip.n_words >= CLIP_WORDS]
    return [corpus.audio(clip) for clip in spread(sentences or clips, CLIPS)]


def input_moments(model: DeepSpeech, audios: Iterable[Array]) -> dict[str, Moment]:
    """Return the second moments ``[in, in]`` of the inputs of each folded matrix but the first.

    ``audios`` are recordings at 16 kHz, full scale 1.0. Keys are those of ``DeepSpeech.folded``.
    """
    moments: dict[str, Moment] = {}
    rows: dict[str, int] = {}

    def listen(name: str) -> None:
        def hook(_module: nn.Module, given: tuple[Tensor, ...]) -> None:
            x = given[0].flatten(0, -2).double()
            moments[name] = moments.get(name, 0.0) + (x.T @ x).numpy()
            rows[name] = rows.get(name, 0) + len(x)

        handles.append(getattr(model, name).register_forward_pre_hook(hook))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    try:
        for name in _READERS:
            listen(name)
        log_probabilities(model, audios)
    finally:
        for handle in handles:
            handle.remove()
    return {
        matrix: moments[module] / rows[module]
        for module, readers in _READERS.items()
        for matrix in readers
    }
