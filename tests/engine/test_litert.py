"""The LiteRT engine keeps the contract of all engines, and its own promises."""

import threading

import numpy as np
import pytest

from stt_service.decoder.search import Decoder
from stt_service.engine.acoustic import AcousticModel
from stt_service.engine.api import StreamOptions
from stt_service.engine.litert import LiteRtEngine
from stt_service.errors import EngineError, ModelError
from tests.contracts.engine import BEAM, EngineContract, sound


class TestLiteRtEngine(EngineContract):
    """An untrained model: what it hears means nothing, but it hears something."""

    @pytest.fixture
    def engine(self, tiny_model, tiny_sum):
        """A tiny model that needs no trial run."""
        with LiteRtEngine(tiny_model, threads=1, trusted={tiny_sum}) as engine:
            yield engine

    def test_the_tests_hear_words(self, engine, speech):
        """Otherwise the contract would be about empty results."""
        assert len(self.recognise(engine, speech).words) > 1


class TestLiteRtEngineThatRaisesWhatItHears(EngineContract):
    """Everything is quieter than this model knows, and is heard a second time."""

    @pytest.fixture
    def engine(self, tiny_model, tiny_sum):
        """A level that no sound reaches."""
        with LiteRtEngine(tiny_model, threads=1, trusted={tiny_sum}, speech_level=0.0) as engine:
            yield engine


class TestLiteRtEngineWithAGenuineModel(EngineContract):
    """A model with an alphabet in an order of its own, and outputs that nobody needs."""

    @pytest.fixture
    def engine(self, genuine_model, tmp_path_factory):
        """Buddy Bot's model, tried once in the whole session."""
        state = tmp_path_factory.getbasetemp() / "state"
        with LiteRtEngine(genuine_model, threads=1, state_dir=state) as engine:
            yield engine


@pytest.fixture
def engine(tiny_model, tiny_sum):
    """A tiny model that needs no trial run."""
    with LiteRtEngine(tiny_model, threads=1, trusted={tiny_sum}) as engine:
        yield engine


def test_another_thread_is_refused(engine):
    """An engine and its streams belong to the thread that opened the engine."""
    stream = engine.stream(StreamOptions(beam_width=BEAM))
    faults = []

    def use():
        uses = (
            engine.stream,
            engine.close,
            stream.partial,
            stream.finish,
            lambda: stream.feed(np.zeros(1, np.int16)),
        )
        for one in uses:
            try:
                one()
            except EngineError as error:
                faults.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert len(faults) == 5
    assert all("another thread" in fault for fault in faults)
    stream.feed(np.zeros(1, np.int16))
    assert stream.finish().end > 0


def test_the_number_of_threads_does_not_matter(tiny_model, tiny_sum):
    """More threads make it quicker, not different."""
    samples = sound(1.0, 16_000)
    results = []
    for threads in (1, 2, None):
        with LiteRtEngine(tiny_model, threads=threads, trusted={tiny_sum}) as engine:
            results.append(EngineContract.recognise(engine, samples))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("threads", [0, -1, 65])
def test_impossible_numbers_of_threads_are_refused(tiny_model, tiny_sum, threads):
    """The message says what is possible."""
    with pytest.raises(EngineError, match=f"1 to 64 threads, not {threads}"):
        LiteRtEngine(tiny_model, threads=threads, trusted={tiny_sum})


def test_a_damaged_model_is_refused_by_name(tiny_model, tmp_path):
    """Half a file is no model."""
    path = tmp_path / "half.tflite"
    path.write_bytes(tiny_model.read_bytes()[:20_000])
    with pytest.raises(ModelError, match=r"half\.tflite is damaged or cut short"):
        LiteRtEngine(path)


def test_results_bear_the_given_name(tiny_model, tiny_sum):
    """The registry's name, or the file's without its suffix."""
    with LiteRtEngine(tiny_model, trusted={tiny_sum}) as engine:
        assert engine.model.id == "tiny"
    with LiteRtEngine(tiny_model, trusted={tiny_sum}, model_id="english") as engine:
        assert EngineContract.recognise(engine, sound(0.1, 16_000)).model == "english"


def test_opening_a_model_prints_nothing(tiny_model, tiny_sum, capfd):
    """LiteRT's greetings go to the log."""
    with LiteRtEngine(tiny_model, trusted={tiny_sum}):
        pass
    assert capfd.readouterr() == ("", "")


LEVEL = -30.0
"""Decibels below full scale, between :func:`sound` and a fiftieth of it."""


@pytest.fixture
def raising(tiny_model, tiny_sum):
    """A model that knows no quiet speech."""
    with LiteRtEngine(tiny_model, threads=1, trusted={tiny_sum}, speech_level=LEVEL) as engine:
        yield engine


def test_quiet_speech_is_understood_as_its_network_hears_it_raised(tiny_model, raising, engine):
    """In chunks, as from a microphone; an engine without a level hears something else."""
    soft = sound(1.5, 16_000) // 50
    network = AcousticModel(tiny_model, threads=1, speech_level=LEVEL)
    search = Decoder(network.info.alphabet, frame_step=network.info.frame_step).stream(BEAM)
    search.advance(network.probabilities(soft))
    expected = search.finish(1.5).text
    assert EngineContract.recognise(raising, soft, [1_000]).text == expected
    assert EngineContract.recognise(engine, soft, [1_000]).text != expected


def test_loud_speech_is_heard_once_and_alike(raising, engine):
    """Also where it begins softly."""
    loud = sound(1.5, 16_000)
    samples = np.concatenate([loud // 50, loud])
    assert EngineContract.recognise(raising, samples, [800]) == EngineContract.recognise(
        engine, samples, [800]
    )


def test_nothing_is_stable_that_may_be_heard_again(raising):
    """Until a loud sound, or until it is too long to be heard again: then words settle."""
    soft = sound(7.0, 16_000) // 50
    with raising.stream(StreamOptions(beam_width=BEAM)) as stream:
        found = []
        for _ in range(3):
            stream.feed(soft)
            found.append(stream.partial())
        assert all(partial.text for partial in found)
        assert [bool(partial.stable) for partial in found] == [False, False, True]
        assert stream.finish().text.startswith(found[-1].stable)


def test_what_a_caller_does_with_its_samples_later_changes_nothing(raising):
    """They are kept until they have been heard again."""
    soft = sound(1.0, 16_000) // 50
    expected = EngineContract.recognise(raising, soft)
    buffer = soft.copy()
    with raising.stream(StreamOptions(beam_width=BEAM)) as stream:
        stream.feed(buffer)
        buffer[:] = 0
        assert stream.finish() == expected
