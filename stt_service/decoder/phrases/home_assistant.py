"""Home Assistant's sentence files: YAML with ``intents``, ``lists`` and ``expansion_rules``.

Every scalar is read as the text that stands there, so that ``on``, ``off``, ``yes`` and ``no``
stay words (YAML would make booleans of them), and a hostile file can create nothing but text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import yaml

from stt_service.decoder.phrases.book import (
    MAX_TEMPLATES,
    ListSpec,
    PhraseBook,
    Range,
    Scope,
    Template,
    Trial,
    Value,
    Wildcard,
)
from stt_service.errors import PhrasesError

MAX_YAML_DEPTH = 30
"""Nested levels; the format needs nine, and the C reader recurses once for each."""
MAX_YAML_NODES = 1_000_000
"""Texts, lists and mappings of one file, each alias counted with all that it stands for."""
_FRACTIONS = {"halves": ("5",), "tenths": tuple("123456789"), "": ()}
_YES = {"true", "yes", "on"}

_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_Kind = TypeVar("_Kind", str, "list[Any]", "dict[str, Any]")
_KIND_NAMES: dict[object, str] = {str: "a text", list: "a list", dict: "a mapping"}


def read_yaml(name: str, files: dict[str, str]) -> PhraseBook:
    """Read the YAML texts ``files`` (file name to text), which may share lists and rules.

    Raises :exc:`PhrasesError` naming the file and key.
    """
    documents = {file: _load(file, text) for file, text in files.items()}
    lists: dict[str, ListSpec] = {}
    rules: dict[str, str] = {}
    skip_words: list[str] = []
    language = ""
    for file, document in documents.items():
        lists.update(_lists(document, file))
        rules.update(_rules(document, file))
        skip_words += _texts(document, "skip_words", file)
        language = language or _get(document, "language", str, file) or ""
    scope = Scope(lists, rules)
    templates: list[Template] = []
    for file, document in documents.items():
        intents = _get(document, "intents", dict, file) or {}
        for intent in intents:
            templates += _intent(intents, intent, f"{file}: intents", scope)
    if not templates:
        raise PhrasesError(
            f"{', '.join(files)} has no sentences",
            "The file needs: intents: {Name: {data: [{sentences: [...]}]}}",
        )
    if len(templates) > MAX_TEMPLATES:
        raise PhrasesError(
            f"{name} has {len(templates)} sentences, at most {MAX_TEMPLATES} are taken",
            "Use lists instead of writing out every sentence",
        )
    return PhraseBook(name, language or "en", tuple(templates), tuple(skip_words))


def read_trials(file: str, text: str) -> list[Trial]:
    """Read Home Assistant's form of tests: sentences, and the intent and slots they must have.

    Sentences without an intent must be none of the phrases. Raises :exc:`PhrasesError`.
    """
    trials: list[Trial] = []
    for i, raw in enumerate(_get(_load(file, text), "tests", list, file) or []):
        place = f"{file}: tests[{i}]"
        entry = _typed(raw, dict, place)
        intent = _get(entry, "intent", dict, place) or {}
        name = _get(intent, "name", str, f"{place}.intent")
        slots = {
            key: _typed(value, str, f"{place}.intent.slots.{key}")
            for key, value in (_get(intent, "slots", dict, f"{place}.intent") or {}).items()
        }
        sentences = _texts(entry, "sentences", place)
        trials += [Trial(sentence, name, slots, place) for sentence in sentences]
    return trials


def _intent(intents: dict[str, Any], intent: str, place: str, scope: Scope) -> Iterator[Template]:
    place = f"{place}.{intent}"
    blocks = _get(_typed(intents[intent], dict, place), "data", list, place)
    for i, raw in enumerate(blocks or []):
        where = f"{place}.data[{i}]"
        block = _typed(raw, dict, where)
        own = _lists(block, where), _rules(block, where)
        local = scope
        if any(own):
            local = Scope({**scope.lists, **own[0]}, {**scope.rules, **own[1]})
        slots = {
            key: ", ".join(value) if isinstance(value, list) else _typed(value, str, where)
            for key, value in (_get(block, "slots", dict, where) or {}).items()
        }
        for k, text in enumerate(_texts(block, "sentences", where)):
            yield Template(text, intent, f"{where}.sentences[{k}]", local, slots)


def _lists(document: dict[str, Any], place: str) -> dict[str, ListSpec]:
    entries = _get(document, "lists", dict, place) or {}
    return {key: _list(entry, f"{place}: lists.{key}") for key, entry in entries.items()}


def _list(raw: object, place: str) -> ListSpec:
    entry = _typed(raw, dict, place)
    if "values" in entry:
        values = tuple(
            _value(value, f"{place}.values[{i}]")
            for i, value in enumerate(_get(entry, "values", list, place) or [])
        )
        if not values:
            raise PhrasesError(f"{place} has no values", "Write at least one under values:")
        return values
    if "range" in entry:
        return _range(_typed(entry["range"], dict, place), f"{place}.range")
    if str(entry.get("wildcard", "")).lower() in _YES:
        return Wildcard()
    raise PhrasesError(f"{place} is no list", "Give it values:, range: or wildcard: true")


def _value(raw: object, place: str) -> Value:
    if isinstance(raw, dict):
        text = _get(raw, "in", str, place)
        if not text:
            raise PhrasesError(f"{place} has no 'in'", "Write the words that are said under in:")
        out = raw.get("out")
        return Value(text, None if out is None else _typed(out, str, f"{place}.out"))
    text = _typed(raw, str, place)
    # The slot of a plain value is the value as written; of a template, the words as said.
    return Value(text, None if any(sign in text for sign in "[](){}<>|;") else text)


def _range(entry: dict[str, Any], place: str) -> Range:
    start, stop = _number(entry, "from", place), _number(entry, "to", place)
    step = _number(entry, "step", place, 1)
    fractions = _get(entry, "fractions", str, place) or ""
    if fractions not in _FRACTIONS:
        raise PhrasesError(f"{place}.fractions is {fractions!r}", "Write halves or tenths")
    multiplier = _get(entry, "multiplier", str, place)
    try:
        factor = float(multiplier) if multiplier else None
    except ValueError as error:
        raise PhrasesError(f"{place}.multiplier is {multiplier!r}", "Write a number") from error
    numbers = Range(start, stop, step, _FRACTIONS[fractions], factor)
    numbers.check(place)
    return numbers


def _number(entry: dict[str, Any], key: str, place: str, default: int | None = None) -> int:
    text = _get(entry, key, str, place)
    if text is None and default is not None:
        return default
    try:
        return int(text or "")
    except ValueError as error:
        raise PhrasesError(
            f"{place}.{key} is {text!r}, not a whole number", f"Write for instance {key}: 10"
        ) from error


def _rules(document: dict[str, Any], place: str) -> dict[str, str]:
    entries = _get(document, "expansion_rules", dict, place) or {}
    return {
        key: _typed(value, str, f"{place}: expansion_rules.{key}") for key, value in entries.items()
    }


def _texts(document: dict[str, Any], key: str, place: str) -> list[str]:
    values = _get(document, key, list, place) or []
    return [_typed(value, str, f"{place}.{key}[{i}]") for i, value in enumerate(values)]


def _get(entry: dict[str, Any], key: str, kind: type[_Kind], place: str) -> _Kind | None:
    """Return the value of ``key``; None where it is missing or empty."""
    value = entry.get(key)
    return None if value is None or value == "" else _typed(value, kind, f"{place}.{key}")


def _typed(value: object, kind: type[_Kind], place: str) -> _Kind:
    if isinstance(value, kind):
        return value
    raise PhrasesError(
        f"{place} is {_KIND_NAMES[type(value)]}, not {_KIND_NAMES[kind]}",
        "Compare it with Home Assistant's sentence format",
    )


def _load(file: str, text: str) -> dict[str, Any]:
    try:
        _check_depth(file, text)
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - makes nothing but text
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise PhrasesError(f"{file} is not valid YAML: {reason}", "Mend it there") from error
    if document is None or document == "":
        raise PhrasesError(f"{file} is empty", "Write intents with their sentences")
    _check_size(file, document)
    return _typed(document, dict, file)


def _check_depth(file: str, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_YAML_DEPTH:
                raise PhrasesError(f"{file} nests more than {MAX_YAML_DEPTH} levels", "Flatten it")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _check_size(file: str, document: object) -> None:
    """Count what is there with every alias written out, and stop before it is written out."""
    budget = MAX_YAML_NODES
    stack = [document]
    while stack:
        node = stack.pop()
        budget -= 1
        if budget < 0:
            raise PhrasesError(
                f"{file} stands for more than {MAX_YAML_NODES} values", "Use fewer aliases"
            )
        if isinstance(node, dict):
            stack.extend(node)
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
