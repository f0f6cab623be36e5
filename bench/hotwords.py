"""What boosting words does to real speech: how many more are heard, and how many falsely.

Sentences of the readers whom training leaves out, the bundled model and its language model. Hot
words are the rarest of the words said there, in lists as somebody would name them: each list is
boosted in every sentence, so that most of it is not said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import jiwer
import numpy as np
from numpy.typing import NDArray

from bench import corpus, rivals
from stt_service.app import data_dir, model_store
from stt_service.decoder.api import Scorer
from stt_service.decoder.scorer import open_scorer
from stt_service.decoder.search import Decoder
from stt_service.engine.acoustic import AcousticModel

HEADER = ("beam", "boost", "said", "heard", "recall %", "false", "WER %")
SETS = ("librispeech", "common_voice")
BOOSTS = (0.0, 4.0, 8.0, 12.0, 20.0)
LISTS = 3
WORDS = 20
"""In each list."""
MIN_LETTERS = 5
"""Of a hot word; nobody boosts "of"."""
MIN_SAID = 2
"""Times that a hot word is said."""

Spoken = tuple[str, NDArray[np.float32]]
"""What was said, and the network's answer."""


def run(beam: int) -> Iterator[tuple[object, ...]]:
    """Yield rows as :data:`HEADER` names them."""
    model = model_store(rivals.bundled()).resolve("stt-en-small")
    acoustic = AcousticModel(model.model, threads=1, speech_level=model.speech_level)
    spoken = [
        (clip.transcript, acoustic.probabilities(clip.samples())) for clip in corpus.left_out(*SETS)
    ]
    info = acoustic.info
    path = data_dir() / "stt-en-small.ngram"
    scorer = open_scorer(path, info.alphabet, model.alpha, model.beta)
    decoder = Decoder(info.alphabet, scorer=scorer, frame_step=info.frame_step)
    lists = choose(spoken, scorer)
    plain: list[str] = []
    for boost in BOOSTS:
        said = heard = false = 0
        rates = []
        for words in lists:
            texts = (
                plain if plain and not boost else transcribe(decoder, spoken, words, boost, beam)
            )
            plain = plain or texts
            for (truth, _), text in zip(spoken, texts, strict=True):
                true, found = (Counter(line.split()) for line in (truth, text))
                said += sum(true[word] for word in words)
                heard += sum(min(true[word], found[word]) for word in words)
                false += sum(max(0, found[word] - true[word]) for word in words)
            rates.append(jiwer.wer([truth for truth, _ in spoken], texts))
        wer = f"{100 * float(np.mean(rates)):.1f}"
        yield beam, f"{boost:g}", said, heard, f"{100 * heard / said:.0f}", false, wer


def choose(spoken: Sequence[Spoken], scorer: Scorer) -> list[list[str]]:
    """Return the rarest words by the language model, dealt out to lists."""
    counts = Counter(word for truth, _ in spoken for word in truth.split())
    words = sorted(
        word
        for word, count in counts.items()
        if count >= MIN_SAID and len(word) >= MIN_LETTERS and scorer.language.knows(word)
    )
    chances, _ = scorer.language.score([scorer.language.start()] * len(words), words)
    rare = [words[i] for i in np.argsort(chances, kind="stable")[: LISTS * WORDS]]
    return [rare[i::LISTS] for i in range(LISTS)]


def transcribe(
    decoder: Decoder, spoken: Iterable[Spoken], words: Sequence[str], boost: float, beam: int
) -> list[str]:
    """Return the texts with ``words`` boosted."""
    texts = []
    for _, probabilities in spoken:
        stream = decoder.stream(beam, hot_words=dict.fromkeys(words, boost) if boost else {})
        stream.advance(probabilities)
        texts.append(stream.finish(len(probabilities) * decoder.frame_step).text)
    return texts
