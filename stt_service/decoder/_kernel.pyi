"""What is written in C: the search of :mod:`kernels`, two language models' tables, a network."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.api import Hypothesis
from stt_service.decoder.kernels import Task

class Search:
    def __init__(self, task: Task, hypothesis: type[Hypothesis]) -> None: ...
    def advance(self, probabilities: NDArray[np.float32], /) -> None: ...
    def hypotheses(self, limit: int, *, final: bool) -> list[Hypothesis]: ...
    def agreed(self) -> list[int]: ...
    def settle(self, before: int, /) -> tuple[list[int], list[int], list[float]]: ...
    def states(self) -> set[int]: ...

class KenlmTables:
    def __init__(
        self,
        file: NDArray[np.uint8],
        hashed: bool,
        words: int,
        vocabulary: tuple[int, ...],
        unigrams: int,
        unigram_size: int,
        levels: tuple[tuple[int, ...], ...],
    ) -> None: ...
    def numbers(self, words: list[str], /) -> list[int]: ...
    def score(
        self, histories: list[bytes], numbers: list[int], /
    ) -> tuple[list[float], list[bytes]]: ...

class NgramTables:
    def __init__(
        self,
        keys: NDArray[np.int64],
        prob: NDArray[np.float32],
        word_prob: NDArray[np.float32],
        backoff: NDArray[np.float32],
        shorter: NDArray[np.int64],
        vocabulary: dict[str, int],
        order: int,
    ) -> None: ...
    def score(
        self,
        states: Sequence[int],
        words: Sequence[str],
        scores: NDArray[np.float32],
        after: NDArray[np.int32],
        /,
    ) -> None: ...

def expect(
    codes: NDArray[np.int8],
    scale: NDArray[np.float32],
    inner: NDArray[np.float32],
    inner_bias: NDArray[np.float32],
    outer: NDArray[np.float32],
    outer_bias: NDArray[np.float32],
    contexts: NDArray[np.int32],
    expected: NDArray[np.float32],
    /,
) -> None: ...
