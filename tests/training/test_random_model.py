"""Networks of any size for timing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="training needs the extra 'train'")

from stt_service.decoder.alphabet import Alphabet
from stt_service.engine.graph import read_graph
from stt_service.errors import ModelError
from training.__main__ import main
from training.export import check_arrays
from training.letters import ALPHABET
from training.model import forward_folded
from training.random_model import random_arrays

FEATURES = np.random.default_rng(8).standard_normal((40, 26)).astype(np.float32) * 5


def test_random_arrays_are_a_whole_network_and_repeatable() -> None:
    """The seed decides them."""
    arrays = random_arrays(32, 24, seed=3)
    check_arrays(arrays, Alphabet(tuple(ALPHABET)))
    again, other = random_arrays(32, 24, seed=3), random_arrays(32, 24, seed=4)
    assert all(np.array_equal(arrays[name], again[name]) for name in arrays)
    assert not np.array_equal(arrays["layer2.weight"], other["layer2.weight"])


def test_a_wider_network_says_what_its_core_says() -> None:
    """None of the random units feeds the core or the output."""
    core = random_arrays(20, 16, seed=1)
    wide = random_arrays(50, 40, seed=2, core=core)
    check_arrays(wide, Alphabet(tuple(ALPHABET)))
    assert np.count_nonzero(wide["lstm.weight_hh"]) > 4 * 24 * 40 - 10
    expected = forward_folded(core, FEATURES)
    np.testing.assert_allclose(forward_folded(wide, FEATURES), expected, atol=1e-4)


def test_a_core_wider_than_the_network_is_refused() -> None:
    """There is no place for it."""
    with pytest.raises(ModelError, match="16 dense units and 40 cells are fewer"):
        random_arrays(16, 40, core=random_arrays(20, 16))


def test_the_command_writes_a_model_of_the_width_asked_for(tmp_path: Path) -> None:
    """One that an engine reads."""
    target = tmp_path / "m.tflite"
    arguments = ["random-model", "--dense", "24", "--lstm", "20", str(target)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert read_graph(target).state_size == 20


def test_the_command_says_in_a_line_what_went_wrong(tmp_path: Path) -> None:
    """No traceback reaches the user."""
    target = tmp_path / "gone" / "m.tflite"
    arguments = ["random-model", "--dense", "24", "--lstm", "20", str(target)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {target} cannot be written")
