"""Plain sentences and templates together as one deterministic automaton over labels.

The subset construction runs on sets of network states, joined by at most one state of the trie of
plain sentences. Where a sentence is read by the trie alone the automaton *is* the trie, whose
arrays are taken as they are: 10,000 plain sentences cost no step of the construction.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.api import Lexicon
from stt_service.decoder.phrases.closure import Closure, close
from stt_service.decoder.phrases.network import Network
from stt_service.decoder.phrases.trie import Trie
from stt_service.errors import PhrasesError

MAX_STATES = 400_000
"""States the templates may take; building them needs about 500 bytes each for a moment."""
MAX_WORK = 4_000_000
"""Network states in all sets together, which bounds the time of hostile templates; Home Assistant's
English sentences with 300 names take 1.6 million."""


@dataclass(frozen=True)
class Automaton:
    """The sentences of a grammar. States of the trie come first, the root is state 0."""

    lexicon: Lexicon
    templates: dict[int, frozenset[int]]
    """Accepting states beyond the trie, with the templates that end there."""
    plain: dict[int, int]
    """The same states, where a plain sentence ends as well: its state in the trie."""


@dataclass
class _Builder:
    """Numbers sets of states as they are met; each waits until its arcs are asked for."""

    network: Network
    trie: Trie
    first: int
    """Number of the first state beyond the trie."""
    waiting: deque[tuple[int, Closure] | int] = field(default_factory=deque)
    """States of the trie (-1: none), each with what the network allows besides; or one state of
    the network alone, which takes a letter within a word, as most are."""
    numbers: dict[object, int] = field(default_factory=dict)
    singles: dict[int, int] = field(default_factory=dict)
    """The same for one state of the network and none of the trie."""
    ends: dict[int, tuple[int, Closure]] = field(default_factory=dict)
    """Of :attr:`waiting`, now or before, those where something ends."""
    count: int = 0
    work: int = 0

    def number(self, trie_state: int, reached: Collection[int]) -> int:
        """The automaton's state for network states reached by a letter, or that begin a word."""
        if not reached:
            return trie_state
        if len(reached) == 1 and trie_state < 0:
            return self.single(*reached)
        closure = close(self.network, reached, in_word=True)
        return self.register((trie_state, closure.key()), trie_state, closure)

    def single(self, state: int) -> int:
        """The automaton's state for one network state, told apart without being closed."""
        known = self.singles.get(state)
        if known is not None:
            return known
        kind = self.network.label[state]
        if kind >= 0 and kind != self.network.space:
            number = self._next(1)
            self.waiting.append(state)
        else:
            closure = close(self.network, (state,), in_word=True)
            number = self.register((-1, closure.key()), -1, closure)
        self.singles[state] = number
        return number

    def register(self, key: object, trie_state: int, closure: Closure) -> int:
        """Number a set of states, new or known."""
        known = self.numbers.get(key)
        if known is not None:
            return known
        self.numbers[key] = number = self._next(len(closure.letters) + len(closure.begins))
        self.waiting.append((trie_state, closure))
        if trie_state >= 0 or closure.templates or closure.accepts:
            self.ends[number] = (trie_state, closure)
        return number

    def _next(self, states: int) -> int:
        """A new number, for a set of so many states."""
        self.work += states
        if self.count >= MAX_STATES or self.work > MAX_WORK:
            raise PhrasesError(
                f"telling the templates apart takes more than {MAX_STATES} states",
                "Name long lists in fewer templates, or put the words that tell templates "
                "apart before the lists",
            )
        self.count += 1
        return self.first + self.count - 1

    def arcs(self, trie_state: int, closure: Closure) -> list[tuple[int, int]]:
        """Labels and targets that leave a set, sorted by label."""
        label, follow, space = self.network.label, self.network.follow, self.network.space
        moves: dict[int, set[int]] = {}
        for state in closure.letters:
            moves.setdefault(label[state], set()).add(follow[state])
        plain: dict[int, int] = {}
        if trie_state >= 0:
            first = int(self.trie.first_arc[trie_state])
            for arc in range(first, first + int(self.trie.arc_count[trie_state])):
                plain[int(self.trie.label[arc])] = arc + 1
        arcs = {code: self.number(plain.pop(code, -1), moves[code]) for code in moves}
        if closure.begins:
            arcs[space] = self.number(plain.pop(space, -1), closure.begins)
        arcs.update(plain)
        return sorted(arcs.items())


def determinise(network: Network, start: int | None, trie: Trie) -> Automaton:
    """Join the network from ``start`` (None: there is none) and the trie into one automaton.

    Raises :exc:`PhrasesError` when it would take more than :data:`MAX_STATES` states.
    """
    builder = _Builder(network, trie, trie.states)
    first, count, label, target = (array("i") for _ in range(4))
    if start is not None:
        root = builder.register(None, 0, close(network, (start,), in_word=False))
        assert root == trie.states
    while builder.waiting:
        item = builder.waiting.popleft()
        first.append(len(label))
        if isinstance(item, int):
            count.append(1)
            label.append(network.label[item])
            target.append(builder.single(network.follow[item]))
            continue
        arcs = builder.arcs(*item)
        count.append(len(arcs))
        for code, state in arcs:
            label.append(code)
            target.append(state)
    accepting = np.zeros(trie.states + builder.count, np.bool_)
    accepting[trie.ends] = True
    plain_ends = frozenset(trie.ends.tolist())
    plain = {
        number: trie_state
        for number, (trie_state, _) in builder.ends.items()
        if trie_state in plain_ends
    }
    for number, (_, closure) in builder.ends.items():
        accepting[number] = closure.accepts or number in plain
    templates = {number: closure.templates for number, (_, closure) in builder.ends.items()}
    lexicon = Lexicon(
        start=0 if start is None else trie.states,
        first_arc=np.concatenate([trie.first_arc, _unsigned(first) + np.uint32(len(trie.label))]),
        arc_count=np.concatenate([trie.arc_count, _unsigned(count)]),
        arc_label=np.concatenate([trie.label, np.array(label, np.int32)]),
        arc_target=np.concatenate(
            [np.arange(1, trie.states, dtype=np.int32), np.array(target, np.int32)]
        ),
        accepting=accepting,
        restarts=False,
    )
    return Automaton(lexicon, templates, plain)


def _unsigned(values: array[int]) -> NDArray[np.uint32]:
    return np.array(values, np.uint32)
