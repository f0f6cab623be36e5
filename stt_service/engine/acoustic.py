"""The acoustic half of the LiteRT engine: samples in, label probabilities out.

It follows DeepSpeech's streaming (``native_client/deepspeech.cc``) to the frame, through three
buffers that hold the least that the next step needs:

* samples, until there are enough windows to fill the network's next run;
* rows of features: those of that run with ``n_context`` more on either side. Beyond both ends
  of the utterance rows are zero;
* the LSTM's two state vectors, handed from run to run.

A run takes ``n_steps`` frames. Features are computed for a whole run at a time and never in other
portions, so that not even the last bit depends on how the audio was cut into chunks.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stt_service.engine.api import Samples
from stt_service.engine.features import FULL_SCALE, FeatureExtractor
from stt_service.engine.graph import GraphInfo, read_graph
from stt_service.engine.network import Network, Probabilities, open_network
from stt_service.engine.owner import Owner
from stt_service.errors import EngineError, ModelError

Kernels = Literal["auto", "original", "fast"]
"""How int8 layers are computed.

``original`` rounds activations as the original library does, so that the same words come out even
of unclear speech. ``fast`` (XNNPACK) rounds them over the range that they have: a sixth to half of
the time. ``auto`` takes ``fast`` where both give the same numbers, which a model's file says
(:attr:`~stt_service.engine.graph.GraphInfo.rounds_alike`; those that :mod:`training` exports do),
and for files larger than :data:`ORIGINAL_BYTES`, else ``original``.
"""

ORIGINAL_BYTES = 8 << 20
"""File size up to which ``original`` kernels are quick enough everywhere: with int8 weights, layers
of about 800 units, which take 3 % of a desktop core. For larger ones their time counts for more
than the last digits, which are the finer ones with ``fast``."""

MAX_GAIN = 10 ** (30 / 20)
"""30 decibels, by which quiet speech is raised at most: 16 bits hold little but noise below."""

MAX_THREADS = 64
"""More than any board has; a typing error must not start thousands."""


def default_threads() -> int:
    """Return how many threads leave one core free for the rest of the machine."""
    return max(1, len(os.sched_getaffinity(0)) - 1)


class AcousticModel:
    """One network with its features, shared by all streams.

    Owned by the thread that made it: any other is refused with :exc:`EngineError`.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int | None = None,
        kernels: Kernels = "auto",
        graph: GraphInfo | None = None,
        speech_level: float | None = None,
    ) -> None:
        """Open ``path``, which ``probe`` has tried; ``graph`` is what it is known to be.

        ``speech_level``, in decibels below full scale, is what :meth:`quiet` goes by.
        Raises :exc:`ModelError`.
        """
        count = default_threads() if threads is None else threads
        if not 1 <= count <= MAX_THREADS:
            raise EngineError(f"an engine runs on 1 to {MAX_THREADS} threads, not {count}")
        self.info = graph or read_graph(path)
        self.features = FeatureExtractor(self.info)
        self._wanted = 0.0 if speech_level is None else FULL_SCALE**2 * 10 ** (speech_level / 10)
        self._owner = Owner()
        alike = self.info.rounds_alike or path.stat().st_size > ORIGINAL_BYTES
        fast = kernels == "fast" or (kernels == "auto" and alike)
        try:
            self._network: Network = open_network(path, threads=count, fast=fast)
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path} cannot be run: {error}") from error

    def check_thread(self) -> None:
        """Raise :exc:`EngineError` in any thread but the owner."""
        self._owner.check()

    def run(
        self,
        batch: NDArray[np.float32],
        cell: NDArray[np.float32],
        hidden: NDArray[np.float32],
    ) -> Probabilities:
        """Run the network on ``batch``, shape (n_steps, 2 * n_context + 1, n_features).

        ``cell`` and ``hidden``, shape (state_size,), are replaced by the state afterwards.
        Raises :exc:`EngineError`.
        """
        try:
            probabilities = self._network.run(batch, cell, hidden)
        except RuntimeError as error:
            raise EngineError(f"the acoustic model failed: {error}") from error
        if not np.isfinite(probabilities).all():
            raise EngineError("the acoustic model gives no numbers", "Fetch the model file again")
        return probabilities

    def quiet(self, loudest: float) -> bool:
        """Say whether speech is quieter than the network knows.

        ``loudest`` is the mean square of its loudest window. Never so without a ``speech_level``.
        """
        return loudest < self._wanted

    def gain(self, loudest: float) -> float:
        """Return by what factor speech is to be raised, at least 1; ``loudest`` as in quiet."""
        if not loudest or not self.quiet(loudest):
            return 1.0
        return min(math.sqrt(self._wanted / loudest), MAX_GAIN)

    def probabilities(self, samples: Samples) -> Probabilities:
        """Return the probabilities of a whole recording at once, raised if it is quiet."""
        heard, loudest = self._hear(samples, 1.0)
        gain = self.gain(loudest)
        return heard if gain == 1 else self._hear(samples, gain)[0]

    def _hear(self, samples: Samples, gain: float) -> tuple[Probabilities, float]:
        parts: list[Probabilities] = []
        stream = AcousticStream(self, parts.append, gain)
        stream.feed(samples)
        stream.finish()
        return np.concatenate(parts), stream.loudest


class AcousticStream:
    """One utterance on its way through the network. Used by the model's thread."""

    def __init__(
        self,
        model: AcousticModel,
        sink: Callable[[Probabilities], None],
        gain: float = 1.0,
    ) -> None:
        """``sink`` is called with each run's probabilities, in order; ``gain`` is a factor."""
        info = model.info
        self._model = model
        self._sink = sink
        self._hop, self._window = info.hop, info.window
        self._context, self._steps = info.n_context, info.n_steps
        # The first run needs the frames ahead of it as well; later runs have those already.
        self._portion = info.n_steps + info.n_context
        self._samples = np.zeros(self._reach(self._portion), np.int16)
        self._filled = 0
        self._rows = np.zeros((info.n_steps + 2 * info.n_context, info.n_features), np.float32)
        self._row = info.n_context
        self._gain = gain
        self.loudest = 0.0
        """Mean square of the loudest window so far."""
        around = sliding_window_view(self._rows, 2 * info.n_context + 1, axis=0)
        self._batch = around.transpose(0, 2, 1)
        self._cell = np.zeros(info.state_size, np.float32)
        self._hidden = np.zeros(info.state_size, np.float32)

    def _reach(self, frames: int) -> int:
        """Return how many samples ``frames`` windows span."""
        return (frames - 1) * self._hop + self._window

    def check_thread(self) -> None:
        """Raise :exc:`EngineError` in any thread but the model's."""
        self._model.check_thread()

    def feed(self, samples: Samples) -> None:
        """Take samples, any number of them. Raises :exc:`EngineError`."""
        self._model.check_thread()
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise EngineError(
                f"a stream takes int16 samples of one channel, not {samples.dtype} of shape "
                f"{samples.shape}",
                "Convert the audio with stt_service.audio.resample first",
            )
        done = 0
        while done < len(samples):
            wanted = self._reach(self._portion)
            part = samples[done : done + wanted - self._filled]
            self._samples[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            done += len(part)
            if self._filled == wanted:
                self._take_frames(self._portion)
                self._portion = self._steps

    def finish(self) -> None:
        """Take what is left: a last window filled up with zeros, and zero rows as context."""
        self._model.check_thread()
        whole = max(0, 1 + (self._filled - self._window) // self._hop)
        self._samples[self._filled :] = 0
        self._filled = self._reach(whole + 1)
        self._take_frames(whole + 1)
        self._take_rows(np.zeros((self._context, self._rows.shape[1]), np.float32))
        left = self._row - 2 * self._context
        if left > 0:
            self._rows[self._row :] = 0.0
            self._run(left)

    def _take_frames(self, count: int) -> None:
        windows = sliding_window_view(self._samples[: self._filled], self._window)[:: self._hop]
        power = np.square(windows, dtype=np.float64).mean(axis=1).max()
        self.loudest = max(self.loudest, float(power))
        self._take_rows(self._model.features(windows, self._gain))
        used = count * self._hop
        self._filled -= used
        self._samples[: self._filled] = self._samples[used : used + self._filled]

    def _take_rows(self, rows: NDArray[np.float32]) -> None:
        while len(rows):
            part = rows[: len(self._rows) - self._row]
            self._rows[self._row : self._row + len(part)] = part
            self._row += len(part)
            rows = rows[len(part) :]
            if self._row == len(self._rows):
                self._run(self._steps)
                self._row = 2 * self._context
                self._rows[: self._row] = self._rows[self._steps :]

    def _run(self, frames: int) -> None:
        self._sink(self._model.run(self._batch, self._cell, self._hidden)[:frames])
