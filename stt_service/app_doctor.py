"""The composition root's part for the doctor: settings in, checks out."""
# ruff: noqa: PLC0415 -- as in stt_service.app

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stt_service.doctor import access, board, kept, machine, port, python, recognition, sound
from stt_service.doctor.api import Check, Fact, Finding
from stt_service.doctor.bundle import bundle
from stt_service.errors import AudioError, ConfigError, StoreError
from stt_service.settings import Settings

if TYPE_CHECKING:
    from stt_service.audio.api import AudioSource
    from stt_service.client import Where
    from stt_service.config import Loaded

LISTEN_SECONDS = 2.0
"""Of the microphone: enough for its noise, and nobody waits long."""
LEVELS = 8
"""That a running daemon is asked for: the same time."""
MAX_HASHED = 256 << 20
"""Bytes of a model's files up to which all are read: a card reads 40 MiB a second. Of larger ones
the sizes are compared; `stt-service models verify` reads every byte."""

QUICK_SECONDS = 10.0
"""For what asks the kernel: thousands of times what it takes."""
HASH_SECONDS = 60.0
OPEN_SECONDS = 120.0
"""To open a model, in a child process first, on the slowest board."""
SOUND_SECONDS = 30.0
"""To open a microphone, which may try each rate, and to listen."""


def shipped_settings() -> Loaded:
    """Return the settings that everybody has: no file, no environment."""
    from stt_service.config import load

    nowhere = Path("/dev/null")
    return load(environ={}, system_file=nowhere, personal_file=nowhere)


@dataclass(frozen=True)
class Examination:
    """All checks for some settings. Looks make no files."""

    settings: Settings
    where: Where
    """How a daemon of these settings is reached."""
    mistake: ConfigError | None = None
    """In the settings, which are the shipped ones then."""
    listen: bool = True
    """Whether the microphone is listened to."""

    def checks(self) -> tuple[Check, ...]:
        """Return the checks in their order; each looks when it is run."""
        quick = QUICK_SECONDS
        return (
            Check("settings", quick, self._settings),
            Check("python", quick, lambda: [python.judge_interpreter(python.read_interpreter())]),
            Check("packages", quick, lambda: [python.judge_packages(python.read_packages())]),
            Check("search", quick, lambda: [python.judge_search(compiled=python.read_search())]),
            Check("cpu", quick, lambda: [machine.judge_processor(machine.read_processor())]),
            Check("memory", quick, self._memory),
            Check("disk", quick, self._disk),
            Check("temperature", quick, _temperature),
            Check("power", quick, lambda: [board.judge_throttled(board.read_throttled())]),
            Check("clock", quick, lambda: [board.judge_clock(board.read_clock())]),
            Check("model", HASH_SECONDS, self._model),
            Check("engine", OPEN_SECONDS, self._engine),
            Check("port", quick, lambda: [port.judge_port(self._port)]),
            Check("permissions", quick, self._permissions),
            Check("microphone", SOUND_SECONDS, self._microphone),
            Check("consent", quick, self._consent),
            Check("queue", quick, lambda: [kept.judge_queue(kept.read_kept(self._store))]),
        )

    def bundle(self, findings: Iterable[Finding]) -> str:
        """Return what may go into a public bug report, as JSON text."""
        from stt_service.app import data_dir
        from stt_service.models.registry import read_registry

        return bundle(
            findings,
            self.settings.model_dump(mode="json"),
            shipped_settings().settings.model_dump(mode="json"),
            words=read_registry(data_dir() / "registry.toml"),
        )

    @cached_property
    def _port(self) -> port.Port:
        return look_at_port(self.where, self.settings)

    @property
    def _store(self) -> Path:
        from stt_service.app_store import store_folder

        return store_folder(self.settings)

    def _settings(self) -> Iterator[Finding]:
        if self.mistake is None:
            yield Finding("settings", "ok", "fine", "no mistakes")
        else:
            remedy = self.mistake.remedy or "stt-service config edit; the rest goes by the defaults"
            yield Finding("settings", "fail", "settings-mistaken", self.mistake.message, remedy)

    def _memory(self) -> Iterator[Finding]:
        running = self._port.daemon is not None
        yield machine.judge_memory(machine.read_memory(), running=running)

    def _disk(self) -> Iterator[Finding]:
        found = machine.read_disk(self.settings.paths.state_dir)
        yield machine.judge_disk(found, self.settings.store.keep_free_mib)

    def _model(self) -> Iterator[Finding]:
        yield _verify(self.settings)

    def _engine(self) -> Iterator[Finding]:
        yield recognition.judge_trial(try_engine(self.settings))

    def _permissions(self) -> Iterator[Finding]:
        from stt_service.app_server import read_tokens

        if self.settings.source.name.startswith(("microphone", "cmd:arecord")):
            yield access.judge_cards(access.read_cards())
        if self.settings.source.name.startswith(("microphone", "cmd:")):
            yield access.judge_servers(access.read_servers())
        place, writable = access.read_state(self.settings.paths.state_dir)
        yield access.judge_state(place, writable=writable)
        if self.settings.server.token_file != "none":  # noqa: S105 -- no token
            read_tokens(self.settings.server.token_file.expanduser())

    def _microphone(self) -> Iterator[Finding]:
        daemon = self._port.daemon
        if daemon is not None:
            yield from port.judge_daemon(daemon)
            if not daemon.faults and not daemon.muted:
                yield _told_by_daemon(self.where, daemon.source, listen=self.listen)
        elif not self.listen:
            yield _untried("it was not to be listened to")
        else:
            yield _listen(self.settings)

    def _consent(self) -> Iterator[Finding]:
        try:
            yield kept.judge_consent(kept.read_kept(self._store))
        except StoreError as error:
            yield kept.judge_broken(error)


def _temperature() -> list[Finding]:
    return [board.judge_temperature(board.read_temperature())]


def look_at_port(where: Where, settings: Settings) -> port.Port:
    """Ask whoever listens where the daemon should."""
    from stt_service.client import Client, ClientError
    from stt_service.server.messages import Hello

    server = settings.server
    refusal = ""
    client = Client(where)
    try:
        first = next(client.messages())
        if isinstance(first, Hello):
            state = first.state
            faults = tuple(port.Fault(f.code, f.message, f.remedy) for f in state.faults)
            daemon = port.Daemon(state.ready, state.source, state.muted, state.mute_reasons, faults)
            return port.Port(where.url, daemon, "", taken=True, holder="")
    except ClientError as error:
        refusal = error.message
    finally:
        client.close()
    if where.socket is not None:
        return port.Port(where.url, None, refusal, taken=bool(refusal), holder="")
    taken = port.is_taken(server.host, server.port)
    holder = port.holder_of(server.port) if taken else ""
    return port.Port(f"{server.host}:{server.port}", None, refusal, taken=taken, holder=holder)


def _verify(settings: Settings) -> Finding:
    from stt_service.app import model_store

    store = model_store(settings)
    chosen = store.resolve(settings.model.name)
    entry = store.installed(chosen.id) if chosen.model.parent == store.folder(chosen.id) else None
    facts: dict[str, Fact] = {"model": chosen.id, "known": entry is not None}
    if entry is None:
        size = chosen.model.stat().st_size
        text = f"{chosen.model}, {size} bytes, which nobody has vouched for"
        return Finding("model", "ok", "fine", text, "", facts)
    total = sum((store.folder(chosen.id) / file.file).stat().st_size for file in entry.files)
    facts |= {"bytes": total, "hashed": total <= MAX_HASHED}
    if total <= MAX_HASHED:
        store.verify(chosen.id)
        text = f"{chosen.id}: every byte as it was published"
    else:
        text = f"{chosen.id}, {total} bytes; `stt-service models verify` reads them all"
    return Finding("model", "ok", "fine", text, "", facts)


def try_engine(settings: Settings) -> recognition.Trial:
    """Recognise the bundled recordings. Raises :exc:`SttError` for whatever does not open."""
    from stt_service.app import Request, Session, data_dir

    begin = time.perf_counter()
    with Session(Request(settings)) as session:
        opened = time.perf_counter()
        results = [session.transcribe(str(path)) for path in sorted(data_dir().glob("*.flac"))]
        wall = time.perf_counter() - opened
    transcripts = [result.transcript for result in results]
    return recognition.Trial(
        model=transcripts[0].model,
        engine=transcripts[0].engine,
        words=sum(len(transcript.words) for transcript in transcripts),
        audio=sum(result.duration for result in results),
        wall=wall,
        opening=opened - begin,
    )


def _untried(why: str) -> Finding:
    return Finding("microphone", "ok", "source-untried", f"not tried: {why}")


def _told_by_daemon(where: Where, source: str, *, listen: bool) -> Finding:
    """Judge by the levels that a running daemon tells: it holds the microphone."""
    from dataclasses import replace

    from stt_service.client import Client
    from stt_service.server.messages import Level

    if not listen:
        return _untried(f"the daemon listens to {source}")
    client = Client(replace(where, kinds=("level",)))
    try:
        levels = list(
            itertools.islice((one for one in client.messages() if isinstance(one, Level)), LEVELS)
        )
    finally:
        client.close()
    loudest = max(level.peak_db for level in levels)
    mean = sum(level.rms_db for level in levels) / len(levels)
    clipped = sum(level.clipped for level in levels)
    facts = {"rms_db": round(mean, 1), "peak_db": loudest, "clipped": clipped, "daemon": True}
    text = f"the daemon listens to {source}: mean {mean:.0f} dB, loudest {loudest:.0f} dB"
    return Finding("microphone", "ok", "fine", text, "", facts)


def _listen(settings: Settings) -> Finding:
    from stt_service.app_audio import open_named_source
    from stt_service.app_listener import model_rate

    name = settings.source.name
    kind, _, rest = name.partition(":")
    if kind == "stdin":
        return _untried("the source is standard input")
    if kind == "wav" and not Path(rest).is_file():
        return sound.judge_failure(AudioError(f"there is no recording {rest}", "Set source.name"))
    if kind == "cmd" and shutil.which(rest.split()[0]) is None:
        return sound.judge_failure(
            AudioError(f"there is no program {rest.split()[0]}", "Install it, or set source.name")
        )
    rate = model_rate(settings)
    try:
        source = open_named_source(
            settings, rate, lambda _: None, supervised=False, real_time=False
        )
        with source:
            return sound.judge_heard(_measured(source, rate, settings))
    except AudioError as error:
        return sound.judge_failure(error)


def _measured(source: AudioSource, rate: int, settings: Settings) -> sound.Heard:
    from stt_service.audio.resample import mono_blocks

    channel = None if settings.source.channel == "mix" else settings.source.channel
    wanted, heard = round(LISTEN_SECONDS * rate), []
    for block in mono_blocks(source, rate, channel=channel):
        heard.append(block)
        wanted -= len(block)
        if wanted <= 0:
            break
    return sound.measure(source.format.name, source.format.rate, heard, source.overflows)
