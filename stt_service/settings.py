"""The types of all settings: which values each key may take.

``default.toml`` says what each key means, its unit and why it has its value;
:mod:`stt_service.config` reads the layers and reports what is wrong with them.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MAX_NAME = 500
"""Characters of a name in a list."""
MAX_NAMES = 1000
"""Entries of a list; more hot words than that belong into a phrase file."""
SOURCES = r"microphone|(microphone|wav|cmd):.+|stdin"
"""What ``source.name`` may be."""


def default_state_dir() -> Path:
    """Return the folder for installed things where ``paths.state`` is ``auto``."""
    import platformdirs  # noqa: PLC0415 -- only commands that touch the folder pay for it

    return platformdirs.user_data_path("stt-service")


def default_runtime_dir() -> Path:
    """Return the folder for locks where ``paths.runtime`` is ``auto``."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]  # systemd's, for a unit
    if given:
        return Path(given)
    session = os.environ.get("XDG_RUNTIME_DIR")
    if session:
        return Path(session) / "stt-service"
    return Path(tempfile.gettempdir()) / f"stt-service-{os.getuid()}"


def _usable(value: object) -> object:
    """Let only that pass what can name a file. Raises :exc:`ValueError`."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError("must be a path")
    path = Path(value)
    try:
        path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no home folder for {path.parts[0]}") from error
    return path


def _no_truth(value: object) -> object:
    """Keep true and false from counting as 1 and 0. Raises :exc:`ValueError`."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _source(value: object) -> object:
    """Let only names of sources pass. Raises :exc:`ValueError`."""
    if not isinstance(value, str) or not re.fullmatch(SOURCES, value):
        raise ValueError("must be microphone, microphone:NAME, wav:FILE, cmd:COMMAND or stdin")
    return value


def _parts(value: object) -> object:
    """Part a list written on one line, as the environment has it."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


Auto = Literal["auto"]
Unset = Literal["none"]
FilePath = Annotated[Path, BeforeValidator(_usable)]
Whole = Annotated[int, BeforeValidator(_no_truth)]
Real = Annotated[float, BeforeValidator(_no_truth)]
Seconds = Annotated[Real, Field(gt=0, le=3600)]
Names = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=MAX_NAME)], ...],
    BeforeValidator(_parts),
    Field(max_length=MAX_NAMES),
]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class EngineSettings(_Section):
    """Which library runs the network, and how."""

    name: Literal["litert", "deepspeech", "coqui"]
    library: Auto | FilePath
    threads: Auto | Annotated[Whole, Field(ge=1, le=64)]


class ModelSettings(_Section):
    """Which acoustic model."""

    name: Annotated[str, Field(min_length=1)]


class ScorerSettings(_Section):
    """Which language model, and how much it counts."""

    path: Auto | Literal["none"] | FilePath
    personal: bool
    alpha: Auto | Annotated[Real, Field(ge=0, le=20)]
    beta: Auto | Annotated[Real, Field(ge=-20, le=20)]


class DecoderSettings(_Section):
    """The beam search."""

    beam_width: Auto | Annotated[Whole, Field(ge=1, le=10_000)]
    alternatives: Annotated[Whole, Field(ge=1, le=100)]


class SourceSettings(_Section):
    """Where the daemon's audio comes from."""

    name: Annotated[str, Field(max_length=4096), BeforeValidator(_source)]
    rate: Auto | Annotated[Whole, Field(ge=8_000, le=192_000)]
    channels: Annotated[Whole, Field(ge=1, le=8)]
    encoding: Literal["s16le", "u8", "s24le", "s32le", "f32le", "f64le"]
    channel: Literal["mix"] | Annotated[Whole, Field(ge=0, le=7)]
    backlog: Seconds


class MicrophoneSettings(_Section):
    """How the microphone is recorded, and when it counts as failed."""

    rate: Auto | Annotated[Whole, Field(ge=8_000, le=192_000)]
    lost_after: Annotated[Real, Field(ge=0.5, le=60)]
    silent_after: Annotated[Real, Field(ge=0, le=3600)]


class VadSettings(_Section):
    """The detector that says of each frame whether it is speech."""

    frame_ms: Annotated[Whole, Field(ge=10, le=30, multiple_of=10)]
    aggressiveness: Annotated[Whole, Field(ge=0, le=3)]
    max_gain: Annotated[Real, Field(ge=0, le=40)]


class SegmenterSection(_Section):
    """When an utterance starts and ends.

    The bounds are such that the longest utterance always holds what must be in one.
    """

    start_window: Annotated[Real, Field(ge=0.03, le=1)]
    start_ratio: Annotated[Real, Field(gt=0, le=1)]
    end_window: Annotated[Real, Field(ge=0.03, le=10)]
    end_ratio: Annotated[Real, Field(gt=0, le=1)]
    pre_roll: Annotated[Real, Field(ge=0, le=2)]
    tail: Annotated[Real, Field(ge=0, le=10)]
    min_speech: Annotated[Real, Field(ge=0, le=2)]
    max_length: Annotated[Real, Field(ge=5, le=300)]
    soft_length: Annotated[Real, Field(gt=0, le=300)]
    soft_pause: Annotated[Real, Field(gt=0, le=10)]


class ListenerSettings(_Section):
    """What becomes an utterance, and which ones count."""

    mode: Literal["continuous", "push-to-talk", "wake"]
    wake_phrases: Names
    wake_window: Seconds
    listen_window: Seconds
    phrases: Annotated[str, Field(min_length=1, max_length=4096)]
    phrases_mode: Literal["strict", "bias"]
    hot_words: Names
    min_confidence: Annotated[Real, Field(ge=0, le=1)]
    min_words_length: Annotated[Real, Field(ge=0, le=10)]
    pause_limit: Seconds
    callers: Annotated[Whole, Field(ge=0, le=256)]
    caller_backlog: Seconds
    drain: Annotated[Real, Field(ge=0, le=60)]


class ServerSettings(_Section):
    """Who may connect, and where."""

    enabled: bool
    host: Annotated[str, Field(min_length=1, max_length=255)]
    port: Annotated[Whole, Field(ge=0, le=65_535)]
    socket: Unset | FilePath
    token_file: Unset | FilePath
    tls_certificate: Unset | FilePath
    tls_key: Unset | FilePath
    hosts: Names
    origins: Names
    clients: Annotated[Whole, Field(ge=1, le=10_000)]


class StoreSettings(_Section):
    """How much is kept of those who agreed, and what never is."""

    quota_mib: Annotated[Whole, Field(ge=1, le=1_000_000)]
    keep_days: Annotated[Real, Field(gt=0, le=36_500)]
    keep_free_mib: Annotated[Whole, Field(ge=0, le=1_000_000)]
    grace_hours: Annotated[Real, Field(ge=0, le=10_000)]
    send_unreviewed: bool
    key_file: Unset | Literal["credential"] | FilePath
    quiet_hours: Names
    drop_digits: Annotated[Whole, Field(ge=0, le=100)]
    drop_names: Names


class UploadSettings(_Section):
    """Where utterances go whose speakers let them leave, and when."""

    target: Unset | Annotated[str, Field(pattern=r"^(https?|s3)://", max_length=2000)]
    endpoint: Unset | Annotated[str, Field(pattern=r"^https?://", max_length=2000)]
    invitation: Annotated[str, Field(max_length=128)]
    authority: Unset | FilePath
    certificate: Unset | FilePath
    hours: Names
    kib_per_second: Annotated[Whole, Field(ge=0, le=1_000_000)]
    metered: bool


class UpkeepSettings(_Section):
    """What else is looked after every night."""

    datasets: Names


class PathSettings(_Section):
    """Where things lie."""

    state: Auto | FilePath
    runtime: Auto | FilePath

    @property
    def runtime_dir(self) -> Path:
        """The folder of locks, ``auto`` resolved. It may not exist yet."""
        return default_runtime_dir() if self.runtime == "auto" else self.runtime.expanduser()

    @property
    def state_dir(self) -> Path:
        """The folder itself, ``auto`` resolved. It may not exist yet."""
        return default_state_dir() if self.state == "auto" else self.state.expanduser()


class Settings(_Section):
    """All settings, section by section; ``default.toml`` explains each."""

    engine: EngineSettings
    model: ModelSettings
    scorer: ScorerSettings
    decoder: DecoderSettings
    source: SourceSettings
    microphone: MicrophoneSettings
    vad: VadSettings
    segmenter: SegmenterSection
    listener: ListenerSettings
    server: ServerSettings
    store: StoreSettings
    upload: UploadSettings
    upkeep: UpkeepSettings
    paths: PathSettings
