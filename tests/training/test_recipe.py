"""Recipes: what a training is made of, in one file."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from stt_service.errors import ConfigError
from training.recipe import recipe_of

RECIPES = sorted((Path(__file__).parents[2] / "training" / "recipes").glob("*.toml"))


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_in_the_box_can_be_read(path: Path) -> None:
    """What made the bundled model is a file that still works."""
    assert recipe_of(path, {}, {}).train.hours > 0


def test_the_command_line_goes_before_the_recipe(tmp_path: Path) -> None:
    """A value of None was not given."""
    path = written(tmp_path, "[model]\ndense = 40\nlstm = 30\n[train]\nhours = 3\nseed = 5\n")
    recipe = recipe_of(path, {"dense": None, "lstm": 24}, {"hours": None, "seed": 7})
    assert (recipe.model.dense1, recipe.model.dense5, recipe.model.lstm) == (40, 40, 24)
    assert (recipe.train.hours, recipe.train.seed) == (3.0, 7)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[train]\nhuors = 1\n", r"recipe\.toml: unknown key huors; did you mean hours\?"),
        ("[trian]\nhours = 1\n", r"unknown key trian; did you mean train\?"),
        ("[train]\nhours = 'long'\n", r"recipe\.toml: train\.hours: .*number"),
        ("[train]\nword_errors = 1.5\n", r"recipe\.toml: train\.word_errors: .*less than"),
        ("[model]\ndense = 0\n", r"model\.dense must be 1 to 8192 units"),
        ("[model]\nlstm = true\n", r"model\.lstm must be"),
        ("model = 3\n", r"model is a section"),
        ("[train\n", r"recipe\.toml cannot be read as a recipe"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    """File, key and remedy."""
    with pytest.raises(ConfigError, match=complaint):
        recipe_of(written(tmp_path, text), {}, {})
