"""What is written in C: the search of :mod:`kernels`, the tables of :mod:`kenlm_model`."""

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
