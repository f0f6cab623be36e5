"""Writes the tables of docs/protocol.md from the models: ``python -m stt_service.server.describe``.

A test compares the file with what this gives, so that the page cannot go out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from stt_service.server import commands, messages

BEGIN = "<!-- generated: python -m stt_service.server.describe docs/protocol.md -->"
END = "<!-- end of what is generated -->"


def tables() -> str:
    """Return the description of all messages as Markdown."""
    server, client = messages.schema(), commands.schema()
    parts = [f"Version {messages.VERSION}.", "## Messages from the server"]
    parts += [_message(server, one["$ref"]) for one in server["oneOf"]]
    parts.append("## Messages from clients")
    parts += [_message(client, one["$ref"]) for one in client["oneOf"]]
    shared = ("WordBody", "AlternativeBody", "StateBody", "FaultBody")
    parts.append("## Values inside of messages")
    parts += [_model(name, server["$defs"][name]) for name in shared]
    return "\n\n".join(parts)


def _message(schema: dict[str, Any], reference: str) -> str:
    model = schema["$defs"][reference.rpartition("/")[2]]
    return _model(f"`{model['properties']['type']['const']}`", model)


def _model(title: str, model: dict[str, Any]) -> str:
    required = model.get("required", ())
    lines = [f"### {title}", "", model["description"].split("\n\n")[0].replace("\n", " ")]
    rows = [
        f"| `{name}` | {_type(field)} | {_note(field, required=name in required)} |"
        for name, field in model["properties"].items()
        if name != "type"
    ]
    if rows:
        lines += ["", "| field | type | meaning |", "|---|---|---|", *rows]
    return "\n".join(lines)


def _note(field: dict[str, Any], *, required: bool) -> str:
    notes = [field["description"]] if "description" in field else []
    limits = field
    for one in field.get("anyOf", ()):
        limits = {**one, **limits}
    names = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "maxLength": "at most",
    }
    bounds = " ".join(f"{word} {limits[key]}" for key, word in names.items() if key in limits)
    if bounds:
        notes.append(f"{bounds[0].upper()}{bounds[1:]}.")
    if not required and field.get("default") not in (None, [], "", {}):
        notes.append(f"`{str(field['default']).lower()}` where absent.")
    return " ".join(notes)


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(one) for one in field["anyOf"])
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if field.get("type") == "object":
        named = field.get("patternProperties", {})  # of names that are bounded
        values = next(iter(named.values())) if named else field["additionalProperties"]
        return f"map to {_type(values)}"
    return str(field.get("type", "any"))


def insert(page: str) -> str:
    """Return a page with the tables between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(insert(target.read_text(encoding="utf-8")), encoding="utf-8")
