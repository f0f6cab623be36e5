"""House rules that a machine can check: who imports whom, how long modules are, what they say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "stt_service"
MAX_LINES = 350

LAYERS = (
    {"atomic", "closing", "errors", "events", "memory_file"},
    {
        "__init__",
        "audio.api",
        "config",
        "settings",
        "toml_edit",
        "toml_lines",
        "decoder",
        "engine.api",
        "hub",
        "locks",
        "notify",
        "wer",
        "listener.api",
        "segmenter",
        "length_cutter",
        "onset",
        "utterance_cutter",
        "vad.api",
    },
    {"audio", "collector", "engine", "models", "store", "vad"},
    {
        "client",
        "doctor",
        "fitting",
        "hearing",
        "listener",
        "personal",
        "server",
        "transcriber",
        "tuning",
        "upload",
    },
    {
        "app",
        "app_server",
        "app_audio",
        "app_daemon",
        "app_doctor",
        "app_listener",
        "app_personal",
        "app_setup",
        "app_store",
        "app_upkeep",
        "app_upload",
    },
    {"cli", "start", "__main__"},
)
"""Lowest first; the longest matching name decides. A module imports its own layer and lower."""

CONCRETE = {
    "audio.files": {"app", "app_audio", "server.sound"},
    "audio.microphone": set(),
    "audio.opening": {"app_audio"},
    "audio.portaudio": set(),
    "audio.recorder": set(),
    "audio.pipe": {"app", "app_audio", "server.recognize", "server.sound"},
    "engine.litert": {"app"},
    "engine.native": {"app", "cli.engine"},
    "vad.webrtc": {"app_audio"},
}
"""Back-ends, and who may name them besides their own package."""

PLAIN = (
    "audio",
    "collector",
    "engine",
    "vad",
    "decoder",
    "doctor",
    "models",
    "segmenter",
    "length_cutter",
    "onset",
    "utterance_cutter",
    "hearing",
    "hub",
    "listener",
    "personal",
    "server",
    "store",
    "transcriber",
)
"""Parts that receive plain values, never the settings."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return a module's name below the package: ``engine.api``, ``decoder``, ``__init__``."""
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    if len(parts) > 1 and parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the package's own modules that a module imports, and the line; types count too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] in ("stt_service", "training", "bench", "tests"):
                yield module_part(name), node.lineno


def module_part(name: str) -> str:
    """Cut what is no module off a dotted name: ``stt_service.errors.SttError`` is ``errors``."""
    root, *parts = name.split(".")
    if root != "stt_service":
        return f"!{root}"
    while parts:
        place = PACKAGE.joinpath(*parts)
        if place.with_suffix(".py").is_file() or place.is_dir():
            return ".".join(parts)
        parts.pop()
    return "__init__"


def within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def layer(name: str) -> int:
    found = [
        (len(part), number)
        for number, parts in enumerate(LAYERS)
        for part in parts
        if within(name, part)
    ]
    assert found, f"{name} stands in no layer: ARCHITECTURE.md and this test must say where"
    return max(found)[1]


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_lead_downward(path: Path) -> None:
    """Layer by layer, as the table in ARCHITECTURE.md has it."""
    own = name_of(path)
    upward = [
        f"line {line}: {name}"
        for name, line in imports(path)
        if not name.startswith("!") and layer(name) > layer(own)
    ]
    assert upward == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_the_package_stands_alone(path: Path) -> None:
    """Training, benchmarks and tests use the package, never the other way."""
    assert [name for name, _ in imports(path) if name.startswith("!")] == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_the_composition_root_names_back_ends(path: Path) -> None:
    """Everything else knows contracts."""
    own = name_of(path)
    wrong = [
        f"line {line}: {name}"
        for name, line in imports(path)
        for concrete, allowed in CONCRETE.items()
        if within(name, concrete)
        and not within(own, concrete.rpartition(".")[0])
        and own not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_parts_do_not_read_settings(path: Path) -> None:
    """They receive plain values, so that they work without any file."""
    own = name_of(path)
    if any(within(own, part) for part in PLAIN):
        assert [line for name, line in imports(path) if name in ("config", "settings")] == []


def test_the_rules_bite(tmp_path: Path) -> None:
    """A module that breaks a rule is found: the test itself is tested."""
    broken = tmp_path / "broken.py"
    broken.write_text("from stt_service.engine.litert import LiteRtEngine\nimport training.model\n")
    assert list(imports(broken)) == [("engine.litert", 1), ("!training", 2)]
    assert layer("engine.litert") > layer("decoder.search") > layer("events")
    assert layer("engine.api") < layer("engine.litert") < layer("app") < layer("cli.transcribe")


def sources() -> list[Path]:
    roots = [PACKAGE, ROOT / "training", ROOT / "bench", ROOT / "tests"]
    return sorted(path for root in roots if root.is_dir() for path in root.rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_stay_small(path: Path) -> None:
    """A longer one has more than one reason to change."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@cache
def contract_methods() -> set[str]:
    """Return the methods that an abstract class or protocol of the package explains."""
    return {
        method.name
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).split("[")[0] in ("ABC", "Protocol") for base in node.bases)
        for method in node.body
        if isinstance(method, ast.FunctionDef) and ast.get_docstring(method)
    }


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_public_things_say_what_they_are(path: Path) -> None:
    """Modules, classes, functions, methods; one that fulfils a contract may leave it to that."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = [] if ast.get_docstring(tree) else ["the module"]
    explained = contract_methods()
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            silent.append(node.name)
        silent += [
            f"{node.name}.{method.name}"
            for method in (node.body if isinstance(node, ast.ClassDef) else ())
            if isinstance(method, ast.FunctionDef)
            and not method.name.startswith("_")
            and not ast.get_docstring(method)
            and method.name not in explained
        ]
    assert silent == []
