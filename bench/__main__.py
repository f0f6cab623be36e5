"""``python -m bench NAME``: one measurement each, a Markdown table as the answer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
from rich.progress import Progress

from bench import corpus
from bench.measure import table

RATIO = ("what", "ours", "theirs", "ratio")


@click.group()
def bench() -> None:
    """Measure speed and accuracy, side by side with the rival in the same run.

    Recordings come from ../shared, or from the folder that STT_SHARED names.
    """


def _show(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    click.echo(table(header, rows))


@bench.command()
@click.option("--learned", type=int, multiple=True, help="Sentences learned; 20 to 600 by default.")
def adaptation(learned: tuple[int, ...]) -> None:
    """Perplexity for owners of a device, before and after a language model is adapted to them."""
    from bench.adaptation import HEADER, LEARNED, run  # noqa: PLC0415

    _show(HEADER, run(learned or LEARNED))


@bench.command()
@click.option("--rounds", default=3, show_default=True, help="For each household.")
def personal(rounds: int) -> None:
    """Word errors before and after learning from an owner's corrections."""
    from bench.owners import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(rounds))


@bench.command()
@click.option("--limit", type=int, help="Clips of each test set; all by default.")
@click.option("--beam", default=500, show_default=True)
def parity(limit: int | None, beam: int) -> None:
    """Texts and word times against libdeepspeech and libstt, genuine model."""
    from bench.parity import run  # noqa: PLC0415 -- needs the libraries

    header = ("library", "scorer", "clips", "same text %", "word starts within 40 ms %")
    _show(header, run(limit, beam))


@bench.command()
@click.argument("part", type=click.Choice(["genuine", "official", "bundled"]))
@click.option(
    "--core",
    type=click.Path(exists=True, dir_okay=False),
    help="Checkpoint or .float16.npz whose answers the network of official size gives.",
)
def speed(part: str, core: str | None) -> None:
    """CPU seconds per second of audio, one thread, against deepspeech-tflite 0.9.3."""
    from bench import speed as measure  # noqa: PLC0415

    match part:
        case "genuine":
            _show(RATIO, measure.genuine())
        case "official":
            _show(RATIO, measure.official_size(core))
        case _:
            _show(("what", "value", "alone", "ratio"), measure.bundled())


@bench.command()
@click.option("--clips", default=7, show_default=True, help="Recordings, one process each.")
def startup(clips: int) -> None:
    """Seconds from start to the first word, and peak memory, of transcribe."""
    from bench.startup import run  # noqa: PLC0415

    _show(("what", "median", "worst"), run(corpus.speech("test/an4", clips)))


@bench.command()
@click.option("--times", default=5, show_default=True, help="Starts of each kind.")
@click.option("--boot", is_flag=True, help="Also with nothing cached; root.")
def coldstart(times: int, *, boot: bool) -> None:
    """Seconds from the daemon's start until it is ready; fails above 1.5."""
    from bench.coldstart import HEADER, TooSlowError, run  # noqa: PLC0415

    rows: list[tuple[object, ...]] = []
    try:
        rows.extend(run(times, boot=boot))
    except TooSlowError as error:
        raise click.ClickException(str(error)) from error
    finally:
        _show(HEADER, rows)


@bench.command()
@click.option("--peer/--no-peer", default=True, help="PocketSphinx on the same clips.")
@click.option("--noise/--no-noise", default=True, help="Coffee orders in noise too.")
@click.option("--only", multiple=True, help="Sets whose name begins so; all by default.")
@click.option(
    "--made-up",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder `left_out` of a training's run: its made-up voices too.",
)
def accuracy(peer: bool, noise: bool, only: tuple[str, ...], made_up: Path | None) -> None:
    """Word error rates, and slots of coffee orders, of the bundled model and PocketSphinx."""
    from bench.accuracy import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(peer, noise, only, made_up))


@bench.command()
@click.option("--database", default="", help="URL of an empty PostgreSQL; SQLite by default.")
@click.option("--workers", default=4, show_default=True)
@click.option("--clients", default=16, show_default=True, help="Devices that send at once.")
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--utterances", default=0, help="So many instead, however long that takes.")
def collector(database: str, workers: int, clients: int, seconds: float, utterances: int) -> None:
    """How many utterances a collector receives, how soon it acknowledges them, its memory."""
    from bench.collecting import HEADER, run  # noqa: PLC0415 -- needs the extra

    _show(HEADER, run(database, workers, clients, seconds, utterances))


@bench.command()
@click.option("--utterances", default=10_000, show_default=True)
@click.option("--kills", default=500, show_default=True, help="Of worker and collector.")
@click.option("--withdrawals", default=200, show_default=True, help="At random moments.")
@click.option("--seed", default=1, show_default=True)
@click.option("--ways", default=3, show_default=True, help="From store to collector, at once.")
def collection(utterances: int, kills: int, withdrawals: int, seed: int, ways: int) -> None:
    """Whether all arrives once over a bad line, and all that is withdrawn is gone."""
    from bench.collection import HEADER, run  # noqa: PLC0415 -- needs the extra `collector`

    _show(HEADER, run(utterances, kills, withdrawals, seed, ways))


@bench.command()
@click.argument("weights", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def variants(weights: tuple[Path, ...]) -> None:
    """Networks side by side, each as int8 and as float32: size, processor time, errors."""
    from bench.variants import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(weights))


@bench.command()
@click.argument("weights", type=click.Path(exists=True, path_type=Path))
def output(weights: Path) -> None:
    """Words wrong of speakers left out, by the output's temperature and how rare its blank is."""
    from bench.output import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(weights))


@bench.command()
@click.option("--width", type=int, multiple=True, help="Hypotheses kept; 30 to 3000 by default.")
def beam(width: tuple[int, ...]) -> None:
    """Words wrong of speakers left out, by the search's rules and how wide its beam is."""
    from bench.beam import BEAMS, HEADER, run  # noqa: PLC0415

    _show(HEADER, run(width or BEAMS))


@bench.command()
@click.option("--faults", default=200, show_default=True, help="How often it is wronged.")
@click.option("--seed", default=1, show_default=True)
def soak(faults: int, seed: int) -> None:
    """Seconds until a daemon listens again, after random faults."""
    from bench.soak import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(faults, seed))


@bench.command()
@click.option("--seconds", default=120.0, show_default=True, help="For each row.")
def latency(seconds: float) -> None:
    """Milliseconds from the last sound to the final on the WebSocket, beside 8 clients too."""
    from bench.latency import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(seconds))


@bench.command()
@click.option("--limit", type=int, help="Recordings; all by default, which takes 25 minutes.")
def microphone(limit: int | None) -> None:
    """Finals of coffee orders through PulseAudio and PyAudio, against those of the files."""
    from bench.microphone import HEADER, run  # noqa: PLC0415 -- needs PulseAudio

    _show(HEADER, run(limit))


@bench.command()
def pi() -> None:
    """Operations and bytes of each model, and whether a Raspberry Pi is predicted to keep up."""
    from bench.pi import run  # noqa: PLC0415 -- makes a model, which needs torch

    for title, header, rows in run():
        click.echo(f"\n{title}\n")
        _show(header, rows)


@bench.command()
def stability() -> None:
    """How soon words are stable in long speech, and what that costs in errors."""
    from bench.stability import HEADER, run  # noqa: PLC0415

    _show(HEADER, run())


@bench.command()
@click.option("--beam", default=100, show_default=True)
def hotwords(beam: int) -> None:
    """Recall and false insertions of boosted words, left-out speakers, bundled model."""
    from bench.hotwords import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(beam))


@bench.command()
@click.option("--limit", type=int, help="Clips of each set; all by default.")
def rejection(limit: int | None) -> None:
    """Commands, other speech, noise and music: what the bundled model answers."""
    from bench.rejection import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(limit))


@bench.command()
@click.option("--limit", type=int, help="Clips of each set; all by default.")
def quiet(limit: int | None) -> None:
    """What a quiet microphone costs, with and without the detector's gain, bundled model."""
    from bench.quiet import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(limit))


@bench.command()
@click.option("--seconds", default=60.0, show_default=True, help="For each row.")
def processor(seconds: float) -> None:
    """Processor time of a daemon with a microphone, in silence and while speech flows."""
    from bench.processor import HEADER, run  # noqa: PLC0415 -- needs PulseAudio

    _show(HEADER, run(seconds))


@bench.command()
@click.option("--hours", default=24, show_default=True)
def memory(hours: int) -> None:
    """Resident memory after hours of audio, fed as fast as it is recognised."""
    from bench.memory import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(hours))


@bench.command()
@click.option("--seconds", default=60.0, show_default=True)
def idle(seconds: float) -> None:
    """What a daemon to which nobody is connected sends to the network. Needs root and strace."""
    from bench.idle import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(seconds))


@bench.command()
@click.option("--frames", default=100_000, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Seed of the first conversation.")
def wire(frames: int, seed: int) -> None:
    """Damaged frames, requests and audio sent to a daemon's port."""
    from bench.wire import run  # noqa: PLC0415

    with Progress(disable=None) as bar:
        task = bar.add_task("talking", total=frames)
        rows = run(frames, seed, lambda sent: bar.advance(task, sent))
    _show(("what", "how often"), rows)


@bench.command()
@click.option("--cases", default=10_000, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Seed of the first case.")
def fuzz(cases: int, seed: int) -> None:
    """Damaged models, scorers, phrase files and recordings."""
    from bench.fuzz import run  # noqa: PLC0415

    with Progress(disable=None) as bar:
        task = bar.add_task("fuzzing", total=cases)
        counts, failures = run(cases, seed, lambda: bar.advance(task))
    _show(
        ("kind", "cases", "failures"),
        [(kind, n, sum(f.kind == kind for f in failures)) for kind, n in counts.items()],
    )
    for failure in failures:
        click.echo(f"{failure.kind} {failure.seed}: {failure.reason}", err=True)
    raise SystemExit(bool(failures))


@bench.command()
@click.option("--database", help="URL of an empty one; SQLite in the work folder by default.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Has room for 12 GB.")
@click.option("--clips", default=100_000, show_default=True, help="To export; 0 for none.")
@click.option("--rows", default=1_000_000, show_default=True, help="To tag; 0 for none.")
def dataset(database: str | None, work: Path, clips: int, rows: int) -> None:
    """A collector's export, and the tagger's next clip among many. Empties the database."""
    from bench import dataset as measure  # noqa: PLC0415 -- needs the extra `collector`

    work.mkdir(parents=True, exist_ok=True)
    url = database or f"sqlite:///{work / 'bench.db'}"
    found = [*measure.exports(url, work, clips)] if clips else []
    found += [*measure.next_clips(url, rows)] if rows else []
    _show(measure.HEADER, found)


@bench.command()
@click.option("--hours", default=1.0, show_default=True, help="Of speech, as fast as it goes.")
def silence(hours: float) -> None:
    """Whether any sound is written where nobody agreed: strace, then a search of the disk."""
    from bench.silence import HEADER, run  # noqa: PLC0415

    _show(HEADER, run(hours))


if __name__ == "__main__":
    bench()
