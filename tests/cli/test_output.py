"""Where results go: full disks, closed streams, odd names, files that must not be lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stt_service.cli.formats import one_line
from tests.cli.conftest import Run

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, which Linux has")


def shell(line: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which "$@" is ``stt-service`` with these arguments."""
    command = [sys.executable, "-m", "stt_service", *map(str, arguments)]
    return subprocess.run(["sh", "-c", line, "sh", *command], capture_output=True, check=False)


@needs_full
def test_a_full_disk_is_one_line(model: Path, recordings: Path, own_state: Path) -> None:
    """On standard output and in a named file, without a second complaint at the end."""
    given = ("transcribe", "--model", model, recordings / "a.wav")
    for done in (shell('"$@" >/dev/full', *given), shell('"$@"', *given, "-o", FULL)):
        assert done.returncode == 1
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith("error: ")
        assert "No space left on device" in line
    assert shell('"$@" >/dev/full', "config", "show").returncode == 1


def test_closed_streams_end_in_no_traceback(model: Path, recordings: Path, own_state: Path) -> None:
    """Lost results are a fault; a closed standard error is none; closed input is empty."""
    given = ("transcribe", "--model", model)
    lost = shell('"$@" >&-', *given, recordings / "a.wav")
    assert (lost.returncode, lost.stderr.count(b"\n")) == (1, 1)
    assert b"Bad file descriptor" in lost.stderr
    deaf = shell('"$@" <&-', *given, "-")
    assert (deaf.returncode, deaf.stderr) == (1, b"error: standard input is empty\n")
    quiet = shell('"$@" 2>&-', *given, recordings / "a.wav", recordings / "gone.wav")
    assert (quiet.returncode, quiet.stderr) == (1, b"")
    assert quiet.stdout.startswith(os.fsencode(recordings / "a.wav"))


def test_workers_take_no_leave(model: Path, recordings: Path, own_state: Path) -> None:
    """LiteRT's farewell is kept from the standard error of every process, not of the first."""
    names = (recordings / "a.wav", recordings / "b.flac")
    done = shell('"$@"', "transcribe", "--model", model, "--jobs", 2, *names)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_file_names_are_bytes(
    run: Run,
    model: Path,
    recordings: Path,
    monkeypatch: pytest.MonkeyPatch,
    locale: dict[str, str],
) -> None:
    """A name that is no UTF-8, or that the locale cannot spell, is read and printed as it is."""
    for name, value in {"PYTHONCOERCECLOCALE": "0", **locale}.items():
        monkeypatch.setenv(name, value)
    odd = os.fsencode(recordings) + b"/\xff\xc3\xbc.wav"
    Path(os.fsdecode(odd)).write_bytes((recordings / "a.wav").read_bytes())
    given = (*("-m", "stt_service", "transcribe", "--model", str(model)), odd, odd)
    command = [sys.executable, *given]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(odd + b"\t")
    done = subprocess.run([*command, "--format", "jsonl"], capture_output=True, check=False)
    first = json.loads(done.stdout.splitlines()[0])  # strictly UTF-8
    assert "\\udcff" in ascii(first["file"])


def test_output_never_replaces_a_recording(run: Run, model: Path, recordings: Path) -> None:
    """Not even under another name for it."""
    recording = recordings / "a.wav"
    before = recording.read_bytes()
    done = run("transcribe", "--model", model, recording, "-o", recordings / "below/../a.wav")
    assert done.status == 2
    assert "--output would replace the recording" in done.err
    assert recording.read_bytes() == before


def test_a_fault_leaves_the_old_output(run: Run, model: Path, recordings: Path) -> None:
    """The file is emptied when there is a result to put in, and then wholly."""
    target = recordings / "old.txt"
    target.write_text("yesterday\n" * 100, encoding="utf-8")
    assert run("transcribe", "--model", "nope", recordings / "a.wav", "-o", target).status == 1
    assert target.read_text(encoding="utf-8").startswith("yesterday")
    assert run("transcribe", "--model", model, recordings / "a.wav", "-o", target).status == 0
    assert "yesterday" not in target.read_text(encoding="utf-8")


def test_a_slash_at_the_end_means_a_folder(
    run: Run, model: Path, recordings: Path, tmp_path: Path
) -> None:
    """It is made, for one recording and for several; what is a file already is left alone."""
    options = ("transcribe", "--model", model, "--format", "srt")
    assert run(*options, recordings / "a.wav", "-o", f"{tmp_path}/one/").status == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["a.srt"]
    assert run(*options, recordings, "-o", f"{tmp_path}/new/several/").status == 0
    assert len(list((tmp_path / "new/several").iterdir())) == 4
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    done = run(*options, recordings, "-o", f"{tmp_path}/file/")
    assert done.err.startswith(f"error: {tmp_path}/file cannot be written: File exists")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_lines_for_each_recording_need_a_reference(run: Run, model: Path, recordings: Path) -> None:
    """An option that would do nothing is wrong use."""
    done = run("transcribe", "--model", model, recordings / "a.wav", "--per-file")
    assert "--per-file goes with --reference" in done.err
    assert done.status == 2


def test_ctm_fields_hold_no_white_space(run: Run, model: Path, recordings: Path) -> None:
    """A line is split at it, and a file's name may hold any of it."""
    odd = recordings / "a b\nc\td.wav"
    odd.write_bytes((recordings / "a.wav").read_bytes())
    done = run("transcribe", "--model", model, "--format", "ctm", odd)
    assert done.out
    assert all(len(line.split()) == 6 for line in done.out.splitlines())


def test_transcripts_are_logged_with_vv_only(
    run: Run, model: Path, recordings: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """-v says which recording was done; what was heard is nobody's business."""
    text = run("transcribe", "--model", model, recordings / "a.wav").out.strip()
    assert text
    assert not caplog.text
    run("-v", "transcribe", "--model", model, recordings / "a.wav")
    assert "a.wav: 1.0 s of audio, litert, model tiny, scorer None" in caplog.text
    assert text not in caplog.text
    run("-vv", "transcribe", "--model", model, recordings / "a.wav")
    assert f"a.wav: {text}" in caplog.text


def test_a_reference_of_other_recordings_gives_no_rate(
    run: Run, model: Path, recordings: Path
) -> None:
    """Nothing compared is not nothing wrong."""
    reference = recordings / "other.csv"
    reference.write_text("path,transcript\nb.flac,hello\n", encoding="utf-8")
    done = run("transcribe", "--model", model, recordings / "a.wav", "--reference", reference)
    assert done.err == f"nothing to compare\n1 recording is not in {reference}\n"
    assert "WER" not in done.err
    reference.write_text("path,transcript\n", encoding="utf-8")
    done = run("transcribe", "--model", model, "--reference", reference)
    assert "other.csv names no recordings" in done.err
    assert done.status == 1


def test_a_name_of_several_lines_is_one_line_of_text(
    run: Run, model: Path, recordings: Path
) -> None:
    """Line ends and other controls are escaped, in results and in errors; JSON has its own way."""
    odd = recordings / "one\ntwo\t\x1b[2J\u2028.wav"
    odd.write_bytes((recordings / "a.wav").read_bytes())
    bad = recordings / "no\nrecording.wav"
    bad.write_bytes(b"nothing")
    given = ("transcribe", "--model", model, odd, bad, recordings / "a.wav")
    done = run(*given)
    first, second = done.out.splitlines()
    assert first.split("\t")[0] == str(recordings / r"one\ntwo\t\x1b[2J\u2028.wav")
    assert second.startswith(str(recordings / "a.wav"))
    (error,) = done.err.splitlines()
    assert str(recordings / r"no\nrecording.wav") in error
    named = json.loads(run(*given, "--format", "jsonl").out.split("\n")[0])["file"]
    assert named == str(odd)


def test_names_stay_apart_when_they_are_escaped() -> None:
    """A backslash is doubled in a name that needs escapes, and only there."""
    assert one_line("a\\n") == "a\\n"
    assert one_line("a\\n\n") == "a\\\\n\\n"
