"""Where the tables of a KenLM binary lie: bytes of a memory map in, a :class:`KenlmLayout` out.

The format (``lm/binary_format.cc``, version 5) is a dump of memory without any offsets in it: a
header with the kind of the model and the number of n-grams of each length, from which everything
else follows. It also follows where the language model ends and DeepSpeech's part begins.
Sizes are those of ``lm/vocab.cc``, ``lm/search_hashed.hh``, ``lm/trie.cc``, ``lm/quantize.cc`` and
``lm/bhiksha.cc``.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stt_service.errors import ScorerError

MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\x00"
SANITY = MAGIC.ljust(56, b"\x00") + struct.pack("<fffIIIQ", 0.0, 1.0, -0.5, 1, 2**32 - 1, 0, 1)
"""What every version 5 file begins with: constants that prove equal byte order and floats."""
LARGEST_ORDER = 6
"""``KENLM_MAX_ORDER`` of DeepSpeech's library: no scorer has longer n-grams."""
LARGEST_NUMBER = 2**32 - 2
"""Words that 32 bits can number, with room for one more."""

PROBING, REST_PROBING, TRIE, QUANTISED_TRIE, ARRAY_TRIE, QUANTISED_ARRAY_TRIE = range(6)
HASHED = {PROBING, REST_PROBING}
QUANTISED = {QUANTISED_TRIE, QUANTISED_ARRAY_TRIE}
ARRAYS = {ARRAY_TRIE, QUANTISED_ARRAY_TRIE}
NAMES = {
    PROBING: "probing",
    REST_PROBING: "probing with rest costs",
    TRIE: "trie",
    QUANTISED_TRIE: "quantised trie",
    ARRAY_TRIE: "trie with array pointers",
    QUANTISED_ARRAY_TRIE: "quantised trie with array pointers",
}


@dataclass(frozen=True)
class Table:
    """Records of equal size, one after another, without regard to byte boundaries.

    In a trie: a word, a probability, a back-off weight (the weight first where they are
    quantised) and the index of the first record of the next order. In a hash table all but
    :attr:`record_bits` are 0: an 8-byte key and what it stands for. In a sorted vocabulary: the
    hash of a word.
    """

    entries: int
    """Records in use; for hash tables all."""
    base: int
    """Byte offset in the file."""
    record_bits: int
    word_bits: int = 0
    prob_bits: int = 0
    backoff_bits: int = 0
    """0 for n-grams of the highest order."""
    next_bits: int = 0
    """Bits of the index kept in the record; 0 for n-grams of the highest order."""
    probs: int = 0
    """Byte offset of the 32-bit floats that quantised probabilities stand for; else 0."""
    backoffs: int = 0
    """The same for back-off weights."""
    upper: int = 0
    """Byte offset of the 64-bit array that tells the upper bits of indices: item i is the first
    record whose index has i above its ``next_bits``."""
    upper_entries: int = 0


@dataclass(frozen=True)
class KenlmLayout:
    """What the header of a KenLM binary says, and where that puts its parts."""

    kind: int
    """One of :data:`NAMES`."""
    counts: tuple[int, ...]
    """Number of n-grams for each order."""
    vocabulary: Table
    """Which words there are."""
    unigrams: int
    """Byte offset of the unigrams, by number of the word. 0 is ``<unk>``."""
    unigram_size: int
    """Bytes: two 32-bit floats, probability and back-off weight, and more according to kind."""
    levels: tuple[Table, ...]
    """Orders 2 and up."""
    end: int
    """Byte offset after the last table: here DeepSpeech's part begins."""

    @property
    def order(self) -> int:
        """Length of the longest n-gram."""
        return len(self.counts)

    @property
    def hashed(self) -> bool:
        """Whether tables are hash tables; else they are the levels of a trie."""
        return self.kind in HASHED


def read_layout(data: NDArray[np.uint8], where: str) -> KenlmLayout:
    """Read the header of the KenLM binary ``data``, a map of a whole file.

    Raises :exc:`ScorerError` when it is none, or promises more than the file holds.
    """
    if data[: len(SANITY)].tobytes() != SANITY:
        raise ScorerError(
            f"{where} does not begin as a KenLM binary of version 5",
            "Build it with KenLM's build_binary on a little-endian machine",
        )
    head = data[88 : 88 + 20 + 8 * LARGEST_ORDER].tobytes().ljust(20 + 8 * LARGEST_ORDER, b"\0")
    order, multiplier, kind, _, version = struct.unpack_from("<B3xfIB3xI", head)
    if not 2 <= order <= LARGEST_ORDER:
        raise damaged(where, f"it claims n-grams of length {order}")
    if kind not in NAMES:
        raise ScorerError(
            f"{where} holds a KenLM model of kind {kind}, which this program does not know",
            "Build it as trie or probing",
        )
    if version != (kind not in HASHED):
        raise damaged(where, f"its tables have version {version}")
    counts = struct.unpack_from(f"<{order}Q", head, 20)
    if counts[0] < 2 or max(counts) > 8 * len(data) or counts[0] > LARGEST_NUMBER:
        raise damaged(where, "it counts more n-grams than the file can hold")
    start = -(-(88 + 20 + 8 * order) // 8) * 8
    if kind in HASHED:
        layout = _hashed(where, kind, counts, multiplier, start)
    else:
        layout = _trie(data, where, kind, counts, start)
    if layout.end > len(data):
        raise ScorerError(
            f"{where} is cut short: its language model should take {layout.end} bytes, "
            f"the file has {len(data)}",
            "Fetch it again",
        )
    if not layout.hashed and not 0 < layout.vocabulary.entries <= counts[0]:
        raise damaged(where, "its vocabulary has a wrong count")
    return layout


def _hashed(
    where: str, kind: int, counts: tuple[int, ...], multiplier: float, start: int
) -> KenlmLayout:
    if not 1.0 < multiplier < 100.0:
        raise damaged(where, f"its hash tables are {multiplier} times as large as needed")

    def table(at: int, entries: int, size: int) -> Table:
        # The library multiplies in single precision.
        buckets = max(entries + 1, int(np.float32(multiplier) * np.float32(entries)))
        return Table(buckets, at, 8 * size)

    def end(of: Table) -> int:
        return of.base + of.entries * of.record_bits // 8

    # Compilers pad an entry to 8 bytes, but not one with rest costs, which is declared packed.
    unigram_size, middle_size = (12, 20) if kind == REST_PROBING else (8, 16)
    vocabulary = table(start + 8, counts[0], 12)
    unigrams = end(vocabulary)
    at = unigrams + unigram_size * (counts[0] + 1)
    levels = []
    for i, count in enumerate(counts[1:], 2):
        levels.append(table(at, count, middle_size if i < len(counts) else 12))
        at = end(levels[-1])
    return KenlmLayout(kind, counts, vocabulary, unigrams, unigram_size, tuple(levels), at)


def _trie(
    data: NDArray[np.uint8], where: str, kind: int, counts: tuple[int, ...], start: int
) -> KenlmLayout:
    order = len(counts)
    words = int.from_bytes(data[start : start + 8].tobytes(), "little")
    vocabulary = Table(words, start + 8, 64, 64)
    at = start + 8 + 8 * counts[0]
    prob_bits, backoff_bits = 31, 32  # the sign of a probability's logarithm is known
    values = [(0, 0)] * (order - 1)
    if kind in QUANTISED:
        version, prob_bits, backoff_bits = _bytes(data, at, 3)
        if version != 2 or not (0 < prob_bits <= 25 and 0 < backoff_bits <= 25):
            raise damaged(where, "its quantisation tables cannot be read")
        probs, pair = 4 << prob_bits, (4 << prob_bits) + (4 << backoff_bits)
        values = [(at + 8 + i * pair, at + 8 + i * pair + probs) for i in range(order - 1)]
        at = values[-1][1]
    unigrams = at
    at += 16 * (counts[0] + 2)
    chop_limit = 0
    if kind in ARRAYS and order > 2:
        version, chop_limit = _bytes(data, at, 2)
        if version != 0:
            raise damaged(where, "its pointer tables cannot be read")
    word_bits = counts[0].bit_length()
    levels = []
    for (entries, following), value in zip(itertools.pairwise(counts[1:]), values, strict=False):
        next_bits, upper, upper_entries = following.bit_length(), 0, 0
        if kind in ARRAYS:
            next_bits -= _chop(entries + 1, following, chop_limit)
            upper = -(-at // 8) * 8 + 8
            upper_entries = (following >> next_bits) + 1
            at += 8 * (1 + upper_entries) + 7
        bits = (word_bits, prob_bits, backoff_bits, next_bits)
        levels.append(Table(entries, at, sum(bits), *bits, *value, upper, upper_entries))
        at += _packed(levels[-1])
    longest = word_bits + prob_bits
    levels.append(
        Table(counts[-1], at, longest, word_bits, prob_bits=prob_bits, probs=values[-1][0])
    )
    at += _packed(levels[-1])
    return KenlmLayout(kind, counts, vocabulary, unigrams, 16, tuple(levels), at)


def _packed(table: Table) -> int:
    """Bytes that a level of a trie takes: one record more ends it, 8 bytes may be read past it."""
    return ((1 + table.entries) * table.record_bits + 7) // 8 + 8


def _chop(entries: int, following: int, limit: int) -> int:
    """How many upper bits of an index the library moves to a table (``lm/bhiksha.cc``)."""
    required = following.bit_length()
    costs = [
        (following >> (required - chop)) * 64 - entries * chop
        for chop in range(min(required, limit) + 1)
    ]
    return costs.index(min(costs))


def _bytes(data: NDArray[np.uint8], at: int, count: int) -> list[int]:
    return [int(data[i]) if i < len(data) else 255 for i in range(at, at + count)]


def damaged(where: str, problem: str) -> ScorerError:
    """Return the error to raise when what ``where`` holds cannot be meant."""
    return ScorerError(f"{where} is damaged: {problem}", "Fetch or build it again")
