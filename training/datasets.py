"""Exported datasets within a prepared corpus: what was withdrawn does not live on in the copy.

``datasets.json`` beside the audio says which datasets went in and how long they were good.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Set
from datetime import UTC, date, datetime
from pathlib import Path

from stt_service.collector.dataset_manifest import is_export, read, read_revoked
from stt_service.errors import DatasetError

FILE = "datasets.json"


def remember(corpus: Path, exports: Iterable[Path]) -> None:
    """Note down what a corpus was made of."""
    rows = []
    for export in exports:
        manifest = read(export)
        rows.append(
            {
                "folder": str(export.resolve()),
                "refresh_by": manifest.refresh_by.isoformat(),
                "revocations": manifest.revocations,
            }
        )
    (corpus / FILE).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def check(corpus: Path, clips: Set[str], *, today: date | None = None) -> None:
    """Refuse a corpus past the date of a dataset, or with a clip that was withdrawn since.

    ``clips`` are the names of its recordings without their endings. Raises :exc:`DatasetError`.
    """
    try:
        rows = json.loads((corpus / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return  # prepared from recordings of other kinds only
    except (OSError, ValueError) as error:
        raise DatasetError(f"{corpus / FILE} cannot be read: {error}", "Prepare it anew") from error
    day = today or datetime.now(UTC).date()
    for row in rows:
        folder, good = Path(row["folder"]), date.fromisoformat(row["refresh_by"])
        remedy = f"Run: stt-service dataset refresh {folder}; then prepare the corpus anew"
        if is_export(folder):
            now = read(folder)
            # Refreshed since, it may have lost clips that are still in the corpus.
            if now.revocations > row["revocations"] and (gone := read_revoked(folder).ids & clips):
                raise DatasetError(f"{corpus}: {min(gone)} was withdrawn", remedy)
            good = max(good, now.refresh_by)
        if day > good:
            raise DatasetError(f"{corpus}: {folder} was to be refreshed by {good}", remedy)
