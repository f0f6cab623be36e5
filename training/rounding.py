"""Weights to int8: each to the nearest, or so that a layer's sums stay right on what it hears.

Rounding an entry to the nearest leaves an error that the row's next entries can take back, as far
as their inputs go together with its own. How inputs go together is their second moment over speech,
``mean(x.T @ x)``: see ``moments``. This is GPTQ (Frantar and others, "GPTQ: Accurate Post-Training
Quantization for Generative Pre-trained Transformers", ICLR 2023).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Moment = npt.NDArray[np.float64]
"""Second moments of a matrix's inputs, ``[in, in]``."""

INT8_MAX = 127
DAMPING = 0.01
"""Added to the diagonal, as a share of its mean: inputs that never differ can be told apart."""


def to_int8(weight: Array, peaks: Array, moment: Moment | None = None) -> npt.NDArray[np.int8]:
    """Return ``weight [out, in]`` in steps of ``peaks / 127``, the largest of each row (``[out]``).

    With the ``moment [in, in]`` of the inputs, so that the error of the sums over them is small.
    """
    steps = weight / peaks[:, None] * INT8_MAX
    if moment is None:
        return np.round(steps).astype(np.int8)
    # The loudest inputs first, while there are many left to take their errors back.
    order = np.argsort(-np.diag(moment), kind="stable")
    loose = steps[:, order].astype(np.float64)
    upper = _inverse_root(moment[np.ix_(order, order)])
    rounded = np.empty_like(loose)
    for column in range(loose.shape[1]):
        rounded[:, column] = np.clip(np.round(loose[:, column]), -INT8_MAX, INT8_MAX)
        error = (loose[:, column] - rounded[:, column]) / upper[column, column]
        loose[:, column + 1 :] -= np.outer(error, upper[column, column + 1 :])
    result = np.empty(weight.shape, np.int8)
    result[:, order] = rounded
    return result


def _inverse_root(moment: Moment) -> Moment:
    """Return the upper triangle U with ``U.T @ U`` the inverse of the damped moment."""
    damped = moment + np.eye(len(moment)) * (DAMPING * (np.diag(moment).mean() or 1.0))
    root: Moment = np.linalg.cholesky(np.linalg.inv(damped)).T
    return root
