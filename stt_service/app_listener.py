"""The composition root's part for listening: settings in; plans and a listener out."""
# ruff: noqa: PLC0415 -- as in stt_service.app

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from stt_service.app import beam_width, find_phrases, model_store, open_engine
from stt_service.app_store import learned_version
from stt_service.errors import ConfigError, ModelError, ScorerError
from stt_service.settings import Settings

if TYPE_CHECKING:
    from stt_service.decoder.api import Grammar
    from stt_service.engine.api import ModelInfo, StreamOptions
    from stt_service.events import LiveEvent
    from stt_service.hearing import Cutter
    from stt_service.listener.api import Tap, Wishes
    from stt_service.listener.gate import Gate
    from stt_service.listener.listener import Listener
    from stt_service.listener.plan import Plan
    from stt_service.store.learned import Version

NOTHING: Mapping[str, float] = {}
"""No hot words."""
USUAL_RATE = 16_000
"""Hertz of nearly every model: what is listened to until a missing one is there."""


def model_rate(settings: Settings) -> int:
    """Return the rate of the chosen model in hertz, the usual one where it cannot be read."""
    from stt_service.engine.graph import read_graph

    try:
        return read_graph(model_store(settings).resolve(settings.model.name).model).sample_rate
    except ModelError:
        return USUAL_RATE


def make_plan(settings: Settings, rate: int) -> Plan:
    """Return how to listen. Raises :exc:`ConfigError` and :exc:`PhrasesError`."""
    from stt_service.app_audio import segmenter_settings, utterance_cutter
    from stt_service.hearing import Judge
    from stt_service.listener.plan import Plan

    segmenter_settings(settings)  # whatever is wrong is said before anything starts
    listener = settings.listener
    version = _learned(settings)
    return Plan(
        engine_key=(
            settings.engine,
            settings.model,
            settings.scorer,
            settings.paths,
            version.number if version else 0,
        ),
        open_engine=lambda: open_engine(settings),
        options=partial(stream_options, settings, learned=version.hot_words if version else {}),
        wishes=microphone_wishes(settings),
        ear_key=(
            settings.vad,
            settings.segmenter,
            listener.mode,
            listener.wake_phrases,
            listener.wake_window,
            listener.listen_window,
        ),
        cutter=lambda: utterance_cutter(settings, rate),
        gate=_gate(settings),
        caller_cutter=lambda endpoints: _caller_cutter(settings, rate, endpoints=endpoints),
        judge=Judge(listener.min_confidence, listener.min_words_length),
    )


def _learned(settings: Settings) -> Version | None:
    """Return what was learned of the owner and is in force."""
    try:
        return learned_version(settings, model_store(settings).resolve(settings.model.name))
    except (ModelError, ScorerError):
        return None  # opening the model says what is wrong with it


def microphone_wishes(settings: Settings) -> Wishes:
    """Return what the microphone listens for. Raises :exc:`ConfigError`, :exc:`PhrasesError`."""
    from stt_service.listener.api import Wishes

    listener = settings.listener
    return Wishes(
        phrases=None if listener.phrases == "none" else find_phrases(listener.phrases),
        phrases_mode=listener.phrases_mode,
        hot_words=hot_words(listener.hot_words),
        alternatives=settings.decoder.alternatives,
    )


def hot_words(entries: tuple[str, ...]) -> Mapping[str, float]:
    """Part ``WORD:BOOST`` entries. Raises :exc:`ConfigError`."""
    boosts: dict[str, float] = {}
    for entry in entries:
        word, _, boost = entry.rpartition(":")
        try:
            number = float(boost)
        except ValueError:
            number = math.nan
        if not word.strip() or not math.isfinite(number):
            raise ConfigError(
                f"listener.hot_words: {entry!r} is not WORD:BOOST", "Write it as lights:5"
            )
        boosts[" ".join(word.split())] = number
    return boosts


def stream_options(
    settings: Settings, model: ModelInfo, wishes: Wishes, *, learned: Mapping[str, float] = NOTHING
) -> StreamOptions:
    """Return what a stream is asked for. Raises :exc:`PhrasesError`.

    ``learned`` are hot words of the owner's; those that are wished for win over them, and phrases
    that are all that is listened for make them needless.
    """
    from stt_service.engine.api import StreamOptions

    strict = wishes.phrases is not None and wishes.phrases_mode == "strict"
    return StreamOptions(
        beam_width=beam_width(settings),
        hot_words=wishes.hot_words if strict else {**learned, **wishes.hot_words},
        grammar=_grammar(model, wishes),
        alternatives=wishes.alternatives,
    )


def _grammar(model: ModelInfo, wishes: Wishes) -> Grammar | None:
    if wishes.phrases is None:
        return None
    from stt_service.decoder.alphabet import Alphabet
    from stt_service.decoder.phrases import build_grammar

    mode = cast(Literal["strict", "bias"], wishes.phrases_mode)
    source = wishes.phrases if isinstance(wishes.phrases, tuple) else _phrases(wishes.phrases)
    return build_grammar(source, Alphabet(model.labels), mode)


def _phrases(text: str) -> str | tuple[Path, ...]:
    """Return the files of the library where a client's text names nothing else.

    What it says is never taken for a path: clients do not read files.
    """
    from stt_service.decoder.phrases.library import SETS, names

    known = {*names(), *SETS}
    parts = [part.strip() for part in text.split(",")]
    return find_phrases(",".join(parts)) if known.issuperset(parts) else text


def _gate(settings: Settings) -> Callable[[], Gate]:
    from stt_service.listener.gate import Open, PushToTalk, WakePhrase

    listener = settings.listener
    if listener.mode == "push-to-talk":
        return lambda: PushToTalk(listener.listen_window)
    if listener.mode == "continuous":
        return Open
    if not listener.wake_phrases:
        raise ConfigError(
            "listener.mode is wake, and listener.wake_phrases names none",
            'Write wake_phrases = ["hey computer"], in words that the model knows',
        )
    return lambda: WakePhrase(listener.wake_phrases, listener.wake_window, listener.listen_window)


def _caller_cutter(settings: Settings, rate: int, *, endpoints: bool) -> Cutter:
    from stt_service.app_audio import utterance_cutter
    from stt_service.length_cutter import LengthCutter

    return utterance_cutter(settings, rate) if endpoints else LengthCutter(rate)


def make_listener(
    settings: Settings,
    rate: int,
    *,
    publish: Callable[[LiveEvent], None],
    beat: Callable[[], None],
    on_open: Callable[[], None],
    on_end: Callable[[], None],
    on_crash: Callable[[], None],
    tap: Tap | None = None,
) -> Listener:
    """Return a listener that does not run yet. Raises :exc:`SttError` for wrong settings."""
    from stt_service.listener.listener import Listener
    from stt_service.listener.mute import MuteSwitch

    listener = settings.listener
    return Listener(
        make_plan(settings, rate),
        rate,
        mute=MuteSwitch(settings.paths.state_dir, rate, pause_limit=listener.pause_limit),
        publish=publish,
        backlog_seconds=settings.source.backlog,
        callers=listener.callers,
        caller_backlog=listener.caller_backlog,
        beat=beat,
        on_open=on_open,
        on_end=on_end,
        on_crash=on_crash,
        tap=tap,
    )
