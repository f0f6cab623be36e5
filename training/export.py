"""Folded weights and an alphabet in, a ``.tflite`` file out.

LiteRT and both original libraries run it: graph version 6, as of DeepSpeech 0.9 and Coqui STT 1.x.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stt_service.decoder.alphabet import Alphabet
from stt_service.errors import ModelError
from training.features import N_INPUT
from training.graph import lay_out
from training.rounding import Moment

Array = npt.NDArray[np.float32]

DEFAULT_BEAM_WIDTH = 500
"""What official models carry."""
TEMPERATURE = 1.3
"""What the logits are divided by: of strangers, the network is less sure than it was trained to be,
and one frame heard wrongly shall not decide about a sentence."""
BLANK = -1.0
"""What is added to the blank's logit then: words need all of their letters, and a search favours
what lacks some. Both are measured by `python -m bench output`."""
GATES = 4

_REMEDY = "Export what DeepSpeech.folded() returns, with the alphabet it was trained on"


def export_model(
    arrays: Mapping[str, Array],
    alphabet: Alphabet,
    path: Path,
    *,
    beam_width: int = DEFAULT_BEAM_WIDTH,
    quantise: bool = True,
    moments: Mapping[str, Moment] | None = None,
    temperature: float = 1.0,
    blank: float = 0.0,
) -> None:
    """Write the model; an older file at ``path`` stays whole until the new one is complete.

    ``arrays`` are those of ``training.model.DeepSpeech.folded``: plain float32 weights with
    normalisation folded in. With ``quantise`` all matrices but the first are stored as int8, else
    as float32 (over three times the size, for comparison). ``moments`` of what they read, as
    ``training.moments`` takes them, keep int8 closer to float. Logits are divided by
    ``temperature``; ``blank`` is added to that of the blank.

    Raises :exc:`ModelError` naming the array that is missing, not finite or of another shape than
    its neighbours ask for.
    """
    if beam_width < 1:
        raise ModelError(f"a beam width of {beam_width} keeps no hypothesis", "Take 1 or more")
    check_arrays(arrays, alphabet)
    last = {f"layer6.{part}": arrays[f"layer6.{part}"] / temperature for part in ("weight", "bias")}
    last["layer6.bias"][-1] += blank
    data = lay_out(
        {**arrays, **last},
        alphabet,
        beam_width=beam_width,
        quantise=quantise,
        moments=moments or {},
    )
    _replace(path, data)


def check_arrays(arrays: Mapping[str, Array], alphabet: Alphabet) -> None:
    """Raise :exc:`ModelError` unless ``arrays`` are a whole network for ``alphabet``."""
    width = {
        name: _size(arrays, f"{name}.weight", axis=0)
        for name in ("layer1", "layer2", "layer3", "layer5")
    }
    columns = _size(arrays, "layer1.weight", axis=1)
    cells = _size(arrays, "lstm.weight_hh", axis=1)
    if columns % N_INPUT or columns // N_INPUT % 2 == 0:
        raise ModelError(
            f"layer1.weight has {columns} inputs, not {N_INPUT} for each of 1, 3, 5 ... frames",
            _REMEDY,
        )
    shapes: dict[str, tuple[int, ...]] = {
        "layer1.weight": (width["layer1"], columns),
        "layer1.bias": (width["layer1"],),
        "layer2.weight": (width["layer2"], width["layer1"]),
        "layer2.bias": (width["layer2"],),
        "layer3.weight": (width["layer3"], width["layer2"]),
        "layer3.bias": (width["layer3"],),
        "lstm.weight_ih": (GATES * cells, width["layer3"]),
        "lstm.weight_hh": (GATES * cells, cells),
        "lstm.bias": (GATES * cells,),
        "layer5.weight": (width["layer5"], cells),
        "layer5.bias": (width["layer5"],),
        "layer6.weight": (len(alphabet) + 1, width["layer5"]),
        "layer6.bias": (len(alphabet) + 1,),
    }
    unknown = sorted(set(arrays) - set(shapes))
    if unknown:
        raise ModelError(f"the network has no place for {', '.join(unknown)}", _REMEDY)
    for name, shape in shapes.items():
        array = _array(arrays, name)
        if array.shape != shape:
            raise ModelError(
                f"{name} has shape {array.shape}; its neighbours and the alphabet of "
                f"{len(alphabet)} labels ask for {shape}",
                _REMEDY,
            )
        if not np.isfinite(array).all():
            raise ModelError(
                f"{name} has values that are not finite",
                "The training has diverged: take an older checkpoint or a lower learning rate",
            )


def _array(arrays: Mapping[str, Array], name: str) -> Array:
    if name not in arrays:
        raise ModelError(f"the network lacks {name}", _REMEDY)
    return arrays[name]


def _size(arrays: Mapping[str, Array], name: str, *, axis: int) -> int:
    array = _array(arrays, name)
    if array.ndim != 2 or 0 in array.shape:
        raise ModelError(f"{name} has shape {array.shape}, which is no matrix", _REMEDY)
    return int(array.shape[axis])


def _replace(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there, so that nobody meets half of it."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ModelError(
            f"{path} cannot be written: {error.strerror or error}", "Choose another place"
        ) from error
