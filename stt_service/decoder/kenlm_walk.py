"""Asks the tables of a KenLM binary, in Python: what ``native/kenlm.c`` does, to the last bit.

N-grams are found from their last word to their first (``lm/model.cc``). A *history* is as much of
the words so far as a score may depend on, the latest first, with the back-off weights of the
n-grams that end in it; it travels as bytes, :func:`pack`.

Nothing that the tables say is trusted: an index out of a table leads nowhere, and the time of a
search is bounded in unsorted and full tables too.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left, bisect_right
from ctypes import c_float
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.kenlm_file import KenlmLayout, Table

LONGEST_SEARCH = 1 << 20
"""Buckets; in a table of 10^8 that is full to 99 %, no search takes half as many."""
MASK = (1 << 64) - 1
MIX = 0xC6A4A7935BD1E995
"""The multiplier of MurmurHash64A."""
SIGN_BIT = 1 << 31

_u32 = struct.Struct("<I").unpack_from
_u64 = struct.Struct("<Q").unpack_from
_f32 = struct.Struct("<f").unpack_from
_WEIGHTS = struct.Struct("<If")
_TRIE_UNIGRAMS = struct.Struct("<ffQ8xQ")


class Entry(NamedTuple):
    """An n-gram that was found."""

    prob: float
    """Base 10 logarithm."""
    backoff: float
    begin: int
    """Where the n-grams are that have one more word before: first record of the next level, or
    hash."""
    end: int
    leftmost: bool
    """No longer n-gram ends in this one."""


class Tables(Protocol):
    """One way of keeping n-grams."""

    def number(self, hashed: int) -> int:
        """Return the number of the word with that hash, 0 if it is unknown."""

    def unigram(self, number: int) -> Entry:
        """Return the word alone."""

    def extend(self, level: int, number: int, found: Entry) -> Entry | None:
        """Put a word before ``found``, whose order is ``level`` + 1."""


class Trie:
    """Sorted levels (``lm/trie.cc``)."""

    def __init__(self, data: NDArray[np.uint8], layout: KenlmLayout) -> None:
        self._data = data.data
        self._layout = layout
        vocabulary = layout.vocabulary
        end = vocabulary.base + 8 * vocabulary.entries
        self._words = self._data[vocabulary.base : end].cast("Q")
        self._upper = [
            self._data[level.upper : level.upper + 8 * level.upper_entries].cast("Q")
            for level in layout.levels
        ]

    def number(self, hashed: int) -> int:
        at = bisect_left(self._words, hashed)
        return at + 1 if at < len(self._words) and self._words[at] == hashed else 0

    def unigram(self, number: int) -> Entry:
        at = self._layout.unigrams + number * self._layout.unigram_size
        prob, backoff, begin, end = _TRIE_UNIGRAMS.unpack_from(self._data, at)
        return self._entry(0, prob, backoff, begin, end)

    def extend(self, level: int, number: int, found: Entry) -> Entry | None:
        table = self._layout.levels[level]
        span = range(found.begin, found.end)
        at = bisect_left(span, number, key=lambda index: self._word(table, index))
        if at == len(span) or self._word(table, span[at]) != number:
            return None
        index = span[at]
        first = index * table.record_bits + table.word_bits
        if table.probs:
            backoff = self._value(table.backoffs, table.base, first, table.backoff_bits)
            second = first + table.backoff_bits
            prob = self._value(table.probs, table.base, second, table.prob_bits)
        else:
            prob = _real(self._bits(table.base, first, table.prob_bits) | SIGN_BIT)
            second = first + table.prob_bits
            backoff = _real(self._bits(table.base, second, table.backoff_bits))
        if level + 1 == len(self._layout.levels):
            return Entry(prob, backoff, 0, 0, leftmost=True)
        begin, end = self._pointer(level, index), self._pointer(level, index + 1)
        return self._entry(level + 1, prob, backoff, begin, end)

    def _entry(self, level: int, prob: float, backoff: float, begin: int, end: int) -> Entry:
        if not begin <= end <= self._layout.levels[level].entries:
            begin = end = 0
        return Entry(prob, backoff, begin, end, leftmost=begin == end)

    def _word(self, table: Table, index: int) -> int:
        return self._bits(table.base, index * table.record_bits, table.word_bits)

    def _value(self, values: int, base: int, bit: int, width: int) -> float:
        if not width:
            return 0.0
        value: float = _f32(self._data, values + 4 * self._bits(base, bit, width))[0]
        return value

    def _pointer(self, level: int, index: int) -> int:
        table = self._layout.levels[level]
        bit = (index + 1) * table.record_bits - table.next_bits
        pointer = self._bits(table.base, bit, table.next_bits)
        above = bisect_right(self._upper[level], index)
        return pointer | max(above - 1, 0) << table.next_bits

    def _bits(self, base: int, bit: int, width: int) -> int:
        value: int = _u64(self._data, base + (bit >> 3))[0]
        return value >> (bit & 7) & ((1 << width) - 1)


class HashTables:
    """Hash tables with linear probing (``lm/search_hashed.hh``)."""

    def __init__(self, data: NDArray[np.uint8], layout: KenlmLayout) -> None:
        self._data = data.data
        self._layout = layout

    def number(self, hashed: int) -> int:
        at = self._find(self._layout.vocabulary, hashed)
        return 0 if at is None else int(_u32(self._data, at)[0])

    def unigram(self, number: int) -> Entry:
        at = self._layout.unigrams + number * self._layout.unigram_size
        return self._entry(at, number)

    def extend(self, level: int, number: int, found: Entry) -> Entry | None:
        key = (found.begin * 8978948897894561157 & MASK) ^ (
            (1 + number) * 17894857484156487943 & MASK
        )
        at = self._find(self._layout.levels[level], key)
        if at is None:
            return None
        if level + 1 == len(self._layout.levels):
            return Entry(_real(_u32(self._data, at)[0] | SIGN_BIT), 0.0, key, 0, leftmost=True)
        return self._entry(at, key)

    def _entry(self, at: int, key: int) -> Entry:
        # The sign, which all logarithms of probabilities share, marks those that are leftmost.
        prob, backoff = _WEIGHTS.unpack_from(self._data, at)
        return Entry(_real(prob | SIGN_BIT), backoff, key, 0, leftmost=bool(prob & SIGN_BIT))

    def _find(self, table: Table, key: int) -> int | None:
        """Return the byte offset of what ``key`` stands for; an empty bucket's key is 0."""
        bucket, size = key % table.entries, table.record_bits // 8
        for _ in range(LONGEST_SEARCH):
            at = table.base + bucket * size
            seen = _u64(self._data, at)[0]
            if seen == key:
                return at + 8
            if not seen:
                return None
            bucket = (bucket + 1) % table.entries
        return None


class KenlmWalk:
    """What :class:`stt_service.decoder.kenlm_model.Tables` promises. Immutable."""

    def __init__(self, data: NDArray[np.uint8], layout: KenlmLayout) -> None:
        """``layout`` must be that of ``data``."""
        self._tables: Tables = (HashTables if layout.hashed else Trie)(data, layout)
        self._most = layout.counts[0]
        self._order = layout.order

    def numbers(self, words: list[str]) -> list[int]:
        numbers = (self._tables.number(murmur(word.encode())) for word in words)
        return [number if number <= self._most else 0 for number in numbers]

    def score(self, histories: list[bytes], numbers: list[int]) -> tuple[list[float], list[bytes]]:
        found = [self._score(*one) for one in zip(histories, numbers, strict=True)]
        return [score for score, _ in found], [after for _, after in found]

    def _score(self, history: bytes, number: int) -> tuple[float, bytes]:
        words, backoffs = unpack(history)
        found: Entry | None = self._tables.unigram(number)
        assert found is not None
        score, matched = found.prob, 1
        after, weights, length = [number], [found.backoff], int(_goes_on(found.backoff))
        for level, word in enumerate(words):
            if found.leftmost or (found := self._tables.extend(level, word, found)) is None:
                break
            score, matched = found.prob, level + 2
            if matched == self._order:
                break
            after.append(word)
            weights.append(found.backoff)
            if _goes_on(found.backoff):
                length = matched
        for backoff in backoffs[matched - 1 :]:
            score = c_float(score + backoff).value  # the library adds in single precision
        return score, pack(after[:length], weights[:length])


def pack(words: list[int], backoffs: list[float]) -> bytes:
    """Return a history as bytes: the words as 32-bit numbers, then as many 32-bit floats."""
    return struct.pack(f"<{len(words)}I{len(words)}f", *words, *backoffs)


def unpack(history: bytes) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return words and back-off weights of a history."""
    length = len(history) // 8
    values = struct.unpack(f"<{length}I{length}f", history)
    return values[:length], values[length:]


def murmur(text: bytes) -> int:
    """Austin Appleby's MurmurHash64A with seed 0, by which KenLM knows words."""
    hashed = len(text) * MIX & MASK
    whole = len(text) // 8 * 8
    for (block,) in struct.iter_unpack("<Q", text[:whole]):
        mixed = block * MIX & MASK
        hashed = (hashed ^ (mixed ^ mixed >> 47) * MIX & MASK) * MIX & MASK
    if text[whole:]:
        hashed = (hashed ^ int.from_bytes(text[whole:], "little")) * MIX & MASK
    hashed = (hashed ^ hashed >> 47) * MIX & MASK
    return hashed ^ hashed >> 47


def _goes_on(backoff: float) -> bool:
    """KenLM writes -0.0 where no n-gram goes on to the right: that one need not be remembered."""
    return backoff != 0.0 or math.copysign(1.0, backoff) > 0.0


def _real(bits: int) -> float:
    value: float = struct.unpack("<f", struct.pack("<I", bits))[0]
    return value
