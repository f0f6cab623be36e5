"""The ``.ngram`` file: one small file, little endian, mapped and checked.

    bytes 0-7    ``STTNGRAM``
    8-11         format version, 1
    12-15        length of the header in bytes
    16-19        CRC-32 of the header
    20-          header, JSON: order, counts, alpha, beta, notes, body_crc, and sections:
                 name -> [dtype, offset in the body, number of items]
    then         body, from the next multiple of 16; so is each section in it

Nodes are numbered through all orders: words first (0 ``<unk>``, 1 ``<s>``, 2 ``</s>``), then the
n-grams of order 2 and up, each order sorted by history and word. A node's number is that of the
history it is, too, so one array of children per node gives all histories.

Probabilities and back-off weights of orders 2 and up are codes into one book of 256 values each,
the means of 256 classes of values. Words keep half-precision numbers of their own.

A file may have a neural network, too (see :mod:`~stt_service.decoder.network`): its sections, and
``network`` in the header, which is null otherwise.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder import network
from stt_service.decoder.network import Network
from stt_service.decoder.ngram_counts import MARKS
from stt_service.errors import ScorerError

MAGIC = b"STTNGRAM"
VERSION = 1
HEAD = struct.Struct("<8sIII")
HEADER_LIMIT = 1 << 16
"""Bytes; a header beyond this is damage."""
ALIGNMENT = 16
LARGEST_ORDER = 5
BOOK = 256
EVEN = 160
"""Classes of values of the same width."""
LOWEST = -230.0
"""Natural log; about 1e-100, what ARPA files write as -99."""
WHOLE, REAL = "u", "f"
SECTIONS = {
    "words": WHOLE,
    "word_prob": REAL,
    "word_backoff": REAL,
    "last": WHOLE,
    "children": WHOLE,
    "prob": WHOLE,
    "prob_book": REAL,
    "backoff": WHOLE,
    "backoff_book": REAL,
    "link": WHOLE,
}
"""Name of each section to the kind of its numbers."""


@dataclass(frozen=True)
class Tables:
    """An n-gram model as arrays. Natural logs throughout."""

    words: tuple[str, ...]
    """The vocabulary; ``<unk>``, ``<s>``, ``</s>`` first."""
    counts: tuple[int, ...]
    """Nodes for each order."""
    word_prob: NDArray[np.float32]
    """Shape (words,)."""
    word_backoff: NDArray[np.float32]
    """Shape (words,)."""
    last: NDArray[np.unsignedinteger[Any]]
    """Shape (n-grams of order 2 and up,): the last word of each."""
    children: NDArray[np.unsignedinteger[Any]]
    """Shape (nodes below the highest order,): how many n-grams have this node as history."""
    prob: NDArray[np.float32]
    """Shape (n-grams of order 2 and up,)."""
    backoff: NDArray[np.float32]
    """Shape (nodes of orders 2 to order - 1,)."""
    link: NDArray[np.uint32]
    """Shape (nodes of orders 3 to order - 1,): node of the n-gram without its first word."""
    alpha: float = 0.75
    beta: float = 1.85
    notes: str = ""
    """How it was made, for people."""
    network: Network | None = None
    """Asked beside the n-grams, where the file has one."""

    @property
    def order(self) -> int:
        """Length of the longest n-gram."""
        return len(self.counts)


def write_ngram(path: Path, tables: Tables) -> int:
    """Quantise and write ``tables``; return the file's size in bytes. Replaces ``path`` at once.

    Raises :exc:`ScorerError` when the file cannot be written.
    """
    content = encode_ngram(tables)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise ScorerError(
            f"{path} cannot be written: {error.strerror}", "Check the path"
        ) from error
    return len(content)


def encode_ngram(tables: Tables) -> bytes:
    """Quantise ``tables``; return the file's content."""
    prob_book, prob = _quantise(tables.prob)
    backoff_book, backoff = _quantise(tables.backoff)
    blob = "\n".join(tables.words).encode()
    sections: dict[str, NDArray[Any]] = {
        "words": np.frombuffer(blob, np.uint8),
        "word_prob": np.maximum(tables.word_prob, LOWEST).astype("<f2"),
        "word_backoff": np.maximum(tables.word_backoff, LOWEST).astype("<f2"),
        "last": _narrow(tables.last),
        "children": _narrow(tables.children),
        "prob": prob,
        "prob_book": prob_book,
        "backoff": backoff,
        "backoff_book": backoff_book,
        "link": tables.link.astype("<u4"),
    }
    if tables.network:
        sections |= network.sections(tables.network)
    body = bytearray()
    places = {}
    for name, values in sections.items():
        body.extend(bytes(-len(body) % ALIGNMENT))
        places[name] = [values.dtype.str, len(body), len(values)]
        body += values.tobytes()
    header = json.dumps(
        {
            "order": tables.order,
            "counts": tables.counts,
            "alpha": tables.alpha,
            "beta": tables.beta,
            "notes": tables.notes,
            "network": network.shape(tables.network) if tables.network else None,
            "body_crc": zlib.crc32(body),
            "sections": places,
        }
    ).encode()
    start = HEAD.pack(MAGIC, VERSION, len(header), zlib.crc32(header)) + header
    return start + bytes(-len(start) % ALIGNMENT) + body


def fingerprint(path: Path) -> int | None:
    """Return a number that differs between files, without reading more than their first bytes.

    It is the header's checksum, and the header has the body's. None for other kinds of files.
    Raises :exc:`ScorerError` when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD.size)
    except OSError as error:
        raise ScorerError(f"{path} cannot be read: {error.strerror}", "Check the path") from error
    if len(head) < HEAD.size or not head.startswith(MAGIC):
        return None
    return int(HEAD.unpack(head)[3])


def packed_size(tables: Tables) -> int:
    """Return about how many bytes :func:`write_ngram` takes, without the header."""
    letters = sum(len(word.encode()) + 1 for word in tables.words)
    words = 2 * len(tables.words) * np.dtype("<f2").itemsize
    last, children = _narrow(tables.last).nbytes, _narrow(tables.children).nbytes
    codes = len(tables.prob) + len(tables.backoff)
    return letters + words + last + children + codes + 4 * len(tables.link)


def read_ngram(path: Path) -> Tables:
    """Map a file of :func:`write_ngram`. Raises :exc:`ScorerError` when it is not sound."""
    try:
        data = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise ScorerError(f"{path} cannot be read: {error}", "Check the path") from error
    header, start = _header(data, path.name)
    body = data[start:]
    if zlib.crc32(body.data) != header.get("body_crc"):
        raise damaged(path.name, "its checksum is wrong")
    try:
        places = {
            name: _section(body, kind, *header["sections"][name]) for name, kind in SECTIONS.items()
        }
        words = tuple(places["words"].tobytes().decode().split("\n"))
        tables = Tables(
            words=words,
            counts=tuple(int(n) for n in header["counts"]),
            word_prob=places["word_prob"].astype(np.float32),
            word_backoff=places["word_backoff"].astype(np.float32),
            last=places["last"],
            children=places["children"],
            prob=places["prob_book"].astype(np.float32)[places["prob"]],
            backoff=places["backoff_book"].astype(np.float32)[places["backoff"]],
            link=places["link"],
            alpha=float(header["alpha"]),
            beta=float(header["beta"]),
            notes=str(header["notes"]),
            network=_network(header, body) if header.get("network") else None,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise damaged(path.name, f"its header does not fit its body ({error!r})") from error
    _check(tables, path.name)
    return tables


def _header(data: NDArray[np.uint8], where: str) -> tuple[dict[str, Any], int]:
    if len(data) < HEAD.size:
        raise damaged(where, "it is cut short")
    magic, version, length, crc = HEAD.unpack(data[: HEAD.size].tobytes())
    if magic != MAGIC:
        raise ScorerError(f"{where} is not an .ngram file", "stt-service scorer build makes one")
    if version != VERSION:
        raise ScorerError(
            f"{where} is an .ngram file of version {version}; this program reads {VERSION}",
            "Build it again, or update the program",
        )
    raw = data[HEAD.size : HEAD.size + length].tobytes()
    if length > HEADER_LIMIT or len(raw) < length or zlib.crc32(raw) != crc:
        raise damaged(where, "its header is cut or changed")
    start = -(-(HEAD.size + length) // ALIGNMENT) * ALIGNMENT
    try:
        header = json.loads(raw)
    except ValueError as error:
        raise damaged(where, "its header is not JSON") from error
    if not isinstance(header, dict) or start > len(data):
        raise damaged(where, "its header is incomplete")
    return header, start


def _network(header: dict[str, Any], body: NDArray[np.uint8]) -> Network:
    rows = {
        name: _section(body, kind, *header["sections"][name])
        for name, kind in network.SECTIONS.items()
    }
    return network.unpack(header["network"], rows)


def _section(
    body: NDArray[np.uint8], kind: str, dtype: str, offset: int, count: int
) -> NDArray[Any]:
    form = np.dtype(dtype)
    if form.kind != kind or count < 0 or not 0 <= offset <= len(body) - count * form.itemsize:
        raise ValueError("a section lies outside of the file")
    return np.ndarray(count, form, body, offset)


def _check(tables: Tables, where: str) -> None:
    """Every number that is later used as an index is within bounds."""
    counts, words = tables.counts, len(tables.words)
    above = sum(counts[1:])
    inner = sum(counts[1:-1])
    sizes = {
        "words": 1 <= len(counts) <= LARGEST_ORDER and counts[0] == words >= 3,
        "word_prob": len(tables.word_prob) == words == len(tables.word_backoff),
        "last": len(tables.last) == above == len(tables.prob),
        "children": len(tables.children) == (words + inner if len(counts) > 1 else words),
        "backoff": len(tables.backoff) == inner,
        "link": len(tables.link) == sum(counts[2:-1]),
        "network": tables.network is None or len(MARKS) < tables.network.words <= words,
    }
    wrong = [name for name, right in sizes.items() if not right]
    if wrong:
        raise damaged(where, f"wrong sizes of {', '.join(wrong)}")
    if len(tables.last) and int(tables.last.max()) >= words:
        raise damaged(where, "an n-gram ends in no word")
    if int(tables.children.sum(dtype=np.uint64)) != above:
        raise damaged(where, "n-grams without a history")
    own = np.arange(words + sum(counts[1:2]), words + inner)
    if len(tables.link) and not (tables.link < own).all():
        raise damaged(where, "a history has no shorter form")


def _quantise(values: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return a book of :data:`BOOK` values and the code of each of ``values``."""
    values = np.maximum(values, LOWEST)
    distinct = np.unique(values)
    if len(distinct) <= BOOK:
        book = np.resize(distinct, BOOK) if len(distinct) else np.zeros(BOOK)
        return book.astype("<f4"), np.searchsorted(distinct, values).astype(np.uint8)
    # Some borders follow the crowd, for a small mean error; more are evenly spaced, so that the
    # rare values at the ends are not far off either. Where both crowd, they serve both ends.
    even = np.linspace(distinct[0], distinct[-1], EVEN + 1)[1:-1]
    crowd = np.quantile(values, np.linspace(0, 1, BOOK - EVEN + 1)[1:])
    cells = np.searchsorted(np.unique(np.concatenate((even, crowd))), values)
    cells = np.unique(cells, return_inverse=True)[1]
    centres = np.bincount(cells, values) / np.bincount(cells)
    return np.resize(centres, BOOK).astype("<f4"), cells.astype(np.uint8)


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """The smallest unsigned type that holds ``values``."""
    largest = int(values.max(initial=0))
    return values.astype(next(t for t in ("<u1", "<u2", "<u4") if largest <= np.iinfo(t).max))


def damaged(where: str, problem: str) -> ScorerError:
    """The error for a file that is an ``.ngram`` file but not a sound one."""
    return ScorerError(f"{where} is damaged: {problem}", "Build or fetch it again")
