"""Whether the tables of a KenLM binary say what they should: damage is told when a file is opened.

Our readers of the tables trust nothing and come to no harm in any file, but a wrong answer is one
that nobody notices; and the original libraries (:mod:`stt_service.engine.native`) follow pointers
unchecked, out of the map. So the order in which tables are searched, and where they point, is
looked through.
Tables in total above :data:`CHECK_LIMIT` are only checked at vocabulary and unigrams, so that the
official scorer opens without being read whole; for files of that size rely on their checksum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.kenlm_file import KenlmLayout, Table, damaged

CHECK_LIMIT = 32 << 20
"""Bytes of tables up to which all of them are walked: some 0.3 s on a PC, 1 s on a Pi 4."""
BLOCK = 1 << 18
"""Entries decoded together: bounds the memory of the walk to a few MB."""


def check_tables(data: NDArray[np.uint8], layout: KenlmLayout, where: str) -> None:
    """Walk the tables. Raises :exc:`ScorerError` where they cannot be what the library wrote."""
    whole = layout.end <= CHECK_LIMIT
    if layout.hashed:
        _check_hashes(data, layout, where, whole=whole)
        return
    words = layout.vocabulary.entries
    if not _ascends(np.ndarray(words, "<u8", data, layout.vocabulary.base), strictly=True):
        raise damaged(where, "its vocabulary is not sorted")
    pointers = np.ndarray(words + 2, "<u8", data, layout.unigrams + 8, (16,))
    if pointers[-1] > layout.counts[1] or not _ascends(pointers):
        raise damaged(where, "its unigrams point nowhere")
    if not whole:
        return
    heads = np.zeros(layout.counts[1] + 1, bool)
    heads[pointers] = True
    for level, following in zip(layout.levels, (*layout.counts[2:], 0), strict=True):
        heads = _check_level(data, level, layout.counts[0], following, heads, where)


def _check_level(
    data: NDArray[np.uint8],
    level: Table,
    words: int,
    following: int,
    heads: NDArray[np.bool_],
    where: str,
) -> NDArray[np.bool_]:
    """Words ascend within each history, pointers ascend; return the heads of the next order."""
    heads_below = np.zeros(following + 1, bool)
    upper = np.ndarray(level.upper_entries, "<u8", data, level.upper)
    if level.upper and (upper[0] != 0 or not _ascends(upper)):
        raise damaged(where, "its pointer tables are not sorted")
    last_word = last_pointer = 0
    for i in range(0, level.entries + 1, BLOCK):
        rows = np.arange(i, min(i + BLOCK, level.entries + 1))
        found = _bits(data, level.base, rows * level.record_bits, level.word_bits)
        inner = found[: level.entries - i]
        if inner.max(initial=0) > words:
            raise damaged(where, "an n-gram has a word outside of the vocabulary")
        before = np.concatenate(([last_word], inner[:-1]))
        if not heads[i : i + len(inner)][inner <= before].all():
            raise damaged(where, "its n-grams are not sorted")
        last_word = int(inner[-1]) if len(inner) else 0
        if not following:
            continue
        offset = level.record_bits - level.next_bits
        pointers = _bits(data, level.base, rows * level.record_bits + offset, level.next_bits)
        if level.upper:
            above = np.searchsorted(upper, rows.astype(np.uint64), side="right") - 1
            pointers |= above << level.next_bits
        if pointers[-1] > following or pointers[0] < last_pointer or not _ascends(pointers):
            raise damaged(where, "its n-grams point nowhere")
        last_pointer = int(pointers[-1])
        heads_below[pointers] = True
    return heads_below


def _check_hashes(data: NDArray[np.uint8], layout: KenlmLayout, where: str, *, whole: bool) -> None:
    """Every table has an empty bucket, at which an unlucky search ends; words are in bounds."""
    vocabulary = layout.vocabulary
    version, words = np.ndarray(2, "<u4", data, vocabulary.base - 8).tolist()
    if version != 0 or words > layout.counts[0] + 1:
        raise damaged(where, "its vocabulary has a wrong count")
    for table in (vocabulary, *layout.levels):
        seen = table.entries if whole else min(table.entries, BLOCK)
        keys = np.ndarray(seen, "<u8", data, table.base, (table.record_bits // 8,))
        if keys.all():
            raise damaged(where, "a hash table has no room")
    numbers = np.ndarray(vocabulary.entries, "<u4", data, vocabulary.base + 8, (12,))
    if numbers.max() > layout.counts[0]:
        raise damaged(where, "a word has no unigram")


def _bits(
    data: NDArray[np.uint8], base: int, positions: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    """Decode unsigned numbers of ``width`` bits at bit ``positions`` after byte ``base``."""
    overlapping = np.ndarray(len(data) - base - 7, "<u8", data, base, (1,))
    values = overlapping[positions >> 3] >> (positions & 7).astype(np.uint64)
    return np.asarray(values & np.uint64((1 << width) - 1), np.int64)


def _ascends(values: NDArray[np.uint64] | NDArray[np.int64], *, strictly: bool = False) -> bool:
    if strictly:
        return bool((values[1:] > values[:-1]).all())
    return bool((values[1:] >= values[:-1]).all())
