"""The page about the protocol says what the models say."""

from __future__ import annotations

from pathlib import Path

from stt_service.server.commands import CONTROLLING, FREE, Kind
from stt_service.server.describe import insert, tables
from stt_service.server.messages import KINDS

PAGE = Path(__file__).parents[2] / "docs/protocol.md"


def test_the_page_is_up_to_date() -> None:
    """Else: python -m stt_service.server.describe docs/protocol.md."""
    page = PAGE.read_text(encoding="utf-8")
    assert insert(page) == page


def test_every_message_is_described() -> None:
    """Kinds of events and commands alike."""
    text = tables()
    for name in (*KINDS, *FREE, *CONTROLLING, "hello", "error", "done", "pong", "start", "end"):
        assert f"### `{name}`" in text


def test_kinds_that_can_be_chosen_are_all_kinds() -> None:
    """The two lists say the same."""
    assert Kind.__args__ == tuple(KINDS)  # type: ignore[attr-defined]
