"""The commands that talk to a running daemon."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner

from stt_service import client
from stt_service.cli import program
from stt_service.cli.watch import describe, once_each
from stt_service.client import Disconnected
from stt_service.events import Partial as Heard
from stt_service.events import UtterancePartial
from stt_service.server import messages
from tests.fakes_server import final, running


def test_mute_unmute_and_listen() -> None:
    """Each through one short connection."""
    with running() as stage:
        for words in (["mute", "phone call"], ["mute"], ["unmute", "phone call"], ["listen"]):
            result = CliRunner().invoke(program, [*words, "--url", stage.ws])
            assert result.exit_code == 0, result.output
        assert result.output == (
            "the next utterance counts\n"
            "note: it is muted by command line; stt-service unmute ends that\n"
        )
        assert stage.control.now.mute_reasons == ("command line",)
        assert stage.control.told == [("listen",)]
        assert CliRunner().invoke(program, ["unmute", "--url", stage.ws]).exit_code == 0
        assert not stage.control.now.muted


def test_what_is_so_now_is_said() -> None:
    """Which reasons mute it still, and which never did."""
    with running() as stage:

        def told(*words: str) -> str:
            return CliRunner().invoke(program, [*words, "--url", stage.ws]).output

        assert told("listen") == "the next utterance counts\n"
        assert told("mute", "door") == "muted by door\n"
        assert told("mute", "call") == "muted by door, call\n"
        assert told("unmute", "tv") == "note: it was not muted by tv\nstill muted by door, call\n"
        assert told("unmute", "door") == "still muted by call\n"
        assert told("unmute", "call") == "listening\n"


def test_watch_prints_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each message; broken connections too."""
    heard = [messages.message_of(final("yes")), Disconnected("gone", 1.0)]
    monkeypatch.setattr(client.Client, "messages", lambda self: iter(heard))
    result = CliRunner().invoke(program, ["watch", "--json", "--url", "ws://localhost"])
    lines = [json.loads(line) for line in result.output.splitlines()]
    assert [line["type"] for line in lines] == ["final", "disconnected"]
    result = CliRunner().invoke(program, ["watch", "--url", "ws://localhost"])
    assert "yes" in result.output


def test_unknown_kinds_are_named() -> None:
    """Before anything is connected."""
    result = CliRunner().invoke(program, ["watch", "--kinds", "final,smell"])
    assert result.exit_code == 2
    assert "smell" in result.output


def test_words_that_may_change_look_so() -> None:
    """In the terminal as on the page."""
    message = messages.message_of(UtterancePartial("1", Heard("turn on the", "turn on"), 1.0))
    line, lasting = describe(message)
    assert line is not None
    assert (line.plain, lasting) == ("turn on the", False)
    assert [str(span.style) for span in line.spans] == ["bold", "dim italic"]


def test_help_imports_no_server() -> None:
    """Commands stay quick to ask about."""
    assert isinstance(program, click.Group)
    assert "Show what the daemon hears" in CliRunner().invoke(program, ["--help"]).output


@pytest.mark.parametrize("reason", ["", "x" * 201, "two\nlines"])
@pytest.mark.parametrize("command", ["mute", "unmute"])
def test_a_reason_that_cannot_be_is_wrong_use(command: str, reason: str) -> None:
    """One line, before anything is connected."""
    result = CliRunner().invoke(program, [command, reason, "--url", "ws://localhost:1"])
    assert result.exit_code == 2
    assert "1 to 200 characters" in result.output


def test_a_daemon_that_stays_away_is_missed_once() -> None:
    """And again after it has been there, or when the reason is another one."""
    gone, other = Disconnected("Connection refused", 1.0), Disconnected("No route", 1.0)
    yes = messages.message_of(final("yes"))
    assert list(once_each(iter([gone, gone, gone, yes, gone, gone, other]))) == [
        gone,
        yes,
        gone,
        other,
    ]
