"""The decoder's face: one per model, one stream per utterance.

    decoder = Decoder(alphabet, scorer=scorer, frame_step=0.02)
    stream = decoder.stream(beam_width=500)
    stream.advance(probabilities)      # as often as there are new frames
    stream.partial()
    result = stream.finish(duration)

One thread owns a decoder and its streams, which interleave freely and never influence one another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Grammar, LanguageModel, Lexicon, Scorer
from stt_service.decoder.confidence import Calibration
from stt_service.decoder.hotwords import HotWords
from stt_service.decoder.kernels import Kernel, Task, open_kernel
from stt_service.decoder.lease import Pool
from stt_service.decoder.lexicon import raised, spells
from stt_service.decoder.results import Result
from stt_service.decoder.stream import DecoderStream, Reading
from stt_service.errors import EngineError, ScorerError

__all__ = ["Decoder", "DecoderStream", "Result"]

BEAM_WIDTH_LIMIT = 16_384
"""Hypotheses; a wider beam costs more than any gain seen, and bounds memory."""
HOT_WORDS_LIMIT = 10_000
"""Hot words and phrases of one stream; more belong in a phrase file."""
BOOST_LIMIT = 1_000.0
"""Natural-log units; as much as an unknown word is fined."""
BIAS_ALPHA = 1.0
"""Weight of the phrases' own language model where no scorer brings one."""
BIAS_BETA = 0.0
"""Reward for each word there, natural-log units."""


class Decoder:
    """Turns label probabilities of one acoustic model into text."""

    def __init__(
        self,
        alphabet: Alphabet,
        *,
        scorer: Scorer | None = None,
        frame_step: float,
        calibration: Calibration | None = None,
        kernel: Callable[[Task], Kernel] = open_kernel,
    ) -> None:
        """Prepare to decode frames ``frame_step`` seconds apart.

        Raises :exc:`ScorerError` when the alphabet has no space and there is a scorer, whose
        words would have no ends, and when the scorer's weights are no numbers.
        """
        if scorer and alphabet.space is None:
            raise ScorerError(
                f"scorer {scorer.id!r} scores words, but the model's alphabet has no space",
                "Use the model without a scorer.",
            )
        if scorer and not (0 <= scorer.alpha < math.inf and math.isfinite(scorer.beta)):
            raise ScorerError(
                f"scorer {scorer.id!r} has alpha {scorer.alpha} and beta {scorer.beta}",
                "alpha must be a number from 0, beta a number.",
            )
        self.alphabet = alphabet
        self.scorer = scorer
        self.frame_step = frame_step
        self.calibration = calibration or Calibration()
        self._kernel = kernel
        self._pool = Pool(scorer.language) if scorer else None

    def stream(
        self,
        beam_width: int,
        *,
        hot_words: Mapping[str, float] | None = None,
        grammar: Grammar | None = None,
        alternatives: int = 1,
    ) -> DecoderStream:
        """Start an utterance.

        A strict ``grammar`` replaces the scorer for this stream, one that is to bias is mixed
        with it. ``hot_words`` maps words and phrases to natural-log units, negative to suppress.
        Raises :exc:`EngineError` when a number is out of range.
        """
        boosts = dict(hot_words or {})
        if not 1 <= beam_width <= BEAM_WIDTH_LIMIT:
            raise EngineError(
                f"beam width {beam_width} is out of range", f"Choose 1 to {BEAM_WIDTH_LIMIT}."
            )
        if alternatives < 1:
            raise EngineError(f"{alternatives} alternatives are too few", "Ask for 1 at least.")
        if len(boosts) > HOT_WORDS_LIMIT:
            raise EngineError(
                f"{len(boosts)} hot words are too many",
                f"At most {HOT_WORDS_LIMIT}; more belong in a phrase file.",
            )
        for word, boost in boosts.items():
            if not abs(boost) <= BOOST_LIMIT:
                raise EngineError(
                    f"hot word {word!r} has boost {boost}",
                    f"Choose -{BOOST_LIMIT:g} to {BOOST_LIMIT:g}.",
                )
        language, lexicons, alpha, beta = self._knowledge(grammar)
        hot = None
        if boosts and self.alphabet.space is not None:
            hot = HotWords(language, boosts)
            alpha = alpha if language else 1.0
            lexicons = self._raised(lexicons, hot.gains())
        model = hot or language
        as_deepspeech = self.scorer is not None and self.scorer.as_deepspeech
        task = Task(
            labels=self.alphabet.labels,
            space=-1 if self.alphabet.space is None else self.alphabet.space,
            beam_width=beam_width,
            lexicons=lexicons,
            score=model.score if model else None,
            alike=model.alike if model and not as_deepspeech else None,
            start=model.start() if model else 0,
            alpha=alpha,
            beta=beta,
            as_deepspeech=as_deepspeech,
            ceiling=hot.ceiling if hot else 0.0,
        )
        reading = Reading(self.alphabet, self.frame_step, self.calibration, grammar, alternatives)
        return DecoderStream(self._kernel(task), model, hot, reading, alpha)

    def _knowledge(
        self, grammar: Grammar | None
    ) -> tuple[LanguageModel | None, tuple[Lexicon, ...], float, float]:
        scorer = self.scorer
        if grammar and grammar.mode == "strict":
            return None, (grammar.lexicon,), 0.0, 0.0
        if grammar:
            if self.alphabet.space is None:
                raise EngineError(
                    f"phrases {grammar.id!r} cannot be mixed in: the model's alphabet has no space",
                    "Use them as a strict grammar.",
                )
            language = grammar.mix(self._pool.lease() if self._pool else None)
            if scorer:
                return language, (scorer.lexicon, grammar.lexicon), scorer.alpha, scorer.beta
            return language, (grammar.lexicon,), BIAS_ALPHA, BIAS_BETA
        if scorer and self._pool:
            return self._pool.lease(), (scorer.lexicon,), scorer.alpha, scorer.beta
        return None, (), 0.0, 0.0

    def _raised(
        self, lexicons: tuple[Lexicon, ...], gains: Mapping[str, float]
    ) -> tuple[Lexicon, ...]:
        codes = {word: self.alphabet.encode(word) for word in gains}
        spelt = {word: code for word, code in codes.items() if code is not None}
        spellings = list(spelt.values())
        more = np.array([gains[word] for word in spelt], np.float32)
        return tuple(raised(lexicon, spellings, more) for lexicon in lexicons)

    def unknown_hot_words(self, hot_words: Mapping[str, float]) -> tuple[str, ...]:
        """Return those words and phrases that can never be heard.

        They have letters that the alphabet lacks, or words that the scorer lacks.
        """
        return tuple(phrase for phrase in hot_words if not self._can_hear(phrase))

    def _can_hear(self, phrase: str) -> bool:
        words = [self.alphabet.encode(word) for word in phrase.split()]
        if not words or self.alphabet.space is None:
            return False
        ending = [self.alphabet.space]
        return all(
            codes is not None
            and (self.scorer is None or spells(self.scorer.lexicon, codes + ending))
            for codes in words
        )
