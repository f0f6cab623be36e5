"""A collection as files, and back: independent of the database, so that it may be another one.

FOLDER/tables/NAME.jsonl      one line for each row
FOLDER/objects/...            sound, by name
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table, func, insert, select, text

from stt_service.collector.collection import Collection
from stt_service.collector.database import note, reading, writing
from stt_service.collector.objects import Folder, object_name
from stt_service.collector.tables import metadata, tombstones, utterances
from stt_service.errors import CollectorError

ROWS = 1000
"""Read, or written, at once."""


def backup(collection: Collection, folder: Path, moved: Callable[[], None]) -> int:
    """Copy everything into a new folder; return the number of utterances.

    Rows first, then their sound: what is deleted meanwhile is missing, and restoring leaves it
    out. ``moved`` is called for each sound. Raises :exc:`CollectorError`.
    """
    if folder.exists():
        raise CollectorError(f"{folder} is there already", "Name a new folder")
    try:
        (folder / "tables").mkdir(mode=0o700, parents=True)
        with writing(collection.engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            for table in metadata.sorted_tables:
                _write(connection, table, folder / "tables" / f"{table.name}.jsonl")
        copies = Folder(folder / "objects")
        count = 0
        for row in _lines(folder / "tables" / "utterances.jsonl"):
            name = object_name(row["id"], row["audio_sha256"])
            data = collection.objects.get(name)
            if data is not None:
                copies.put(name, data)
                count += 1
            moved()
    except OSError as error:
        raise CollectorError(f"{folder} cannot be written: {error.strerror}") from error
    return count


def _write(connection: Connection, table: Table, path: Path) -> None:
    binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
    with path.open("w", encoding="utf-8") as file:
        for row in connection.execution_options(yield_per=ROWS).execute(select(table)).mappings():
            values = {
                key: base64.b64encode(value).decode() if key in binary else value
                for key, value in row.items()
            }
            print(json.dumps(values, ensure_ascii=False), file=file)


def restore(collection: Collection, folder: Path, moved: Callable[[], None]) -> int:
    """Fill a collection that is empty; return the number of utterances.

    Raises :exc:`CollectorError`.
    """
    if not (folder / "tables" / "utterances.jsonl").is_file():
        raise CollectorError(f"{folder} is no back-up of a collection", "Name another")
    with reading(collection.engine) as connection:
        if connection.execute(select(utterances.c.number).limit(1)).first() is not None:
            raise CollectorError("this collection is not empty", "Restore into a new database")
    copies = Folder(folder / "objects")
    lost = set()
    count = 0
    for row in _lines(folder / "tables" / "utterances.jsonl"):
        name = object_name(row["id"], row["audio_sha256"])
        data = copies.get(name)
        if data is None:
            lost.add(row["id"])
        else:
            collection.objects.put(name, data)
            count += 1
        moved()
    with writing(collection.engine) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        for table in metadata.sorted_tables:
            _read(connection, table, folder / "tables" / f"{table.name}.jsonl", lost)
        _set_counters(connection)
        note(connection, "restored")
    return count


def _read(connection: Connection, table: Table, path: Path, lost: set[str]) -> None:
    if not path.is_file():
        return  # a back-up of a version that did not have it
    key = "id" if table is utterances else "utterance"
    binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
    batch: list[dict[str, Any]] = []
    for row in _lines(path):
        if row.get(key) in lost and table is not tombstones:
            continue
        batch.append(
            {
                name: base64.b64decode(value) if name in binary else value
                for name, value in row.items()
            }
        )
        if len(batch) == ROWS:
            connection.execute(insert(table), batch)
            batch = []
    if batch:
        connection.execute(insert(table), batch)


def _set_counters(connection: Connection) -> None:
    """Let PostgreSQL count on after the highest numbers; SQLite does by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            highest = connection.execute(select(func.max(column))).scalar()
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(select(func.setval(sequence, highest or 1, highest is not None)))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise CollectorError(f"{path}:{number} is damaged", "Use another copy") from error
