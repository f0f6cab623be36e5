"""One language model shared by many streams, each of which forgets on its own.

A model hands out states and frees them on demand; but one stream must not free what another
still uses. So each stream holds a lease, which notes the states it was given.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.api import LanguageModel


class Pool:
    """All leases of one language model."""

    def __init__(self, language: LanguageModel) -> None:
        self._language = language
        self._leases: weakref.WeakSet[Lease] = weakref.WeakSet()

    def lease(self) -> Lease:
        """Lend the model to one more stream, having freed what ended streams held."""
        self.release()
        lease = Lease(self._language, self)
        self._leases.add(lease)
        return lease

    def release(self) -> None:
        """Free the states that no lease holds."""
        held = [lease.held for lease in self._leases]
        self._language.release(set().union(*held))


class Lease:
    """One stream's :class:`~stt_service.decoder.api.LanguageModel`; ends when it is dropped."""

    def __init__(self, language: LanguageModel, pool: Pool) -> None:
        self._language = language
        self._pool = pool
        self.held: set[int] = set()
        """States given out to this stream."""

    @property
    def id(self) -> str:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        return self._language.id

    @property
    def order(self) -> int:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        return self._language.order

    def start(self) -> int:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        return self._language.start()

    def score(
        self, states: Sequence[int], words: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        scores, after = self._language.score(states, words)
        self.held.update(after.tolist())
        return scores, after

    def alike(self, states: NDArray[np.int32]) -> NDArray[np.int64]:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        return self._language.alike(states)

    def knows(self, word: str) -> bool:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        return self._language.knows(word)

    def release(self, keep: Collection[int] = ()) -> None:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        self.held = set(keep)
        self._pool.release()
