"""The composition root's part for learning from the owner: settings in; a scorer in force, or not.

    store ──lessons──► adapted scorer ──held-out utterances──► better? ──► into force

Nothing leaves the board, and until a scorer is adopted nothing is written: the one that is tried
lies in memory. The daemon notices by itself when another one is in force.
"""
# ruff: noqa: PLC0415 -- as in stt_service.app

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stt_service.app import model_store, open_engine
from stt_service.app_listener import microphone_wishes, stream_options
from stt_service.app_store import has_store, open_store, store_folder
from stt_service.errors import StoreError
from stt_service.settings import Settings

if TYPE_CHECKING:
    from stt_service.engine.api import Samples
    from stt_service.models.store import InstalledModel
    from stt_service.personal import Lesson, Outcome
    from stt_service.store.learned import Comparison, Learned, State, Version
    from stt_service.store.shelf import Store

Progress = Callable[[int, int], None]
"""Is told how many recognitions are done, of how many."""
TRIALS = 3
"""Recognitions of each held-out utterance: as it is, with the new scorer, with hot words too."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of trying to learn."""

    said: str
    """What happened, in a few words."""
    comparison: Comparison | None = None
    """None where nothing was compared."""
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class _Material:
    """What is learned from, and of what."""

    model: InstalledModel
    base: int
    """Fingerprint of the model's own scorer."""
    pseudonym: str
    """Of the owner's consent."""
    learn: Sequence[Lesson]
    held_out: Sequence[Lesson]
    name: str
    """Changes with any of it."""


def learn(
    settings: Settings, *, again: bool = False, progress: Progress = lambda _done, _all: None
) -> Attempt:
    """Learn from what is kept, and adopt the result if held-out utterances get better by it.

    ``again`` learns though somebody went back to an older version, or the same was tried before.
    Raises :exc:`SttError`.
    """
    why_not = useless(settings)
    if why_not:
        return Attempt(why_not)
    if not has_store(settings):  # nobody agreed: looking makes no files
        return Attempt("nothing is kept to learn from")
    with open_store(settings) as store:
        if again:
            store.utterances.learned.resume()
        material = _gather(settings, store)
        if isinstance(material, str):
            return Attempt(material)
        return _try(settings, store, material, progress)


def useless(settings: Settings) -> str:
    """Return why these settings leave no use for anything learned; empty where there is one."""
    if not settings.scorer.personal:
        return "scorer.personal is off"
    if settings.engine.name != "litert" or settings.scorer.path != "auto":
        return "it needs engine.name = litert and scorer.path = auto"
    if settings.listener.phrases != "none" and settings.listener.phrases_mode == "strict":
        return "strict phrases are listened for, which nothing learned can change"
    if settings.store.key_file != "none":
        return "store.key_file seals what is kept, and a scorer would tell of it in the clear"
    return ""


def _gather(settings: Settings, store: Store) -> _Material | str:
    """Return what to learn from, or why there is nothing."""
    from stt_service.decoder.ngram_file import fingerprint
    from stt_service.engine.graph import read_graph
    from stt_service.personal import ENOUGH, HELD_OUT_OF, digest, lessons, part

    store.utterances.learned.drop_stale()
    state = store.utterances.learned.state()
    if state.paused:
        return "paused by a rollback; stt-service personal learn goes on"
    owner = store.ledger.standing().owner
    if owner is None:
        return "nobody agrees to keep what is said"
    model = model_store(settings).resolve(settings.model.name)
    base = None if model.scorer is None else fingerprint(model.scorer)
    if base is None:
        return f"the model {model.id} has no .ngram scorer, which could learn"
    letters = frozenset("".join(read_graph(model.model).alphabet.labels)) - {" "}
    to_learn, held_out = part(lessons(store.utterances.listing(), letters))
    if min(len(to_learn), len(held_out)) < ENOUGH:
        return (
            f"{len(to_learn) + len(held_out)} utterances are corrected or accepted; it takes some "
            f"{ENOUGH * HELD_OUT_OF} of them"
        )
    name = digest(to_learn, base)
    if name == state.tried:
        return "nothing new since the last time"
    return _Material(model, base, owner.pseudonym, to_learn, held_out, name)


def _try(settings: Settings, store: Store, material: _Material, progress: Progress) -> Attempt:
    """Learn, and compare on the held-out utterances."""
    from stt_service.memory_file import memory_file
    from stt_service.personal import hot_words
    from stt_service.store.learned import Comparison, scorer_path

    learned = store.utterances.learned
    state = learned.state()
    bench = _Bench(settings, store, material, progress)
    if state.current is None or state.current.base != material.base:
        before = bench.run(material.model.scorer, {})
    else:
        before = bench.run(scorer_path(store.folder, state.current), state.current.hot_words)
    content = _adapted(material)
    with memory_file(content) as file:
        scorer = Path(f"/proc/self/fd/{file.fileno()}")
        words: Mapping[str, float] = {}
        after = bench.run(scorer, words)
        more = hot_words(material.learn)
        if more and (both := bench.run(scorer, more)).better_than(after):
            after, words = both, more
    found = Comparison(
        utterances=len(before.errors),
        words=sum(len(one.words) for one in material.held_out),
        before=before.total,
        after=after.total,
    )
    told = (
        f"{found.utterances} utterances held out: {found.before} of {found.words} words wrong, "
        f"{found.after} after learning from {len(material.learn)}"
    )
    if not after.better_than(before):
        learned.note(material.name)
        return Attempt(f"{told}; nothing changed", found)
    version = _version(material, state.highest + 1, words, found)
    learned.adopt(version, content, material.name)
    return Attempt(f"{told}; version {version.number} is in force", found, adopted=True)


def _adapted(material: _Material) -> bytes:
    """Return the model's own scorer as the owner's words make it: a file's content."""
    from stt_service.decoder.ngram_adapt import adapt
    from stt_service.decoder.ngram_file import encode_ngram, read_ngram

    model = material.model
    assert model.scorer is not None, "looked at before"
    tables = adapt(read_ngram(model.scorer), [one.words for one in material.learn])
    return encode_ngram(
        replace(
            tables,
            alpha=tables.alpha if model.alpha is None else model.alpha,
            beta=tables.beta if model.beta is None else model.beta,
        )
    )


def _version(
    material: _Material, number: int, hot_words: Mapping[str, float], comparison: Comparison
) -> Version:
    from stt_service.store.learned import Version

    assert material.model.scorer is not None, "looked at before"
    stem = re.sub(r"[^\w.-]", "_", material.model.scorer.stem)
    return Version(
        number=number,
        file=f"{stem}+{number}.ngram",
        base=material.base,
        hot_words=dict(hot_words),
        learned=tuple(one.kept.id for one in material.learn),
        pseudonym=material.pseudonym,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        comparison=comparison,
    )


class _Bench:
    """Recognises the held-out utterances as the daemon would, with one scorer or another."""

    def __init__(
        self, settings: Settings, store: Store, material: _Material, progress: Progress
    ) -> None:
        self._settings = settings
        self._store = store
        self._material = material
        self._progress = progress
        self._done = 0

    def run(self, scorer: Path | None, hot_words: Mapping[str, float]) -> Outcome:
        """Compare with what was said. Raises :exc:`SttError`."""
        from stt_service.personal import outcome

        held_out = self._material.held_out
        named = self._settings.scorer.model_copy(update={"path": scorer})
        settings = self._settings.model_copy(update={"scorer": named})
        texts = []
        with open_engine(settings) as engine:
            wishes = microphone_wishes(settings)
            options = stream_options(settings, engine.model, wishes, learned=hot_words)
            for one in held_out:
                with engine.stream(options) as stream:
                    stream.feed(self._sound(one, engine.model.sample_rate))
                    texts.append(stream.finish().text)
                self._done += 1
                self._progress(self._done, TRIALS * len(held_out))
        return outcome(held_out, texts)

    def _sound(self, lesson: Lesson, rate: int) -> Samples:
        from stt_service.store.taken_out import samples

        return samples(self._store.utterances.sound(lesson.kept), rate)


def status(settings: Settings) -> State:
    """Return what there is; nothing where nobody agreed."""
    from stt_service.store.learned import read_state

    return read_state(store_folder(settings))


def roll_back(settings: Settings) -> State:
    """Put what was in force before into force, and learn no more. Raises :exc:`StoreError`."""
    with _learned(settings) as learned:
        return learned.roll_back()


def forget(settings: Settings) -> int:
    """Remove all that was learned; return how many versions. Raises :exc:`StoreError`."""
    if not status(settings).versions:
        return 0
    with _learned(settings) as learned:
        return learned.forget()


@contextmanager
def _learned(settings: Settings) -> Iterator[Learned]:
    if not has_store(settings):
        raise StoreError("nothing is kept, so nothing was learned", "See: stt-service consent")
    with open_store(settings) as store:
        yield store.utterances.learned
