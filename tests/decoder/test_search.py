"""The decoder's face: what a caller sees of the search."""

from dataclasses import replace

import numpy as np
import pytest

from stt_service.decoder import stream as stream_module
from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Scorer
from stt_service.decoder.confidence import Calibration
from stt_service.decoder.phrases import build_grammar
from stt_service.decoder.search import Decoder
from stt_service.errors import EngineError, ScorerError, StreamClosedError
from tests.decoder.kit import LETTERS, Bigrams, kernels, noise, speak, word_lexicon

KERNELS = pytest.mark.parametrize("kernel", kernels(), ids=["numpy", "c"][: len(kernels())])
ENGLISH = Alphabet(tuple(" abcdefghijklmnopqrstuvwxyz'"))
STEP = 0.02


def decoder(words=None, alphabet=LETTERS, alpha=0.5, beta=0.5, **more):
    scorer = None
    if words:
        scorer = Scorer("words", Bigrams(words), word_lexicon(alphabet, words), alpha, beta)
    return Decoder(alphabet, scorer=scorer, frame_step=STEP, **more)


def hear(decoder_, frames, beam_width=16, **options):
    stream = decoder_.stream(beam_width, **options)
    stream.advance(frames)
    return stream.finish(len(frames) * STEP)


@KERNELS
def test_clear_speech_is_read(kernel):
    """Text, words in time order within the audio, and high confidence."""
    frames = speak(LETTERS, "ab cab", hold=2, gap=3, sure=0.99)
    result = hear(decoder(["ab", "cab"], kernel=kernel), frames)
    assert result.text == "ab cab"
    assert not result.rejected
    assert result.confidence > 0.8
    assert [word.word for word in result.words] == ["ab", "cab"]
    assert all(0 <= word.start < word.end <= len(frames) * STEP for word in result.words)
    assert result.words[0].end <= result.words[1].start
    assert result.alternatives[0].text == result.text


def test_streams_of_one_decoder_do_not_touch_one_another():
    """Interleaved, with options of their own, each finds what it finds alone."""
    shared = decoder(["a", "ab", "b", "cab"])
    options = [{}, {"hot_words": {"ab": 4.0}}, {"hot_words": {"b": -4.0}}, {"alternatives": 3}]
    heard = [noise(60, seed=seed) for seed in range(4)]
    alone = [
        hear(decoder(["a", "ab", "b", "cab"]), frames, **more)
        for frames, more in zip(heard, options, strict=True)
    ]
    streams = [shared.stream(16, **more) for more in options]
    for begin in range(0, 60, 7):
        for stream, frames in zip(streams, heard, strict=True):
            stream.advance(frames[begin : begin + 7])
            stream.partial()
    assert [stream.finish(60 * STEP) for stream in streams] == alone


def test_the_language_model_keeps_only_states_of_live_streams():
    """A stream that ends or is dropped gives its states back when the next one opens."""
    shared = decoder(["a", "ab"])
    language = shared.scorer.language
    first = shared.stream(8)
    first.advance(speak(LETTERS, "a ab a"))
    shared.stream(8)
    assert language.released[-1]
    first.finish(1.0)
    shared.stream(8)
    assert language.released[-1] == set()


AMBIGUOUS = np.concatenate([speak(LETTERS, "a", gap=1), speak(LETTERS, "", gap=3)])
AMBIGUOUS[1] = [0.02, 0.5, 0.42, 0.03, 0.03]  # a rather than b


@pytest.mark.parametrize("words", [None, ["a", "b"]], ids=["free", "scorer"])
def test_hot_words_boost_and_suppress(words):
    """A boost lifts the second best word, a suppression pushes the best one down."""
    plain = decoder(words, alpha=1.0)
    first = hear(plain, AMBIGUOUS).text
    other = {"a": "b", "b": "a"}[first]
    assert hear(plain, AMBIGUOUS, hot_words={other: 2.0}).text == other
    assert hear(plain, AMBIGUOUS, hot_words={first: -2.0}).text == other
    assert hear(plain, AMBIGUOUS, hot_words={f"{other} c": 2.0}).text == first


def test_unknown_hot_words_are_named():
    """A word is unknown for letters the alphabet lacks, or when the scorer lacks it."""
    boosts = {"ab": 1.0, "ab b": 1.0, "ab cc": 1.0, "x": 1.0, "": 1.0}
    assert decoder(["ab", "b"]).unknown_hot_words(boosts) == ("ab cc", "x", "")
    assert decoder().unknown_hot_words(boosts) == ("x", "")


GRAMMAR = """
language: en
intents:
  Light:
    data:
      - sentences: ["turn [the] light {state}"]
lists:
  state:
    values: ["on", "off"]
"""


def test_strict_phrases_answer_with_intent_and_slots():
    """The answer is one of the sentences, whatever was nearly said."""
    grammar = build_grammar(GRAMMAR, ENGLISH)
    result = hear(decoder(alphabet=ENGLISH), speak(ENGLISH, "turn the light of"), grammar=grammar)
    assert result.text in {"turn the light on", "turn the light off"}
    assert (result.intent, result.rejected) == ("Light", False)
    assert result.slots == {"state": result.text.rpartition(" ")[2]}


@pytest.mark.parametrize("said", ["", "make me a sandwich and a coffee", "turn the"])
def test_what_is_none_of_the_phrases_is_rejected(said):
    """Silence, other sentences and fragments are rejected, with no text."""
    grammar = build_grammar(GRAMMAR, ENGLISH)
    result = hear(decoder(alphabet=ENGLISH), speak(ENGLISH, said, sure=0.95), grammar=grammar)
    assert result.rejected
    assert result.text == ""
    assert result.intent is None
    assert result.alternatives[0].text == ""


def test_strict_partials_promise_nothing():
    """The end may be a rejection, so nothing is stable before it."""
    grammar = build_grammar(GRAMMAR, ENGLISH)
    stream = decoder(alphabet=ENGLISH).stream(16, grammar=grammar)
    stream.advance(speak(ENGLISH, "turn the light on", sure=0.9999))
    partial = stream.partial()
    assert partial.text == "turn the light on"
    assert partial.stable == ""


def test_bias_hears_phrases_and_free_speech():
    """Words of the phrases that the scorer lacks are heard, and its own words still are."""
    grammar = build_grammar(GRAMMAR, ENGLISH, mode="bias")
    mixed = decoder(["make", "coffee"], ENGLISH)
    light = hear(mixed, speak(ENGLISH, "turn light on", sure=0.97), grammar=grammar)
    assert (light.text, light.intent) == ("turn light on", "Light")
    coffee = hear(mixed, speak(ENGLISH, "make coffee", sure=0.97), grammar=grammar)
    assert (coffee.text, coffee.intent) == ("make coffee", None)
    assert hear(mixed, speak(ENGLISH, "turn", sure=0.97)).text != "turn"


def test_bias_without_a_scorer_hears_only_the_phrases():
    """There are no other words then."""
    grammar = build_grammar(GRAMMAR, ENGLISH, mode="bias")
    frames = speak(ENGLISH, "turn the lighd on", sure=0.97)
    assert hear(decoder(alphabet=ENGLISH), frames, grammar=grammar).text == "turn the light on"


def test_alternatives_are_distinct_and_start_with_the_text():
    """As many as asked for, none twice, spaces aside."""
    result = hear(decoder(), noise(30, seed=4, sharpness=1.0), alternatives=5)
    texts = [alternative.text for alternative in result.alternatives]
    assert texts[0] == result.text
    assert len(set(texts)) == len(texts) == 5


@pytest.mark.parametrize("frames", [np.zeros((0, 5), np.float32), speak(LETTERS, "", gap=20)])
def test_silence_is_rejected(frames):
    """Nothing heard is nothing vouched for."""
    result = hear(decoder(["ab"]), frames)
    assert (result.text, result.rejected, result.words) == ("", True, ())


def test_an_unsure_result_is_rejected_but_shown():
    """Outside of a strict grammar the text stays, so that a caller may ask again."""
    frames = noise(40, seed=2, sharpness=0.5)
    never = replace(Calibration().open, accept_from=1.1)
    result = hear(decoder(calibration=Calibration(open=never)), frames)
    assert result.rejected
    assert result.text


def test_use_after_finish_raises():
    """A finished stream takes nothing and says nothing more."""
    stream = decoder().stream(4)
    stream.finish(0.0)
    for call in (lambda: stream.advance(noise(1)), stream.partial, lambda: stream.finish(1.0)):
        with pytest.raises(StreamClosedError):
            call()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"beam_width": 0}, "beam width 0"),
        ({"beam_width": 10**9}, "beam width"),
        ({"alternatives": 0}, "alternatives"),
        ({"hot_words": {"a": float("nan")}}, "hot word 'a'"),
        ({"hot_words": {"a": 1e9}}, "hot word 'a'"),
        ({"hot_words": {str(i): 1.0 for i in range(20_000)}}, "20000 hot words"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    """The message names the value."""
    with pytest.raises(EngineError, match=said):
        decoder().stream(**{"beam_width": 8, **options})


@pytest.mark.parametrize(
    "frames", [np.full((2, 5), np.nan), np.ones((2, 7)), np.ones(5), np.full((2, 5), 4.0)]
)
def test_output_that_is_no_probability_is_an_engine_error(frames):
    """The model is to blame, and the message says so."""
    stream = decoder().stream(8)
    with pytest.raises(EngineError, match="cannot be decoded"):
        stream.advance(frames)
    stream.advance(speak(LETTERS, "ab", sure=0.99))
    assert stream.finish(1.0).text == "ab"


def test_an_endless_utterance_is_refused(monkeypatch):
    """A named limit, and what to do."""
    monkeypatch.setattr(stream_module, "MAX_UTTERANCE_SECONDS", 1.0)
    stream = decoder().stream(8)
    stream.advance(noise(50))
    with pytest.raises(EngineError, match="longer than"):
        stream.advance(noise(1))
    assert stream.finish(1.0).text


def test_scorers_that_do_not_fit_are_refused():
    """Words need a space to end them, and weights must be numbers."""
    with pytest.raises(ScorerError, match="no space"):
        decoder(["ab"], Alphabet(("a", "b", "c", " "))).__class__(
            Alphabet(("a", "b")),
            scorer=decoder(["ab"]).scorer,
            frame_step=STEP,
        )
    with pytest.raises(ScorerError, match="alpha"):
        decoder(["ab"], alpha=float("nan"))
    with pytest.raises(ScorerError, match="alpha"):
        decoder(["ab"], alpha=-1.0)


@pytest.mark.slow
def test_an_hour_needs_no_more_memory_than_minutes():
    """An hour of doubtful speech: the tree of hypotheses stays within its last minute."""
    stream = decoder(["a", "ab", "b"]).stream(20)
    frames = noise(3000, seed=1, sharpness=1.5)  # a minute
    for _ in range(60):
        stream.advance(frames)
    kernel = stream._kernel
    assert all(len(one.labels) < 3000 for one in kernel.hypotheses(20, final=False))
    result = stream.finish(3600.0)
    assert result.words[-1].start > 3500
    assert result.words[0].start < 10
