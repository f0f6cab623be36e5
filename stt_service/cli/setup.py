"""``stt-service setup``: the first run. Microphone, room, model, and whether anything is kept."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from stt_service.cli.common import Context, ask, counted
from stt_service.cli.settings_file import check_own, own_file, read_own, save_own
from stt_service.errors import AudioError

if TYPE_CHECKING:
    from stt_service.app_setup import Candidate, Take
    from stt_service.fitting import Fit
    from stt_service.settings import Settings
    from stt_service.toml_edit import Changes, Value

SENTENCE = "turn on the kitchen light"
"""Every model knows its words, and it is long enough to have a pause in it."""
NEW_FILE = "# Settings of stt-service; `stt-service config show` explains all of them.\n"


@click.command()
@click.option("--yes", is_flag=True, help="Ask nothing: take what fits best, and agree to nothing.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="SOURCE",
    help="Try only this one, as source.name has it; repeatable.",
)
@click.option("--listen/--no-listen", default=True, help="Whether to choose a microphone.")
@click.pass_context
def setup(ctx: click.Context, *, yes: bool, sources: tuple[str, ...], listen: bool) -> None:
    """Choose the microphone by speaking into it, fit room and model, ask about keeping.

    Nothing is recorded to disk; nothing is changed before the end of each question.
    """
    context: Context = ctx.obj
    settings = context.settings()
    path = own_file(context)
    check_own(context, path, read_own(path))  # so that nobody speaks in vain
    heard = _microphone(settings, sources, yes=yes) if listen else None
    _model(settings, yes=yes)
    if heard is not None:
        take, fit = heard
        _test(settings, take, fit)
        _write(context, _changes(settings, take, fit), yes=yes)
    _consent(ctx, yes=yes)
    click.echo("\nDone. `stt-service run --print` shows what it hears;")
    click.echo("`stt-service doctor` looks at the rest.")


def _microphone(
    settings: Settings, sources: tuple[str, ...], *, yes: bool
) -> tuple[Take, Fit] | None:
    """Have somebody speak; return what the chosen microphone heard, and what fits the room."""
    from stt_service import app_setup, fitting  # noqa: PLC0415 -- `--help` need not wait

    if sources:
        found = [app_setup.Candidate(name, name) for name in sources]
    else:
        found = app_setup.candidates()
    if not found:
        raise AudioError(
            "there is no microphone", "Plug one in; `arecord -l` shows what the system sees"
        )
    while True:
        takes = _listen(settings, found)
        chosen = fitting.best([take.loudness for take in takes])
        for number, take in enumerate(takes):
            mark = "*" if number == chosen else " "
            click.echo(f"{mark} {_figures(take)}  {take.candidate.title}")
        if chosen is not None:
            break
        click.echo("I have heard nobody.")
        if yes or not ask("Try again?", default=True):
            click.echo("The microphone stays as it was set; see docs/microphones.md.")
            return None
    take = _choose(takes, chosen, yes=yes)
    if said := fitting.advice(take.loudness):
        click.echo(f"{take.candidate.title}: {said}")
    fit = app_setup.room_fit(settings, take)
    if not fit.good:
        click.echo(
            f"The detector does not part speech from this room's noise well: {fit.false} false "
            f"starts in the quiet, your sentence in {fit.pieces} pieces. See docs/segmentation.md."
        )
    return take, fit


def _listen(settings: Settings, found: list[Candidate]) -> list[Take]:
    from contextlib import ExitStack  # noqa: PLC0415

    from stt_service import app_setup  # noqa: PLC0415

    def refused(candidate: Candidate, why: str) -> None:
        click.echo(f"  (not tried) {candidate.title}: {why}")

    def speak() -> None:
        click.secho(f'Now say, from where you usually are: "{SENTENCE}"', bold=True)

    with ExitStack() as stack:
        ears = app_setup.open_ears(settings, found, refused)
        for ear in ears:
            stack.enter_context(ear)
        if not ears:
            raise AudioError("no microphone opens", "stt-service doctor says more")
        click.echo(
            f"{len(ears)} of {counted(len(found), 'microphones', 'are')} open. Please be quiet ..."
        )
        return app_setup.hear(ears, speak)


def _figures(take: Take) -> str:
    heard = take.loudness
    if not heard.rise:
        return f"heard nobody over {heard.noise_db:4.0f} dB of noise    "
    return f"{heard.speech_db:4.0f} dB, {heard.rise:2.0f} dB above the room's noise"


def _choose(takes: list[Take], chosen: int, *, yes: bool) -> Take:
    title = takes[chosen].candidate.title
    if yes or len(takes) == 1 or ask(f"Take {title}?", default=True):
        return takes[chosen]
    for number, take in enumerate(takes, start=1):
        click.echo(f"{number}  {take.candidate.title}")
    number = click.prompt("Which one", type=click.IntRange(1, len(takes)), default=chosen + 1)
    return takes[number - 1]


def _model(settings: Settings, *, yes: bool) -> None:
    """Time the models, and make the one that fits the chosen one."""
    from stt_service import app_setup, fitting  # noqa: PLC0415

    click.echo("\nModels, with the seconds of work for each second of audio:")
    speeds = app_setup.measure_models(
        settings,
        lambda name: click.echo(f"  {name:24} ", nl=False),
        lambda _, why: click.echo(f"does not open: {why}"),
        lambda speed: click.echo(
            f"{speed.factor:6.3f}  {'keeps up' if speed.real_time else 'too slow here'}"
        ),
    )
    fits, now = fitting.fit_model(speeds), app_setup.chosen_model(settings)
    if fits is None or fits.name == now:
        return
    if settings.model.name != "auto":
        click.echo(f"{fits.name} fits this machine best; model.name says {now}, and so it stays")
        return
    if not (yes or ask(f"Take {fits.name} instead of {now}?", default=True)):
        return
    app_setup.use_model(settings, fits.name)
    click.echo(f"{fits.name} is in use")


def _test(settings: Settings, take: Take, fit: Fit) -> None:
    from stt_service import app_setup  # noqa: PLC0415

    text = app_setup.recognise(settings, take, fit)
    click.echo(f'\nYou said, as I understand it: "{text}"' if text else "\nI understood nothing.")
    if text != SENTENCE:
        click.echo("Phrases make it surer: stt-service run --phrases home; see docs/phrases.md.")


def _changes(settings: Settings, take: Take, fit: Fit) -> Changes:
    """Return the keys that are to be other than they are."""
    changes: dict[str, dict[str, Value]] = {}
    wanted: dict[str, dict[str, Value]] = {
        "source": {"name": take.candidate.source},
        "vad": {"aggressiveness": fit.aggressiveness},
        "segmenter": asdict(fit.segmenter),
    }
    for section, keys in wanted.items():
        now = getattr(settings, section)
        for key, value in keys.items():
            if getattr(now, key) != value:
                changes.setdefault(section, {})[key] = value
    return changes


def _write(context: Context, changes: Changes, *, yes: bool) -> None:
    from stt_service.toml_edit import literal, set_keys  # noqa: PLC0415

    if not changes:
        click.echo("\nThe settings fit as they are.")
        return
    path = own_file(context)
    text = set_keys(read_own(path) or NEW_FILE, changes)
    click.echo(f"\nFor {path}:")
    for section, keys in changes.items():
        for key, value in keys.items():
            click.echo(f"  {section}.{key} = {literal(value)}")
    if not (yes or ask("Write that?", default=True)):
        click.echo("nothing was written")
        return
    check_own(context, path, text)
    save_own(path, text)
    _warn_of_overruling(context, changes)


def _warn_of_overruling(context: Context, changes: Changes) -> None:
    """Say so when a layer above this file, such as the environment, decides otherwise."""
    loaded = context.load()
    for section, keys in changes.items():
        for key, value in keys.items():
            if getattr(getattr(loaded.settings, section), key) != value:
                source = loaded.sources[section, key]
                click.echo(
                    f"{section}.{key} is decided by {source}, which stays as it is", err=True
                )


def _consent(ctx: click.Context, *, yes: bool) -> None:
    """Ask whether what is said may be kept; no unless somebody says yes, twice."""
    from stt_service.app_store import has_store  # noqa: PLC0415
    from stt_service.cli.consent import give  # noqa: PLC0415

    if has_store(ctx.obj.settings()):
        click.echo("\nWhether what is said is kept stays as it is: stt-service consent status")
        return
    click.echo("\nNothing that is said here is kept, and nothing leaves this machine.")
    if yes or not ask(
        "Do you want to keep what is said on this machine, to see and correct it?", default=False
    ):
        click.echo("So it stays. You can change that: stt-service consent give")
        return
    with contextlib.suppress(click.Abort):
        ctx.invoke(give)
        return
    click.echo("You have not agreed; nothing is kept.")
