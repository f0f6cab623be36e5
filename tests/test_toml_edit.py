"""Settings files are changed by a program, and stay their owner's."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.errors import ConfigError
from stt_service.toml_edit import Value, literal, set_keys

FILE = """# My settings.

[vad]
# Quiet people here.
aggressiveness = 2  # was 3, "#" and all
frame_ms = 30

[listener]
hot_words = [
  "lights:5",  # not lice
  "tea:3",
]
# the end of listener

[server]
port = 8765
"""


def test_a_value_is_replaced_and_its_comment_stays() -> None:
    """Nothing else moves."""
    changed = set_keys(FILE, {"vad": {"aggressiveness": 1}})
    assert changed == FILE.replace("aggressiveness = 2  #", "aggressiveness = 1  #")


def test_a_hash_within_a_value_is_no_comment() -> None:
    """It goes with the value."""
    text = 'a = 1\n[source]\nname = "cmd:x #1"  # mine\n'
    assert set_keys(text, {"source": {"name": "stdin"}}) == text.replace('"cmd:x #1"', '"stdin"')


def test_a_new_key_joins_its_section() -> None:
    """Behind the last one there, lists over several lines included."""
    changed = set_keys(FILE, {"listener": {"mode": "wake"}, "vad": {"frame_ms": 20}})
    assert '  "tea:3",\n]\nmode = "wake"\n# the end of listener\n' in changed
    assert "frame_ms = 20\n" in changed


def test_a_list_over_several_lines_is_replaced_whole() -> None:
    """None of its lines is left."""
    changed = set_keys(FILE, {"listener": {"hot_words": "tea:1"}})
    assert '[listener]\nhot_words = "tea:1"\n# the end of listener\n' in changed


@pytest.mark.parametrize("text", ["", "# mine\n", "[server]\nport = 1\n", "[server]\nport = 1"])
def test_a_new_section_comes_last(text: str) -> None:
    """An empty line before it."""
    changed = set_keys(text, {"vad": {"aggressiveness": 1}})
    assert changed.endswith("[vad]\naggressiveness = 1\n")
    assert changed.startswith(text)


def test_an_empty_section_is_filled() -> None:
    """It is not written twice."""
    assert set_keys("[vad]\n\n[server]\n", {"vad": {"frame_ms": 20}}) == (
        "[vad]\nframe_ms = 20\n\n[server]\n"
    )


def test_dotted_keys_get_company_of_their_kind() -> None:
    """A header would define the section twice."""
    changed = set_keys("vad.frame_ms = 20\n", {"vad": {"aggressiveness": 1, "frame_ms": 10}})
    assert changed == "vad.frame_ms = 10\nvad.aggressiveness = 1\n"


@pytest.mark.parametrize(
    "text",
    [
        "vad = { frame_ms = 20 }\n",
        "vad = 3\n",
        '[vad]\n"frame_ms" = 20\n',
        "[ 'vad' ]\nframe_ms = 20\n",
    ],
)
def test_what_is_not_understood_is_refused_with_what_to_write(text: str) -> None:
    """Half a change would be worse."""
    with pytest.raises(ConfigError, match=r"config edit`: \[vad\] frame_ms = 10"):
        set_keys(text, {"vad": {"frame_ms": 10}})


def test_what_is_no_toml_is_refused() -> None:
    """Whatever it is."""
    with pytest.raises(ConfigError, match="not TOML"):
        set_keys("[vad\n", {})


values = st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e9, 1e9) | st.text(max_size=20)
keys = st.sampled_from(("name", "rate", "port"))
sections = st.sampled_from(("source", "server", "vad"))


@given(values)
def test_every_value_comes_back(value: Value) -> None:
    """Control characters, quotes and all languages."""
    assert tomllib.loads(f"x = {literal(value)}")["x"] == value


@given(
    st.dictionaries(sections, st.dictionaries(keys, values)),
    st.dictionaries(sections, st.dictionaries(keys, values, min_size=1), min_size=1),
)
def test_files_keep_what_is_not_changed(
    file: dict[str, dict[str, Value]], changes: dict[str, dict[str, Value]]
) -> None:
    """Values and every line of comment."""
    lines = ["# top"]
    for section, entries in file.items():
        lines += [f"# about {section}", f"[{section}]"]
        lines += [f"{key} = {literal(value)} # {key}" for key, value in entries.items()]
    text = "".join(f"{line}\n" for line in lines)
    after = set_keys(text, changes)
    merged = {**file, **{one: {**file.get(one, {}), **new} for one, new in changes.items()}}
    assert tomllib.loads(after) == merged
    for line in lines:
        assert not line.startswith("#") or f"{line}\n" in after
    for section, entries in file.items():
        for key in entries:
            assert f" # {key}\n" in after, (section, key)
