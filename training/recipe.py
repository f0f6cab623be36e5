"""A recipe: one TOML file that says how wide a network is and how it is trained.

[model]
dense = 512          # units of each dense layer
lstm = 512           # units of the LSTM

[train]              # any field of training.settings.TrainConfig
hours = 10.0
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stt_service.errors import ConfigError
from training.model import ModelConfig
from training.settings import TrainConfig

DEFAULT_WIDTH = 512
"""Units of every layer where nothing else is said: the bundled model's."""
MAX_WIDTH = 8192
"""Units; four times DeepSpeech's own."""


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how."""

    model: ModelConfig
    train: TrainConfig


def recipe_of(path: Path | None, model: Mapping[str, Any], train: Mapping[str, Any]) -> Recipe:
    """Return the recipe in ``path``, or the default one, with the values that are not None on top.

    Raises :exc:`ConfigError` naming the file and the key.
    """
    sections: dict[str, dict[str, Any]] = {"model": {}, "train": {}}
    source = str(path) if path else "the command line"
    if path:
        try:
            read = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path} cannot be read as a recipe: {error}") from error
        for name, values in read.items():
            _known(source, name, sections)
            if not isinstance(values, dict):
                raise ConfigError(f"{source}: {name} is a section: write [{name}] above its keys")
            sections[name].update(values)
    for name, over in (("model", model), ("train", train)):
        sections[name].update({key: value for key, value in over.items() if value is not None})
    for key in sections["train"]:
        _known(source, key, [field.name for field in fields(TrainConfig)])
    try:
        config = TypeAdapter(TrainConfig).validate_python(sections["train"])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{source}: train.{place}: {first['msg']}") from error
    return Recipe(_model(source, sections["model"]), config)


def _model(source: str, values: Mapping[str, Any]) -> ModelConfig:
    for key, value in values.items():
        _known(source, key, ("dense", "lstm"))
        if type(value) is not int or not 1 <= value <= MAX_WIDTH:
            raise ConfigError(f"{source}: model.{key} must be 1 to {MAX_WIDTH} units")
    dense = values.get("dense", DEFAULT_WIDTH)
    return ModelConfig(
        dense1=dense,
        dense2=dense,
        dense3=dense,
        lstm=values.get("lstm", DEFAULT_WIDTH),
        dense5=dense,
    )


def _known(source: str, name: str, known: Iterable[str]) -> None:
    known = list(known)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
        raise ConfigError(f"{source}: unknown key {name}; {hint}")
