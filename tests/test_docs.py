"""Documentation is complete: what exists is described, what is described exists."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest

from stt_service.cli import COMMANDS, program

ROOT = Path(__file__).parents[1]
DOCS = sorted(ROOT.glob("docs/*.md"))
PAGES = [*DOCS, *sorted(ROOT.glob("*.md")), ROOT / "training/README.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def text_of(pages: list[Path]) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def leaves(names: tuple[str, ...], command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from leaves((*names, name), inner)
    else:
        yield " ".join(names), command


def all_commands() -> list[tuple[str, click.Command]]:
    found = []
    for name, (place, _) in COMMANDS.items():
        module, _, attribute = place.partition(":")
        found += leaves((name,), getattr(importlib.import_module(module), attribute))
    return found


@pytest.mark.parametrize(("name", "command"), all_commands(), ids=str)
def test_commands_and_options_are_described(name: str, command: click.Command) -> None:
    """Each command, and each of its options, is mentioned in docs/."""
    described = text_of(DOCS)
    assert re.search(rf"(stt-service |`){name}\b", described), name
    options = [
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    ]
    assert [option for option in options if not re.search(rf"{option}\b", described)] == []
    assert command.help


COMPLAINTS = """
no package; illegal instruction; externally-managed; audioop; language model is too big; sample rate
rubbish; overflowed; unplugged; resource busy; another microphone; level; nothing but silence; ALSA
hears nothing, by hand; Pi Zero; first or the last word; noise for speech; noise becomes words
empty or doubled; partial results; confidence is a huge; hot words; never stops; accents
fine-tuning; hears itself; too slow; memory grows; several clients; cut off; end my audio
other machines; web page
Wyoming; live partials; muted; send my voice; fill the card; get rid of it; owns the microphone
"""
"""What people complain of in programs like this one, each as a word or two of its heading."""


def test_each_complaint_is_answered() -> None:
    """By symptom, in a section of its own with something in it."""
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    sections = re.findall(r"^##+ (.+)\n\n(?!#)(.{40,})", page, re.MULTILINE)
    headings = [heading.lower() for heading, _ in sections]
    wanted = [one for line in COMPLAINTS.split("\n") for one in line.lower().split("; ") if one]
    assert [one for one in wanted if not any(one in heading for heading in headings)] == []


def test_settings_are_described() -> None:
    """Each key stands in the table, has a comment in default.toml, and no other key is named."""
    raw = (ROOT / "stt_service/default.toml").read_text(encoding="utf-8")
    keys = {f"{section}.{key}" for section, keys in tomllib.loads(raw).items() for key in keys}
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+\.\w+)`", page, re.MULTILINE)) == keys
    lines = raw.splitlines()
    bare = [
        line
        for above, line in pairwise(lines)
        if " = " in line and not line.startswith("#") and not above.startswith("#")
    ]
    assert bare == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of every page."""
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_json_keys_are_described() -> None:
    """All that ``--format json`` says stands in the table."""
    from tests.cli.test_transcribe import KEYS  # noqa: PLC0415

    page = (ROOT / "docs/transcribe.md").read_text(encoding="utf-8")
    table = page.partition("| JSON key |")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    described = {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}
    assert described == KEYS | {"error"}


def blocks(language: str) -> list[tuple[str, str]]:
    """Return page and text of each code block of a language."""
    return [
        (page.name, block)
        for page in PAGES
        for found, block in BLOCK.findall(page.read_text(encoding="utf-8"))
        if found == language
    ]


def shown_calls() -> list[tuple[str, ...]]:
    """Return the words after the program's name in each call that a page shows at a prompt."""
    lines = [
        line.removeprefix("$ ")
        for _, block in blocks("console")
        for line in block.splitlines()
        if line.startswith("$ ") and "stt-service" in line
    ]
    calls = set[tuple[str, ...]]()
    for line in lines:
        words = shlex.split(line, comments=True)
        for part in " ".join(words).replace("&&", "|").replace(";", "|").split(" | "):
            call = re.fullmatch(r"(?:sudo )?(?:-u \S+ )?(?:[A-Z_]+=\S+ )*(\S+)(.*)", part.strip())
            if call and call[1].rpartition("/")[2] == "stt-service":
                calls.add(tuple(call[2].split()))
    return sorted(calls)


@pytest.mark.parametrize("call", shown_calls(), ids=" ".join)
def test_commands_at_prompts_exist(call: tuple[str, ...]) -> None:
    """Each sub-command and option that a page shows is one."""
    command: click.Command = program
    known = {"--help", "--version"}
    for word in call:
        known |= {opt for one in command.params for opt in (*one.opts, *one.secondary_opts)}
        if isinstance(command, click.Group) and not word.startswith("-"):
            command = command.get_command(click.Context(command), word) or command
        elif word.startswith("--"):
            assert word.partition("=")[0] in known, word
    assert command is not program or {"--version", "--help"} & set(call)


@pytest.mark.parametrize(("page", "block"), blocks("toml"))
def test_settings_in_examples_exist(page: str, block: str) -> None:
    """Sections and keys of each example of settings, in pages about them."""
    shown = tomllib.loads(block)
    shipped = tomllib.loads((ROOT / "stt_service/default.toml").read_text(encoding="utf-8"))
    if not set(shown) & set(shipped):
        pytest.skip(f"{page} shows another kind of file")
    for section, keys in shown.items():
        assert set(keys) <= set(shipped[section])


@pytest.mark.parametrize(("page", "block"), blocks("json"))
def test_json_in_examples_is_valid(page: str, block: str) -> None:
    """Whole, or a message on each line."""
    try:
        json.loads(block)
    except json.JSONDecodeError:
        for line in block.splitlines():
            json.loads(line)


@pytest.mark.parametrize(("page", "block"), blocks("python"))
def test_python_in_examples_compiles(page: str, block: str) -> None:
    """Nothing is run: examples may want a daemon."""
    compile(block, page, "exec")


def test_the_site_is_whole(tmp_path: Path) -> None:
    """Every page is in its table of contents, and every link and heading linked to is there."""
    pytest.importorskip("mkdocs", reason="needs mkdocs")
    pytest.importorskip("material", reason="needs mkdocs-material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="https?://[^"]*\.(js|css|woff2?)"', page)
