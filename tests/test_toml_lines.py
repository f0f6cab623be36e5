"""Lines of keys in a TOML text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stt_service.toml_lines import find_lines


def test_keys_are_found_in_their_sections() -> None:
    """Comments, spaces and dotted keys included; the section itself has the empty key."""
    text = "server.port = 1\n\n[ engine ]  # which\nname = 'x'\n  threads=2\n# beam = 3\n"
    assert find_lines(text) == {
        ("server", "port"): 1,
        ("engine", ""): 3,
        ("engine", "name"): 4,
        ("engine", "threads"): 5,
    }


def test_what_looks_like_a_key_within_a_string_is_none() -> None:
    """Strings may go on over several lines."""
    text = '[a]\nx = """\ny = 1\n[b]\n"""\nz = 2\n'
    assert find_lines(text) == {("a", ""): 1, ("a", "x"): 2, ("a", "z"): 6}


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    """It may be damaged: the reader proper says so."""
    assert all(line >= 1 for line in find_lines(text).values())
