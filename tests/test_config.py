"""Settings: layers, types, and mistakes that are all told at once."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from stt_service import config
from stt_service.config import ConfigError, load
from stt_service.settings import Settings


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The system's and the user's file of the test's own; neither exists yet."""
    return {"system_file": tmp_path / "system.toml", "personal_file": tmp_path / "user.toml"}


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_defaults_are_valid_and_complete(files: dict[str, Path]) -> None:
    """Every setting has a default, and every default is a setting."""
    loaded = load(environ={}, **files)
    assert set(loaded.sources.values()) == {"default"}
    shipped = tomllib.loads(Path(config.__file__).with_name("default.toml").read_text())
    assert {name: set(keys) for name, keys in shipped.items()} == {
        name: set(field.annotation.model_fields) for name, field in Settings.model_fields.items()
    }


def test_later_layers_win_key_by_key(files: dict[str, Path], tmp_path: Path) -> None:
    """System, user, --config, environment, options: a key stays until the next one has it."""
    write(files["system_file"], '[model]\nname = "system"\n[decoder]\nalternatives = 1\n')
    write(files["personal_file"], "[decoder]\nalternatives = 2\nbeam_width = 2\n")
    named = write(tmp_path / "named.toml", "[decoder]\nalternatives = 3\n[scorer]\nalpha = 3\n")
    loaded = load(
        file=named,
        environ={"STT_SERVICE_DECODER__ALTERNATIVES": "4", "STT_SERVICE_SCORER__BETA": "4"},
        flags={"decoder": {"alternatives": 5}},
        **files,
    )
    settings, sources = loaded.settings, loaded.sources
    assert (settings.model.name, sources["model", "name"]) == ("system", str(files["system_file"]))
    assert (settings.decoder.beam_width, settings.scorer.alpha, settings.scorer.beta) == (2, 3, 4)
    assert sources["scorer", "alpha"] == str(named)
    assert settings.decoder.alternatives == 5
    assert sources["decoder", "alternatives"] == "the command line"


def test_all_mistakes_are_reported_together(files: dict[str, Path]) -> None:
    """Each with its source and key; an unknown one with the one that was meant."""
    write(files["system_file"], "[engin]\nname = 1\n")
    write(files["personal_file"], "[decoder]\nbeam_with = 5\nalternatives = 0\n")
    with pytest.raises(ConfigError) as caught:
        load(environ={"STT_SERVICE_ENGINE__NAME": "kaldi"}, **files)
    lines = str(caught.value).splitlines()[1:]
    assert [line.strip().partition(":")[0] for line in lines] == [
        str(files["system_file"]),
        str(files["personal_file"]),
        str(files["personal_file"]),
        "the environment",
    ]
    assert "unknown section [engin]; did you mean engine?" in lines[0]
    assert "unknown key decoder.beam_with; did you mean beam_width?" in lines[1]
    assert "decoder.alternatives = 0: must be greater than or equal to 1" in lines[2]
    assert "engine.name = 'kaldi'" in lines[3]


def test_a_mistake_counts_even_where_a_later_layer_wins(files: dict[str, Path]) -> None:
    """It would come back as soon as that layer is gone."""
    write(files["system_file"], "[engine]\nthreads = 0\n")
    with pytest.raises(ConfigError, match=r"engine\.threads = 0"):
        load(environ={"STT_SERVICE_ENGINE__THREADS": "2"}, **files)


@pytest.mark.parametrize("text", ["[engine", "\x00", 'engine = "litert"', "a = 1"])
def test_damaged_files_are_named(files: dict[str, Path], text: str) -> None:
    """No traceback, whatever the file holds."""
    write(files["personal_file"], text)
    with pytest.raises(ConfigError, match=re.escape(str(files["personal_file"]))):
        load(environ={}, **files)


def test_a_huge_file_is_refused(files: dict[str, Path]) -> None:
    """It is some other file."""
    write(files["personal_file"], "#" * (config.MAX_FILE_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than any settings file"):
        load(environ={}, **files)


def test_a_named_file_must_exist(files: dict[str, Path], tmp_path: Path) -> None:
    """Who names a file means it."""
    with pytest.raises(ConfigError, match=r"gone\.toml cannot be read"):
        load(file=tmp_path / "gone.toml", environ={}, **files)


def test_variables_of_other_programs_are_left_alone(files: dict[str, Path]) -> None:
    """Kubernetes sets STT_SERVICE_HOST for a service called stt."""
    foreign = {"STT_SERVICE_HOST": "10.0.0.1", "STT_SERVICE_PORT": "tcp://x"}
    assert load(environ=foreign, **files).settings == load(environ={}, **files).settings


def test_the_state_folder_follows_the_desktop_standard(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Unless paths.state says otherwise; ~ is the home folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(environ={}, **files).settings.paths.state_dir == tmp_path / "data/stt-service"
    chosen = load(environ={"STT_SERVICE_PATHS__STATE": "~/x"}, **files).settings
    assert chosen.paths.state_dir == tmp_path / "x"


def test_settings_cannot_be_changed(files: dict[str, Path]) -> None:
    """They are handed to many parts, so nobody may alter them."""
    settings = load(environ={}, **files).settings
    with pytest.raises(ValueError, match="frozen"):
        settings.engine.threads = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[engine]\nlibrary = 3", "engine.library = 3: must be 'auto', or must be a path"),
        ('[paths]\nstate = ""', "must be a path"),
        ('[paths]\nstate = "a\\u0000b"', "must be a path"),
        ('[scorer]\npath = "~no-such-user/x"', "there is no home folder for ~no-such-user"),
        ("[decoder]\nalternatives = true", "decoder.alternatives = True: must be a number"),
        ("[scorer]\nalpha = false", "must be a number"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(
    files: dict[str, Path], text: str, complaint: str
) -> None:
    """Paths that no system takes and truth values in place of numbers."""
    write(files["personal_file"], text)
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load(environ={}, **files)


def test_fragments_come_after_the_systems_file(files: dict[str, Path], tmp_path: Path) -> None:
    """In the order of their names; what is not called .toml is left alone."""
    write(files["system_file"], "[decoder]\nalternatives = 1\nbeam_width = 1\n")
    (tmp_path / "conf.d").mkdir()
    last = write(tmp_path / "conf.d/90-b.toml", "[decoder]\nalternatives = 3\n")
    write(tmp_path / "conf.d/10-a.toml", "[decoder]\nalternatives = 2\n")
    write(tmp_path / "conf.d/99.toml.bak", "[decoder\n")
    loaded = load(environ={}, **files)
    assert (loaded.settings.decoder.alternatives, loaded.settings.decoder.beam_width) == (3, 1)
    assert loaded.sources["decoder", "alternatives"] == str(last)


def test_mistakes_name_their_line(files: dict[str, Path]) -> None:
    """That of the key; that of the section where the key cannot be placed."""
    path = write(
        files["personal_file"],
        '# mine\n[server]\nport = 70000\nhosst = "a"\n\n[enigne]\nname = "x"\n',
    )
    with pytest.raises(ConfigError) as caught:
        load(environ={}, **files)
    lines = [line.strip().split(": ")[0] for line in str(caught.value).splitlines()[1:]]
    assert sorted(lines) == [f"{path}:{number}" for number in (3, 4, 6)]


def test_lists_come_from_the_environment_too(files: dict[str, Path]) -> None:
    """Separated by commas."""
    environ = {"STT_SERVICE_LISTENER__WAKE_PHRASES": "hey computer, computer"}
    settings = load(environ=environ, **files).settings
    assert settings.listener.wake_phrases == ("hey computer", "computer")
