"""Encryption at rest: what is not on the card without the key, and what works without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.errors import StoreError
from stt_service.store.kept import Grace, Kept, Saved, SaveStopped
from stt_service.store.sealing import CREDENTIAL, NAME, NoKey, Sealer, read_key
from stt_service.store.shelf import Shelf, Store
from tests.store.things import ROOMY, new, sound

pytest.importorskip("cryptography", reason="needs the extra encryption")
KEY = "00112233445566778899aabbccddeeff" * 2


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def shelf(tmp_path: Path, key_file: Path) -> Shelf:
    return Shelf(tmp_path / "store", ROOMY, Grace(0.0), key_file)


def save(store: Store, seed: int = 1, text: str = "sesame open") -> Kept:
    consent = store.ledger.give("keep", "asked")
    saved = store.utterances.save(new(text), sound(seed), consent.id)
    assert isinstance(saved, Saved)
    return store.utterances.get(saved.id)


def on_card(shelf: Shelf) -> bytes:
    return b"".join(path.read_bytes() for path in shelf.folder.rglob("*") if path.is_file())


def test_nothing_said_is_on_the_card(shelf: Shelf) -> None:
    """Neither words, nor guesses, nor corrections, nor sound; with the key all of it is there."""
    with shelf.open() as store:
        kept = save(store)
        store.utterances.label(kept, "sesame, shut")
        kept = store.utterances.get(kept.id)
        assert (kept.text, kept.label, kept.alternatives[0].text) == (
            "sesame open",
            "sesame, shut",
            "sesame open",
        )
        assert store.utterances.sound(kept) == sound(1)
        raw = on_card(shelf)
    assert b"sesame" not in raw
    assert b"fLaC" not in raw


def test_without_the_key_it_stays_shut_but_can_be_deleted(shelf: Shelf, key_file: Path) -> None:
    """A lost key must not keep anybody from withdrawing; nothing is saved in the clear instead."""
    with shelf.open() as store:
        save(store)
        save(store, 2)
    key_file.rename(key_file.with_name("away"))
    with shelf.open() as store:
        one, _ = store.utterances.listing()
        assert (one.text, one.readable, one.alternatives) == ("", False, ())
        with pytest.raises(StoreError, match="cannot be read"):
            store.utterances.sound(one)
        with pytest.raises(StoreError, match="cannot be read"):
            store.utterances.label(one, "x")
        stopped = store.utterances.save(new(), sound(3), store.ledger.standing().live.id)
        assert isinstance(stopped, SaveStopped)
        assert str(key_file) in stopped.message
        assert store.utterances.delete([one]) == 1
        assert store.utterances.withdraw("owner", "asked") == 1


def test_another_key_is_told_apart(shelf: Shelf, key_file: Path) -> None:
    """What was sealed with the old one stays shut; what comes now is sealed with the new one."""
    with shelf.open() as store:
        save(store)
    key_file.write_text("f" * 64)
    with shelf.open() as store:
        old, new_ = store.utterances.listing()[0], save(store, 2, "new")
        assert (old.readable, new_.readable) == (False, True)
        with pytest.raises(StoreError, match="another key"):
            store.utterances.sound(old)


def test_a_key_may_come_later(shelf: Shelf) -> None:
    """What was saved before lies in the clear beside it, and is read all the same."""
    plain = Shelf(shelf.folder, ROOMY, Grace(0.0))
    with plain.open() as store:
        save(store, 1, "before")
    with shelf.open() as store:
        save(store, 2, "after")
        found = store.utterances.listing()
        assert [one.text for one in found] == ["before", "after"]
        assert [store.utterances.sound(one) for one in found] == [sound(1), sound(2)]


def test_files_cannot_change_places(shelf: Shelf) -> None:
    """Each is bound to its utterance."""
    with shelf.open() as store:
        one, two = save(store, 1), save(store, 2)
        audio = shelf.folder / "audio"
        (audio / f"{one.id}.flac").write_bytes((audio / f"{two.id}.flac").read_bytes())
        with pytest.raises(StoreError, match="is damaged"):
            store.utterances.sound(one)


def test_systemd_hands_the_key_over(
    key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a credential of the service; nobody else has it, and is told where to look."""
    (tmp_path / NAME).write_text(KEY)
    (tmp_path / NAME).chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with_file = read_key(key_file)
    found = read_key(Path(CREDENTIAL))
    assert isinstance(found, Sealer)
    assert isinstance(with_file, Sealer)
    assert found.id == with_file.id
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    missing = read_key(Path(CREDENTIAL))
    assert isinstance(missing, NoKey)
    assert "/review" in missing.remedy


@pytest.mark.parametrize(
    ("content", "mode", "complaint"),
    [
        (KEY, 0o644, "every user"),
        (KEY[:-1], 0o600, "64 hexadecimal digits"),
        (KEY + "00", 0o600, "64 hexadecimal digits"),
        ("\0" * 10_000, 0o600, "64 hexadecimal digits"),
        ("", 0o600, "64 hexadecimal digits"),
    ],
)
def test_what_is_no_key_is_told(key_file: Path, content: str, mode: int, complaint: str) -> None:
    """With the file's name; the key itself is never shown."""
    key_file.write_text(content)
    key_file.chmod(mode)
    found = read_key(key_file)
    assert isinstance(found, NoKey)
    assert complaint in found.message
    assert str(key_file) in found.message
    assert KEY[:8] not in found.message + found.remedy


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_for_the_same_thing_alone(data: bytes, about: str) -> None:
    """And each sealing looks different."""
    sealer = Sealer(bytes.fromhex(KEY))
    sealed = sealer.seal(data, about)
    assert sealer.open(sealed, about) == data
    assert sealer.seal(data, about) != sealed
    for other, where in ((sealed, about + "."), (sealed[:-1], about)):
        with pytest.raises(StoreError, match="damaged"):
            sealer.open(other, where)


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.hex())))
def test_no_text_but_a_sealed_one_opens(text: str) -> None:
    """Whatever lies in the row."""
    with pytest.raises(StoreError, match="damaged"):
        Sealer(bytes.fromhex(KEY)).open_text(text, "x")
