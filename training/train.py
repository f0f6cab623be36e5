"""A prepared corpus in, a trained network out: the loop, its schedule and its stops.

Runs on the CPU, one GPU, or several through ``torchrun``. ``last.pt`` is written every few minutes
and holds all that is needed to go on at the same batch with the same random numbers; ``best.pt``
holds the averaged weights that did best on the held-out speakers.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import signal
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from torch import nn

from stt_service.decoder.api import Scorer
from training import curves
from training.augment import AugmentConfig
from training.checkpoint import Average, Progress, load, save
from training.data import Batch, EpochData, loader
from training.evaluate import SetScore, evaluate, summary
from training.model import DeepSpeech, ModelConfig
from training.objective import Objective, feature_statistics
from training.optimizer import Optimizer
from training.prepare import Corpus
from training.ranks import Ranks
from training.settings import TrainConfig, rate_at, strength_at
from training.weights import read_any
from training.widen import at_least, widened

logger = logging.getLogger(__name__)

LOG_STEPS = 25
"""Steps whose losses are averaged into one line of the log."""


class Trainer:
    """One run in one folder. Owned by the main thread of its process.

    A run that is already in ``out`` goes on; else it starts from the weights in ``initial`` (a
    checkpoint or half-precision state), widened to ``model`` where that is wider; else from
    nothing.
    """

    def __init__(
        self,
        corpus: Corpus,
        out: Path,
        model: ModelConfig,
        config: TrainConfig,
        initial: Path | None = None,
        scorer: Scorer | None = None,
    ) -> None:
        self.corpus, self.out, self.config = corpus, out, config
        self.ranks = Ranks()
        self.device = self.ranks.device
        self.bfloat16 = (
            self.ranks.multiplies_bfloat16() if config.bfloat16 is None else config.bfloat16
        )
        torch.manual_seed(config.seed)
        self.progress = Progress()
        state = load(out / "last.pt") if (out / "last.pt").exists() else None
        if state:
            model = ModelConfig(**state["config"])
        self.model = DeepSpeech(model, config.dropout)
        if initial and not state:
            start = read_any(initial)
            self.model = widened(start, at_least(model, start.config), config.dropout)
        self.model.to(self.device)
        if not initial and not state:
            self.model.set_feature_statistics(*feature_statistics(corpus))
        self.optimizer = Optimizer(self.model, config.weight_decay, self.ranks)
        self.average = Average(self.model, config.average)
        if state:
            self._restore(state)
        self.parallel = self.ranks.share(self.model)
        self.objective = Objective(config, self.model.config.blank, scorer)
        self._logged: dict[str, list[float]] = defaultdict(list)
        self._stop = False

    def _ask_to_stop(self, number: int, _frame: object) -> None:
        logger.info("stopping after this step (signal %d)", number)
        self._stop = True

    def _restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["raw_model"])
        self.average.state = {k: v.to(self.device) for k, v in state["model"].items()}
        self.average.updates = state["average_updates"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        torch.set_rng_state(state["rng"])
        if self.ranks.rank:
            torch.manual_seed(
                self.config.seed + self.progress.step * self.ranks.world + self.ranks.rank
            )
        if state["batches"] != self._corpus_size():
            logger.warning("the corpus has changed: going on at the start of the next epoch")
            self.progress.epoch, self.progress.batch = self.progress.epoch + 1, 0
            # Other held-out speakers: scores of before and after do not compare.
            self.progress.best = float("inf")
        logger.info("resumed at step %d, epoch %d", self.progress.step, self.progress.epoch)

    def _corpus_size(self) -> int:
        """A number that changes when an epoch's plan would."""
        return (
            len(self.corpus.select("train")) * 1_000_003
            + self.config.batch_frames * self.ranks.world
        )

    def save(self, name: str) -> None:
        """Write ``last.pt`` (all) or another checkpoint (averaged weights only)."""
        if self.ranks.rank:
            return
        payload: dict[str, Any] = {
            "config": self.model.config.to_dict(),
            "model": self.average.state,
        }
        payload["progress"] = dataclasses.asdict(self.progress)
        if name == "last.pt":
            payload["raw_model"] = self.model.state_dict()
            payload["optimizer"] = self.optimizer.state_dict()
            payload["average_updates"] = self.average.updates
            payload["rng"] = torch.get_rng_state()
            payload["batches"] = self._corpus_size()
        save(self.out / name, payload)

    def step(self, batch: Batch) -> dict[str, float]:
        """Update the weights once; return the loss per letter, and what else there is to log."""
        batch = Batch(*(getattr(batch, f.name).to(self.device) for f in dataclasses.fields(Batch)))
        self.parallel.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            logits = self.parallel(batch.features, batch.lengths)
        loss, logged = self.objective(logits, batch, self.progress.step)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_norm)
        if torch.isfinite(norm):
            self.optimizer.step(rate_at(self.config, self.progress.step, self.progress.seconds))
            self.average.update(self.model)
        self.progress.step += 1
        return logged

    def validate(self) -> list[SetScore]:
        """Score the averaged weights on the held-out speakers; keep them if they are the best.

        Process 0 does it, the others wait at their next step.
        """
        if self.ranks.rank:
            return []
        model = DeepSpeech(self.model.config).to(self.device)
        model.load_state_dict(self.average.state)
        scores = evaluate(
            model, self.corpus, self.corpus.select("dev"), limit=self.config.validate_clips
        )
        values = {f"cer/{s.name}": s.cer for s in scores} | {f"wer/{s.name}": s.wer for s in scores}
        values |= {f"closed/{s.name}": s.closed_error for s in scores if s.closed_error is not None}
        values["summary"] = summary(scores)
        self._record(values)
        curves.draw(self.out)
        for score in scores:
            logger.info(
                "%-32s wer %.3f cer %.3f closed %s", score.name, score.wer, score.cer,
                "-" if score.closed_error is None else f"{score.closed_error:.3f}",
            )  # fmt: skip
        if values["summary"] < self.progress.best:
            self.progress.best = values["summary"]
            self.save("best.pt")
        return scores

    def _record(self, values: dict[str, float]) -> None:
        progress = self.progress
        curves.append(self.out, progress.step, progress.epoch, progress.seconds / 3600, values)

    def finished(self) -> bool:
        """Whether the run's steps or time are used up."""
        if self.config.steps:
            return self.progress.step >= self.config.steps
        return self.progress.seconds >= self.config.hours * 3600

    def run(self) -> None:
        """Train until finished, saving and validating on the way.

        An interrupt or SIGTERM finishes the step under way, saves and returns.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)
        started = time.monotonic() - self.progress.seconds
        saved = validated = self.progress.seconds
        while not self.finished() and not self._stop:
            data = self._epoch_data()
            with self._bar() as bar:
                task = bar.add_task(
                    f"epoch {self.progress.epoch}", total=len(data), completed=self.progress.batch
                )
                for batch in loader(
                    data,
                    self.progress.batch,
                    self.ranks.rank,
                    self.ranks.world,
                    self.config.workers,
                ):
                    self._count(self.step(batch))
                    self.progress.batch += self.ranks.world
                    self.progress.seconds, self._stop = self.ranks.agree(
                        time.monotonic() - started, self._stop
                    )
                    bar.update(task, completed=self.progress.batch, description=self._caption())
                    now = self.progress.seconds
                    if now - saved > self.config.save_minutes * 60:
                        self.save("last.pt")
                        saved = now
                    if now - validated > self.config.validate_minutes * 60:
                        self.validate()
                        validated = now
                    if self._stop or self.finished():
                        break
                else:
                    self.progress.epoch += 1
                    self.progress.batch = 0
            self._flush()
        self.save("last.pt")
        if not self._stop:
            self.validate()
            self.save("last.pt")

    def _epoch_data(self) -> EpochData:
        early = self.progress.epoch < self.config.curriculum
        return EpochData(
            self.corpus,
            self.config.seed,
            self.progress.epoch,
            batch_frames=self.config.batch_frames,
            max_batch=self.config.max_batch,
            long_share=0.0 if early else self.config.long_share,
            made_per_recorded=self.config.made_per_recorded,
            augmentation=AugmentConfig().weakened(strength_at(self.config, self.progress.epoch)),
        )

    def _bar(self) -> Bar:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        # Logs of a run in the background stay free of control characters.
        console = Console()
        return Bar(
            *columns, console=console, disable=not console.is_terminal or bool(self.ranks.rank)
        )

    def _caption(self) -> str:
        return f"epoch {self.progress.epoch} step {self.progress.step}"

    def _count(self, logged: Mapping[str, float]) -> None:
        for name, value in logged.items():
            if math.isfinite(value):
                self._logged[name].append(value)
        if max(map(len, self._logged.values()), default=0) >= LOG_STEPS:
            self._flush()

    def _flush(self) -> None:
        means = {name: math.fsum(values) / len(values) for name, values in self._logged.items()}
        self._logged.clear()
        if not means or self.ranks.rank:
            return
        rate = rate_at(self.config, self.progress.step, self.progress.seconds)
        self._record(means | {"rate": rate})
        logger.info(
            "step %d epoch %d hours %.3f %s", self.progress.step, self.progress.epoch,
            self.progress.seconds / 3600, " ".join(f"{k} {v:.4f}" for k, v in means.items()),
        )  # fmt: skip
