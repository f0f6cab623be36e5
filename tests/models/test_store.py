"""What is installed, chosen, whole: on a real folder, with a registry of its own."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from stt_service.errors import DownloadError, ModelError
from stt_service.models.download import Patience
from stt_service.models.install import Installer
from stt_service.models.store import ModelStore
from tests.models.server import Site

BUNDLED = b"bundled"


@pytest.fixture
def store(tmp_path: Path, site: Site) -> ModelStore:
    """A bundled model, and one that the server has under two addresses."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "own.tflite").write_bytes(BUNDLED)
    (data / "registry.toml").write_text(
        f"""
        [models.own]
        title = "bundled"
        bundled = true
        beam_width = 100
        speech_level = -30.0
        [models.own.model]
        file = "own.tflite"
        size = {len(BUNDLED)}
        sha256 = "{hashlib.sha256(BUNDLED).hexdigest()}"

        [models.far]
        title = "to be fetched"
        alpha = 0.5
        [models.far.model]
        file = "far.tflite"
        size = {len(site.body)}
        url = "{site.url}"
        [models.far.scorer]
        file = "far.scorer"
        size = {len(site.body)}
        url = "{site.url}?scorer"
        """,
        encoding="utf-8",
    )
    return ModelStore(data, tmp_path / "state")


class Checker:
    """Takes any model, unless told what is wrong with it."""

    def __init__(self) -> None:
        self.fault: str | None = None

    def __call__(self, path: Path) -> None:
        if self.fault is not None:
            raise ModelError(f"{path}: {self.fault}")


@pytest.fixture
def checker() -> Checker:
    return Checker()


@pytest.fixture
def installer(store: ModelStore, checker: Checker, patience: Patience) -> Installer:
    return Installer(store, checker, lambda _file, _size: lambda _done, _total: None, patience)


def test_the_bundled_model_is_the_default(store: ModelStore) -> None:
    """Nothing needs to be installed or chosen."""
    model = store.resolve()
    assert (model.id, model.model.read_bytes(), model.beam_width) == ("own", BUNDLED, 100)
    assert model.speech_level == -30


def test_an_installed_model_can_be_used(store: ModelStore, installer: Installer) -> None:
    """Its files, weights and name come back; the choice lasts."""
    installer.install("far")
    store.use("far")
    model = store.resolve()
    assert (model.id, model.alpha) == ("far", 0.5)
    assert model.scorer is not None
    assert model.scorer.name == "far.scorer"
    assert [line.chosen for line in store.listing()] == [False, True]


def test_installing_twice_fetches_once(installer: Installer, site: Site) -> None:
    """The second call finds everything there."""
    installer.install("far")
    installer.install("far")
    assert len(site.requests) == 2


def test_a_model_is_not_installed_before_all_of_it_is(
    store: ModelStore, installer: Installer, site: Site
) -> None:
    """The acoustic model arrived, its scorer did not; the next call fetches only that."""
    site.faults = ["", "404"]
    with pytest.raises(DownloadError):
        installer.install("far")
    assert store.installed("far") is None
    installer.install("far")
    assert store.installed("far") is not None
    assert len(site.requests) == 3


def test_a_model_that_no_engine_opens_is_not_installed(
    store: ModelStore, installer: Installer, checker: Checker
) -> None:
    """Size and network may be right and the file still no model."""
    checker.fault = "is damaged"
    with pytest.raises(ModelError, match="is damaged"):
        installer.install("far")
    assert store.installed("far") is None


def test_the_first_checksum_is_pinned(store: ModelStore, installer: Installer, site: Site) -> None:
    """After removal, another file of the same size is refused, unless it is asked for."""
    installer.install("far")
    store.remove("far")
    site.body = site.body[::-1]
    with pytest.raises(DownloadError, match="another file"):
        installer.install("far")
    installer.install("far", repin=True)
    store.verify("far")


def test_verify_finds_every_change(store: ModelStore, installer: Installer) -> None:
    """One bit, one byte more, a missing file: each by name."""
    installer.install("far")
    store.verify("far")
    scorer = store.folder("far") / "far.scorer"
    good = scorer.read_bytes()
    scorer.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(ModelError, match=r"far\.scorer has changed"):
        store.verify("far")
    scorer.write_bytes(good + b"x")
    with pytest.raises(ModelError, match=r"far\.scorer has 1048577 bytes"):
        store.verify("far")
    scorer.unlink()
    with pytest.raises(ModelError, match=r"far\.scorer is missing"):
        store.verify("far")


def test_removing_the_chosen_model_returns_to_the_bundled_one(
    store: ModelStore, installer: Installer
) -> None:
    """``auto`` never stands for something that is gone."""
    installer.install("far")
    store.use("far")
    store.remove("far")
    assert store.chosen() == "own"
    assert not store.folder("far").exists()


def test_the_bundled_model_stays(store: ModelStore) -> None:
    """It is part of the program."""
    with pytest.raises(ModelError, match="cannot be removed"):
        store.remove("own")
    assert store.resolve().model.is_file()


def test_local_files_become_a_model(
    store: ModelStore, installer: Installer, tmp_path: Path
) -> None:
    """They are copied, so the originals may go."""
    model, scorer = tmp_path / "m.tflite", tmp_path / "s.ngram"
    model.write_bytes(b"model")
    scorer.write_bytes(b"scorer")
    installer.install_files("mine", model, scorer)
    model.unlink()
    scorer.unlink()
    found = store.resolve("mine")
    assert found.scorer is not None
    assert (found.model.read_bytes(), found.scorer.read_bytes()) == (b"model", b"scorer")
    store.verify("mine")
    with pytest.raises(ModelError, match="already a model called mine"):
        installer.install_files("mine", found.model)


def test_a_path_is_a_model_too(store: ModelStore, tmp_path: Path) -> None:
    """Its name is the file's; one that is not there is named."""
    path = tmp_path / "x.tflite"
    path.write_bytes(b"model")
    assert store.resolve(str(path)).id == "x"
    with pytest.raises(ModelError, match=r"no model file .*gone\.tflite"):
        store.resolve(str(tmp_path / "gone.tflite"))


@pytest.mark.parametrize("name", ["nothing", "far"])
def test_what_is_not_installed_cannot_be_used(store: ModelStore, name: str) -> None:
    """The remedy differs: a typing mistake, or a model to install first."""
    for call in (store.use, store.resolve, store.verify, store.remove):
        with pytest.raises(ModelError, match=name):
            call(name)


@pytest.mark.parametrize("name", ["../x", "", ".", "a/b", "x" * 65])
def test_names_lead_nowhere_else(store: ModelStore, installer: Installer, name: str) -> None:
    """No name leaves the folder of models."""
    with pytest.raises(ModelError, match=r"name of a model|no model"):
        store.remove(name)
    with pytest.raises(ModelError):
        installer.install(name)


def test_a_damaged_record_is_named(store: ModelStore, installer: Installer) -> None:
    """The remedy is to install again."""
    installer.install("far")
    (store.folder("far") / "installed.json").write_text(json.dumps({"title": 3}))
    with pytest.raises(ModelError, match=r"installed\.json is damaged"):
        store.resolve("far")


def test_one_installation_at_a_time(
    store: ModelStore, installer: Installer, checker: Checker, tmp_path: Path
) -> None:
    """A second process is told to wait instead of writing into the same files."""
    model = tmp_path / "m.tflite"
    model.write_bytes(b"model")
    with installer._folder("far"), pytest.raises(ModelError, match="another installation"):
        installer.install_files("mine", model)


def test_a_choice_that_cannot_be_kept_is_a_clear_error(store: ModelStore) -> None:
    """The state folder is no folder, as with a home that is a file."""
    store.state_dir.parent.mkdir(parents=True, exist_ok=True)
    store.state_dir.write_bytes(b"")
    assert store.chosen() == "own"
    with pytest.raises(ModelError, match=r"chosen-model cannot be written: .*paths\.state"):
        store.use("own")


def test_a_choice_that_cannot_be_read_is_a_clear_error(store: ModelStore) -> None:
    """It is named, whatever stands in its place."""
    (store.state_dir / "chosen-model").mkdir(parents=True)
    with pytest.raises(ModelError, match="chosen-model cannot be read"):
        store.chosen()
