"""The prefixes of a NumPy search, as a tree, and what lexicons and language model say of them.

A *prefix* is a sequence of labels without blanks. The beam and what lies above it is kept; other
prefixes stay until the next sweep, and are found again by parent and label where the search comes
back to them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.api import NO_STATE
from stt_service.decoder.forest import NONE, Forest, Ids
from stt_service.decoder.kernels import Task
from stt_service.decoder.lexicon import END_STATE, accepts, follow

Floats = NDArray[np.float64]
LexiconStates = NDArray[np.int32]
"""Of both lexicons, shape (n, 2); NO_STATE where one forbids the prefix."""

ROOT_KEY = np.uint64(0)
WORD_KEY = np.uint64(0x6A09E667F3BCC909)
"""What keys begin with: that of the root, and those of places after a word. They differ in high
bits, since labels and states are small numbers."""
MIX = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)
"""Odd numbers that spread keys over 64 bits (Steele, Lea and Flood's SplitMix)."""

FIELDS = [
    ("label", np.int64),  # NONE at the root
    ("lexicon", np.int32, (2,)),
    ("state", np.int64),  # the language model's, before the word now being spelled
    ("key", np.uint64),  # the same where all goes on alike
    ("language", np.float64),  # share of the language model in the score
    ("word_score", np.float64),  # of the word being spelled, if it ended here; NaN: not asked yet
    ("word_state", np.int64),
    ("word_alike", np.int64),  # the same where all goes on alike after the word
    ("legal", np.bool_),  # an utterance may end here
    ("slot", np.int64),  # place in the beam, NONE when not in it
]


class Prefixes:
    """A tree of prefixes, named by ids that a sweep renumbers."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._nodes = Forest(FIELDS)
        self._keys: Ids = np.zeros(0, np.int64)  # parent and label of all nodes but the root
        self._key_nodes: Ids = np.zeros(0, np.int64)
        self.root = self._plant()
        """All that is kept descends from it."""

    def __getitem__(self, field: str) -> NDArray[Any]:
        """Return one field of all nodes, to read and to write."""
        return self._nodes[field]

    def _plant(self) -> int:
        nodes, task = self._nodes, self._task
        root = int(nodes.add(np.array([NONE]), np.array([0]))[0])
        nodes["label"][root] = NONE
        nodes["lexicon"][root] = NO_STATE
        for i, lexicon in enumerate(task.lexicons):
            nodes["lexicon"][root, i] = lexicon.start
        nodes["state"][root] = task.start
        nodes["key"][root] = ROOT_KEY
        nodes["word_score"][root] = np.nan
        nodes["legal"][root] = self._legal(nodes["lexicon"][[root]])[0]
        return root

    def grow(self, parent: Ids, label: Ids, lexicon: LexiconStates) -> Ids:
        """Return the nodes of ``label`` after ``parent``, made where they are not there yet.

        ``lexicon`` is what :meth:`follow` said of them; their words have been asked for.
        """
        nodes = self._nodes
        key = parent * len(self._task.labels) + label
        at = np.searchsorted(self._keys, key)
        there = np.zeros(len(key), np.bool_)
        inside = at < len(self._keys)
        there[inside] = self._keys[at[inside]] == key[inside]
        found = np.zeros(len(key), np.int64)
        found[there] = self._key_nodes[at[there]]
        self._forget(found[there])
        above = parent[~there]
        made = nodes.add(above, nodes["depth"][above] + 1)
        found[~there] = made
        nodes["label"][made] = label[~there]
        nodes["lexicon"][made] = lexicon[~there]
        spaced = label[~there] == self._task.space
        nodes["legal"][made] = self._legal(lexicon[~there]) | (spaced & nodes["legal"][above])
        ended = spaced & self.spelling(above)
        nodes["state"][made] = np.where(ended, nodes["word_state"][above], nodes["state"][above])
        nodes["key"][made] = self.keys(above, label[~there])
        nodes["language"][made] = nodes["language"][above] + self.language_share(
            above, label[~there], lexicon[~there]
        )
        nodes["word_score"][made] = np.nan
        nodes["slot"][made] = NONE
        order = np.argsort(key[~there])
        self._keys = np.insert(self._keys, at[~there][order], key[~there][order])
        self._key_nodes = np.insert(self._key_nodes, at[~there][order], made[order])
        return found

    def _forget(self, node: Ids) -> None:
        """Drop the language model's answers at nodes that neither are in the beam nor above it.

        A sweep would have dropped the nodes: when it is due must not show in what is known.
        """
        nodes = self._nodes
        back = node[nodes["slot"][node] == NONE]
        if len(back):
            held = nodes.held(np.flatnonzero(nodes["slot"][: len(nodes)] != NONE))
            nodes["word_score"][back[~held[back]]] = np.nan

    @property
    def crowded(self) -> bool:
        """Whether it is time to sweep."""
        return self._nodes.crowded

    def sweep(self, beam: Ids) -> Ids:
        """Keep ``beam`` and what is above it; return the beam's new ids."""
        renumbered = self._nodes.sweep(np.append(beam, self.root))
        self.root = int(renumbered[self.root])
        nodes = renumbered[self._key_nodes]
        nodes = nodes[(nodes != NONE) & (nodes != self.root)]
        parent, label = self._nodes["parent"][nodes], self._nodes["label"][nodes]
        keys = parent * len(self._task.labels) + label
        order = np.argsort(keys)
        self._keys, self._key_nodes = keys[order], nodes[order]
        swept: Ids = renumbered[beam]
        return swept

    def follow(self, node: Ids, label: Ids) -> LexiconStates:
        """Step in both lexicons at once; where a word ends, every lexicon starts anew."""
        states = self._nodes["lexicon"][node]
        reached = np.full((len(label), 2), NO_STATE, np.int32)
        ended = np.zeros(len(label), np.bool_)
        for i, lexicon in enumerate(self._task.lexicons):
            labels = label.astype(np.int32)
            reached[:, i] = follow(lexicon, states[:, i], labels, self._task.space)
            ended |= lexicon.restarts & accepts(lexicon, reached[:, i])
        for i, lexicon in enumerate(self._task.lexicons):
            reached[ended, i] = lexicon.start
        return reached

    def may_end(self, node: Ids) -> NDArray[np.bool_]:
        """Whether the word being spelled at ``node`` is whole: the lexicon allows a space."""
        if not self._task.lexicons:
            return np.ones(len(node), np.bool_)
        spaces = np.full(len(node), self._task.space)
        reached = self.follow(node, spaces)
        return np.asarray((reached != NO_STATE).any(axis=1))

    def _legal(self, states: LexiconStates) -> NDArray[np.bool_]:
        legal = np.zeros(len(states), np.bool_)
        for i, lexicon in enumerate(self._task.lexicons):
            if lexicon.restarts:
                return np.ones(len(states), np.bool_)
            legal |= accepts(lexicon, states[:, i]) | (states[:, i] == END_STATE)
        return legal if self._task.lexicons else np.ones(len(states), np.bool_)

    def language_share(self, node: Ids, label: Ids, lexicon: LexiconStates) -> Floats:
        """Return what the language model adds when ``label`` follows ``node``; shape (n,).

        ``lexicon`` is where that leads to. What was looked ahead to while a word was spelled is
        taken back at its end.
        """
        if self._task.score is None:
            return np.zeros(len(node))
        spaced = label == self._task.space
        before = self.ahead(self._nodes["lexicon"][node])
        share: Floats = self._task.alpha * (np.where(spaced, 0.0, self.ahead(lexicon)) - before)
        ends = np.flatnonzero(spaced)
        ends = ends[self.spelling(node[ends])]
        self.ask(node[ends])
        words = self._nodes["word_score"][node[ends]]
        share[ends] += self._task.alpha * words + self._task.beta
        return share

    def ahead(self, states: LexiconStates) -> Floats:
        """Return what the likeliest word below each place comes to, shape (n,)."""
        most = np.full(len(states), -np.inf)
        for i, lexicon in enumerate(self._task.lexicons):
            alive = states[:, i] >= 0
            value = np.zeros(len(states))
            if lexicon.ahead is not None:
                value[alive] = lexicon.ahead[states[alive, i]]
            most[alive] = np.maximum(most, value)[alive]
        most[most == -np.inf] = 0.0
        return most

    def keys(self, node: Ids, label: Ids) -> NDArray[np.uint64]:
        """Return the keys of ``label`` after ``node``, shape (n,); its words have been asked for.

        64 bits that differ, in all likelihood, where what follows may depend on what differs: what
        the language model says of its state, and the labels since.
        """
        nodes = self._nodes
        if self._task.score is None:
            return np.full(len(node), ROOT_KEY)
        ended = (label == self._task.space) & self.spelling(node)
        before = np.where(ended, WORD_KEY, nodes["key"][node])
        more = np.where(ended, nodes["word_alike"][node], label).astype(np.uint64)
        mixed: NDArray[np.uint64] = (before ^ (more + MIX[0])) * MIX[1]
        mixed = (mixed ^ (mixed >> np.uint64(27))) * MIX[2]
        return mixed ^ (mixed >> np.uint64(31))

    def spelling(self, node: Ids) -> NDArray[np.bool_]:
        """Whether a word has begun at ``node``."""
        label = self._nodes["label"][node]
        return np.asarray((label != NONE) & (label != self._task.space))

    def ask(self, node: Ids) -> None:
        """Have the language model score the words that end at these nodes, once for each."""
        nodes = self._nodes
        node = np.unique(node[np.isnan(nodes["word_score"][node])])
        if not len(node) or self._task.score is None:
            return
        words = ["".join(self._word(i)) for i in node.tolist()]
        scores, states = self._task.score(nodes["state"][node].tolist(), words)
        nodes["word_score"][node] = scores
        nodes["word_state"][node] = states
        nodes["word_alike"][node] = self._task.alike(states) if self._task.alike else states

    def _word(self, node: int) -> list[str]:
        letters = []
        while (label := int(self._nodes["label"][node])) not in {NONE, self._task.space}:
            letters.append(self._task.labels[label])
            node = int(self._nodes["parent"][node])
        return letters[::-1]

    @property
    def depth(self) -> int:
        """Labels above what is kept."""
        return int(self._nodes["depth"][self.root])

    def path(self, node: int) -> Ids:
        """Return the nodes from below the root down to ``node``."""
        return np.array(self._nodes.chain(node, self.depth), np.int64)

    def common(self, beam: Ids) -> Ids:
        """Return the path down to the deepest node that all of ``beam`` descend from or are."""
        return self.path(self._nodes.common(beam))

    def below(self, beam: Ids, node: int) -> NDArray[np.bool_]:
        """Whether each of ``beam`` descends from ``node`` or is it."""
        return np.asarray(self._nodes.ancestors(beam, int(self._nodes["depth"][node])) == node)

    def replant(self, root: int) -> None:
        """Make a node of all the beam's paths the root."""
        self.root = root
        self._nodes["parent"][root] = NONE

    def states(self) -> set[int]:
        """Language model states of all that is kept; sweep before."""
        nodes = self._nodes
        used = np.append(self._key_nodes, self.root)
        asked = used[~np.isnan(nodes["word_score"][used])]
        return {*nodes["state"][used].tolist(), *nodes["word_state"][asked].tolist()}
