"""The user's own settings file: read, checked with all other layers, and written whole."""

from __future__ import annotations

import tempfile
from pathlib import Path

from stt_service.cli.common import Context
from stt_service.errors import ConfigError


def own_file(context: Context) -> Path:
    """Return the file of ``--config``, or the user's own. It may not exist."""
    from stt_service.config import user_file  # noqa: PLC0415 -- `--help` need not wait for it

    return (context.config_file or user_file()).resolve()


def read_own(path: Path) -> str:
    """Return its text, empty where there is none. Raises :exc:`ConfigError`."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be edited: {error}") from error


def check_own(context: Context, path: Path, text: str) -> None:
    """Raise :exc:`ConfigError` for what all layers would say with this text in place."""
    from stt_service.config import load  # noqa: PLC0415

    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as draft:
        draft.write(text)
        draft.flush()
        name = Path(draft.name)
        own = context.config_file is None
        try:
            load(file=None if own else name, personal_file=name if own else None)
        except ConfigError as error:
            raise ConfigError(error.message.replace(str(name), str(path)), error.remedy) from error


def save_own(path: Path, text: str) -> None:
    """Replace the file, or make it. Raises :exc:`ConfigError`."""
    from stt_service.atomic import write_atomically  # noqa: PLC0415

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        write_atomically(path, text.encode())
        path.chmod(mode)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", "Nothing was changed"
        ) from error
