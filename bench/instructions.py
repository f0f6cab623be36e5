r"""How many instructions a Raspberry Pi executes for each second of audio, counted by qemu.

    make count RECORDING=SPEECH.wav        # bench/qemu/count.sh, which calls this
    python -m bench.instructions --root PREFIX --packages SITE-PACKAGES --plugin libcount.so \
        --recording SPEECH.wav --cpu cortex-a72 MODEL [--scorer FILE]

PREFIX is the root of a Debian for arm64, with the files of ``/proc/cpuinfo`` and
``/sys/devices/system/cpu`` that such a board has, since LiteRT looks there which kernels to take.
A shorter and a longer piece of a recording are recognised: the difference leaves start-up out.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click

SHORT, LONG = 4, 12
"""Seconds of the recording."""
GUEST = Path(__file__).parent / "qemu/guest.py"


@click.command()
@click.option("--root", required=True, type=click.Path(path_type=Path))
@click.option("--packages", required=True, help="Where the guest's Python finds everything.")
@click.option("--plugin", required=True, type=click.Path(path_type=Path))
@click.option("--recording", required=True, type=click.Path(path_type=Path))
@click.option("--emulator", default="qemu-aarch64", show_default=True, help="With plugins.")
@click.option("--cpu", default="cortex-a72", show_default=True)
@click.option("--beam", default=100, show_default=True)
@click.option("--scorer", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
def main(  # noqa: PLR0917 -- click calls it by names
    root: Path,
    packages: str,
    plugin: Path,
    recording: Path,
    emulator: str,
    cpu: str,
    beam: int,
    scorer: Path | None,
    model: Path,
) -> None:
    """Print millions of instructions for each second of audio."""
    call = [emulator, "-cpu", cpu, "-L", str(root), "-plugin", str(plugin)]
    for name, value in {
        "PYTHONPATH": packages,
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",
    }.items():
        call += ["-E", f"{name}={value}"]
    running = []
    for seconds in (SHORT, LONG):  # both at once: they count, and time does not matter
        guest = [str(GUEST), str(model), str(recording), str(seconds), str(beam)]
        command = [*call, str(root / "usr/bin/python3"), *guest, *([str(scorer)] if scorer else [])]
        running.append(
            subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        )
    counts = []
    for one in running:
        said = one.communicate()[1]
        if one.returncode:
            raise click.ClickException(said)
        counts.append(int(re.findall(r"^instructions (\d+)", said, re.MULTILINE)[-1]))
    each = (counts[1] - counts[0]) / (LONG - SHORT)
    click.echo(f"{cpu}, beam {beam}: {each / 1e6:.1f} million")


if __name__ == "__main__":
    main()
