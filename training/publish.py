"""``python -m training.publish``: put a trained model into ``models/`` and into the registry.

The registry's entry is written whole, with the sizes and checksums of the files, so that it can
never speak of other files than those beside it.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import click

from stt_service.decoder.confidence import Calibration
from stt_service.engine.graph import read_graph
from stt_service.errors import SttError
from stt_service.models.registry import FileEntry, ModelEntry, read_registry
from stt_service.models.store import sha256

MODELS = Path(__file__).resolve().parents[1] / "models"
SCORER = MODELS / "stt-en-small.ngram"
"""The bundled language model; `python -m training.language` makes it."""
TITLE = "Small English: digits, yes and no, stop and go, household commands; best with phrases"
BEGIN = "# Written by training/publish.py; change nothing here by hand.\n"
END = "# End of what training/publish.py writes.\n"

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def publish(name: str, entry: ModelEntry, registry: Path) -> None:
    """Replace the bundled model's entry in the registry, or put it first.

    Raises :exc:`ModelError` when what comes out cannot be read, and leaves the file alone then.
    """
    old = registry.read_text(encoding="utf-8")
    before, found, rest = old.partition(BEGIN)
    if found:
        after = rest.partition(END)[2]
    else:
        head, blank, after = old.partition("\n\n")
        before, after = head + blank, "\n" + after
    new = registry.with_suffix(".new")
    new.write_text(before + BEGIN + as_toml(name, entry) + END + after, encoding="utf-8")
    try:
        read_registry(new)
    except SttError:
        new.unlink()
        raise
    new.replace(registry)


def as_toml(name: str, entry: ModelEntry) -> str:
    """Write an entry as a TOML table."""
    values = entry.model_dump(exclude_none=True, exclude_defaults=True)
    return "".join(_table(f'models."{name}"', values))


def _table(name: str, values: dict[str, Any]) -> list[str]:
    # Strings, numbers and true are written alike in JSON and in TOML.
    lines = [f"[{name}]\n"]
    lines += [
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n"
        for key, value in values.items()
        if not isinstance(value, dict)
    ]
    for key, value in values.items():
        if isinstance(value, dict):
            lines += _table(f"{name}.{key}", value)
    return lines


def bring(source: Path, target: Path) -> FileEntry:
    """Copy a file, unless it is there already, and describe it."""
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)
    return FileEntry(file=target.name, size=target.stat().st_size, sha256=sha256(target))


@click.command()
@click.option("--name", default="stt-en-small", show_default=True)
@click.option("--model", type=_FILE, required=True, help="The exported .tflite file.")
@click.option("--scorer", type=_FILE, help="Its .ngram file.")
@click.option("--title", default=TITLE, help="What it is and what it is good for, in one line.")
@click.option("--language", default="en", show_default=True)
@click.option("--license", "license_", default="Apache-2.0", show_default=True)
@click.option("--tuned", type=_FILE, help="What `python -m training.tune` wrote.")
def main(
    *,
    name: str,
    model: Path,
    scorer: Path | None,
    title: str,
    language: str,
    license_: str,
    tuned: Path | None,
) -> None:
    """Put a trained model into models/ and into the registry."""
    read_graph(model)
    chosen = json.loads(tuned.read_text(encoding="utf-8")) if tuned else {}
    calibration = chosen.get("calibration")
    Calibration.from_mapping(calibration or {})
    entry = ModelEntry(
        title=title,
        language=language,
        license=license_,
        source="training/README.md",
        bundled=True,
        model=bring(model, MODELS / f"{name}.tflite"),
        scorer=bring(scorer, MODELS / f"{name}.ngram") if scorer else None,
        alpha=chosen.get("alpha"),
        beta=chosen.get("beta"),
        beam_width=chosen.get("beam_width"),
        speech_level=chosen.get("speech_level"),
        calibration=calibration,
    )
    publish(name, entry, MODELS / "registry.toml")
    click.echo(f"{name}: {entry.size} bytes")


if __name__ == "__main__":
    main()
