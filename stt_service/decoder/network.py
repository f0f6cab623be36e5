"""A small neural network that says which word comes next, by more words back than n-grams reach.

    the last words, as vectors  ->  a layer of rectified sums  ->  the vector that is expected next

The nearer a word's own vector is to the expected one, the likelier the word (Bengio and others,
2003; vectors of both sides are shared, as Press and Wolf found best in 2017). It knows the most
frequent words only. Its scores are logs of probabilities that are trained to sum to 1, so that no
sum over all words is needed (Devlin and others, 2014).

Weights are packed into an ``.ngram`` file: vectors as bytes with a scale for each word, the rest in
half precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WHOLE, REAL = "i", "f"
SECTIONS = {
    "net_codes": WHOLE,
    "net_scale": REAL,
    "net_bias": REAL,
    "net_inner": REAL,
    "net_inner_bias": REAL,
    "net_outer": REAL,
    "net_outer_bias": REAL,
}
"""Name of each section of the file to the kind of its numbers."""
LARGEST_CODE = 127
WIDEST = 4096
"""Units of a layer, and words back; more is damage."""


@dataclass(frozen=True)
class Network:
    """The weights. Words are numbers: those of the n-gram model, of which these are the first."""

    codes: NDArray[np.int8]
    """Shape (words, width): each word's vector, before its scale."""
    scale: NDArray[np.float32]
    """Shape (words,)."""
    bias: NDArray[np.float32]
    """Shape (words,): how likely each word is anywhere, natural log."""
    inner: NDArray[np.float32]
    """Shape (context * width, units): of the vectors of the last words, the earliest first."""
    inner_bias: NDArray[np.float32]
    """Shape (units,)."""
    outer: NDArray[np.float32]
    """Shape (units, width)."""
    outer_bias: NDArray[np.float32]
    """Shape (width,)."""
    share: float
    """Its weight in the mean of its probabilities and the n-gram model's; between 0 and 1."""

    @property
    def words(self) -> int:
        """How many words it knows, the marks included."""
        return len(self.codes)

    @property
    def context(self) -> int:
        """How many words it looks back."""
        return len(self.inner) // len(self.outer_bias)

    def expect(self, contexts: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the vectors expected after words of numbers ``contexts``, shape (n, context).

        Shape (n, width). A word that is not known is number 0. Raises :exc:`IndexError` for a
        number of none. In C where that was compiled.
        """
        try:
            from stt_service.decoder import _kernel  # noqa: PLC0415 - may not be there
        except ImportError:
            return self.expect_in_numpy(contexts)
        expected = np.empty((len(contexts), len(self.outer_bias)), np.float32)
        _kernel.expect(
            self.codes,
            self.scale,
            self.inner,
            self.inner_bias,
            self.outer,
            self.outer_bias,
            contexts,
            expected,
        )
        return expected

    def expect_in_numpy(self, contexts: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the same to rounding; some NumPy libraries start threads for it."""
        vectors = self.codes[contexts] * self.scale[contexts][:, :, None]
        units = vectors.reshape(len(contexts), len(self.inner)) @ self.inner + self.inner_bias
        expected: NDArray[np.float32] = np.maximum(units, 0) @ self.outer + self.outer_bias
        return expected

    def score(self, expected: NDArray[np.float32], words: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the natural logs of known ``words``, shape (n,), each where ``expected`` is so.

        At most 0, as the search counts on, though they sum to 1 only about.
        """
        near = np.einsum("nw,nw->n", expected, self.codes[words], dtype=np.float32)
        scores: NDArray[np.float32] = np.minimum(near * self.scale[words] + self.bias[words], 0)
        return scores


def quantise(
    vectors: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return codes and scales of ``vectors``, shape (words, width)."""
    scale = np.maximum(np.abs(vectors).max(axis=1) / LARGEST_CODE, np.finfo(np.float32).tiny)
    codes = np.clip(np.rint(vectors / scale[:, None]), -LARGEST_CODE, LARGEST_CODE)
    return codes.astype(np.int8), scale.astype(np.float32)


def sections(network: Network) -> dict[str, NDArray[Any]]:
    """Return what the file keeps, rows as :data:`SECTIONS` names them."""
    return {
        "net_codes": network.codes.ravel(),
        "net_scale": network.scale.astype("<f4"),
        "net_bias": network.bias.astype("<f2"),
        "net_inner": network.inner.ravel().astype("<f2"),
        "net_inner_bias": network.inner_bias.astype("<f2"),
        "net_outer": network.outer.ravel().astype("<f2"),
        "net_outer_bias": network.outer_bias.astype("<f2"),
    }


def shape(network: Network) -> dict[str, float]:
    """Return what the file's header tells of it."""
    return {
        "words": network.words,
        "context": network.context,
        "width": network.codes.shape[1],
        "units": len(network.inner_bias),
        "share": network.share,
    }


def unpack(told: Mapping[str, Any], rows: Mapping[str, NDArray[Any]]) -> Network:
    """Make a network of a header and sections.

    Raises :exc:`KeyError`, :exc:`TypeError` or :exc:`ValueError` when they do not fit.
    """
    words, context, width, units = (
        int(told[name]) for name in ("words", "context", "width", "units")
    )
    share = float(told["share"])
    if min(words, context, width, units) < 1 or max(context, width, units) > WIDEST:
        raise ValueError("a network of no such size")
    if not 0 < share < 1:
        raise ValueError("a network's share is none")
    reals = {name: rows[name].astype(np.float32) for name in SECTIONS if name != "net_codes"}
    if not all(np.isfinite(row).all() for row in reals.values()):
        raise ValueError("a network's weight is no number")
    return Network(
        codes=rows["net_codes"].reshape(words, width),
        scale=reals["net_scale"].reshape(words),
        bias=reals["net_bias"].reshape(words),
        inner=reals["net_inner"].reshape(context * width, units),
        inner_bias=reals["net_inner_bias"].reshape(units),
        outer=reals["net_outer"].reshape(units, width),
        outer_bias=reals["net_outer_bias"].reshape(width),
        share=share,
    )
