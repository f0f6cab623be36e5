"""``stt-service transcribe``: recordings in, text, JSON, subtitles or CTM out."""

from __future__ import annotations

import logging
import math
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from stt_service.cli.common import Context
from stt_service.cli.formats import SUFFIXES, Failure
from stt_service.cli.inputs import STDIN, expand

if TYPE_CHECKING:
    from stt_service.settings import Settings
    from stt_service.transcriber import Recognition

logger = logging.getLogger(__name__)

MAX_JOBS = 64
"""Worker processes; each holds a model."""
ENCODINGS = ("s16le", "u8", "s24le", "s32le", "f32le", "f64le")


def _hot_words(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, float]:
    """Split each at its last colon. Raises click's usage error."""
    boosts = {}
    for value in values:
        word, _, boost = value.rpartition(":")
        try:
            number = float(boost)
        except ValueError:
            number = math.nan
        if not word.strip() or not math.isfinite(number):
            raise click.BadParameter(
                f"{value!r} is not WORD:BOOST, such as lights:5 or lights:-3", ctx, param
            )
        boosts[" ".join(word.split())] = number
    return boosts


def _shared(settings: Settings, jobs: int) -> Settings:
    """Share the cores between workers, one left free, where nothing else is asked for."""
    if settings.engine.threads != "auto" or jobs == 1:
        return settings
    threads = max(1, ((os.cpu_count() or 1) - 1) // jobs)
    engine = settings.engine.model_copy(update={"threads": threads})
    return settings.model_copy(update={"engine": engine})


def _log(result: Recognition | Failure) -> None:
    if not isinstance(result, Failure):
        heard = result.transcript
        made = f"{heard.engine}, model {heard.model}, scorer {heard.scorer}"
        logger.info("%s: %.1f s of audio, %s", result.file, result.duration, made)
        logger.debug("%s: %s", result.file, heard.text)


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE | FOLDER | PATTERN | -]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(SUFFIXES)),
    default="text",
    show_default=True,
    help="What to write.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(),  # as text: a Path would forget the slash at its end
    help="Write to this file; into one file for each recording if it is a folder, or ends in /.",
)
@click.option("--model", metavar="FILE|NAME", help="A .tflite file or an installed model.")
@click.option("--scorer", metavar="FILE|none", help="A .scorer or .ngram file, or none.")
@click.option(
    "--engine",
    type=click.Choice(["litert", "deepspeech", "coqui"]),
    help="Which library runs the model; else as the settings say.",
)
@click.option("--beam", type=int, metavar="N", help="Hypotheses kept at each frame.")
@click.option("--threads", type=int, metavar="N", help="Threads that run the network.")
@click.option("--alternatives", type=int, metavar="N", help="Length of the n-best list.")
@click.option(
    "--phrases",
    metavar="NAMES|FILE",
    help="Sentence templates: of the library (lights,timers), or a file or folder of your own.",
)
@click.option(
    "--phrases-mode",
    type=click.Choice(["strict", "bias"]),
    default="strict",
    show_default=True,
    help="strict: the answer is one of the phrases or a rejection. bias: prefer them.",
)
@click.option(
    "--hot-word",
    "hot_words",
    metavar="WORD:BOOST",
    multiple=True,
    callback=_hot_words,
    help="Boost a word or phrase, or suppress it below 0. Repeatable.",
)
@click.option("--vad", is_flag=True, help="Cut long recordings where nobody speaks.")
@click.option(
    "--jobs",
    type=click.IntRange(1, MAX_JOBS),
    default=1,
    show_default=True,
    metavar="N",
    help="Worker processes, each on a recording of its own.",
)
@click.option("--partials", is_flag=True, help="Show on standard error what is heard so far.")
@click.option(
    "--reference",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV with the columns path and transcript: print WER and CER. Without FILE, all in it.",
)
@click.option("--per-file", is_flag=True, help="With --reference: a line for each recording too.")
@click.option("--rate", type=int, metavar="HZ", help="Sample rate of raw audio on standard input.")
@click.option("--channels", type=int, default=1, show_default=True, help="Of raw audio.")
@click.option(
    "--encoding",
    type=click.Choice(ENCODINGS),
    default="s16le",
    show_default=True,
    help="Sample form of raw audio.",
)
@click.pass_obj
def transcribe(
    context: Context,
    *,
    files: tuple[str, ...],
    form: str,
    output: str | None,
    model: str | None,
    scorer: str | None,
    engine: str | None,
    beam: int | None,
    threads: int | None,
    alternatives: int | None,
    phrases: str | None,
    phrases_mode: Literal["strict", "bias"],
    hot_words: dict[str, float],
    vad: bool,
    jobs: int,
    partials: bool,
    reference: Path | None,
    per_file: bool,
    rate: int | None,
    channels: int,
    encoding: str,
) -> None:
    """Turn recordings into text.

    FILE may be WAV, FLAC, Ogg or MP3; a folder stands for the recordings below it; - is standard
    input, one of these or declared raw audio. A recording that cannot be read is reported and the
    rest go on; the exit status is then 1.
    """
    settings = context.settings(
        {
            "engine": {"name": engine, "threads": threads},
            "model": {"name": model},
            "scorer": {"path": scorer},
            "decoder": {"beam_width": beam, "alternatives": alternatives},
        }
    )
    # After the settings, so that a mistake in them does not wait for the engine's imports.
    from stt_service.app import Raw, Request, find_phrases  # noqa: PLC0415
    from stt_service.cli.batch import Reports, run  # noqa: PLC0415
    from stt_service.cli.sink import Display, open_sink  # noqa: PLC0415
    from stt_service.cli.tally import Tally  # noqa: PLC0415

    if per_file and reference is None:
        raise click.UsageError("--per-file goes with --reference")
    tally = None if reference is None else Tally(reference)
    recordings = expand(files or (tally.recordings if tally else ()))
    if not recordings:
        raise click.UsageError("name a recording, a folder, or - for standard input")
    if recordings.count(STDIN) > 1 or (STDIN in recordings and jobs > 1):
        raise click.UsageError("standard input can be read once only, and by one job")
    request = Request(
        settings=_shared(settings, jobs),
        phrases=None if phrases is None else find_phrases(phrases),
        phrases_mode=phrases_mode,
        hot_words=hot_words,
        vad=vad,
        raw=None if rate is None else Raw(rate, channels, encoding),
    )
    failed = False
    with ExitStack() as stack:
        display = stack.enter_context(Display(len(recordings), partials=partials))
        sink = stack.enter_context(open_sink(form, output, recordings))
        reports = Reports(display.partial if partials else None, display.progress, display.say)
        for result in run(request, recordings, jobs, reports):
            display.done(result)
            _log(result)
            sink.write(result)
            if tally is not None:
                tally.add(result)
            failed |= isinstance(result, Failure)
    if tally is not None:
        tally.print(per_file=per_file)
    sys.exit(1 if failed else 0)
