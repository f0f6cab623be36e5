"""What a partial calls stable is never taken back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_service.decoder import past
from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Scorer
from stt_service.decoder.kernels import open_kernel
from stt_service.decoder.phrases import build_grammar
from stt_service.decoder.results import split, text_of
from stt_service.decoder.search import Decoder
from tests.decoder.kit import LETTERS, Bigrams, kernels, noise, speak, word_lexicon

WORDS = ["a", "ab", "abc", "b", "ba", "cab"]
KERNELS = pytest.mark.parametrize("kernel", kernels(), ids=["numpy", "c"][: len(kernels())])


def scorer():
    return Scorer("words", Bigrams(WORDS), word_lexicon(LETTERS, WORDS), 0.6, 0.8)


def begins_with(text: str, start: str) -> bool:
    """Whether whole words at the head of ``text`` are ``start``."""
    return text.split()[: len(start.split())] == start.split()


@KERNELS
@given(
    seed=st.integers(0, 10_000),
    sharpness=st.floats(0.3, 8),
    beam_width=st.integers(1, 30),
    scored=st.booleans(),
    hot=st.booleans(),
    step=st.integers(1, 20),
)
@settings(max_examples=60, deadline=None)
def test_stable_words_only_grow_and_open_the_result(
    kernel, seed, sharpness, beam_width, scored, hot, step
):
    """Each partial's stable words begin all later ones, its own text, and the final text."""
    decoder = Decoder(LETTERS, scorer=scorer() if scored else None, frame_step=0.02, kernel=kernel)
    stream = decoder.stream(beam_width, hot_words={"ab": 2.0, "a b": -1.0} if hot else {})
    frames = noise(120, seed=seed, sharpness=sharpness)
    stable = ""
    for begin in range(0, len(frames), step):
        stream.advance(frames[begin : begin + step])
        partial = stream.partial()
        assert begins_with(partial.stable, stable)
        assert begins_with(partial.text, partial.stable)
        stable = partial.stable
    assert begins_with(stream.finish(2.4).text, stable)


def test_clear_speech_becomes_stable():
    """Words that no hypothesis doubts are marked while the utterance goes on."""
    stream = Decoder(LETTERS, scorer=scorer(), frame_step=0.02).stream(5)
    stream.advance(speak(LETTERS, "ab cab ba abc ", sure=0.9999, gap=4))
    assert stream.partial().stable.startswith("ab cab")


def test_without_a_space_the_agreed_labels_are_stable():
    """Scripts that do not part words mark what they have."""
    alphabet = Alphabet(("a", "b"))
    stream = Decoder(alphabet, frame_step=0.02).stream(2)
    stream.advance(speak(alphabet, "abababab", sure=0.99))
    assert "abababab".startswith(stream.partial().stable)
    assert stream.partial().stable


@KERNELS
@given(seed=st.integers(0, 1000), scored=st.booleans(), hot=st.booleans())
@settings(max_examples=15, deadline=None)
def test_settling_changes_neither_stability_nor_shape(kernel, seed, scored, hot):
    """With the past settled every second, partials and result still grow from one another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(past, "WHOLE_SECONDS", 1.0)
        patch.setattr(past, "MAX_UNSETTLED_SECONDS", 0.5)
        patch.setattr(past, "SETTLE_SECONDS", 1.0)
        decoder = Decoder(
            LETTERS, scorer=scorer() if scored else None, frame_step=0.02, kernel=kernel
        )
        stream = decoder.stream(10, hot_words={"ab": 2.0, "b a": 3.0} if hot else {})
        frames = noise(400, seed=seed, sharpness=2.0)
        stable = ""
        for begin in range(0, len(frames), 20):
            stream.advance(frames[begin : begin + 20])
            partial = stream.partial()
            assert begins_with(partial.stable, stable)
            assert begins_with(partial.text, partial.stable)
            stable = partial.stable
        result = stream.finish(8.0)
    assert begins_with(result.text, stable)
    assert [word.word for word in result.words] == result.text.split()
    starts = [word.start for word in result.words]
    assert starts == sorted(starts)


class CountedLabels(Alphabet):
    """An alphabet that counts the labels read through it."""

    def __init__(self, labels):
        super().__init__(labels)
        object.__setattr__(self, "read", 0)

    def decode(self, codes):
        codes = list(codes)
        object.__setattr__(self, "read", self.read + len(codes))
        return super().decode(codes)


class CountedKernel:
    """A kernel that counts the labels it hands out to partials."""

    def __init__(self, task):
        self._kernel = open_kernel(task)
        self.advance, self.settle = self._kernel.advance, self._kernel.settle
        self.states = self._kernel.states
        self.read = 0

    def hypotheses(self, limit, *, final):
        found = self._kernel.hypotheses(limit, final=final)
        self.read += sum(len(one.labels) for one in found)
        return found

    def agreed(self):
        labels = self._kernel.agreed()
        self.read += len(labels)
        return labels


def test_a_partial_reads_no_more_late_than_early(monkeypatch):
    """Labels read at each call stay within what a settling period holds, however long it goes."""
    monkeypatch.setattr(past, "WHOLE_SECONDS", 0.5)
    monkeypatch.setattr(past, "MAX_UNSETTLED_SECONDS", 0.5)
    monkeypatch.setattr(past, "SETTLE_SECONDS", 0.5)
    alphabet = CountedLabels(LETTERS.labels)
    stream = Decoder(alphabet, frame_step=0.02, kernel=CountedKernel).stream(5)
    words = speak(alphabet, "ab cab ba ", sure=0.99, gap=1)
    read = []
    for _ in range(100):
        stream.advance(words)
        before = alphabet.read + stream._kernel.read
        partial = stream.partial()
        read.append(alphabet.read + stream._kernel.read - before)
    assert partial.text.split() == ["ab", "cab", "ba"] * 100
    assert len(partial.stable) > 900
    assert max(read[50:]) <= max(read[:50]) <= 4 * 75


@KERNELS
@given(seed=st.integers(0, 1000), scored=st.booleans(), spaced=st.booleans())
@settings(max_examples=15, deadline=None)
def test_a_partial_says_what_reading_everything_would(kernel, seed, scored, spaced):
    """Settled text and unsettled labels come to the same as all labels, with spaces or without."""
    alphabet = LETTERS if spaced else Alphabet(("a", "b", "c", "d"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(past, "WHOLE_SECONDS", 1.0)
        patch.setattr(past, "MAX_UNSETTLED_SECONDS", 0.3)
        patch.setattr(past, "SETTLE_SECONDS", 0.4)
        decoder = Decoder(
            alphabet, scorer=scorer() if scored and spaced else None, frame_step=0.02, kernel=kernel
        )
        stream = decoder.stream(6)
        frames = noise(200, alphabet, seed=seed, sharpness=2.0)
        for begin in range(0, len(frames), 9):
            stream.advance(frames[begin : begin + 9])
            best = stream._past.complete(stream._kernel.hypotheses(1, final=False)[0])
            words = split(alphabet, best)
            assert stream.partial().text == text_of(words if best.whole else words[:-1])


def unsure(seconds):
    """Frames of a long sentence whose first word might as well be another one."""
    frames = speak(LETTERS, "a ba " + "cab abc ba " * 40, sure=0.9999, gap=4)
    first = int(np.argmax(frames[:, LETTERS.encode("a")[0]]))
    a, b = (LETTERS.encode(letter)[0] for letter in "ab")
    frames[first, [a, b]] = 0.5, 0.49999
    return frames[: round(seconds / 0.02)]


def lead(stream, frames):
    """Feed frames as a network does; return the seconds at which the first word was stable."""
    for begin in range(0, len(frames), 16):
        stream.advance(frames[begin : begin + 16])
        if stream.partial().stable:
            return (begin + 16) * 0.02
    return None


@KERNELS
def test_an_old_doubt_does_not_hold_up_long_speech(kernel):
    """What differs only in words of long ago is given up once the utterance is long."""
    frames = unsure(past.WHOLE_SECONDS + 2)
    decoder = Decoder(LETTERS, frame_step=0.02, kernel=kernel)
    at = lead(decoder.stream(10), frames)
    assert past.WHOLE_SECONDS <= at <= past.WHOLE_SECONDS + 16 * 0.02


@KERNELS
def test_in_short_speech_nothing_is_given_up(kernel, monkeypatch):
    """Up to WHOLE_SECONDS the n-best list is that of a search that settles nothing."""
    frames = unsure(past.WHOLE_SECONDS)[:-1]
    decoder = Decoder(LETTERS, frame_step=0.02, kernel=kernel)
    found = []
    for whole in (past.WHOLE_SECONDS, 1000.0):
        monkeypatch.setattr(past, "WHOLE_SECONDS", whole)
        stream = decoder.stream(10, alternatives=5)
        stream.advance(frames)
        found.append(stream.finish(len(frames) * 0.02))
    assert found[0] == found[1]
    assert len({one.text.split()[0] for one in found[0].alternatives}) > 1


@KERNELS
@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(1, 90), min_size=1, max_size=5))
@settings(max_examples=15, deadline=None)
def test_settling_does_not_depend_on_the_portions(kernel, seed, sizes):
    """All frames at once come to the same as in pieces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(past, "WHOLE_SECONDS", 1.0)
        patch.setattr(past, "MAX_UNSETTLED_SECONDS", 0.5)
        decoder = Decoder(LETTERS, scorer=scorer(), frame_step=0.02, kernel=kernel)
        frames = noise(300, seed=seed, sharpness=2.0)
        whole, pieces = decoder.stream(8), decoder.stream(8)
        whole.advance(frames)
        at, turn = 0, 0
        while at < len(frames):
            size = sizes[turn % len(sizes)]
            pieces.advance(frames[at : at + size])
            at, turn = at + size, turn + 1
        assert whole.finish(6.0) == pieces.finish(6.0)


def test_a_strict_grammar_keeps_its_past_open(monkeypatch):
    """The branch that is best now may lead to no sentence."""
    grammar = build_grammar("a (ba|cab) [cab abc ba cab]\nb (ba|cab) cab abc ba abc", LETTERS)
    monkeypatch.setattr(past, "WHOLE_SECONDS", 0.1)
    monkeypatch.setattr(past, "MAX_UNSETTLED_SECONDS", 0.1)
    frames = speak(LETTERS, "a ba cab abc ba abc", sure=0.9, gap=4)
    stream = Decoder(LETTERS, frame_step=0.02).stream(20, grammar=grammar)
    stream.advance(frames)
    assert stream.finish(len(frames) * 0.02).text == "b ba cab abc ba abc"
