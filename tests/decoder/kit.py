"""Small lexicons, language models and probabilities for the decoder's tests."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import UNKNOWN_WORD, Hypothesis, Lexicon
from stt_service.decoder.kernel_numpy import NumpyKernel
from stt_service.decoder.kernels import Task
from stt_service.decoder.lexicon import follow
from stt_service.decoder.network import Network

try:
    from stt_service.decoder._kernel import Search
except ImportError:  # not compiled: the tests of the other kernel still run
    Search = None

LETTERS = Alphabet((" ", "a", "b", "c"))
PHRASES = ["turn the light on", "turn the light off", "turn it off", "the light is on", "stop"] * 3


def kernels():
    """Both kernels' constructors, or the one there is."""
    compiled = [] if Search is None else [lambda task: Search(task, Hypothesis)]
    return [NumpyKernel, *compiled]


def build_lexicon(spellings: Iterable[Sequence[int]], *, restarts: bool, offset: int = 0):
    """A trie of label sequences as a lexicon, its arrays strided as in a file."""
    nodes: list[dict[int, int]] = [{}]
    ends = set()
    for spelling in spellings:
        at = 0
        for label in spelling:
            if label not in nodes[at]:
                nodes[at][label] = len(nodes)
                nodes.append({})
            at = nodes[at][label]
        ends.add(at)
    arcs = [(label + offset, to) for node in nodes for label, to in sorted(node.items())]
    counts = np.array([len(node) for node in nodes], np.uint32)
    records = np.zeros(len(arcs), [("label", "<i4"), ("out", "<i4"), ("w", "<f4"), ("to", "<i4")])
    records["label"] = [label for label, _ in arcs]
    records["to"] = [to for _, to in arcs]
    return Lexicon(
        start=0,
        first_arc=(np.cumsum(counts) - counts).astype(np.uint32),
        arc_count=counts,
        arc_label=records["label"],
        arc_target=records["to"],
        accepting=np.array([i in ends for i in range(len(nodes))]),
        label_offset=offset,
        restarts=restarts,
    )


def word_lexicon(alphabet: Alphabet, words: Iterable[str]):
    """The words, each ended by a space, as in a scorer's dictionary."""
    return build_lexicon([alphabet.encode(w + " ") for w in words], restarts=True, offset=1)


def looking_ahead(alphabet: Alphabet, scores: Mapping[str, float]):
    """The words as a lexicon that knows how likely the likeliest one below each state is."""
    lexicon = word_lexicon(alphabet, scores)
    ahead = np.full(len(lexicon.first_arc), -np.inf, np.float32)
    ahead[lexicon.start] = 0
    for word, score in scores.items():
        for end in range(1, len(word) + 2):
            state = walk(lexicon, alphabet.encode(f"{word} "[:end]))
            ahead[state] = max(ahead[state], score)
    return replace(lexicon, ahead=ahead)


def walk(lexicon: Lexicon, codes: Sequence[int]) -> int:
    """The state that a spelling leads to."""
    state = np.array([lexicon.start], np.int32)
    for code in codes:
        state = follow(lexicon, state, np.array([code], np.int32), LETTERS.space)
    return int(state[0])


def sentence_lexicon(alphabet: Alphabet, sentences: Iterable[str]):
    """Whole utterances, as in a strict grammar."""
    return build_lexicon([alphabet.encode(s) for s in sentences], restarts=False)


class Bigrams:
    """A language model whose scores are drawn once for each pair of words."""

    id = "bigrams"
    order = 2

    def __init__(self, words: Collection[str], seed: int = 0) -> None:
        names = sorted(words)
        self._index = {word: i + 1 for i, word in enumerate(names)}
        self._table = -np.random.default_rng(seed).uniform(0.1, 6, (len(names) + 1,) * 2)
        self.released: list[set[int]] = []
        self.asked = 0

    def start(self) -> int:
        return 0

    def score(self, states, words):
        self.asked += len(words)
        after = [self._index.get(word, 0) for word in words]
        scores = [
            self._table[state, to] if to else UNKNOWN_WORD
            for state, to in zip(states, after, strict=True)
        ]
        return np.array(scores, np.float32), np.array(after, np.int32)

    def alike(self, states):
        return states.astype(np.int64)

    def knows(self, word: str) -> bool:
        return word in self._index

    def release(self, keep=()) -> None:
        self.released.append(set(keep))


def softmax(logits) -> np.ndarray:
    """Probabilities, float32, of rows of logits."""
    raised = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


def noise(frames: int, alphabet: Alphabet = LETTERS, seed: int = 0, sharpness: float = 3.0):
    """Random probabilities; blank, which comes last, is somewhat more probable."""
    logits = np.random.default_rng(seed).normal(size=(frames, len(alphabet) + 1)) * sharpness
    logits[:, -1] += sharpness / 2
    return softmax(logits)


def speak(alphabet: Alphabet, text: str, *, hold: int = 1, gap: int = 2, sure: float = 0.9):
    """Probabilities of a model that hears ``text``: ``hold`` frames a letter, then blanks."""
    rows = [alphabet.blank] * gap
    for letter in text:
        rows += [alphabet.index[letter]] * hold + [alphabet.blank] * gap
    frames = np.full((len(rows), len(alphabet) + 1), (1 - sure) / len(alphabet), np.float32)
    frames[np.arange(len(rows)), rows] = sure
    return frames


def task_for(alphabet: Alphabet = LETTERS, beam_width: int = 8, **more) -> Task:
    """A search without lexicon or language model, unless said otherwise."""
    return Task(alphabet.labels, alphabet.space, beam_width, **more)


def state_after(model, sentence: str) -> int:
    """The state after the words of a sentence."""
    state = model.start()
    for word in sentence.split():
        state = int(model.score([state], [word])[1][0])
    return state


def chain(model, sentence: str) -> list[float]:
    """The score of each word after those before it."""
    state, scores = model.start(), []
    for word in sentence.split():
        score, after = model.score([state], [word])
        state = int(after[0])
        scores.append(float(score[0]))
    return scores


def draw_network(
    words: int, context: int = 3, width: int = 5, units: int = 8, seed: int = 0
) -> Network:
    """A neural network with random weights."""
    dice = np.random.default_rng(seed)

    def draw(*shape: int):
        return dice.normal(size=shape).astype(np.float32)

    return Network(
        codes=dice.integers(-127, 128, (words, width)).astype(np.int8),
        scale=dice.uniform(0.005, 0.02, words).astype(np.float32),
        bias=draw(words) - 3,
        inner=draw(context * width, units),
        inner_bias=draw(units),
        outer=draw(units, width) / 4,
        outer_bias=draw(width),
        share=0.4,
    )
