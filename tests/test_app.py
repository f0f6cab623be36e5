"""The composition root: settings become the right parts, with the right values."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from stt_service import app
from stt_service.app import Request, Session, open_engine
from stt_service.config import load
from stt_service.errors import ConfigError, ScorerError, SttError
from stt_service.settings import Settings
from tests.cli.conftest import noise
from tests.engine.conftest import make_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("app") / "tiny.tflite"
    make_model(path)
    return path


def settings(model: Path, **sections: dict[str, object]) -> Settings:
    return load(flags={"model": {"name": str(model)}, **sections}).settings


def test_the_default_engine_is_litert(model: Path, own_state: Path) -> None:
    """With the file's name as id and without a scorer where it has none."""
    with open_engine(settings(model)) as engine:
        assert (engine.name, engine.model.id, engine.scorer_id) == ("litert", "tiny", None)


def test_data_lies_in_the_package_or_beside_it() -> None:
    """Installed or in a checkout: the registry is found."""
    assert (app.data_dir() / "registry.toml").is_file()


def test_weights_of_the_model_are_for_its_own_scorer(
    tmp_path: Path, own_state: Path, buddybot: Path
) -> None:
    """A scorer that is named brings its own; settings win over both."""
    own = buddybot.with_suffix(".scorer")
    store = app.model_store(settings(buddybot))
    installer = app.model_installer(store, lambda _file, _size: lambda _done, _total: None)
    installer.install_files("buddy", buddybot, own)
    record = store.folder("buddy") / "installed.json"
    record.write_text(record.read_text().replace("{", '{"alpha": 7.0,', 1))
    chosen = load(flags={"model": {"name": "buddy"}}).settings
    assert app._weights(chosen, store.resolve("buddy")) == (7.0, None)
    named = load(flags={"model": {"name": "buddy"}, "scorer": {"path": str(own)}}).settings
    assert app._weights(named, store.resolve("buddy")) == (None, None)
    told = load(flags={"model": {"name": "buddy"}, "scorer": {"alpha": 2, "beta": 1}}).settings
    assert app._weights(told, store.resolve("buddy")) == (2.0, 1.0)
    with open_engine(chosen) as engine:
        assert engine.scorer_id == "buddy"


def test_a_strict_grammar_needs_no_scorer(model: Path, own_state: Path, tmp_path: Path) -> None:
    """The language model that it replaces is not even opened; in bias mode it is."""
    phrases = tmp_path / "p.txt"
    phrases.write_text("tea please\n", encoding="utf-8")
    chosen = settings(model, scorer={"path": str(tmp_path / "gone.scorer")})
    Session(Request(chosen, phrases=phrases)).close()
    with pytest.raises(ScorerError, match="gone"):
        Session(Request(chosen, phrases=phrases, phrases_mode="bias"))


def test_an_engine_that_is_not_installed_says_how(model: Path, own_state: Path) -> None:
    """The remedy is a command."""
    with pytest.raises(SttError, match="stt-service engine install coqui"):
        open_engine(settings(model, engine={"name": "coqui"}))


def test_a_session_transcribes_one_recording_after_another(
    model: Path, own_state: Path, tmp_path: Path
) -> None:
    """The same recording gives the same result, whatever came between."""
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(1.0), 16_000)
    with Session(Request(settings(model))) as session:
        seen: list[tuple[float, float | None]] = []
        first = session.transcribe(
            str(path), on_progress=lambda done, total: seen.append((done, total))
        )
        second = session.transcribe(str(path))
    assert first.transcript == second.transcript
    assert seen[-1] == (1.0, 1.0)


def test_a_library_of_the_other_kind_is_refused(
    model: Path, own_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results must not bear the wrong engine's name."""

    class Other:
        name = "coqui"

        def __init__(self, *_: object, **__: object) -> None:
            self.closed = False

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr("stt_service.engine.native.NativeEngine", Other)
    with pytest.raises(ConfigError, match=r"is the coqui library, but engine\.name is deepspeech"):
        open_engine(settings(model, engine={"name": "deepspeech", "library": "/x/libstt.so"}))
