"""``consent`` and ``utterances``: deciding, looking, correcting, deleting, in this process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stt_service.store.consent import Ledger
from stt_service.store.db import FILE, Database
from stt_service.store.kept import Saved
from stt_service.store.utterances import Utterances
from tests.cli.conftest import Outcome, Run
from tests.store.things import ROOMY, new, sound

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(own_state: Path) -> Path:
    return own_state / "store"


def save(store: Path, *texts: str) -> list[str]:
    """As the daemon does; return the ids."""
    with Database(store) as database:
        utterances = Utterances(database, ROOMY)
        live = Ledger(database).standing().live
        found = [utterances.save(new(text), sound(n), live.id) for n, text in enumerate(texts)]
    assert all(isinstance(one, Saved) for one in found)
    return [one.id for one in found]


def test_looking_makes_no_files(run: Run, store: Path) -> None:
    """Nobody has agreed to anything: all that looks or ends works, and leaves nothing."""
    assert "saving is off" in run("consent", "status").out
    for arguments in (
        ("consent", "history"),
        ("consent", "withdraw", "--yes"),
        ("consent", "guests", "off"),
        ("utterances", "list"),
        ("utterances", "stats"),
        ("utterances", "delete", "--all", "--yes"),
        ("utterances", "accept", "--all"),
    ):
        assert run(*arguments).status == 0, arguments
    assert not store.exists()


def test_nothing_is_agreed_to_without_an_answer(run: Run, store: Path, monkeypatch) -> None:
    """The text is shown; Enter is no, and so is the end of the input."""
    for answer in ("\n", "", "n\n", "maybe\n\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        outcome = run("consent", "give")
        assert outcome.status == 130
        assert "May this device keep what you say?" in outcome.out
        assert outcome.err.endswith("nothing was changed\n")
        assert bool(answer) or outcome.out.endswith("\n")  # else the question's line stays open
    assert not store.exists()


def test_giving_and_withdrawing(run: Run, store: Path, monkeypatch) -> None:
    """Asked and answered; withdrawing deletes, and says how much."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "agreed" in run("consent", "give", "--scope", "upload").out
    save(store, "one", "two")
    status = json.loads(run("consent", "status", "--json").out)
    assert (status["saving"], status["owner"]["scope"], status["utterances"]) == (True, "upload", 2)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run("consent", "withdraw").status == 130
    assert "2 utterances were deleted" in run("consent", "withdraw", "--yes").out
    assert list((store / "audio").iterdir()) == []
    history = json.loads(run("consent", "history", "--json").out)
    assert [(one["action"], one["how"]) for one in history] == [
        ("give", "asked"),
        ("withdraw", "yes-option"),
    ]
    assert "2 entries; the chain is whole" in run("consent", "history").out


def test_the_state_may_lie_elsewhere(run: Run, store: Path, tmp_path: Path) -> None:
    """``--state-dir`` is another life."""
    assert run("consent", "give", "--yes", "--state-dir", tmp_path / "other").status == 0
    assert not store.exists()
    assert (tmp_path / "other/store" / FILE).exists()
    assert "saving is on" in run("consent", "status", "--state-dir", tmp_path / "other").out


def test_guests(run: Run) -> None:
    """A guest agrees only in guest mode."""
    assert run("consent", "give", "--yes").status == 0
    refused = run("consent", "give", "--yes", "--as", "guest")
    assert (refused.status, "guests on" in refused.err) == (1, True)
    assert run("consent", "guests", "on").status == 0
    status = run("consent", "status").out
    assert "saving is off" in status
    assert "guest mode is on" in status
    assert run("consent", "give", "--yes", "--as", "guest").status == 0
    assert run("consent", "withdraw", "--yes", "--as", "guest").status == 0
    assert run("consent", "guests", "off").status == 0
    assert "saving is on" in run("consent", "status").out


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ('// of mine\n{"lang": "en-us", "opt_in": true}', 0),
        ('{"opt_in": false}', 1),
        ('{"opt_in": "true"}', 1),
        ("{}", 1),
        ("[1]", 1),
        ("no json", 1),
        ("[" * 100_000, 1),
    ],
)
def test_mycrofts_opt_in(run: Run, store: Path, tmp_path: Path, content: str, status: int) -> None:
    """Only a plain true counts, and where it came from is written down."""
    path = tmp_path / "mycroft.conf"
    path.write_text(content)
    outcome = run("consent", "give", "--yes", "--from-mycroft", path)
    assert outcome.status == status
    assert "Traceback" not in outcome.err
    assert store.exists() == (status == 0)
    if status == 0:
        assert json.loads(run("consent", "history", "--json").out)[0]["how"] == "mycroft"


def test_a_mycroft_file_that_is_not_there(run: Run, tmp_path: Path) -> None:
    """Or is something else."""
    assert run("consent", "give", "--yes", "--from-mycroft", tmp_path / "gone").status == 1
    (tmp_path / "big").write_bytes(b" " * (2 << 20))
    outcome = run("consent", "give", "--yes", "--from-mycroft", tmp_path / "big")
    assert "larger than any" in outcome.err


def test_a_damaged_ledger_is_one_line(run: Run, store: Path) -> None:
    """With the remedy, and no consent."""
    run("consent", "give", "--yes")
    with Database(store) as database, database.writing() as connection:
        connection.execute("DROP TRIGGER ledger_stays")
        connection.execute("UPDATE ledger SET scope = 'publish'")
    for command in (("consent", "status"), ("consent", "history"), ("consent", "give", "--yes")):
        outcome = run(*command)
        assert outcome.status == 1
        assert "ledger is damaged" in outcome.err
        assert "Traceback" not in outcome.err


def test_looking_at_what_is_kept(run: Run, store: Path) -> None:
    """In lines and in JSON, with what was decided."""
    run("consent", "give", "--yes")
    ids = save(store, "turn on the light", "stop", "go")
    assert run("utterances", "label", ids[1][:8], "stop  it").status == 0
    assert "1 utterance was accepted" in run("utterances", "accept", ids[1]).out
    assert "2 utterances were rejected" in run("utterances", "reject", "--all").out
    lines = run("utterances", "list").out.splitlines()
    assert lines[0].endswith("s -  turn on the light")
    assert lines[1].endswith("s +* stop it")
    found = [json.loads(line) for line in run("utterances", "list", "--json").out.splitlines()]
    assert [one["id"] for one in found] == ids
    assert found[1]["label"] == "stop it"
    assert "deletion_token" not in found[0]
    stats = json.loads(run("utterances", "stats", "--json").out)
    assert (stats["utterances"], stats["accepted"], stats["rejected"]) == (3, 1, 2)
    assert "1 accepted, 2 rejected" in run("utterances", "stats").out


def test_deleting(run: Run, store: Path) -> None:
    """By id, or all; one of both must be said, and nothing goes by mistake."""
    run("consent", "give", "--yes")
    ids = save(store, "one", "two", "three")
    assert run("utterances", "delete").status == 2
    assert run("utterances", "delete", ids[0], "--all").status == 2
    wrong = run("utterances", "delete", ids[0], "zzzz", "--yes")
    assert (wrong.status, "no utterance begins with" in wrong.err) == (1, True)
    assert "1 utterance was deleted" in run("utterances", "delete", ids[0], "--yes").out
    assert "2 utterances were deleted" in run("utterances", "delete", "--all", "--yes").out
    assert "saving is on" in run("consent", "status").out


def test_exporting(run: Run, store: Path, tmp_path: Path) -> None:
    """Copies, which a withdrawal does not reach."""
    run("consent", "give", "--yes")
    ids = save(store, "one", "two")
    assert "2 utterances were copied" in run("utterances", "export", tmp_path / "out").out
    run("consent", "withdraw", "--yes")
    assert {path.stem for path in (tmp_path / "out").glob("*.flac")} == set(ids)


def test_an_empty_list_says_so_to_people_only(run: Run, store: Path, monkeypatch) -> None:
    """What reads lines gets none."""
    assert run("utterances", "list") == Outcome(0, "", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    done = run("utterances", "list")
    assert (done.out, done.err.startswith("nothing is kept")) == ("", True)


def test_guest_mode_says_why_saving_is_off(run: Run, store: Path) -> None:
    """The owner's consent is not a guest's."""
    run("consent", "give", "--yes")
    run("consent", "guests", "on")
    said = run("consent", "status").out
    assert "saving is off" in said
    assert "no guest has agreed: stt-service consent give --as guest" in said
    run("consent", "give", "--yes", "--as", "guest")
    assert "no guest has agreed" not in run("consent", "status").out


def test_playing(run: Run, store: Path, tmp_path: Path, monkeypatch) -> None:
    """Through a pipe, to the first player that works; without any, the package is named."""
    run("consent", "give", "--yes")
    ids = save(store, "one")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "alsa-utils" in run("utterances", "play", ids[0]).err
    player = tmp_path / "aplay"
    player.write_text(f"#!/bin/sh\n/bin/cat > {tmp_path}/played\n")
    player.chmod(0o755)
    assert run("utterances", "play", ids[0][:6]).status == 0
    assert (tmp_path / "played").read_bytes().startswith(b"RIFF")
    player.write_text("#!/bin/sh\necho no card >&2\nexit 1\n")
    failed = run("utterances", "play", ids[0]).err
    assert "no card" in failed
    assert "apt install" not in failed  # there was a player


@pytest.mark.slow
def test_a_newer_store_is_refused_in_one_line(run: Run, store: Path) -> None:
    """As a process, so that no traceback can hide."""
    run("consent", "give", "--yes")
    with Database(store) as database, database.reading() as connection:
        connection.execute("PRAGMA user_version = 99")
    done = subprocess.run(
        [sys.executable, "-m", "stt_service", "utterances", "list"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "newer stt-service" in done.stderr
    assert "Traceback" not in done.stderr
