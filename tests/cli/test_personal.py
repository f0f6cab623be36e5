"""What is learned from an owner's words, with the bundled model and real recordings."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stt_service.app import data_dir, open_engine
from stt_service.app_listener import make_plan
from stt_service.config import load
from stt_service.decoder.ngram_file import fingerprint
from stt_service.engine.api import StreamOptions
from stt_service.personal import HELD_OUT_OF
from stt_service.settings import Settings
from stt_service.store.learned import Comparison, Version, read_state
from stt_service.store.sound import encode
from stt_service.store.utterances import Utterances
from stt_service.wer import word_errors
from tests.cli.conftest import Run
from tests.store.things import new
from tests.upload.conftest import Device

RATE = 16_000
COPIES = 16
"""Of each recording, in noise that differs."""
OTHERS = 4
"""Copies of each that nothing is learned from."""
SOUND_ALIKE = {
    "turn": "torn", "kitchen": "chicken", "light": "late", "set": "sat", "timer": "diner",
    "ten": "tin", "minutes": "minute", "one": "won", "two": "too", "three": "tree",
    "four": "fore", "five": "fife", "stop": "top", "music": "use",
}  # fmt: skip
"""Words said to words that sound like them."""
NOISE_DB = -3.0
"""By which speech is louder than the noise: with its own scorer the model misses words in it."""


def recordings() -> list[tuple[str, np.ndarray]]:
    """Return the bundled recordings with what is said in them, as their names tell."""
    found = []
    for path in sorted(data_dir().glob("demo-*.flac")):
        samples, rate = soundfile.read(path, dtype="int16")
        assert rate == RATE
        found.append((path.stem.split("-", 2)[2].replace("-", " "), samples))
    return found


def noisy(samples: np.ndarray, seed: int) -> np.ndarray:
    level = np.sqrt(np.mean(np.square(samples, dtype=float))) / 10 ** (NOISE_DB / 20)
    noise = np.random.default_rng(seed).normal(0, level, len(samples))
    return np.clip(samples + noise, -32768, 32767).astype(np.int16)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Utterances get the same random names each time, so that the same ones are held out."""
    dice = random.Random(0)
    monkeypatch.setattr(
        "stt_service.store.utterances.secrets.token_hex", lambda size: dice.randbytes(size).hex()
    )


@pytest.fixture
def device(tmp_path: Path, names: None) -> Device:
    """One whose owner has corrected what was heard of them."""
    device = Device(tmp_path / "state" / "store")
    device.give("keep")
    return device


def speak(device: Device, utterances: Utterances) -> None:
    consent = device.ledger.standing().owner
    assert consent is not None
    seed = 0
    for said, samples in recordings():
        for _ in range(COPIES):
            seed += 1
            sound = encode(noisy(samples, seed), RATE)
            saved = utterances.save(new("something else"), sound, consent.id)
            utterances.label(utterances.get(getattr(saved, "id", "")), said)


def heard(settings: Settings) -> list[str]:
    """Return what the daemon would understand of other copies."""
    plan = make_plan(settings, RATE)
    with plan.open_engine() as engine:
        options: StreamOptions = plan.options(engine.model, plan.wishes)
        texts = []
        for seed, (_, samples) in enumerate(recordings() * OTHERS, 900):
            with engine.stream(options) as stream:
                stream.feed(noisy(samples, seed))
                texts.append(stream.finish().text)
        return [str(engine.scorer_id), *texts]


def errors(heard: list[str]) -> int:
    """Return the word errors of what :func:`heard` returns."""
    said = [text for text, _ in recordings() * OTHERS]
    return sum(word_errors(a, b).edits for a, b in zip(said, heard[1:], strict=True))


def settings(state: Path, **scorer: object) -> Settings:
    return load(flags={"paths": {"state": str(state)}, "scorer": scorer}).settings


def test_corrections_teach_and_can_be_taken_back(run: Run, device: Device, tmp_path: Path) -> None:
    """Nightly, adopted because it helps; rolled back at once; learned again when told."""
    state = tmp_path / "state"
    before = heard(settings(state))
    assert before[0] == "stt-en-small"
    speak(device, device.utterances)
    done = run("upkeep", "--state-dir", state)
    assert (done.status, done.err) == (0, ""), done.err
    assert "personal: " in done.out
    assert "; version 1 is in force\n" in done.out
    version = read_state(state / "store").current
    assert version is not None
    assert version.comparison.after < version.comparison.before
    after = heard(settings(state))
    assert after[0] == "stt-en-small+1"
    assert errors(after) < errors(before)
    assert heard(settings(state, personal=False)) == before
    assert run("upkeep", "--state-dir", state).out.count("nothing new since the last time") == 1
    shown = run("personal", "status", "--state-dir", state)
    assert shown.out.startswith("* version 1, ")
    back = run("personal", "rollback", "--state-dir", state)
    assert back.out.startswith("the model's own scorer is in force; ")
    assert heard(settings(state)) == before
    assert "paused by a rollback" in run("upkeep", "--state-dir", state).out
    assert "; version 2 is in force\n" in run("personal", "learn", "--state-dir", state).out
    assert heard(settings(state)) == ["stt-en-small+2", *after[1:]]
    device.utterances.withdraw("owner", "asked")
    assert heard(settings(state)) == before
    device.database.close()


def test_what_does_not_help_is_not_adopted(run: Run, device: Device, tmp_path: Path) -> None:
    """Who corrects with other words than were said teaches what makes those held out worse."""
    speak(device, device.utterances)
    for one in device.utterances.listing():
        if int(one.id[:8], 16) % HELD_OUT_OF:
            said = " ".join(SOUND_ALIKE.get(word, word) for word in str(one.label).split())
            device.utterances.label(one, said)
    device.database.close()
    done = run("personal", "learn", "--state-dir", tmp_path / "state")
    assert done.status == 0
    assert done.out.endswith("nothing changed\n")
    state = json.loads(run("personal", "status", "--json", "--state-dir", tmp_path / "state").out)
    assert (state["versions"], state["in_force"]) == ([], 0)


def test_a_damaged_scorer_hinders_nothing(device: Device, tmp_path: Path) -> None:
    """The model's own serves."""
    consent = device.ledger.standing().owner
    assert consent is not None
    version = Version(
        number=1,
        file="stt-en-small+1.ngram",
        base=fingerprint(data_dir() / "stt-en-small.ngram") or 0,
        learned=(device.keep(1).id,),
        pseudonym=consent.pseudonym,
        made="2026-11-29T03:30:00+00:00",
        comparison=Comparison(utterances=10, words=50, before=9, after=4),
    )
    device.utterances.learned.adopt(version, b"STTNGRAM" + bytes(1000), "")
    device.database.close()
    with open_engine(settings(tmp_path / "state")) as engine:
        assert engine.scorer_id == "stt-en-small"


@pytest.mark.parametrize("command", ["status", "learn", "rollback", "forget"])
def test_where_nobody_agreed_no_file_is_made(run: Run, tmp_path: Path, command: str) -> None:
    """Looking leaves nothing behind, and is no fault; there is nothing to go back from."""
    done = run("personal", command, "--state-dir", tmp_path / "none")
    assert done.status == (1 if command == "rollback" else 0)
    assert "Traceback" not in done.err
    assert not (tmp_path / "none").exists()


def test_too_few_utterances_are_said(run: Run, device: Device, tmp_path: Path) -> None:
    """How many there are, and how many it takes."""
    device.keep(1)
    device.database.close()
    done = run("personal", "learn", "--state-dir", tmp_path / "state")
    assert "0 utterances are corrected or accepted; it takes some 40" in done.out
