"""The training loop: learning, stopping, going on."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from tests.training.speaking import write_set  # noqa: E402
from training.checkpoint import load, load_model  # noqa: E402
from training.evaluate import closed_choice, evaluate, greedy  # noqa: E402
from training.letters import ALPHABET  # noqa: E402
from training.model import ModelConfig  # noqa: E402
from training.prepare import Corpus, prepare  # noqa: E402
from training.settings import TrainConfig, rate_at, strength_at  # noqa: E402
from training.train import Trainer  # noqa: E402

TINY = ModelConfig(dense1=32, dense2=32, dense3=32, lstm=24, dense5=32)
SHORT = TrainConfig(
    steps=6, warmup=3, batch_frames=600, workers=0, bfloat16=False, save_minutes=1e9,
    validate_minutes=1e9,
)  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """The tone corpus, prepared."""
    prepare([write_set(tmp_path / "data") / "train"], tmp_path / "corpus")
    return Corpus(tmp_path / "corpus")


def test_a_stopped_run_goes_on_exactly(corpus: Corpus, tmp_path: Path) -> None:
    """Six steps in one go, and three, a new process's worth of state, and three: same weights."""
    Trainer(corpus, tmp_path / "whole", TINY, SHORT).run()
    first = Trainer(corpus, tmp_path / "parts", TINY, SHORT)
    stop_after(first, 3)
    first.run()
    assert load(tmp_path / "parts" / "last.pt")["progress"]["step"] == 3
    Trainer(corpus, tmp_path / "parts", TINY, SHORT).run()
    whole, parts = (load(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert whole["progress"]["step"] == parts["progress"]["step"] == 6
    for key in ("raw_model", "model"):
        for name, value in whole[key].items():
            torch.testing.assert_close(value, parts[key][name], rtol=0, atol=0)


def stop_after(trainer: Trainer, steps: int) -> None:
    """Ask the trainer to stop after some steps, as SIGTERM would."""
    original = trainer.step

    def step(batch: object) -> dict[str, float]:
        if trainer.progress.step + 1 == steps:
            trainer._ask_to_stop(15, None)
        return original(batch)

    trainer.step = step


def test_a_run_leaves_curves_and_a_model_to_ship(corpus: Corpus, tmp_path: Path) -> None:
    """Both checkpoints, the numbers and the picture are there, and the model folds."""
    Trainer(corpus, tmp_path / "run", TINY, SHORT).run()
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written == {"last.pt", "best.pt", "curves.csv", "curves.png"}
    assert load_model(tmp_path / "run" / "best.pt").folded()["layer6.bias"].shape == (29,)


def test_scores_are_given_per_set_and_noise_level(corpus: Corpus, tmp_path: Path) -> None:
    """An untrained network is scored without failing; noise is named."""
    trainer = Trainer(corpus, tmp_path / "run", TINY, SHORT)
    scores = evaluate(trainer.model, corpus, corpus.select("dev"), snr_db=10, limit=8)
    assert [(s.name, s.clips) for s in scores] == [("tones +10 dB", 8)]
    assert scores[0].closed_error is not None
    assert 0.0 <= scores[0].closed_error <= 1.0


def test_greedy_reading_drops_repeats_and_blanks() -> None:
    """``n n - o o -`` reads "no"; a blank between equal letters keeps both."""
    labels = [*(ALPHABET.index(c) for c in "nn"), 28, ALPHABET.index("o"), ALPHABET.index("o"), 28]
    labels += [ALPHABET.index("o")]
    log_probs = torch.full((len(labels), 29), -9.0)
    log_probs[range(len(labels)), labels] = 0.0
    assert greedy(log_probs) == "noo"
    assert closed_choice(log_probs.log_softmax(-1), ["yes", "noo", "no"]) == "noo"


def test_the_learning_rate_rises_then_falls_with_steps_or_time() -> None:
    """It starts low, peaks after the warm-up and ends at its floor."""
    config = TrainConfig(steps=1000, warmup=100, learning_rate=1.0, final_rate=0.01)
    rates = [rate_at(config, step, 0.0) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert np.argmax(rates) in range(95, 105)
    assert rates[-1] == pytest.approx(0.01)
    short = dataclasses.replace(config, steps=50)
    assert np.argmax([rate_at(short, step, 0.0) for step in range(51)]) in range(8, 12)
    timed = dataclasses.replace(config, steps=None, hours=1.0)
    assert rate_at(timed, 5000, 1800.0) == pytest.approx(0.5, abs=0.01)


def test_recordings_are_changed_more_and_more_up_to_the_strength_asked_for() -> None:
    """An even rise over the epochs of the ramp; without one, all of it at once."""
    rising = TrainConfig(strength=0.4, ramp=4)
    assert [strength_at(rising, epoch) for epoch in (0, 1, 3, 9)] == pytest.approx(
        [0.1, 0.2, 0.4, 0.4]
    )
    assert strength_at(TrainConfig(strength=0.4, ramp=0), 0) == 0.4


@pytest.mark.slow
def test_several_processes_train_one_network(tmp_path: Path) -> None:
    """Two processes under torchrun agree on when to stop and write one run."""
    prepare([write_set(tmp_path / "data") / "train"], tmp_path / "run" / "corpus")
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "training", "train", "--out", str(tmp_path / "run"), "--hours", "0.001",
        "--width", "64", "--lstm-width", "48", "--batch-frames", "600", "--threads", "1",
    ]  # fmt: skip
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert load(tmp_path / "run" / "last.pt")["progress"]["step"] > 2


@pytest.mark.slow
def test_one_command_goes_from_recordings_to_a_shipped_file(tmp_path: Path) -> None:
    """A tiny network learns tones as words, from files on disk to a .tflite that reads them."""
    data = write_set(tmp_path / "data", takes=5)
    out = tmp_path / "run"
    command = [
        sys.executable, "-m", "training", "all", "--data", str(data), "--out", str(out),
        "--spoken-hours", "0", "--steps", "360", "--width", "48", "--lstm-width", "48",
    ]  # fmt: skip
    root = Path(__file__).resolve().parents[2]
    # One thread: two wait for one another at each step when something else runs too.
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=root, env=one, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (out / "model.tflite").stat().st_size > 20_000
    corpus = Corpus(tmp_path / "run" / "corpus")
    model = load_model(tmp_path / "run" / "best.pt")
    (score,) = evaluate(model, corpus, corpus.select("dev"))
    assert score.cer < 0.5
