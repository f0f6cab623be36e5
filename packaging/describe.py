"""Writes what a package has beside the program: man page, shell completions, list of libraries.

    python packaging/describe.py FOLDER

FOLDER stands for the root of the file system: usr/share/man/man1 and so on are made in it. Man
page and completions come from the commands themselves, so that they cannot be out of date. The
page's date is that of SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import gzip
import os
import sys
from datetime import UTC, datetime
from importlib import metadata
from inspect import cleandoc
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from stt_service import __version__
from stt_service.cli import program

NAME = "stt-service"
COMPLETIONS = {
    "bash": f"usr/share/bash-completion/completions/{NAME}",
    "zsh": f"usr/share/zsh/vendor-completions/_{NAME}",
    "fish": f"usr/share/fish/vendor_completions.d/{NAME}.fish",
}
FILES = (
    ("/etc/stt-service/config.toml", "settings of this machine; conf.d/*.toml beside it"),
    ("~/.config/stt-service/config.toml", "settings of a user"),
    ("/var/lib/stt-service", "models, mute and recordings of the system service"),
    ("~/.local/share/stt-service", "the same of a user"),
)
STATUSES = (("0", "done"), ("1", "a fault, named on standard error"), ("2", "wrong use"))


def escaped(text: str) -> str:
    """Return text as roff takes it literally."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\n".join("\\&" + line if line.startswith(".") else line for line in safe.splitlines())


def man_page(date: datetime) -> str:
    """Return the manual page of the program and all its commands, in man(7) macros."""
    lines = [
        f'.TH STT\\-SERVICE 1 {date:%Y-%m-%d} "{NAME} {__version__}" "User Commands"',
        ".SH NAME",
        f"{escaped(NAME)} \\- speech\\-to\\-text that runs whole on a Raspberry Pi",
        ".SH SYNOPSIS",
        f".B {escaped(NAME)}",
        "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...",
        ".SH DESCRIPTION",
        "Turns speech into text on this machine, from recordings or from a microphone.",
        "Nothing leaves it unless somebody sets that up and agrees to it.",
        ".SH OPTIONS",
    ]
    context = click.Context(program, info_name=NAME)
    lines += _options(program, context)
    lines.append(".SH COMMANDS")
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        assert command is not None, name
        lines += _command(command, f"{NAME} {name}", context)
    lines.append(".SH FILES")
    for path, meaning in FILES:
        lines += [".TP", f".I {escaped(path)}", escaped(meaning)]
    lines.append(".SH EXIT STATUS")
    for status, meaning in STATUSES:
        lines += [".TP", f".B {status}", escaped(meaning)]
    lines += [
        ".SH ENVIRONMENT",
        "Each setting can be given as STT_SERVICE_\\fISECTION\\fR__\\fIKEY\\fR.",
    ]
    return "\n".join(lines) + "\n"


def _command(command: click.Command, name: str, parent: click.Context) -> list[str]:
    """Return the part of one command, with those below it."""
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent)
    pieces = " ".join(escaped(piece) for piece in command.collect_usage_pieces(context))
    lines = [f".SS {escaped(name)} {pieces}".rstrip(), escaped(cleandoc(command.help or ""))]
    lines += _options(command, context)
    if isinstance(command, click.Group):
        for inner_name in command.list_commands(context):
            inner = command.get_command(context, inner_name)
            assert inner is not None, inner_name
            lines += _command(inner, f"{name} {inner_name}", context)
    return lines


def _options(command: click.Command, context: click.Context) -> list[str]:
    lines = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        # --help is the same everywhere: the page tells it once.
        if record is not None and (command is program or parameter.name != "help"):
            lines += [".TP", f".B {escaped(record[0])}", escaped(record[1])]
    return lines


def completion(shell: str) -> str:
    """Return the script by which a shell completes the command's words."""
    made = get_completion_class(shell)
    assert made is not None, shell
    # The class's own method asks the shell for its version: it may not even be installed here.
    complete = made(program, {}, NAME, "_STT_SERVICE_COMPLETE")
    return complete.source_template % complete.source_vars()


def vendored() -> str:
    """Return a line for each library of this Python: name, version, licence."""
    found = {}
    for one in metadata.distributions():
        about = one.metadata
        classified = [
            text.rpartition(" :: ")[2]
            for text in about.get_all("Classifier") or []
            if text.startswith("License ::")
        ]
        plain = (about["License"] or "").strip()
        licence = about["License-Expression"] or ", ".join(classified) or plain.split("\n")[0]
        found[about["Name"].lower()] = (
            f"{about['Name']} {one.version}: {licence or 'see its files'}"
        )
    return "\n".join(found[name] for name in sorted(found)) + "\n"


def main() -> None:
    """Write all files below the folder of the command line."""
    root = Path(sys.argv[1])
    date = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    files = {f"usr/share/doc/{NAME}/vendored.txt": vendored().encode()}
    for shell, place in COMPLETIONS.items():
        files[place] = completion(shell).encode()
    # mtime: the same bytes every time.
    files[f"usr/share/man/man1/{NAME}.1.gz"] = gzip.compress(man_page(date).encode(), 9, mtime=0)
    for place, content in files.items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
