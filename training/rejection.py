"""When not to answer: judges fitted on held-out sound, and a table of what they let through.

A judge accepts as many commands as it can without letting in more of all else than
:data:`LET_IN`, and :data:`ACCEPTED` of those that were understood at least. What it then accepts is
measured on the half of the trials that it was not fitted on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import jiwer
import numpy as np

from stt_service.decoder.api import Scorer
from stt_service.decoder.confidence import Calibration, Evidence, Judge
from stt_service.decoder.phrases import PhraseGrammar, build_grammar
from stt_service.decoder.phrases.library import find
from stt_service.decoder.search import Decoder
from stt_service.engine.acoustic import AcousticModel
from stt_service.hearing import near_silence
from training.calibrate import fit_judge
from training.trials import Trial

ACCEPTED = 0.95
"""Share of understood commands that are accepted at least."""
LET_IN = {("speech", "babble"): 0.1, ("music", "noise"): 0.02}
"""Share of other sounds that may be accepted; more commands are where there is room for it."""
GRAMMARS = ("digits", "home", "control")
"""Of the library: strings of small words, many sentences, single words."""
SENTENCES = "sentences"
"""A grammar of every other sentence that held-out people read: commands as long as people talk, by
real voices. The other sentences are none of the phrases."""
SENTENCE_WORDS = 4
"""Words; shorter ones are commands of the library."""
OPEN = "open"
INTELLIGIBLE = 0.5
"""Word error rate up to which open speech counts as understood."""
BEAM_WIDTH = 100
ANYTHING = Calibration(
    strict=Judge(0, 0, 0, 0, 0, 0, 0, accept_from=0.0),
    open=Judge(0, 0, 0, 0, 0, 0, 0, accept_from=0.0),
)
"""Accepts whatever is decoded."""
HEADER = ("mode", "sound", "clips", "accepted %")


@dataclass(frozen=True)
class Outcome:
    """What one decoding of a trial came to."""

    mode: str
    """A grammar's name, or ``open``."""
    kind: str
    """``command``, ``misheard command``, or the trial's kind."""
    evidence: Evidence | None
    """None where nothing was heard at all."""

    @property
    def wanted(self) -> bool | None:
        """Whether a judge should accept; None where opinions differ: it is not fitted on those."""
        return None if self.kind.startswith("misheard") else self.kind == "command"


def outcomes(model: AcousticModel, sound: Sequence[Trial], scorer: Scorer | None) -> list[Outcome]:
    """Decode every trial with each grammar and with the scorer."""
    alphabet, step = model.info.alphabet, model.info.frame_step
    after = near_silence(model.info.sample_rate)
    frames = [model.probabilities(np.concatenate((trial.samples, after))) for trial in sound]
    result: list[Outcome] = []
    grammars = [(name, build_grammar(find(name), alphabet)) for name in GRAMMARS]
    long = sorted({t.transcript for t in sound if t.transcript.count(" ") >= SENTENCE_WORDS - 1})
    if long:
        grammars.append((SENTENCES, build_grammar("\n".join(long[::2]), alphabet)))
    for name, grammar in [*grammars, (OPEN, None)]:
        decoder = Decoder(
            alphabet,
            scorer=None if grammar else scorer,
            frame_step=step,
            calibration=ANYTHING,
        )
        for trial, heard in zip(sound, frames, strict=True):
            stream = decoder.stream(BEAM_WIDTH, grammar=grammar)
            stream.advance(heard)
            found = stream.finish(trial.seconds)
            kind = _kind(trial, found.text, grammar)
            if kind is not None:
                result.append(Outcome(name, kind, found.evidence))
    return result


def _kind(trial: Trial, text: str, grammar: PhraseGrammar | None) -> str | None:
    """Say what a trial was; None for speech of which it is not known whether it was understood."""
    if grammar is None:
        if trial.kind != "speech":
            return trial.kind
        if not trial.transcript:
            return None
        understood = text and jiwer.wer(trial.transcript, text) <= INTELLIGIBLE
        return "command" if understood else "misheard speech"
    meant = grammar.parse(trial.transcript) if trial.transcript else None
    if meant is None:
        return trial.kind
    return "command" if text and grammar.parse(text) == meant else "misheard command"


def judge(rows: Sequence[Outcome]) -> Judge:
    """Fit a judge and its threshold. Raises :exc:`ValueError` where no command was understood."""
    known = [(row.evidence, row.wanted) for row in rows if row.evidence and row.wanted is not None]
    fitted = fit_judge([evidence for evidence, _ in known], [bool(wanted) for _, wanted in known])
    sure = [fitted.probability(evidence) for evidence, wanted in known if wanted]
    bounds = [float(np.quantile(sure, 1 - ACCEPTED))]
    room = [_bound(rows, fitted, kinds) for kinds in LET_IN]
    bounds += [max(room)]
    return replace(fitted, accept_from=round(min(bounds), 3))


def _bound(rows: Sequence[Outcome], fitted: Judge, kinds: tuple[str, ...]) -> float:
    """Return from where on no more of some sounds is accepted than may be."""
    found = [
        fitted.probability(row.evidence) if row.evidence else 0.0
        for row in rows
        if row.kind in kinds
    ]
    return float(np.quantile(found, 1 - LET_IN[kinds])) if found else 0.0


def accepted(rows: Sequence[Outcome], one: Judge) -> list[bool]:
    """Return what a judge says of each row."""
    return [
        row.evidence is not None and one.probability(row.evidence) >= one.accept_from
        for row in rows
    ]


def judges(rows: Sequence[Outcome]) -> tuple[Judge, Judge]:
    """Return the judge of strict grammars, fitted on all of them together, and the open one."""
    return (
        judge([row for row in rows if row.mode != OPEN]),
        judge([row for row in rows if row.mode == OPEN]),
    )


def report(rows: Sequence[Outcome]) -> Iterator[tuple[str, str, int, str]]:
    """Yield lines of :data:`HEADER`; each trial judged by a judge that has not seen it."""
    verdicts: dict[tuple[str, str], list[bool]] = {}
    for strict in (True, False):
        mine = [row for row in rows if (row.mode != OPEN) == strict]
        for half in range(2):
            # By twos, for every other command is a noisy one.
            seen = [row for i, row in enumerate(mine) if i // 2 % 2 != half]
            rest = [row for i, row in enumerate(mine) if i // 2 % 2 == half]
            for row, said in zip(rest, accepted(rest, judge(seen)), strict=True):
                for mode in (row.mode, "all grammars") if strict else (row.mode,):
                    verdicts.setdefault((mode, row.kind), []).append(said)
    for (mode, kind), found in sorted(verdicts.items()):
        yield mode, kind, len(found), f"{100 * sum(found) / len(found):.1f}"
