"""Trees whose nodes only know their parents, as rows of one array; dead branches are swept out.

The NumPy search keeps its prefixes, and the times of their labels, in one of these each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NONE = -1
"""The parent of a root."""
FIRST_ROWS = 1024
"""Rows there is room for at first."""
SWEEP_FACTOR = 3
"""A sweep is due when the rows have grown by this since the last one: amortised it is cheap."""

Ids = NDArray[np.int64]


class Forest:
    """Rows of a structured array with fields ``parent`` and ``depth`` and others of their own."""

    def __init__(self, fields: list[tuple[Any, ...]]) -> None:
        kind = np.dtype([("parent", np.int64), ("depth", np.int64), *fields])
        self._rows = np.zeros(FIRST_ROWS, kind)
        self._size = 0
        self._sweep_at = FIRST_ROWS

    def __getitem__(self, field: str) -> NDArray[Any]:
        """Return one field of all rows, to read and to write."""
        return self._rows[field]

    def __len__(self) -> int:
        return self._size

    def add(self, parent: Ids, depth: Ids) -> Ids:
        """Append zeroed rows below ``parent``, shape (n,), and return their ids, shape (n,)."""
        end = self._size + len(parent)
        while end > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[self._size : end] = np.zeros(1, self._rows.dtype)
        ids = np.arange(self._size, end)
        self._rows["parent"][ids] = parent
        self._rows["depth"][ids] = depth
        self._size = end
        return ids

    @property
    def crowded(self) -> bool:
        """Whether it is time to sweep."""
        return self._size > self._sweep_at

    def held(self, used: Ids) -> NDArray[np.bool_]:
        """Say of each row whether it is in ``used`` or above one that is, shape (rows,)."""
        keep = np.zeros(self._size, np.bool_)
        climbing = np.unique(used)
        while len(climbing):
            keep[climbing] = True
            climbing = np.unique(self._rows["parent"][climbing])
            climbing = climbing[climbing != NONE]
            climbing = climbing[~keep[climbing]]
        return keep

    def sweep(self, used: Ids) -> Ids:
        """Keep the rows in ``used`` and what is above them; return old id to new id."""
        keep = self.held(used)
        renumbered = np.where(keep, np.cumsum(keep) - 1, NONE)
        rows = self._rows[: self._size][keep]
        rows["parent"] = np.where(rows["parent"] == NONE, NONE, renumbered[rows["parent"]])
        self._size = len(rows)
        self._sweep_at = max(FIRST_ROWS, SWEEP_FACTOR * self._size)
        self._rows = np.zeros(max(FIRST_ROWS, self._sweep_at), rows.dtype)
        self._rows[: self._size] = rows
        return renumbered

    def chain(self, row: int, above: int = 0) -> list[int]:
        """Return the ids from depth ``above`` + 1 down to ``row``."""
        parent, depth = self._rows["parent"], self._rows["depth"]
        ids = []
        while row != NONE and depth[row] > above:
            ids.append(row)
            row = int(parent[row])
        return ids[::-1]

    def ancestors(self, rows: Ids, depth: int) -> Ids:
        """Return for each row its ancestor at ``depth``, or itself where it lies above that."""
        rows = rows.copy()
        while len(low := np.flatnonzero(self._rows["depth"][rows] > depth)):
            rows[low] = self._rows["parent"][rows[low]]
        return rows

    def common(self, rows: Ids) -> int:
        """Return the deepest row that all of ``rows`` descend from or are."""
        rows = np.unique(rows)
        while len(rows) > 1:
            depth = self._rows["depth"][rows]
            shallow = depth.min()
            low = depth > shallow if depth.max() > shallow else np.ones(len(rows), np.bool_)
            rows = np.unique(np.where(low, self._rows["parent"][rows], rows))
        return int(rows[0])
