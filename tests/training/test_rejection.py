"""Judges of what was meant, and the sound they are chosen on."""

import csv
import random
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from stt_service.decoder.confidence import Evidence
from training.calibrate import fit_judge
from training.prepare import Clip, Corpus
from training.rejection import ACCEPTED, Outcome, accepted, judges, report
from training.trials import LONGEST, trials


def evidence(rng: random.Random, *, meant: bool) -> Evidence:
    slack = rng.gauss(0.3 if meant else 1.5, 0.3)
    return Evidence(max(slack, 0), rng.random(), -slack, rng.random(), rng.randint(3, 30), 1.0)


@pytest.fixture
def rows() -> list[Outcome]:
    """Commands with little slack, noise with much, in two modes; at times nothing is heard."""
    rng = random.Random(1)
    found = []
    for mode in ("digits", "open"):
        for i in range(200):
            meant = i % 2 == 0
            heard = evidence(rng, meant=meant) if i % 10 != 1 else None
            found.append(Outcome(mode, "command" if meant else "noise", heard))
        found.append(Outcome(mode, f"misheard {mode}", evidence(rng, meant=False)))
    return found


def test_a_judge_finds_the_sign_that_tells(rows: list[Outcome]) -> None:
    """Slack speaks against; what is drawn at random weighs little."""
    known = [row for row in rows if row.evidence and row.wanted is not None]
    judge = fit_judge([row.evidence for row in known], [row.wanted for row in known])
    near, far = (Evidence(slack, 0.5, -0.5, 0.5, 10, 1.0) for slack in (0.2, 2.0))
    assert judge.probability(near) > judge.probability(far)
    with pytest.raises(ValueError, match="both kinds"):
        fit_judge([near, far], [True, True])


def test_the_threshold_accepts_what_it_can(rows: list[Outcome]) -> None:
    """The share asked for at least; hardly any noise; nothing of which nothing was heard."""
    strict, unbound = judges(rows)
    for judge, mode in ((strict, "digits"), (unbound, "open")):
        mine = [row for row in rows if row.mode == mode]
        said = accepted(mine, judge)
        commands = [yes for yes, row in zip(said, mine, strict=True) if row.wanted]
        noise = [yes for yes, row in zip(said, mine, strict=True) if row.wanted is False]
        assert np.mean(commands) >= ACCEPTED - 0.01
        assert np.mean(noise) < 0.1
        assert not any(accepted([replace(row, evidence=None) for row in mine], judge))


def test_the_report_counts_every_row_once(rows: list[Outcome]) -> None:
    """Each mode by itself, and all grammars together."""
    counts = {(mode, kind): count for mode, kind, count, _ in report(rows)}
    assert counts["open", "noise"] == counts["digits", "noise"] == 100
    assert counts["all grammars", "command"] == 100
    assert counts["digits", "misheard digits"] == 1


def test_trials_hold_every_kind_of_sound_and_repeat(tmp_path: Path) -> None:
    """The same samples for the same seed; long speech is cut and has no transcript."""
    clips = [("fsdd", "ann", word, "dev", 0.6) for word in ("one", "two", "three")]
    clips += [("books", "bob", "a long sentence", "dev", 9.0), ("noise", "n", "", "noise", 9.0)]
    with (tmp_path / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(one.name for one in fields(Clip))
        offset = 0
        for name, speaker, said, split, seconds in clips:
            samples = int(seconds * 16000)
            writer.writerow((name, "p", speaker, said, split, offset, samples, 0, samples))
            offset += samples
    rng = np.random.default_rng(0)
    rng.integers(-3000, 3000, offset, np.int16).tofile(tmp_path / "audio.i16")
    corpus = Corpus(tmp_path)
    one, other = list(trials(corpus)), list(trials(corpus))
    assert {trial.kind for trial in one} == {"speech", "babble", "music", "noise"}
    assert all((a.samples == b.samples).all() for a, b in zip(one, other, strict=True))
    assert max(trial.seconds for trial in one) <= LONGEST
    assert {t.transcript for t in one if t.source == "books"} == {""}
    assert all(len(t.transcript.split()) >= 3 for t in one if t.source == "joined digits")
    assert all(trial.samples.dtype == np.int16 for trial in one)
