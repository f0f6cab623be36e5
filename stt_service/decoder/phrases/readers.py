"""Phrase files of every format, read into a :class:`PhraseBook`.

``.yaml`` is Home Assistant's format, ``.intent``/``.voc`` are Mycroft's, anything else is plain
text: a template a line, ``[IntentName]`` alone on a line opens an intent, ``#`` a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from stt_service.decoder.phrases.book import (
    MAX_FILE_BYTES,
    MAX_TEMPLATES,
    ListSpec,
    PhraseBook,
    Scope,
    Template,
    Trial,
    Value,
    Wildcard,
    join,
)
from stt_service.decoder.phrases.home_assistant import read_trials, read_yaml
from stt_service.errors import PhrasesError

TEXT_ID = "phrases"
"""Id of a grammar made of text instead of a file."""
MAX_FILES = 1000
"""Files of one folder."""

_YAML = {".yaml", ".yml"}
_MYCROFT = {".intent", ".voc", ".entity"}
_YAML_TEXT = re.compile(r"^intents[ \t]*:", re.MULTILINE)
_SECTION = re.compile(r"\[\s*([A-Za-z_][\w.:-]*)\s*\]")
_FILE_NAME = re.compile(r"[\w-][\w.-]{0,99}")
_ANY_WORD = re.compile(r"(?<!\S):0(?!\S)")


Source = Path | str | Sequence[Path]
"""A file or a folder, the text of one, or several files and folders."""


def read_phrases(source: Source) -> PhraseBook:
    """Read phrases. Raises :exc:`PhrasesError` naming the file and the place in it."""
    if not isinstance(source, (str, Path)):
        return join([read_phrases(path) for path in source])
    if isinstance(source, str):
        return _read_text(source)
    if source.is_dir():
        return _read_folder(source)
    if source.suffix in _YAML:
        return read_yaml(source.stem, {source.name: _read(source)})
    if source.suffix in _MYCROFT:
        return _read_mycroft(source.stem, source.parent, [source])
    templates = list(_sections(_read(source), source.stem, source.name))
    return _book(source.stem, templates, source.name)


def _read_text(text: str) -> PhraseBook:
    if _YAML_TEXT.search(text):
        return read_yaml(TEXT_ID, {TEXT_ID: text})
    return _book(TEXT_ID, list(_sections(text, TEXT_ID, TEXT_ID)))


def read_tests(path: Path) -> list[Trial]:
    """Read what stands under ``tests:`` of a YAML file. Raises :exc:`PhrasesError`."""
    return read_trials(path.name, _read(path))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise PhrasesError(f"cannot read {path}: {error.strerror}", "Check the path") from error
    if len(raw) > MAX_FILE_BYTES:
        raise PhrasesError(
            f"{path} is larger than {MAX_FILE_BYTES // 2**20} MiB",
            "Use templates with lists instead of writing out every sentence",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PhrasesError(
            f"{path} is not UTF-8 text (byte {error.start})", "Save it as UTF-8"
        ) from error


def _book(name: str, templates: list[Template], file: str = "") -> PhraseBook:
    if not templates:
        raise PhrasesError(
            f"{file or name} has no sentences", "Write one sentence or template a line"
        )
    if len(templates) > MAX_TEMPLATES:
        raise PhrasesError(
            f"{name} has {len(templates)} sentences, at most {MAX_TEMPLATES} are taken",
            "Use templates with lists instead of writing out every sentence",
        )
    return PhraseBook(id=name, language="en", templates=tuple(templates))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line and not line.startswith("#"):
            yield number, line


def _sections(text: str, intent: str, place: str) -> Iterator[Template]:
    scope = Scope()
    for number, line in _lines(text):
        # A line that is nothing but an optional word would accept silence: it names an intent.
        section = _SECTION.fullmatch(line)
        if section:
            intent = section[1]
        else:
            yield Template(line, intent, f"{place} line {number}", scope)


def _read_folder(folder: Path) -> PhraseBook:
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise PhrasesError(f"cannot read {folder}: {error.strerror}", "Check the path") from error
    name = folder.resolve().name
    yaml = [path for path in files if path.suffix in _YAML]
    intents = [path for path in files if path.suffix == ".intent"]
    vocabulary = [path for path in files if path.suffix == ".voc"]
    if len(files) > MAX_FILES:
        raise PhrasesError(f"{folder} has more than {MAX_FILES} files", "Name a smaller folder")
    if yaml and not intents and not vocabulary:
        return read_yaml(name, {path.name: _read(path) for path in yaml})
    if intents or vocabulary:
        return _read_mycroft(name, folder, intents or vocabulary)
    raise PhrasesError(
        f"{folder} has no .yaml, .intent or .voc file",
        "Name a folder of Home Assistant sentences or of Mycroft intents",
    )


def _read_mycroft(name: str, folder: Path, sources: list[Path]) -> PhraseBook:
    templates = []
    loaded: dict[str, ListSpec] = {}
    for path in sources:
        for number, line in _lines(_read(path)):
            text = _ANY_WORD.sub("{any}", line)
            for entity in re.findall(r"\{([^{}:]+)", text):
                if entity not in loaded:
                    loaded[entity] = _entity(folder, entity)
            templates.append(
                Template(text, path.stem, f"{path.name} line {number}", Scope(lists=loaded))
            )
    return _book(name, templates)


def _entity(folder: Path, name: str) -> ListSpec:
    """Mycroft takes an entity without a file for any words."""
    for suffix in (".entity", ".voc"):
        path = folder / f"{name.strip()}{suffix}"
        if _FILE_NAME.fullmatch(name.strip()) and path.is_file():
            values = tuple(Value(line, None) for _, line in _lines(_read(path)))
            if values:
                return values
    return Wildcard()
