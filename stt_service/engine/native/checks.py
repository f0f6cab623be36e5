"""Refuses what the original libraries would crash on, or quietly misread, before they see it.

They are C++ without a net: an exception inside ends the process, a missing node is followed
nowhere, a scorer cut short is used as far as it goes. So, in this order:

1. the files are read with bounds-checked code of our own, which says best what is wrong;
2. model and scorer are run once in a child process (:mod:`stt_service.engine.native.trial`),
   which finds the rest, such as operators newer than the library.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Lexicon
from stt_service.decoder.ngram_file import MAGIC
from stt_service.decoder.scorer import map_file, open_scorer
from stt_service.engine.flatbuffer import DamagedError
from stt_service.engine.graph import METADATA, OUTPUTS, GraphInfo, read_graph
from stt_service.engine.native.library import Library
from stt_service.engine.probe import Trial, ensure_runs
from stt_service.engine.tflite import GET_AGAIN, Graph, Mapped, parse
from stt_service.errors import ModelError, ScorerError


@dataclass(frozen=True)
class ScorerInfo:
    """What an engine must know of a ``.scorer`` package."""

    path: Path
    lexicon: Lexicon
    alpha: float
    """The file's own weight of the language model."""
    beta: float
    """The file's own bonus for each word."""


def check_model(path: Path) -> GraphInfo:
    """Read the model's description. Raises :exc:`ModelError` for what the libraries cannot run."""
    info = read_graph(path)
    with Mapped(path) as data:
        try:
            check_producers(parse(data), path)
        except DamagedError as error:
            raise ModelError(f"{path} is damaged or cut short ({error})", GET_AGAIN) from error
    return info


def check_producers(graph: Graph, path: Path) -> None:
    """Raise :exc:`ModelError` when an output is not computed by a node.

    The libraries look for that node and take the first of none (``tflitemodelstate.cc``). New
    converters write constants straight into the outputs.
    """
    idle = [name for name in (*OUTPUTS, *METADATA) if graph.producer(graph.outputs[name]) is None]
    if idle:
        raise ModelError(
            f"{path}: no node computes {', '.join(idle)}, on which the original library crashes",
            "Export the model again with training/export.py, or take --engine litert",
        )


def check_scorer(path: Path, alphabet: Alphabet) -> ScorerInfo:
    """Read the scorer's own description.

    Raises :exc:`ScorerError` when it is damaged, of another kind or for another alphabet.
    """
    if map_file(path)[: len(MAGIC)].tobytes() == MAGIC:
        raise ScorerError(
            f"{path} is an .ngram file, which the original libraries cannot read",
            "Take a .scorer of version 6, --scorer none, or --engine litert",
        )
    scorer = open_scorer(path, alphabet)
    return ScorerInfo(path, scorer.lexicon, scorer.alpha, scorer.beta)


def ensure_opens(
    path: Path, library: Library, scorer: Path | None, *, state_dir: Path | None
) -> None:
    """Make sure that running model and scorer cannot end the process.

    Tried once for each model (by content), library and scorer (by place, size and time: hashing
    a gigabyte at each start would cost more than the trial). Raises :exc:`ModelError`.
    """
    files = [library.path] if scorer is None else [library.path, scorer.absolute()]
    seen = hashlib.sha256()
    for file in files:
        status = file.stat()
        seen.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    trial = Trial(
        f"{library.family.name}-{library.version}-{seen.hexdigest()[:16]}",
        "stt_service.engine.native.trial",
        tuple(str(file) for file in files),
    )
    ensure_runs(path, state_dir=state_dir, trial=trial)
