"""``stt-service transcribe`` from the outside: what is printed where, and the exit status."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import wave
from contextlib import suppress
from pathlib import Path

import pytest
import soundfile

from stt_service.cli.formats import SUFFIXES
from tests.cli.conftest import Run, noise

KEYS = {
    "file",
    "duration",
    "text",
    "confidence",
    "words",
    "alternatives",
    "rejected",
    "intent",
    "slots",
    "model",
    "scorer",
    "engine",
    "cpu_seconds",
    "segments",
}


def test_json_says_everything(run: Run, model: Path, recordings: Path) -> None:
    """Every key is there, whether or not there is something to say."""
    done = run("transcribe", "--model", model, "--format", "json", recordings / "a.wav")
    (found,) = json.loads(done.out)
    assert set(found) == KEYS
    assert found["duration"] == 1.0
    assert found["model"] == "tiny"
    assert (found["scorer"], found["engine"]) == (None, "litert")
    assert 0 <= found["confidence"] <= 1
    assert found["text"] == " ".join(word["word"] for word in found["words"])
    assert all(set(w) == {"word", "start", "end", "confidence"} for w in found["words"])
    assert found["alternatives"][0] == {"text": found["text"], "confidence": found["confidence"]}
    assert len(found["alternatives"]) <= 3
    assert done.status == 0


def test_folders_and_patterns_keep_their_order(run: Run, model: Path, recordings: Path) -> None:
    """Recordings of a folder are sorted; arguments are taken as they come."""
    done = run(
        "transcribe", "--model", model, "--format", "jsonl", recordings / "*.flac", recordings
    )
    names = [Path(json.loads(line)["file"]).name for line in done.out.splitlines()]
    assert names == ["b.flac", "a.wav", "b.flac", "c.ogg", "d.WAV"]


def test_one_bad_file_does_not_stop_the_rest(run: Run, model: Path, recordings: Path) -> None:
    """It is named on standard error and in JSON, and the exit status tells."""
    done = run(
        "transcribe",
        *("--model", model, "--format", "jsonl"),
        *(recordings / "notes.txt", recordings / "gone.wav", recordings / "a.wav"),
        recordings / "*.mp3",
    )
    bad, gone, good, unmatched = map(json.loads, done.out.splitlines())
    assert "notes.txt is not a recording" in bad["error"]
    assert "there is no file" in gone["error"]
    assert set(good) == KEYS
    assert "nothing matches" in unmatched["error"]
    assert done.err.count("error: ") == 3
    assert done.status == 1


def test_workers_give_the_same_results_in_the_same_order(
    run: Run, model: Path, recordings: Path
) -> None:
    """Two processes, five recordings, one of them bad."""
    names = [recordings, recordings / "notes.txt", recordings / "a.wav"]
    options = ("--model", model, "--format", "jsonl", "--hot-word", "é:2")
    alone = run("transcribe", *options, *names)
    together = run("transcribe", *options, "--jobs", 2, *names)

    def comparable(out: str) -> list[dict[str, object]]:
        return [
            {key: value for key, value in json.loads(line).items() if key != "cpu_seconds"}
            for line in out.splitlines()
        ]

    assert comparable(alone.out) == comparable(together.out)
    assert alone.err == together.err
    assert (alone.status, together.status) == (1, 1)


def test_a_fault_of_the_request_ends_workers_too(run: Run, recordings: Path) -> None:
    """A model that does not open is one line, not one for each recording."""
    done = run("transcribe", "--jobs", 2, "--model", recordings / "a.wav", recordings)
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert (done.out, done.status) == ("", 1)


@pytest.mark.parametrize("form", list(SUFFIXES))
def test_every_format_goes_to_files_too(
    run: Run, model: Path, recordings: Path, tmp_path: Path, form: str
) -> None:
    """One file of that name, or one for each recording in a folder; the same as printed."""
    options = ("--model", model, "--format", form, recordings / "a.wav")
    printed = run("transcribe", *options).out
    assert printed
    single, folder = tmp_path / "out", tmp_path / "many"
    folder.mkdir()
    run("transcribe", *options, "-o", single)
    run("transcribe", *options, recordings / "b.flac", "-o", folder)
    if form not in ("json", "jsonl"):  # whose processor time differs
        assert single.read_text() == printed
        assert (folder / f"a{SUFFIXES[form]}").read_text() == printed
    assert (folder / f"b{SUFFIXES[form]}").is_file()


def test_subtitles_of_several_recordings_need_a_folder(
    run: Run, model: Path, recordings: Path, tmp_path: Path
) -> None:
    """Their times would overlap; two recordings of one name would overwrite each other."""
    done = run("transcribe", "--model", model, "--format", "srt", recordings)
    assert done.status == 2
    assert "name a folder" in done.err
    done = run(
        "transcribe", "--model", model, "-o", tmp_path, recordings / "a.wav", recordings / "a.wav"
    )
    assert done.status == 2
    assert "several recordings would be written to" in done.err


def test_text_names_files_only_where_there_are_several(
    run: Run, model: Path, recordings: Path
) -> None:
    """A line of one recording is the text itself."""
    one = run("transcribe", "--model", model, recordings / "a.wav").out
    two = run("transcribe", "--model", model, recordings / "a.wav", recordings / "a.wav").out
    assert two == f"{recordings / 'a.wav'}\t{one}" * 2


def test_unknown_hot_words_are_said(run: Run, model: Path, recordings: Path) -> None:
    """They are not silently ignored; a word without a number is wrong use."""
    done = run("transcribe", "--model", model, "--hot-word", "é:3", recordings / "a.wav")
    assert "the hot word 'é' can never be heard" in done.err
    assert done.status == 0
    done = run("transcribe", "--model", model, "--hot-word", "lights", recordings / "a.wav")
    assert "is not WORD:BOOST" in done.err
    assert done.status == 2


def test_phrases_are_strict_by_default(
    run: Run, model: Path, recordings: Path, tmp_path: Path
) -> None:
    """The answer is one of the sentences or a rejection; the file is named as the scorer."""
    phrases = tmp_path / "orders.txt"
    phrases.write_text("tea please\ncoffee please\n", encoding="utf-8")
    options = ("--model", model, "--format", "jsonl", recordings / "a.wav")
    found = json.loads(run("transcribe", "--phrases", phrases, *options).out)
    assert found["rejected"] or found["text"] in ("tea please", "coffee please")
    assert found["scorer"] == "orders"
    phrases.write_text("(unclosed", encoding="utf-8")
    done = run("transcribe", "--phrases", phrases, *options)
    assert "orders" in done.err
    assert done.status == 1


def test_silence_with_vad_is_an_empty_rejected_result(
    run: Run, model: Path, tmp_path: Path
) -> None:
    """Nobody spoke, so there is no segment."""
    soundfile.write(tmp_path / "s.wav", noise(2.0) * 0, 16_000)
    done = run("transcribe", "--model", model, "--vad", "--format", "jsonl", tmp_path / "s.wav")
    found = json.loads(done.out)
    assert (found["text"], found["segments"], found["rejected"]) == ("", [], True)
    assert found["duration"] == 2.0


def test_partials_go_to_standard_error(run: Run, model: Path, recordings: Path) -> None:
    """Standard output stays the same."""
    plain = run("transcribe", "--model", model, recordings / "a.wav")
    live = run("transcribe", "--model", model, "--partials", recordings / "a.wav")
    assert live.out == plain.out
    assert "… " in live.err


def on_terminal(arguments: list[str]) -> tuple[bytes, bytes]:
    """Run a command whose standard error is a terminal; return standard output and the screen."""
    master, slave = os.openpty()
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=slave) as process:
        os.close(slave)
        screen = b""
        with suppress(OSError):  # how Linux says that the terminal's other end is closed
            while part := os.read(master, 4096):
                screen += part
        os.close(master)
        assert process.stdout is not None
        return process.stdout.read(), screen


def test_the_bar_shows_on_a_terminal_only(
    run: Run, model: Path, recordings: Path, own_state: Path
) -> None:
    """And what is written to standard output is the same."""
    options = ("transcribe", "--model", model, recordings / "a.wav", recordings / "gone.wav")
    plain = run(*options)
    out, screen = on_terminal(command(*options))
    assert out.decode() == plain.out
    assert b"transcribing" in screen
    assert b"error: there is no file" in screen
    assert "transcribing" not in plain.err
    assert "\x1b" not in plain.err


def test_partials_rewrite_one_row_of_a_terminal(
    model: Path, recordings: Path, own_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the utterance is, and nothing of them is left."""
    monkeypatch.setenv("COLUMNS", "20")
    _, screen = on_terminal(
        command("transcribe", "--model", model, "--partials", recordings / "a.wav")
    )
    rows = screen.decode().split("\r\x1b[K")
    assert rows[0] == rows[-1] == ""
    assert len(rows) > 2
    assert all(row.startswith("… ") and len(row) < 20 for row in rows[1:-1])


def test_error_rates_are_printed(run: Run, model: Path, recordings: Path) -> None:
    """The file's own recordings are taken where none is named; failures count as silence."""
    heard = run("transcribe", "--model", model, recordings / "a.wav").out.strip()
    assert heard
    table = recordings / "said.csv"
    table.write_text(f"path,transcript\na.wav,{heard}\ngone.wav,one two\n", encoding="utf-8")
    done = run("transcribe", "--model", model, "--reference", table, "--per-file")
    first, second, total = done.err.splitlines()[-3:]
    assert "WER   0.00%  CER   0.00%" in first
    assert "WER 100.00%  CER 100.00%" in second
    assert f"2 recordings, {2 + len(heard.split())} words" in total
    done = run("transcribe", "--model", model, "--reference", table, recordings / "b.flac")
    assert "1 recording is not in" in done.err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("file,text\n", "no column path"), ("path,transcript\nx\n", "line 2"), ("\xff", "CSV")],
)
def test_reference_files_are_checked(
    run: Run, model: Path, recordings: Path, text: str, complaint: str
) -> None:
    """Before anything is transcribed, with the line."""
    table = recordings / "said.csv"
    table.write_text(text, encoding="latin-1")
    done = run("transcribe", "--model", model, "--reference", table)
    assert complaint in done.err
    assert done.status == 1


def wav(seconds: float) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(noise(seconds).tobytes())
    return buffer.getvalue()


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "stt_service", *map(str, arguments)]


def test_standard_input_is_wav_or_declared(model: Path, recordings: Path, own_state: Path) -> None:
    """Raw audio of unknown rate is refused instead of misread."""
    options = ("transcribe", "--model", model, "-")
    data = wav(1.0)
    fresh = subprocess.run(command(*options), input=data, capture_output=True, check=True)
    raw = subprocess.run(
        command(*options, "--rate", 16_000), input=data[44:], capture_output=True, check=True
    )
    assert fresh.stdout == raw.stdout
    assert fresh.stdout.strip()
    refused = subprocess.run(command(*options), input=data[44:], capture_output=True, check=False)
    assert b"no WAV header" in refused.stderr
    assert refused.returncode == 1


def test_nothing_to_do_is_wrong_use(run: Run, model: Path) -> None:
    """So is reading standard input twice."""
    assert run("transcribe", "--model", model).status == 2
    assert run("transcribe", "--model", model, "-", "-").status == 2


def listen_to_ctrl_c() -> None:
    """Undo what a shell does to what it starts in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_is_quiet(model: Path, own_state: Path) -> None:
    """Status 130 and no traceback, while standard input says nothing."""
    with subprocess.Popen(
        command("transcribe", "--model", model, "--partials", "-", "--rate", 16_000),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=listen_to_ctrl_c,  # noqa: PLW1509 -- nothing here has threads
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(noise(2.0).tobytes())
        process.stdin.flush()
        assert process.stderr.readline().startswith("… ".encode())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    shown = [line for line in err.decode().splitlines() if line and not line.startswith("… ")]
    assert (out, shown, process.returncode) == (b"", [], 130)


def test_a_reader_that_leaves_is_no_fault(model: Path, recordings: Path, own_state: Path) -> None:
    """As with ``| head -1``."""
    with subprocess.Popen(
        command("transcribe", "--model", model, *[recordings / "a.wav"] * 400),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pipesize=4096,  # less than all of the output, so that the writer has to wait
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(20) == 1
