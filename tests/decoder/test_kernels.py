"""Both kernels against each other, and against a sum over every alignment."""

import itertools
import math
import tracemalloc
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Hypothesis
from stt_service.decoder.kernel_numpy import NumpyKernel
from stt_service.decoder.kernels import open_kernel
from tests.decoder.kit import (
    LETTERS,
    Bigrams,
    Search,
    kernels,
    looking_ahead,
    noise,
    sentence_lexicon,
    softmax,
    speak,
    task_for,
    word_lexicon,
)

WORDS = ["a", "ab", "abc", "b", "ba", "bb", "cab", "cc"]
KERNELS = pytest.mark.parametrize("kernel", kernels(), ids=["numpy", "c"][: len(kernels())])
COMPILED = pytest.mark.skipif(Search is None, reason="the extension is not compiled")


def collapse(path, blank):
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def every_alignment(frames):
    """CTC by its definition: the probability of each label sequence."""
    blank = frames.shape[1] - 1
    total = defaultdict(float)
    for path in itertools.product(range(blank + 1), repeat=len(frames)):
        total[collapse(path, blank)] += math.prod(
            float(frames[t, label]) for t, label in enumerate(path)
        )
    return total


@KERNELS
@given(seed=st.integers(0, 10_000), length=st.integers(1, 5), labels=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_an_unbounded_beam_sums_every_alignment(kernel, seed, length, labels):
    """With room for all prefixes, each one's score is the sum over its alignments."""
    alphabet = Alphabet(tuple(" ab"[:labels]))
    frames = noise(length, alphabet, seed, 1.0)
    frames[0] = softmax(np.ones((1, labels + 1)))[0]  # the search starts at once
    search = kernel(task_for(alphabet, 4000))
    search.advance(frames)
    found = {one.labels: one.score for one in search.hypotheses(5000, final=False)}
    expected = every_alignment(frames)
    assert found.keys() == expected.keys()
    for labels_, probability in expected.items():
        assert found[labels_] == pytest.approx(math.log(probability), abs=1e-4)


@KERNELS
def test_scores_add_the_language_model_once_a_word(kernel):
    """Score is acoustic + alpha * language + beta * words, the last word included."""
    language = Bigrams(WORDS)
    search = kernel(
        task_for(
            beam_width=50,
            lexicons=(word_lexicon(LETTERS, WORDS),),
            score=language.score,
            alpha=0.7,
            beta=1.3,
        )
    )
    search.advance(speak(LETTERS, "ab ba"))
    best = search.hypotheses(1, final=True)[0]
    assert LETTERS.decode(best.labels) == "ab ba"
    scores, after = language.score([0], ["ab"])
    more, last = language.score(after.tolist(), ["ba"])
    language_share = 0.7 * (scores[0] + more[0]) + 2 * 1.3
    assert best.score == pytest.approx(best.acoustic + language_share, abs=1e-5)
    assert best.state == last[0]


def build(setup, beam_width, seed):
    """A task of each kind that there is."""
    language = Bigrams(WORDS, seed)

    def kinds(states):
        return states.astype(np.int64) % 3 - 7

    scored = {"score": language.score, "alpha": 0.8, "beta": 0.9}
    lexicon = word_lexicon(LETTERS, WORDS)
    ahead = looking_ahead(LETTERS, {word: -float(i % 4) for i, word in enumerate(WORDS)})
    return {
        "free": lambda: task_for(beam_width=beam_width),
        "lexicon": lambda: task_for(beam_width=beam_width, lexicons=(lexicon,)),
        "scorer": lambda: task_for(beam_width=beam_width, lexicons=(lexicon,), **scored),
        "ahead": lambda: task_for(beam_width=beam_width, lexicons=(ahead,), **scored),
        "alike": lambda: task_for(beam_width=beam_width, lexicons=(ahead,), alike=kinds, **scored),
        "bias_ahead": lambda: task_for(beam_width=beam_width, lexicons=(ahead, lexicon), **scored),
        "deepspeech": lambda: task_for(
            beam_width=beam_width, lexicons=(lexicon,), as_deepspeech=True, **scored
        ),
        "boost": lambda: task_for(beam_width=beam_width, ceiling=5.0, **scored),
        "bias": lambda: task_for(
            beam_width=beam_width,
            lexicons=(word_lexicon(LETTERS, WORDS[:3]), word_lexicon(LETTERS, WORDS[2:])),
            **scored,
        ),
        "strict": lambda: task_for(
            beam_width=beam_width,
            lexicons=(sentence_lexicon(LETTERS, ["a b", "a", "ab cc", "abc abc", "b b b"]),),
        ),
    }[setup]()


SETUPS = st.sampled_from(
    [
        "free",
        "lexicon",
        "scorer",
        "ahead",
        "alike",
        "bias_ahead",
        "deepspeech",
        "boost",
        "bias",
        "strict",
    ]
)


def equal(one: list[Hypothesis], other: list[Hypothesis]) -> None:
    assert [a.labels for a in one] == [b.labels for b in other]
    for a, b in zip(one, other, strict=True):
        assert a.frames == b.frames
        assert a.score == pytest.approx(b.score, abs=1e-6)
        assert a.acoustic == pytest.approx(b.acoustic, abs=1e-6)
        assert a.emissions == pytest.approx(b.emissions, abs=1e-6)
        assert (a.state, a.whole) == (b.state, b.whole)


@COMPILED
@given(
    setup=SETUPS,
    seed=st.integers(0, 10_000),
    beam_width=st.integers(1, 40),
    chunks=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    sharpness=st.floats(0.5, 8),
    settle=st.integers(0, 40),
)
# A prefix drops out and comes back.
@example(setup="bias", seed=16, beam_width=16, chunks=[19], sharpness=7.0, settle=0)
@settings(max_examples=150, deadline=None)
def test_kernels_answer_alike(setup, seed, beam_width, chunks, sharpness, settle):
    """C and NumPy: the same hypotheses, times and scores, at every stage of an utterance."""
    pair = [
        NumpyKernel(build(setup, beam_width, seed)),
        Search(build(setup, beam_width, seed), Hypothesis),
    ]
    frames = noise(sum(chunks), seed=seed, sharpness=sharpness)
    done = 0
    for chunk in chunks:
        for search in pair:
            search.advance(frames[done : done + chunk])
        done += chunk
        equal(*(search.hypotheses(7, final=False) for search in pair))
        equal(*(search.hypotheses(7, final=True) for search in pair))
        assert pair[0].agreed() == pair[1].agreed()
        mine, others = (search.settle(done - settle) for search in pair)
        assert mine[:2] == others[:2]
        assert mine[2] == pytest.approx(others[2], abs=1e-6)
        assert pair[0].states() == pair[1].states()


@KERNELS
@given(setup=SETUPS, seed=st.integers(0, 1000), cuts=st.sets(st.integers(1, 39), max_size=6))
@settings(max_examples=30, deadline=None)
def test_cuts_do_not_matter(kernel, setup, seed, cuts):
    """The result is the same however the frames are handed over."""
    frames = noise(40, seed=seed)
    whole, parts = kernel(build(setup, 12, seed)), kernel(build(setup, 12, seed))
    whole.advance(frames)
    for part in np.split(frames, sorted(cuts)):
        parts.advance(np.ascontiguousarray(part))
        parts.hypotheses(2, final=True)  # looking must not touch
    assert parts.hypotheses(5, final=True) == whole.hypotheses(5, final=True)


@KERNELS
def test_settling_keeps_what_is_ahead(kernel):
    """Settled and remaining labels are what there was, and the next words go on as before."""
    frames = speak(LETTERS, "ab ba cab ab", sure=0.9999)
    settled, plain = (kernel(build("scorer", 4, 1)) for _ in range(2))
    half = 24
    for search in (settled, plain):
        search.advance(frames[:half])
    labels, at, emissions = settled.settle(10)
    assert labels
    assert LETTERS.decode(labels).endswith(" ")
    assert len(labels) == len(at) == len(emissions)
    for search in (settled, plain):
        search.advance(frames[half:])
    after, expected = (search.hypotheses(1, final=True)[0] for search in (settled, plain))
    assert (*labels, *after.labels) == expected.labels
    assert (*at, *after.frames) == expected.frames
    assert after.score == pytest.approx(expected.score, abs=1e-6)


@KERNELS
def test_dissent_about_the_past_is_dropped(kernel):
    """After settling, all hypotheses share what was said before the given frame."""
    search = kernel(task_for(beam_width=200))
    search.advance(noise(60, seed=3, sharpness=0.05))
    best = search.hypotheses(1, final=False)[0]
    old = tuple(label for label, at in zip(best.labels, best.frames, strict=True) if at < 55)
    every = search.hypotheses(200, final=False)
    agreeing = {one.labels for one in every if one.labels[: len(old)] == old}
    assert 0 < len(agreeing) < len(every)
    labels, _, _ = search.settle(55)
    assert {(*labels, *one.labels) for one in search.hypotheses(200, final=False)} == agreeing


@KERNELS
def test_strict_lexicon_allows_one_trailing_space_and_no_fragment(kernel):
    """A sentence may end in a space; half a sentence is no answer."""
    lexicon = sentence_lexicon(LETTERS, ["a b"])
    for said, heard in (("a b", ["a b"]), ("a b ", ["a b "]), ("a", [])):
        search = kernel(task_for(beam_width=1, lexicons=(lexicon,)))
        search.advance(speak(LETTERS, said))
        found = search.hypotheses(9, final=True)
        assert [LETTERS.decode(one.labels) for one in found] == heard


@KERNELS
def test_either_of_two_lexicons_is_enough(kernel):
    """A word that only the second lexicon has is heard between words of the first."""
    lexicons = (word_lexicon(LETTERS, ["a"]), word_lexicon(LETTERS, ["cab"]))
    language = Bigrams(["a", "cab"])
    search = kernel(task_for(lexicons=lexicons, score=language.score, alpha=0.1))
    search.advance(speak(LETTERS, "a cab a"))
    assert LETTERS.decode(search.hypotheses(1, final=True)[0].labels) == "a cab a"


@KERNELS
def test_the_language_model_is_asked_once_for_each_word_end(kernel):
    """However many frames go by, a prefix's last word is scored once."""
    language = Bigrams(["a"])
    search = kernel(
        task_for(
            beam_width=4,
            lexicons=(word_lexicon(LETTERS, ["a"]),),
            score=language.score,
            alpha=0.5,
        )
    )
    search.advance(speak(LETTERS, "a"))
    search.hypotheses(1, final=True)
    asked = language.asked
    search.advance(np.repeat(speak(LETTERS, "")[:1], 50, axis=0))
    search.hypotheses(1, final=True)
    assert language.asked == asked


@KERNELS
@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((3, 4), np.float32),
        np.zeros(5, np.float32),
        np.full((1, 5), np.nan, np.float32),
        np.full((1, 5), -0.1, np.float32),
        np.full((1, 5), np.inf, np.float32),
        np.zeros((0, 4), np.float32),
    ],
    ids=["width", "dimensions", "nan", "negative", "infinite", "empty and wrong"],
)
def test_what_is_no_probability_is_refused(kernel, bad):
    """Wrong shapes and values are errors, and leave the search as it was."""
    search = kernel(task_for())
    search.advance(speak(LETTERS, "a"))
    before = search.hypotheses(3, final=True)
    with pytest.raises(ValueError, match=r"expected frames|not a probability"):
        search.advance(bad)
    assert search.hypotheses(3, final=True) == before


@KERNELS
def test_impossible_frames_are_survived(kernel):
    """All zeros, which no softmax makes, leave hypotheses with finite scores."""
    search = kernel(build("scorer", 5, 0))
    search.advance(np.zeros((50, 5), np.float32))
    assert all(math.isfinite(one.score) for one in search.hypotheses(5, final=True))


@KERNELS
def test_an_error_of_the_language_model_comes_through(kernel):
    """The search raises what the model raised."""

    def fail(states, words):
        raise LookupError(words[0])

    search = kernel(task_for(score=fail, alpha=1.0))
    with pytest.raises(LookupError, match="a"):
        search.advance(speak(LETTERS, "ab c"))


@KERNELS
def test_memory_stays_when_hypotheses_agree_in_time(kernel):
    """Settled every now and then, a long utterance costs no more memory than a short one."""
    search = kernel(task_for(beam_width=30))
    frames = noise(500, seed=7, sharpness=1.0)
    sizes = []
    for round_ in range(12):
        search.advance(frames)
        search.settle((round_ + 1) * 500 - 100)
        if round_ == 2:
            tracemalloc.start()
        if round_ > 2:
            sizes.append(len(search.hypotheses(1, final=False)[0].labels))
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert max(sizes) < 500
    assert grown < 2_000_000


def test_open_kernel_searches():
    """Whichever kernel is there, it is set up and ready."""
    search = open_kernel(task_for())
    search.advance(speak(LETTERS, "cab"))
    assert LETTERS.decode(search.hypotheses(1, final=True)[0].labels) == "cab"
