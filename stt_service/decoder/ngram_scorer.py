"""Opens an ``.ngram`` file: its language model, and the lexicon of its words."""

from __future__ import annotations

import logging
from pathlib import Path

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Scorer
from stt_service.decoder.neural import NeuralModel
from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_counts import MARKS
from stt_service.decoder.ngram_file import read_ngram
from stt_service.decoder.word_trie import word_trie
from stt_service.errors import ScorerError

logger = logging.getLogger(__name__)


def open_ngram(path: Path, alphabet: Alphabet) -> Scorer:
    """Open an ``.ngram`` file with the lexicon of those words that ``alphabet`` can spell.

    Raises :exc:`ScorerError` when the file is damaged, or hardly a word of it can be spelt.
    """
    tables = read_ngram(path)
    words = tables.words[len(MARKS) :]
    lexicon, left_out = word_trie(words, alphabet, tables.word_prob[len(MARKS) :])
    if 2 * left_out > len(words):
        raise ScorerError(
            f"{path.name} was made for another language: the model's alphabet "
            f"({''.join(alphabet.labels)!r}) cannot spell {left_out} of its {len(words)} words",
            "Take a scorer for this model, build one, or go without: --scorer none",
        )
    if left_out:
        logger.warning(
            "%s: %d of %d words have letters that the model lacks, and cannot be heard",
            path.name,
            left_out,
            len(words),
        )
    ngrams = NgramModel(tables, path.stem, path.name)
    language = NeuralModel(ngrams, tables.network) if tables.network else ngrams
    return Scorer(path.stem, language, lexicon, tables.alpha, tables.beta)
