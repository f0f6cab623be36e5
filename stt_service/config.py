"""Layers of TOML, environment and flags in; one frozen :class:`Settings` out, or all mistakes.

``default.toml`` says what each key means, its unit and why it has its value;
:mod:`stt_service.settings` says which values it may take. A mistake names its source with the
line, its key and, for an unknown key, the one that was probably meant; all mistakes of all layers
come in one :exc:`ConfigError`.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stt_service.errors import ConfigError
from stt_service.settings import Settings
from stt_service.toml_lines import Lines, find_lines

SYSTEM_FILE = Path("/etc/stt-service/config.toml")
FRAGMENTS = "conf.d"
"""Folder beside the system's file: what other packages and an image's builder drop in."""
MAX_FRAGMENTS = 100
ENVIRONMENT_PREFIX = "STT_SERVICE_"
SECTION_MARK = "__"
"""Parts section and key. Variables without it are not ours: Docker and Kubernetes set
``STT_SERVICE_HOST`` and ``STT_SERVICE_PORT`` for a service called stt."""
MAX_FILE_BYTES = 1 << 20
"""A settings file has a few kilobytes; anything larger is another file."""

Values = dict[str, dict[str, Any]]
"""Section to key to value."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Some keys and where they were written."""

    source: str
    """File name, ``the environment`` or ``the command line``; opens each complaint."""
    values: Mapping[str, Any]
    """As read, unchecked."""
    lines: Lines = field(default_factory=dict)
    """Of a file: where its keys stand."""

    def place(self, section: str, key: str = "") -> str:
        """Return the source with the line of a key, or of its section, where that is known."""
        line = self.lines.get((section, key)) or self.lines.get((section, ""))
        return f"{self.source}:{line}" if line else self.source


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings and where each of them comes from."""

    settings: Settings
    sources: Mapping[tuple[str, str], str]
    """(section, key) to the source that decided it."""


def user_file() -> Path:
    """Return the place of the user's own settings file. It may not exist."""
    import platformdirs  # noqa: PLC0415

    return platformdirs.user_config_path("stt-service") / "config.toml"


def load(
    *,
    file: Path | None = None,
    flags: Mapping[str, Mapping[str, Any]] | None = None,
    environ: Mapping[str, str] | None = None,
    system_file: Path = SYSTEM_FILE,
    personal_file: Path | None = None,
) -> Loaded:
    """Read all layers.

    ``file`` is the one named by ``--config`` and must exist; ``flags`` holds section, key and
    value of the options that were given. The other three exist for tests. Raises
    :exc:`ConfigError` with every mistake of every layer.
    """
    layers, mistakes = [], []
    paths = [path for path in (system_file, *_fragments(system_file)) if path.is_file()]
    own = personal_file or user_file()
    paths += [own] if own.is_file() else []
    paths += [] if file is None else [file]
    for path in paths:
        try:
            layers.append(_read(path))
        except ConfigError as error:
            mistakes.append(str(error))
    variables = _from_environment(os.environ if environ is None else environ)
    layers.append(Layer("the environment", variables))
    layers.append(Layer("the command line", flags or {}))
    for layer in layers:
        mistakes.extend(_mistakes(layer))
    if mistakes:
        raise ConfigError("the settings have mistakes:\n  " + "\n  ".join(mistakes))
    return _merge(layers)


@cache
def _defaults() -> Values:
    return tomllib.loads(Path(__file__).with_name("default.toml").read_text(encoding="utf-8"))


def _fragments(system_file: Path) -> list[Path]:
    """Return the files of conf.d, in the order of their names.

    Raises :exc:`ConfigError` when there are too many.
    """
    folder = system_file.with_name(FRAGMENTS)
    found = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    if len(found) > MAX_FRAGMENTS:
        raise ConfigError(f"{folder} holds more than {MAX_FRAGMENTS} files", "Put them together")
    return found


def _read(path: Path) -> Layer:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigError(f"{path} is larger than any settings file ({MAX_FILE_BYTES} bytes)")
    try:
        text = raw.decode("utf-8")
        return Layer(str(path), tomllib.loads(text), find_lines(text))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _from_environment(environ: Mapping[str, str]) -> Values:
    values: Values = {}
    for name, value in sorted(environ.items()):
        if name.startswith(ENVIRONMENT_PREFIX) and SECTION_MARK in name:
            section, _, key = name.removeprefix(ENVIRONMENT_PREFIX).partition(SECTION_MARK)
            values.setdefault(section.lower(), {})[key.lower()] = value
    return values


def _mistakes(layer: Layer) -> Iterator[str]:
    """Say what is wrong with one layer, whatever the others say."""
    defaults = _defaults()
    candidate = {section: dict(keys) for section, keys in defaults.items()}
    for section, keys in layer.values.items():
        if section not in defaults:
            place = layer.place(section)
            yield f"{place}: unknown section [{section}]{_hint(section, defaults)}"
        elif not isinstance(keys, Mapping):
            place = layer.place(section)
            yield f"{place}: {section} is a section: write [{section}] and its keys below"
        else:
            for key, value in keys.items():
                if key in defaults[section]:
                    candidate[section][key] = value
                else:
                    hint = _hint(key, defaults[section])
                    yield f"{layer.place(section, key)}: unknown key {section}.{key}{hint}"
    try:
        Settings.model_validate(candidate)
    except ValidationError as error:
        complaints: dict[str, list[str]] = {}
        for detail in error.errors(include_url=False, include_context=False):
            section, key = str(detail["loc"][0]), str(detail["loc"][1])
            complaints.setdefault(f"{section}.{key}", []).append(_reason(detail["msg"]))
        for name, reasons in complaints.items():
            section, _, key = name.partition(".")
            value = candidate[section][key]
            why = ", or ".join(dict.fromkeys(reasons))
            yield f"{layer.place(section, key)}: {name} = {value!r}: {why}"


def _reason(message: str) -> str:
    short = message.removeprefix("Input ").removeprefix("Value error, ")
    return short.replace("should be", "must be")


def _hint(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def _merge(layers: list[Layer]) -> Loaded:
    merged = {section: dict(keys) for section, keys in _defaults().items()}
    sources = {(section, key): "default" for section in merged for key in merged[section]}
    for layer in layers:
        for section, keys in layer.values.items():
            for key, value in keys.items():
                merged[section][key] = value
                sources[section, key] = layer.source
    return Loaded(Settings.model_validate(merged), sources)
