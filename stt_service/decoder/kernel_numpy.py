"""The beam search in NumPy: a step works on all prefixes and labels at once.

The C kernel does the same; what both compute is told here. A *prefix* is a sequence of labels
without blanks; its score sums all alignments that spell it (CTC), those that end in blank apart
from those that end in the last label, and the language model's share for its finished words.
Rules that are DeepSpeech's own, kept so that the texts are the same:

* nothing happens before the first frame that is not surely blank (:data:`START_BELOW`);
* a word is scored when the space after it is put, and at the end of the utterance;
* a label's time is the frame at which the best way into its prefix put it, renewed whenever a
  later way in scores more than staying does;
* with a scorer of its own (``Task.as_deepspeech``) and a full beam, a step (prefix, label) is left
  out when it scores less than the worst prefix would with blank, less beta.

Where texts need not be the same, rules of other decoders make a narrow beam as good as one ten
times as wide, on read sentences with the bundled model (``python -m bench beam``):

* while a word is being spelled, its likeliest end is counted in advance (``Lexicon.ahead``), lest
  the beam fill with beginnings of unlikely words;
* a prefix is dropped that another outdoes from which all goes on alike: the same word is being
  spelled after states that the language model calls alike (:data:`OUTDONE`);
* and one that is far below the best (:data:`FAR_BELOW`).

A prefix not in the beam gets one contribution per frame, from its parent. So if that is less than
what the worst of a full beam comes to, it is not made: the outcome is the same, at a fraction of
the work, and in frames that are nearly all blank nothing is left to be done.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.api import NO_STATE, UNKNOWN_WORD, Hypothesis
from stt_service.decoder.forest import NONE, Forest, Ids
from stt_service.decoder.kernels import FAR_BELOW, NEGLIGIBLE, OUTDONE, START_BELOW, Task
from stt_service.decoder.prefixes import Floats, LexiconStates, Prefixes

NEVER = -np.inf
TINY = float(np.finfo(np.float32).tiny)
"""Added to probabilities before the logarithm, as in DeepSpeech."""
PROBABLE = 1.001
"""Softmax may round to a little over 1."""

TIME_FIELDS = [("frame", np.int64), ("emission", np.float64)]


def log_add(a: Floats, b: Floats) -> Floats:
    """Logarithm of the sum, leaving out what :data:`NEGLIGIBLE` calls lost."""
    high, low = np.maximum(a, b), np.minimum(a, b)
    near = high - NEGLIGIBLE < low
    total: Floats = high.copy()
    total[near] += np.log1p(np.exp(low[near] - high[near]))
    return total


class NumpyKernel:
    """A :class:`~stt_service.decoder.kernels.Kernel`."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._frame = 0
        self._started = False
        self._nodes = Prefixes(task)
        self._times = Forest(TIME_FIELDS)
        self._beam: Ids = np.array([self._nodes.root])
        self._nodes["slot"][self._beam] = 0
        self._time: Ids = np.array([NONE])
        self._blank: Floats = np.zeros(1)  # score of the alignments that end in blank
        self._label: Floats = np.full(1, NEVER)  # score of those that end in the last label

    def advance(self, probabilities: NDArray[np.float32]) -> None:
        """See :class:`~stt_service.decoder.kernels.Kernel`."""
        width = len(self._task.labels) + 1
        if probabilities.ndim != 2 or probabilities.shape[1] != width:
            raise ValueError(f"expected frames of {width} values, not {probabilities.shape}")
        if not ((probabilities >= 0) & (probabilities <= PROBABLE)).all():
            raise ValueError("a value is not a probability")
        logs = np.log(probabilities.astype(np.float64) + TINY).astype(np.float32)
        for blank, row in zip(probabilities[:, -1], logs.astype(np.float64), strict=True):
            self._started = self._started or float(blank) < START_BELOW
            if self._started:
                self._step(row)
            self._frame += 1

    def _step(self, logs: Floats) -> None:
        task, nodes = self._task, self._nodes
        score = log_add(self._blank, self._label)
        cutoff = NEVER
        if task.as_deepspeech and task.score is not None and len(score) == task.beam_width:
            cutoff = score.min() + logs[-1] - max(0.0, task.beta)
        last = nodes["label"][self._beam]
        parent = nodes["parent"][self._beam]
        above = np.where(parent == NONE, NONE, nodes["slot"][parent])

        # Those in the beam: stay with blank, repeat the last label, or come from a parent in it.
        blank = score + np.where(logs[-1] + score >= cutoff, logs[-1], NEVER)
        own = np.where(last == NONE, NEVER, logs[last])
        repeat = self._label + np.where(own + score >= cutoff, own, NEVER)
        into = np.full(len(score), NEVER)
        child = np.flatnonzero(above != NONE)
        source = above[child]
        step = np.where(last[child] == last[source], self._blank[source], score[source])
        lexicon = nodes["lexicon"][self._beam[child]]
        step += nodes.language_share(parent[child], last[child], lexicon)
        allowed = own[child] + score[source] >= cutoff
        into[child] = np.where(allowed, own[child] + step, NEVER)
        label = log_add(repeat, into)
        renewed = np.flatnonzero((into > repeat) & (blank <= label))
        stay = log_add(blank, label)

        # Those outside of the beam whose parent is in it.
        worst = self._bar(stay)
        stay[stay < worst] = NEVER
        taken = np.zeros((len(score), len(task.labels)), np.bool_)
        taken[source, last[child]] = True
        slot, new_label, new_score, lexicon = self._candidates(logs, score, cutoff, worst, taken)

        self._drop_outdone(stay, slot, new_label, new_score)
        before = self._time.copy()
        self._time[renewed] = self._stamp(before[above[renewed]], own[renewed])
        kept, made = self._select(stay, last, new_score, new_label)
        fresh = nodes.grow(self._beam[slot[made]], new_label[made], lexicon[made])
        stamps = self._stamp(before[slot[made]], logs[new_label[made]])
        nodes["slot"][self._beam] = NONE
        self._beam = np.concatenate([self._beam[kept], fresh])
        nodes["slot"][self._beam] = np.arange(len(self._beam))
        self._time = np.concatenate([self._time[kept], stamps])
        self._blank = np.concatenate([blank[kept], np.full(len(made), NEVER)])
        self._label = np.concatenate([label[kept], new_score[made]])
        self._sweep()

    def _bar(self, stay: Floats) -> float:
        """Return what a prefix must come to for the next beam; ``stay`` is what those in it do."""
        task = self._task
        worst = float(stay.min()) if len(stay) == task.beam_width else NEVER
        if task.score is None or task.as_deepspeech:
            return worst
        return max(worst, float(stay.max()) - FAR_BELOW)

    def _candidates(
        self, logs: Floats, score: Floats, cutoff: float, worst: float, taken: NDArray[np.bool_]
    ) -> tuple[Ids, Ids, Floats, LexiconStates]:
        """Return slot of the parent, label, score and lexicon states of prefixes to be made."""
        task, nodes = self._task, self._nodes
        reach = score[:, None] + logs[None, :-1]
        total = reach.copy()
        last = nodes["label"][self._beam]
        doubled = np.flatnonzero(last != NONE)
        total[doubled, last[doubled]] = self._blank[doubled] + logs[last[doubled]]
        bound = total
        if task.score is not None and task.space >= 0:
            bound = total.copy()
            ahead = nodes.ahead(nodes["lexicon"][self._beam])
            gain = task.alpha * (task.ceiling - ahead) + task.beta
            bound[:, task.space] += np.maximum(0.0, gain)
        wanted = ~taken & (reach >= cutoff) & (bound >= worst) & (total > NEVER)
        slot, label = np.nonzero(wanted)
        lexicon = nodes.follow(self._beam[slot], label)
        if task.lexicons:
            possible = (lexicon != NO_STATE).any(axis=1)
            slot, label, lexicon = slot[possible], label[possible], lexicon[possible]
        share = nodes.language_share(self._beam[slot], label, lexicon)
        found = total[slot, label] + share
        good = found >= worst
        return slot[good], label[good], found[good], lexicon[good]

    def _drop_outdone(self, stay: Floats, slot: Ids, label: Ids, score: Floats) -> None:
        """Set the scores of prefixes that can never come out best to :data:`NEVER`.

        ``stay`` is that of the beam's; the others' parents are at ``slot``.
        """
        if self._task.score is None or self._task.as_deepspeech:
            return
        keys = (self._nodes["key"][self._beam], self._nodes.keys(self._beam[slot], label))
        alike = np.unique(np.concatenate(keys), return_inverse=True)[1]
        every = np.concatenate((stay, score))
        best = np.full(len(every), NEVER)
        np.maximum.at(best, alike, every)
        outdone = every < best[alike] - OUTDONE
        stay[outdone[: len(stay)]] = NEVER
        score[outdone[len(stay) :]] = NEVER

    def _select(self, stay: Floats, last: Ids, score: Floats, label: Ids) -> tuple[Ids, Ids]:
        """Return which of the beam and which of the new ones are the best ``beam_width``."""
        every = np.concatenate([stay, score])
        chosen = np.flatnonzero(every > NEVER)
        width = self._task.beam_width
        if len(chosen) > width:
            labels = np.concatenate([last, label])
            edge = np.partition(every[chosen], -width)[-width]
            chosen = chosen[every[chosen] >= edge]
            order = np.lexsort((chosen, labels[chosen], -every[chosen]))
            chosen = np.sort(chosen[order[:width]])
        return chosen[chosen < len(stay)], chosen[chosen >= len(stay)] - len(stay)

    def _stamp(self, before: Ids, emission: Floats) -> Ids:
        depth = np.where(before == NONE, 0, self._times["depth"][before]) + 1
        stamps = self._times.add(before, depth)
        self._times["frame"][stamps] = self._frame
        self._times["emission"][stamps] = emission
        return stamps

    def _sweep(self) -> None:
        if self._times.crowded:
            renumbered = self._times.sweep(self._time[self._time != NONE])
            self._time = np.where(self._time == NONE, NONE, renumbered[self._time])
        if self._nodes.crowded:
            self._beam = self._nodes.sweep(self._beam)

    def hypotheses(self, limit: int, *, final: bool) -> list[Hypothesis]:
        """See :class:`~stt_service.decoder.kernels.Kernel`."""
        nodes, task = self._nodes, self._task
        score = log_add(self._blank, self._label)
        total = score.copy()
        state = nodes["state"][self._beam].copy()
        spelling = nodes.spelling(self._beam)
        whole = ~spelling
        whole[spelling] = nodes.may_end(self._beam[spelling])
        order = np.arange(len(score))
        if final:
            order = order[nodes["legal"][self._beam]]
        if final and task.score is not None:
            ended = spelling & whole
            nodes.ask(self._beam[ended])
            words = np.full(len(score), UNKNOWN_WORD)
            words[ended] = nodes["word_score"][self._beam[ended]]
            words -= nodes.ahead(nodes["lexicon"][self._beam])
            total[spelling] += task.alpha * words[spelling] + task.beta
            state[ended] = nodes["word_state"][self._beam[ended]]
        label = nodes["label"][self._beam]
        order = order[np.lexsort((order, label[order], -total[order]))][:limit]
        found = []
        for i in order.tolist():
            labels, frames, emissions = self._read(int(self._beam[i]), int(self._time[i]))
            acoustic = float(score[i] - nodes["language"][self._beam[i]])
            found.append(
                Hypothesis(
                    tuple(labels),
                    tuple(frames),
                    float(total[i]),
                    acoustic,
                    tuple(emissions),
                    int(state[i]),
                    bool(whole[i]),
                )
            )
        return found

    def _read(self, node: int, time: int) -> tuple[list[int], list[int], list[float]]:
        nodes, times = self._nodes, self._times
        path, stamps = nodes.path(node), times.chain(time, nodes.depth)
        return (
            nodes["label"][path].tolist(),
            times["frame"][stamps].tolist(),
            times["emission"][stamps].tolist(),
        )

    def agreed(self) -> list[int]:
        """See :class:`~stt_service.decoder.kernels.Kernel`."""
        labels: list[int] = self._nodes["label"][self._nodes.common(self._beam)].tolist()
        return labels

    def settle(self, before: int) -> tuple[list[int], list[int], list[float]]:
        """See :class:`~stt_service.decoder.kernels.Kernel`."""
        nodes, times = self._nodes, self._times
        base = nodes.depth
        best = int(np.argmax(log_add(self._blank, self._label)))
        path = nodes.path(int(self._beam[best]))
        stamps = times.chain(int(self._time[best]), base)
        old = int((times["frame"][stamps] < before).sum())
        if old:
            self._keep(nodes.below(self._beam, int(path[old - 1])))
        common = nodes.common(self._beam)
        if self._task.space >= 0:
            spaces = np.flatnonzero(nodes["label"][common] == self._task.space)
            common = common[: spaces[-1] + 1 if len(spaces) else 0]
        done = len(common)
        if done:
            nodes.replant(int(common[-1]))
            tops = times.ancestors(self._time[self._time != NONE], base + done)
            times["parent"][tops] = NONE
        settled = stamps[:done]
        return (
            nodes["label"][common].tolist(),
            times["frame"][settled].tolist(),
            times["emission"][settled].tolist(),
        )

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        self._nodes["slot"][self._beam] = NONE
        self._beam, self._time = self._beam[kept], self._time[kept]
        self._blank, self._label = self._blank[kept], self._label[kept]
        self._nodes["slot"][self._beam] = np.arange(len(self._beam))

    def states(self) -> set[int]:
        """See :class:`~stt_service.decoder.kernels.Kernel`."""
        self._beam = self._nodes.sweep(self._beam)
        return self._nodes.states()
