"""``python -m training.tune``: how a trained model is best decoded, found on held-out speakers.

In go the exported model, its language model and the prepared corpus; out comes a JSON file for
``python -m training.publish``: the weights of the language model, what makes confidences mean what
they say, and the judges that refuse what was not meant. Test sets are not looked at.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import jiwer
import numpy as np
from rich.progress import track

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Grammar, Scorer
from stt_service.decoder.confidence import Calibration, Signs, Weights
from stt_service.decoder.results import Result
from stt_service.decoder.scorer import open_scorer
from stt_service.decoder.search import Decoder
from stt_service.engine.acoustic import AcousticModel, Probabilities
from stt_service.hearing import near_silence
from training import rejection
from training.calibrate import calibration_error, fit
from training.features import SAMPLE_RATE
from training.prepare import Clip, Corpus
from training.trials import trials

ALPHAS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85)
BETAS = (-1.0, 0.0, 1.0)
EQUAL = 0.005
"""Word error rate; on some 250 clips, what differs by less is the same."""
BEAM_WIDTH = 500
"""Hypotheses kept at each frame, at most: of sentences of strangers half a point of errors less
than with 300, at a fifth to a third more of the search's time; 1000 bring 0.7 points more, or
none."""
SPEECH_LEVEL = -30.0
"""Decibels below full scale to which a quieter utterance is raised. Of the digits of the speaker
left out, whom a quiet microphone recorded, a third fewer are wrong then (half as many at -24); but
whatever is raised is heard twice, and voices across a room are often not much louder than this."""
FEWEST = 20
"""Clips of a set that has a say in the weights: chance must not outvote fifty."""
CLIPS_PER_SET = 50
"""Held-out clips of each set, evenly taken."""


@dataclass(frozen=True)
class Heard:
    """A held-out clip and what the network made of it."""

    clip: Clip
    probabilities: Probabilities

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.clip.samples / SAMPLE_RATE


class Spy(Weights):
    """Weights that keep the signs they are asked about."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        super().__init__(0.0, 0.0, 0.0, 0.0)
        object.__setattr__(self, "seen", [])

    seen: list[Signs]

    def confidence(self, signs: Signs) -> float:
        self.seen.append(signs)
        return 0.5


def held_out(corpus: Corpus, model: AcousticModel) -> list[Heard]:
    """Run the network over held-out clips, at most :data:`CLIPS_PER_SET` of each set."""
    by_set: dict[str, list[Clip]] = {}
    for clip in corpus.select("dev"):
        by_set.setdefault(clip.set, []).append(clip)
    chosen = [
        clip
        for clips in by_set.values()
        for clip in clips[:: math.ceil(len(clips) / CLIPS_PER_SET)]
    ]
    return [
        Heard(clip, model.probabilities(samples_of(corpus, clip)))
        for clip in track(chosen, "listening", disable=None)
    ]


def samples_of(corpus: Corpus, clip: Clip) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Return a clip's int16 samples, with what an engine hears after a recording."""
    audio = np.rint(corpus.audio(clip) * 32768)
    samples = np.clip(audio, -32768, 32767).astype(np.int16)
    return np.concatenate((samples, near_silence(SAMPLE_RATE)))


def decode(
    decoder: Decoder, heard: Sequence[Heard], grammar: Grammar | None = None
) -> Iterator[Result]:
    """Decode each clip."""
    for one in heard:
        stream = decoder.stream(BEAM_WIDTH, grammar=grammar)
        stream.advance(one.probabilities)
        yield stream.finish(one.seconds)


def error_rate(results: Sequence[Result], heard: Sequence[Heard]) -> float:
    """Return the mean of the sets' word error rates: large sets shall not outvote small ones.

    Sets of fewer than :data:`FEWEST` clips do not count, where there are others.
    """
    by_set: dict[str, tuple[list[str], list[str]]] = {}
    for one, result in zip(heard, results, strict=True):
        said, found = by_set.setdefault(one.clip.set, ([], []))
        said.append(one.clip.transcript)
        found.append(result.text)
    counted = [pair for pair in by_set.values() if len(pair[0]) >= FEWEST] or by_set.values()
    return float(np.mean([jiwer.wer(said, found) for said, found in counted]))


def choose_weights(
    heard: Sequence[Heard], alphabet: Alphabet, step: float, scorer: Scorer
) -> tuple[float, float]:
    """Return the alpha and beta with the fewest word errors, the largest of :data:`EQUAL` ones.

    Most sets are of single words, to which a language model has little to say.
    """
    rates = {}
    grid = [(alpha, beta) for alpha in ALPHAS for beta in BETAS]
    for alpha, beta in track(grid, "alpha and beta", disable=None):
        weighted = replace(scorer, alpha=alpha, beta=beta)
        decoder = Decoder(alphabet, scorer=weighted, frame_step=step)
        rates[alpha, beta] = error_rate(list(decode(decoder, heard)), heard)
    for (alpha, beta), rate in sorted(rates.items(), key=lambda item: item[1]):
        click.echo(f"alpha {alpha:.2f} beta {beta:.2f}: WER {100 * rate:.1f} %")
    least = min(rates.values())
    return max(pair for pair, rate in rates.items() if rate <= least + EQUAL)


def judged_words(said: str, result: Result) -> list[bool]:
    """Say of each word of the result whether an alignment with the transcript finds it right."""
    right = [False] * len(result.words)
    if result.text:
        for chunk in jiwer.process_words(said, result.text).alignments[0]:
            if chunk.type == "equal":
                right[chunk.hyp_start_idx : chunk.hyp_end_idx] = [True] * (
                    chunk.hyp_end_idx - chunk.hyp_start_idx
                )
    return right


def calibrate(
    heard: Sequence[Heard], alphabet: Alphabet, step: float, scorer: Scorer
) -> Calibration:
    """Fit the confidences on every other clip, and report their error on the rest."""
    word, utterance = Spy(), Spy()
    decoder = Decoder(
        alphabet, scorer=scorer, frame_step=step, calibration=Calibration(word, utterance)
    )
    words: list[tuple[int, Signs, bool]] = []
    whole: list[tuple[int, Signs, bool]] = []
    for i, (one, result) in enumerate(zip(heard, decode(decoder, heard), strict=True)):
        judged = judged_words(one.clip.transcript, result)
        words += [(i, signs, right) for signs, right in zip(word.seen, judged, strict=False)]
        right = result.text == one.clip.transcript
        whole += [(i, signs, right) for signs in utterance.seen[:1]]
        word.seen.clear()
        utterance.seen.clear()
    fitted = {}
    for name, rows in (("word", words), ("utterance", whole)):
        weights = fit([s for i, s, _ in rows if i % 2], [r for i, _, r in rows if i % 2])
        rest = [(weights.confidence(s), r) for i, s, r in rows if not i % 2]
        error = calibration_error([c for c, _ in rest], [r for _, r in rest])
        click.echo(f"{name}: expected calibration error {error:.3f} on {len(rest)} left out")
        fitted[name] = weights
    return Calibration(fitted["word"], fitted["utterance"])


@click.command()
@click.option("--model", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--scorer", type=click.Path(path_type=Path, exists=True), required=True)
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="The folder that `prepare` made.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(model: Path, scorer: Path, corpus: Path, output: Path) -> None:
    """Choose how a model is decoded, on the held-out speakers of its corpus."""
    acoustic = AcousticModel(model, threads=1, speech_level=SPEECH_LEVEL)
    alphabet, step = acoustic.info.alphabet, acoustic.info.frame_step
    prepared = Corpus(corpus)
    heard = held_out(prepared, acoustic)
    opened = open_scorer(scorer, alphabet)
    alpha, beta = choose_weights(heard, alphabet, step, opened)
    chosen = replace(opened, alpha=alpha, beta=beta)
    rows = rejection.outcomes(acoustic, list(trials(prepared)), chosen)
    click.echo(" | ".join(rejection.HEADER))
    for row in rejection.report(rows):
        click.echo(" | ".join(map(str, row)))
    strict, unbound = rejection.judges(rows)
    words = calibrate(heard, alphabet, step, chosen)
    calibration = replace(words, strict=strict, open=unbound)
    rounded = {
        key: {name: round(number, 4) for name, number in value.items()}
        if isinstance(value, dict)
        else round(value, 4)
        for key, value in asdict(calibration).items()
    }
    found = {
        "alpha": alpha,
        "beta": beta,
        "beam_width": BEAM_WIDTH,
        "speech_level": SPEECH_LEVEL,
        "calibration": rounded,
    }
    output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
