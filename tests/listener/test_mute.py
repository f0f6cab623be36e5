"""The mute switch: reasons that outlive the program, pauses that end by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stt_service.errors import SttError
from stt_service.events import MuteChanged
from stt_service.listener.mute import FILE, MAX_REASONS, MuteSwitch


def switch(folder: Path) -> MuteSwitch:
    """At 100 samples a second, pauses at most 10 seconds."""
    return MuteSwitch(folder, 100, pause_limit=10.0)


def test_every_reason_counts_once(tmp_path: Path) -> None:
    """And the microphone is heard again when the last one is gone."""
    mute = switch(tmp_path)
    mute.mute("button")
    mute.mute("button")
    mute.mute("page")
    assert mute.now() == MuteChanged(muted=True, reasons=("button", "page"))
    mute.unmute("button")
    assert mute.muted
    mute.unmute("page")
    assert mute.now() == MuteChanged(muted=False, reasons=())


def test_mutes_survive_a_restart_and_pauses_do_not(tmp_path: Path) -> None:
    """The folder may not exist yet."""
    before = switch(tmp_path / "state")
    before.mute("button")
    before.pause("speaking")
    before.save()
    assert switch(tmp_path / "state").now().reasons == ("button",)


def test_a_pause_ends_with_its_time(tmp_path: Path) -> None:
    """Counted in samples; a new one of the same reason begins anew."""
    mute = switch(tmp_path)
    mute.pause("speaking", 1.0)
    mute.advance(99)
    assert mute.muted
    mute.pause("speaking", 1.0)
    mute.advance(99)
    assert mute.muted
    mute.advance(1)
    assert not mute.muted


def test_no_pause_is_longer_than_the_limit(tmp_path: Path) -> None:
    """A speaker that has crashed leaves nobody deaf."""
    mute = switch(tmp_path)
    mute.pause("speaking", 1e9)
    mute.advance(999)
    assert mute.muted
    mute.advance(1)
    assert not mute.muted


def test_unmute_without_a_reason_ends_everything(tmp_path: Path) -> None:
    """What somebody wants who presses the button."""
    mute = switch(tmp_path)
    mute.mute("a")
    mute.pause("b")
    mute.unmute()
    assert not mute.muted


@pytest.mark.parametrize("reason", ["", "x" * 101])
def test_reasons_have_bounds(tmp_path: Path, reason: str) -> None:
    """So that nobody fills the disk."""
    mute = switch(tmp_path)
    for set_it in (mute.mute, mute.pause):
        with pytest.raises(SttError, match="reason"):
            set_it(reason)
    for number in range(MAX_REASONS):
        mute.mute(str(number))
    with pytest.raises(SttError, match="64 reasons"):
        mute.mute("one more")


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_pauses_take_time(tmp_path: Path, seconds: float) -> None:
    """Impossible ones are refused."""
    with pytest.raises(SttError, match="pause of"):
        switch(tmp_path).pause("a", seconds)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"reasons": 3}', b"\xff", b"[" * 9999])
def test_a_damaged_file_mutes(tmp_path: Path, content: bytes) -> None:
    """Somebody had muted: listening would be the worse mistake."""
    (tmp_path / FILE).write_bytes(content)
    mute = switch(tmp_path)
    assert mute.now().reasons == ("unknown",)
    assert FILE in mute.complaint


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Muting works all the same."""
    (tmp_path / "file").write_text("")
    mute = switch(tmp_path / "file")
    mute.mute("button")
    assert mute.muted
    with pytest.raises(SttError, match=r"file/mute\.json"):
        mute.save()


def test_what_has_not_changed_is_not_written(tmp_path: Path) -> None:
    """Cards wear out."""
    mute = switch(tmp_path)
    mute.pause("speaking")
    mute.save()
    assert not (tmp_path / FILE).exists()
    mute.mute("button")
    mute.save()
    assert json.loads((tmp_path / FILE).read_bytes()) == {"reasons": ["button"]}


class MuteMachine(RuleBasedStateMachine):
    """The switch against a model of it: a set and a table of times left."""

    def __init__(self) -> None:
        super().__init__()
        self.mute = switch(Path("/nonexistent"))
        self.reasons: set[str] = set()
        self.pauses: dict[str, int] = {}

    names = st.sampled_from(["a", "b", "c"])

    @rule(name=names)
    def add(self, name: str) -> None:
        self.mute.mute(name)
        self.reasons.add(name)

    @rule(name=st.one_of(st.none(), names))
    def take_away(self, name: str | None) -> None:
        self.mute.unmute(name)
        if name is None:
            self.reasons.clear()
            self.pauses.clear()
        self.reasons.discard(str(name))

    @rule(name=names, samples=st.integers(1, 2000))
    def pause(self, name: str, samples: int) -> None:
        self.mute.pause(name, samples / 100)
        self.pauses[name] = min(samples, 1000)

    @rule(name=names)
    def resume(self, name: str) -> None:
        self.mute.resume(name)
        self.pauses.pop(name, None)

    @rule(samples=st.integers(0, 1500))
    def advance(self, samples: int) -> None:
        self.mute.advance(samples)
        self.pauses = {name: left - samples for name, left in self.pauses.items() if left > samples}

    @invariant()
    def agrees(self) -> None:
        now = self.mute.now()
        assert set(now.reasons) == self.reasons | set(self.pauses)
        assert now.muted == self.mute.muted == bool(now.reasons)


TestMuteMachine = MuteMachine.TestCase
