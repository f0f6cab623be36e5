"""What may go into a public bug report holds nothing of anybody's."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.app_doctor import shipped_settings
from stt_service.doctor.api import AREAS, CODES, Fact, Finding
from stt_service.doctor.bundle import (
    CHANGED,
    LEFT_OUT,
    WORDS_OF_SETTINGS,
    board,
    bundle,
    changed,
)
from stt_service.settings import Settings

DEFAULTS = shipped_settings().settings.model_dump(mode="json")

FIGURES = frozenset(string.digits + ".-e")
"""What numbers are written with, and those are told: text of nothing else may stand in one."""
secrets = st.text(
    string.ascii_letters + string.digits + " äß日-_./:@", min_size=6, max_size=40
).filter(lambda text: not FIGURES.issuperset(text) and text not in WORDS_OF_SETTINGS)
"""Names of people, hosts, files, networks; what somebody said; but none of the program's words,
which newer testing libraries find in its source and try."""
serials = st.integers(10**12, 2**70)
facts = st.dictionaries(
    st.sampled_from(("rate_hz", "free_mib", "model", "peak_db")),
    secrets | serials | st.floats() | st.booleans(),
)
findings = st.builds(
    Finding,
    area=st.sampled_from(AREAS) | secrets,
    status=st.sampled_from(("ok", "warn", "fail")),
    code=st.sampled_from(sorted(CODES)) | secrets,
    message=secrets,
    remedy=secrets,
    facts=facts,
)


def planted(finding: Finding) -> list[str]:
    texts = [finding.message, finding.remedy, finding.area, finding.code]
    texts += [str(value) for value in finding.facts.values() if not isinstance(value, bool | float)]
    return [text for text in texts if text not in (*AREAS, *CODES)]


def leaks(texts: list[str], report: str) -> list[str]:
    """Return those that the report holds, plainly or as JSON writes them."""
    empty = bundle([], DEFAULTS, DEFAULTS)
    forms = [form for text in texts for form in (text, json.dumps(text)[1:-1])]
    return [form for form in forms if form in report and form not in empty]


@given(st.lists(findings, max_size=5))
def test_no_text_of_a_finding_gets_through(found: list[Finding]) -> None:
    """Messages, remedies, facts, whatever they hold."""
    report = bundle(found, DEFAULTS, DEFAULTS)
    mine = [text for finding in found for text in planted(finding)]
    # A secret may by chance be a part of our own words, such as "failed".
    ours = " ".join((*AREAS, *CODES, "area status code facts rate_hz free_mib peak_db", LEFT_OUT))
    assert [leak for leak in leaks(mine, report) if leak not in ours] == []
    assert len(json.loads(report)["findings"]) == len(found)


PRIVATE_KEYS = (
    ("engine", "library"),
    ("model", "name"),
    ("scorer", "path"),
    ("listener", "phrases"),
    ("server", "host"),
    ("server", "socket"),
    ("server", "token_file"),
    ("server", "tls_key"),
    ("paths", "state"),
)
PRIVATE_LISTS = (
    ("listener", "wake_phrases"),
    ("listener", "hot_words"),
    ("server", "hosts"),
    ("server", "origins"),
    ("store", "drop_names"),
)


@given(st.data())
def test_no_text_of_a_setting_gets_through(data: st.DataObject) -> None:
    """Names, paths, phrases, hosts: that they were changed is all that is told."""
    settings: dict[str, Any] = {section: dict(keys) for section, keys in DEFAULTS.items()}
    mine = []
    for section, key in PRIVATE_KEYS:
        settings[section][key] = data.draw(secrets)
        mine.append(settings[section][key])
    for section, key in PRIVATE_LISTS:
        settings[section][key] = data.draw(st.lists(secrets, min_size=1, max_size=3))
        mine += settings[section][key]
    for kind in ("microphone", "wav", "cmd"):
        settings["source"]["name"] = f"{kind}:{data.draw(secrets)}"
        mine.append(settings["source"]["name"])
    settings = Settings.model_validate(settings).model_dump(mode="json")
    report = bundle([], settings, DEFAULTS)
    names = " ".join(f'"{section}.{key}"' for section, keys in DEFAULTS.items() for key in keys)
    assert [leak for leak in leaks(mine, report) if leak not in names + CHANGED] == []
    told = json.loads(report)["settings"]
    assert {told[f"{section}.{key}"] for section, key in PRIVATE_LISTS} == {CHANGED}


def test_figures_and_choices_of_settings_are_told() -> None:
    """They are what a fault depends on."""
    settings = {section: dict(keys) for section, keys in DEFAULTS.items()}
    settings["vad"]["aggressiveness"] = 1
    settings["listener"]["mode"] = "wake"
    settings["engine"]["name"] = "coqui"
    settings["source"]["name"] = "microphone:Anna's Jabra 00241"
    assert changed(settings, DEFAULTS) == {
        "engine.name": "coqui",
        "source.name": CHANGED,
        "vad.aggressiveness": 1,
        "listener.mode": "wake",
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, 3),
        (-20.5, -20.5),
        (True, True),
        (float("nan"), LEFT_OUT),
        (10_000_000_123_456_789, LEFT_OUT),
        ("litert", "litert"),
        ("stt-en-small", "stt-en-small"),
        ("annas-own-voice", LEFT_OUT),
    ],
)
def test_facts(value: Fact, told: Fact) -> None:
    """Figures that can be measured, and words that everybody knows."""
    finding = Finding("engine", "ok", "fine", "text", "", {"fact": value})
    report = json.loads(bundle([finding], DEFAULTS, DEFAULTS, words=["stt-en-small"]))
    assert report["findings"] == [
        {"area": "engine", "status": "ok", "code": "fine", "facts": {"fact": told}}
    ]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"Raspberry Pi 4 Model B Rev 1.2\0", "Raspberry Pi 4 Model B Rev 1.2"),
        (b"Raspberry Pi 5 Model B Rev 1.0\0", "Raspberry Pi 5 Model B Rev 1.0"),
        (b"Raspberry Pi 3 Model B Plus Rev 1.3\0", "Raspberry Pi 3 Model B Plus Rev 1.3"),
        (b"Raspberry Pi Zero 2 W Rev 1.0\0", "Raspberry Pi Zero 2 W Rev 1.0"),
        (b"Raspberry Pi 400 Rev 1.0\0", "Raspberry Pi 400 Rev 1.0"),
        (b"Anna's Raspberry Pi 4\0", None),
        (b"Raspberry Pi 4 of Anna\0", None),
        (b"", None),
    ],
)
def test_boards(tmp_path: Path, raw: bytes, told: str | None) -> None:
    """Those that are sold, and nothing that somebody wrote there."""
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(raw)
    assert board(tmp_path) == told
