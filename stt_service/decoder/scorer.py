"""Opens what ``--scorer FILE`` names: a DeepSpeech ``.scorer`` package or an own ``.ngram`` file.

A version 6 package (``native_client/ctcdecode/scorer.cpp``) is a KenLM binary with a tail: the
C constant ``'TRIE'`` as a little-endian number, the version, one byte that tells byte mode, the
default alpha and beta as doubles, and the dictionary as an OpenFst automaton. Both parts are
mapped, neither is read whole.
"""

from __future__ import annotations

import logging
import math
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder import kenlm_file, ngram_file
from stt_service.decoder.alphabet import SPACE, Alphabet
from stt_service.decoder.api import Lexicon, Scorer
from stt_service.decoder.fst import read_const_fst
from stt_service.decoder.kenlm_check import check_tables
from stt_service.decoder.kenlm_model import KenlmModel, open_tables
from stt_service.decoder.ngram_scorer import open_ngram
from stt_service.errors import ScorerError

logger = logging.getLogger(__name__)

TRIE_MAGIC = b"EIRT"
PACKAGE_VERSION = 6
TAIL = struct.Struct("<4si?dd")
WEIGHT_LIMIT = 1000.0
"""A default alpha or beta beyond this is damage."""
SMALLEST = 256
"""Bytes; a Git-LFS pointer is smaller than this, a genuine scorer is not."""
SPELLINGS = 400
"""Words spelt from the dictionary to see whether the alphabet fits: some 10 ms."""
LONGEST_SPELLING = 200
"""Letters; a dictionary walk that finds no end by then is given up."""
ODD_SHARE = 0.1
"""Of the words spelt; when more are unknown to the language model the alphabet is suspected."""
SHOWN = 3
"""Misspelt words that an error names."""


@dataclass(frozen=True)
class Package:
    """The parts of a ``.scorer`` file, checked."""

    layout: kenlm_file.KenlmLayout
    lexicon: Lexicon
    alpha: float
    beta: float


def open_scorer(
    path: Path, alphabet: Alphabet, alpha: float | None = None, beta: float | None = None
) -> Scorer:
    """Open a language model for a model with ``alphabet``; both formats, told by content.

    ``alpha`` and ``beta`` replace the file's own weights. Raises :exc:`ScorerError` with a remedy
    when the file is missing, damaged, of another kind, or made for another alphabet.
    """
    data = map_file(path)
    if data[: len(ngram_file.MAGIC)].tobytes() == ngram_file.MAGIC:
        scorer = open_ngram(path, alphabet)
    else:
        package = read_package(data, path.name)
        layout = package.layout
        language = KenlmModel(open_tables(data, layout), layout.order, path.stem)
        _check_alphabet(package.lexicon, language, alphabet, path.name)
        scorer = Scorer(
            path.stem, language, package.lexicon, package.alpha, package.beta, as_deepspeech=True
        )
    if alpha is not None:
        scorer = replace(scorer, alpha=alpha)
    if beta is not None:
        scorer = replace(scorer, beta=beta)
    return scorer


def map_file(path: Path) -> NDArray[np.uint8]:
    """Map a file of at least :data:`SMALLEST` bytes; name what else it may be."""
    try:
        size = path.stat().st_size
        if size < SMALLEST:
            raise _not_a_scorer(path.name, path.read_bytes(), size)
        return np.memmap(path, np.uint8, "r")
    except OSError as error:
        raise ScorerError(
            f"{path} cannot be read: {error.strerror or error}", "Check the path"
        ) from error


def read_package(data: NDArray[np.uint8], where: str) -> Package:
    """Check and take apart a ``.scorer`` file. Raises :exc:`ScorerError`."""
    head = data[:SMALLEST].tobytes()
    if not head.startswith(kenlm_file.MAGIC[:40]):
        raise _not_a_scorer(where, head, len(data))
    layout = kenlm_file.read_layout(data, where)
    tail = data[layout.end : layout.end + TAIL.size].tobytes()
    if not tail:
        raise ScorerError(
            f"{where} is a bare KenLM model, without a dictionary",
            "Package it with DeepSpeech's generate_scorer_package",
        )
    if len(tail) < TAIL.size:
        raise ScorerError(f"{where} is cut short within its dictionary", "Fetch it again")
    magic, version, byte_mode, alpha, beta = TAIL.unpack(tail)
    if magic != TRIE_MAGIC:
        raise ScorerError(
            f"{where} has no DeepSpeech dictionary after its language model",
            "Package it with DeepSpeech's generate_scorer_package (without vocabulary strings)",
        )
    if version != PACKAGE_VERSION:
        raise ScorerError(
            f"{where} is a scorer of version {version}; this program reads {PACKAGE_VERSION}",
            "Take the scorer released for DeepSpeech 0.9 or Coqui STT 1.x",
        )
    if byte_mode:
        raise ScorerError(
            f"{where} is a byte-mode scorer, made for models that spell in UTF-8 bytes",
            "Take a scorer made with an alphabet, or go without: --scorer none",
        )
    if not all(math.isfinite(w) and abs(w) <= WEIGHT_LIMIT for w in (alpha, beta)):
        raise ScorerError(f"{where} is damaged: its weights are no numbers", "Fetch it again")
    check_tables(data, layout, where)
    return Package(layout, read_const_fst(data, layout.end + TAIL.size, where), alpha, beta)


def _check_alphabet(lexicon: Lexicon, language: KenlmModel, alphabet: Alphabet, where: str) -> None:
    """Spell words of the dictionary with the alphabet: the language model must know them.

    The package does not store its alphabet. A wrong one shows by labels that it lacks, by words
    that do not end in its space, or by a label whose every word is unknown (two letters swapped).
    """
    remedy = "Take the scorer that was made for this model, or go without: --scorer none"
    named = f"the model's ({len(alphabet)} labels: {''.join(alphabet.labels)!r})"
    largest = int(lexicon.arc_label.max(initial=0))
    if largest > len(alphabet):
        raise ScorerError(
            f"{where} was made for an alphabet of at least {largest} labels, not for {named}",
            remedy,
        )
    known: dict[int, bool] = {}
    unknown_words: dict[int, set[str]] = {}
    spellings = _spellings(lexicon)
    for spelling in spellings:
        text = alphabet.decode(spelling)
        word = text[:-1]
        if text[-1] == SPACE and SPACE not in word and language.knows(word):
            known.update(dict.fromkeys(spelling, True))
        else:
            for label in spelling:
                unknown_words.setdefault(label, set()).add(text)
    foreign = {label: words for label, words in unknown_words.items() if label not in known}
    # One odd word in a large dictionary is a mistake of its maker, not another alphabet.
    odd = set[str]().union(*unknown_words.values())
    if any(len(words) > 1 for words in foreign.values()) or (
        foreign and len(odd) > ODD_SHARE * len(spellings)
    ):
        words = ", ".join(repr(w) for w in sorted(set().union(*foreign.values()))[:SHOWN])
        letters = "".join(alphabet.labels[label] for label in sorted(foreign))
        raise ScorerError(
            f"{where} was made for another alphabet than {named}: with that, its dictionary "
            f"spells words that its language model does not know (such as {words}), "
            f"all those with {letters!r}",
            remedy,
        )


def _spellings(lexicon: Lexicon) -> list[tuple[int, ...]]:
    """Walk to some word ends, a fixed pseudo-random sample that gives rare letters their turn."""
    draw = np.random.default_rng(0)
    found: set[tuple[int, ...]] = set()
    for turns in draw.random((SPELLINGS, LONGEST_SPELLING)):
        state, labels = lexicon.start, []
        for turn in turns:
            count = int(lexicon.arc_count[state])
            if not count:
                break
            arc = int(lexicon.first_arc[state]) + int(turn * count)
            labels.append(int(lexicon.arc_label[arc]) - lexicon.label_offset)
            state = int(lexicon.arc_target[arc])
            if lexicon.accepting[state]:
                found.add(tuple(labels))
                break
    return sorted(found)


def _not_a_scorer(where: str, head: bytes, size: int) -> ScorerError:
    if head.startswith(b"version https://git-lfs"):
        return ScorerError(f"{where} is a Git-LFS pointer, not the scorer itself", "git lfs pull")
    if head[4:8] == b"TFL3":
        return ScorerError(f"{where} is an acoustic model, not a scorer", "Pass it as --model")
    if Path(where).suffix in (".pb", ".pbmm"):
        return ScorerError(f"{where} is a TensorFlow model, not a scorer", "Pass a .scorer file")
    if head.startswith((b"\\data\\", b"\x1f\x8b")):
        return ScorerError(
            f"{where} is an ARPA or gzip file", "stt-service scorer build --arpa FILE -o OUT.ngram"
        )
    return ScorerError(
        f"{where} ({size} bytes) is neither a DeepSpeech scorer nor an .ngram file",
        "Pass a .scorer of version 6, or build one: stt-service scorer build",
    )
