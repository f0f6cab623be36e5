"""``python -m training``: from recordings to a model, step by step or all at once."""

# ruff: noqa: PLC0415 - torch takes seconds to import; --help must not wait for it.

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from stt_service.errors import SttError
from training.options import data_option, jobs_option, out_option, recipe_option, weights_option

SPOKEN_HOURS = 10.0
"""Hours of made-up speech: an hour takes a minute of one core."""


class Steps(click.Group):
    """Commands whose deliberate faults are one line for the user, not a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SttError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Steps)
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
def main(verbose: bool) -> None:
    """Train a speech model: synthesise, prepare, train, evaluate, export - or all of it."""
    level = logging.INFO if verbose or not sys.stderr.isatty() else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s")


@main.command()
@out_option
@jobs_option
@click.option(
    "--spoken-hours",
    type=click.FloatRange(0, 1000),
    default=SPOKEN_HOURS,
    show_default=True,
    help="Hours of made-up speech.",
)
@click.option(
    "--text",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Sentences to mix in, one a line.",
)
@click.option(
    "--kokoro",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with kokoro-v1.0.onnx and voices-v1.0.bin: those voices too.",
)
@click.option("--seed", default=1, show_default=True)
def synthesise(
    out: Path, jobs: int, spoken_hours: float, text: Path | None, kokoro: Path | None, seed: int
) -> None:
    """Speak made-up sentences into sets in OUT/synthetic, and tests into OUT/left_out.

    With espeak-ng, flite and festival, as far as they are installed, and Kokoro where its files
    are given. Run again with more hours, it adds to what is there. Rooms and noise, made as well,
    lie beside them.
    """
    from training import noises, rooms
    from training.synthesis import build

    written = build.synthesise(out, spoken_hours, text=text, kokoro=kokoro, seed=seed, jobs=jobs)
    for folder, hours in written.items():
        click.echo(f"{hours:6.2f} h in {out / folder}")
    for folder in (rooms.write_set(out / "synthetic"), noises.write_set(out / "synthetic")):
        click.echo(f"  ready in {folder}")


@main.command()
@data_option
@out_option
@jobs_option
def prepare(data: Path, out: Path, jobs: int) -> None:
    """Decode all recordings into OUT/corpus and choose the held-out speakers."""
    from training import prepare as preparation

    folders = [data / "train"]
    if (out / "synthetic").exists():
        folders.append(out / "synthetic")
    clips = preparation.prepare(folders, out / "corpus", jobs)
    hours = sum(clip.samples for clip in clips) / 16000 / 3600
    click.echo(f"{len(clips)} clips, {hours:.2f} h in {out / 'corpus'}")


@main.command()
@out_option
@recipe_option
@click.option("--hours", type=float, help="Training time over all sessions.")
@click.option("--steps", type=int, help="Stop after this many steps instead.")
@click.option("--width", "dense", type=int, help="Units of the dense layers.")
@click.option("--lstm-width", "lstm", type=int, help="Units of the LSTM.")
@click.option("--learning-rate", type=float)
@click.option("--batch-frames", type=int, help="Padded frames per batch and process.")
@click.option("--threads", type=int, help="Processor threads. Default: all cores.")
@click.option(
    "--initial",
    type=click.Path(path_type=Path, exists=True),
    help="Start from these weights: a checkpoint or a .float16.npz file.",
)
@click.option(
    "--scorer",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Language model to search with if the recipe counts word errors. Default: the bundled.",
)
@click.option("--seed", type=int)
def train(
    out: Path,
    threads: int | None,
    initial: Path | None,
    scorer: Path | None,
    recipe: Path | None,
    dense: int | None,
    lstm: int | None,
    **values: float | None,
) -> None:
    """Train on OUT/corpus, or go on where OUT/last.pt stopped. Under torchrun, on many GPUs.

    Options given here go before those in the recipe.
    """
    import torch

    from stt_service.decoder.alphabet import Alphabet
    from stt_service.decoder.scorer import open_scorer
    from training.letters import ALPHABET
    from training.prepare import Corpus
    from training.publish import SCORER
    from training.recipe import recipe_of
    from training.train import Trainer
    from training.words import ALPHA, BETA

    if threads:
        torch.set_num_threads(threads)
    chosen = recipe_of(recipe, {"dense": dense, "lstm": lstm}, values)
    opened = None
    if chosen.train.word_errors:
        opened = open_scorer(scorer or SCORER, Alphabet(tuple(ALPHABET)), ALPHA, BETA)
    Trainer(Corpus(out / "corpus"), out, chosen.model, chosen.train, initial, opened).run()


@main.command()
@out_option
@click.option("--data", type=click.Path(path_type=Path), help="Score the sets below DATA/test too.")
@click.option("--noise", multiple=True, type=float, help="Also with noise at this ratio (dB).")
@click.option("--checkpoint", type=click.Path(path_type=Path, exists=True), help="Not OUT/best.pt.")
def evaluate(
    out: Path, data: Path | None, noise: tuple[float, ...], checkpoint: Path | None
) -> None:
    """Print word and character error rates per held-out set and noise level."""
    from training import report

    report.evaluate_run(out, checkpoint or out / "best.pt", data, noise)


@main.command()
@out_option
@click.option("--to", type=click.Path(path_type=Path), help="Default: OUT/model.tflite.")
@weights_option
@click.option("--float", "as_float", is_flag=True, help="Leave the weights in float32.")
@click.option(
    "--as-trained",
    is_flag=True,
    help="Leave temperature and blank as they were trained, not as words are found best.",
)
def export(
    out: Path, to: Path | None, weights: Path | None, as_float: bool, as_trained: bool
) -> None:
    """Write the averaged weights as a .tflite file of graph version 6.

    Weights are rounded to int8 so that little changes on recordings of OUT/corpus; without a
    corpus, each by itself.
    """
    from stt_service.decoder.alphabet import Alphabet
    from training.export import BLANK, TEMPERATURE, export_model
    from training.moments import input_moments, speech_of
    from training.prepare import Corpus
    from training.weights import read_any

    model = read_any(weights or out / "best.pt")
    target = to or out / "model.tflite"
    moments = None
    if not as_float:
        if (out / "corpus" / "clips.csv").exists():
            moments = input_moments(model, speech_of(Corpus(out / "corpus")))
        else:
            click.echo(f"no corpus in {out}: weights are rounded each by itself", err=True)
    export_model(
        model.folded(),
        Alphabet(tuple(model.config.alphabet)),
        target,
        quantise=not as_float,
        moments=moments,
        temperature=1.0 if as_trained else TEMPERATURE,
        blank=0.0 if as_trained else BLANK,
    )
    click.echo(f"{target}: {target.stat().st_size} bytes")


@main.command(name="random-model")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--dense", type=click.IntRange(1, 8192), default=2048, show_default=True)
@click.option("--lstm", type=click.IntRange(1, 8192), default=2048, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--core",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A checkpoint of a narrower network to put inside: the model then says what that says.",
)
def random_model(target: Path, dense: int, lstm: int, seed: int, core: Path | None) -> None:
    """Write a .tflite of any width with random weights, for timing."""
    from stt_service.decoder.alphabet import Alphabet
    from training.export import export_model
    from training.random_model import LABELS, random_arrays

    alphabet, inside = LABELS, None
    if core:
        from training.checkpoint import load_model

        network = load_model(core)
        alphabet, inside = network.config.alphabet, network.folded()
    arrays = random_arrays(dense, lstm, seed=seed, core=inside)
    export_model(arrays, Alphabet(tuple(alphabet)), target)
    click.echo(f"{target}: {target.stat().st_size} bytes")


@main.command()
@out_option
@click.option("--to", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option("--name", default="stt-en-small", show_default=True)
@weights_option
@click.option(
    "--blend",
    type=click.Path(path_type=Path, exists=True),
    help="Weights that the training began with: the mean of both forgets less.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Weight of --blend in the mean.",
)
def pack(
    out: Path, to: Path, name: str, weights: Path | None, blend: Path | None, share: float
) -> None:
    """Write the averaged weights in half precision, to export from and to train on from."""
    from training.weights import pack as write
    from training.weights import read_any
    from training.widen import blended

    model = read_any(weights or out / "best.pt")
    if blend:
        try:
            model = blended(model, read_any(blend), share)
        except ValueError as error:
            raise click.ClickException(
                f"{blend} is not what this network was trained from: {error}"
            ) from error
    path = write(model, to, name)
    click.echo(f"{path}: {path.stat().st_size} bytes")


@main.command(name="all")
@data_option
@out_option
@jobs_option
@click.option("--text", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--spoken-hours",
    type=click.FloatRange(0, 1000),
    default=SPOKEN_HOURS,
    show_default=True,
    help="Hours of made-up speech and rooms to train on; 0: none.",
)
@recipe_option
@click.option("--hours", type=float)
@click.option("--steps", type=int)
@click.option("--width", "dense", type=int)
@click.option("--lstm-width", "lstm", type=int)
@click.option(
    "--initial", type=click.Path(path_type=Path, exists=True), help="Start from these weights."
)
@click.option(
    "--publish", is_flag=True, help="Tune the model and make it the bundled one, in models/."
)
@click.pass_context
def everything(
    context: click.Context,
    /,
    data: Path,
    out: Path,
    jobs: int,
    text: Path | None,
    spoken_hours: float,
    publish: bool,
    **training: object,
) -> None:
    """From recordings to OUT/model.tflite and its error rates, or to the bundled model.

    Steps whose result is already there are not repeated; a stopped training goes on.
    """
    if spoken_hours:
        context.invoke(synthesise, out=out, jobs=jobs, spoken_hours=spoken_hours, text=text)
    if not (out / "corpus" / "clips.csv").exists():
        context.invoke(prepare, data=data, out=out, jobs=jobs)
    context.invoke(train, out=out, **training)
    context.invoke(export, out=out)
    context.invoke(evaluate, out=out, noise=(20.0, 10.0))
    if publish:
        from training import publish as publishing
        from training import tune

        model, scorer, tuned = out / "model.tflite", publishing.SCORER, out / "tuned.json"
        corpus = out / "corpus"
        context.invoke(tune.main, model=model, scorer=scorer, corpus=corpus, output=tuned)
        context.invoke(publishing.main, model=model, scorer=scorer, tuned=tuned)


if __name__ == "__main__":
    main()
