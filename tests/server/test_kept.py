"""Consent and what is kept, over HTTP: a real store behind a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from stt_service.store.kept import Grace, Kept, Quota, Saved
from stt_service.store.shelf import Shelf
from stt_service.store.texts import consent_text
from tests.fakes_server import TOKEN, WATCH, running
from tests.store.things import new, sound

QUOTA = Quota(1 << 30, 365.0, 0)


@dataclass
class House:
    """A server with a store, and a client of it."""

    shelf: Shelf
    client: httpx.Client

    def give(self, scope: str = "keep", **more: str) -> httpx.Response:
        body = {"action": "give", "scope": scope, "text_sha256": consent_text().sha256, **more}
        return self.client.post("/v1/consent", json=body)

    def save(self, seed: int, text: str = "turn on the light") -> Kept:
        """As the recorder does."""
        with self.shelf.open() as store:
            live = store.ledger.standing().live
            saved = store.utterances.save(new(text), sound(seed), live.id)
            assert isinstance(saved, Saved)
            return store.utterances.get(saved.id)

    def listed(self, **query: object) -> list[str]:
        answer = self.client.get("/v1/utterances", params=query).raise_for_status().json()
        return [one["text"] for one in answer["utterances"]]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[House]:
    shelf = Shelf(tmp_path / "store", QUOTA, Grace(24.0))
    with running(keeper=shelf) as stage, httpx.Client(base_url=stage.http) as client:
        yield House(shelf, client)


def test_looking_makes_no_files(kept: House) -> None:
    """Nobody has agreed: there is nothing, and there will be nothing."""
    answer = kept.client.get("/v1/consent").json()
    assert (answer["saving"], answer["owner"], answer["stats"]["utterances"]) == (False, None, 0)
    assert kept.listed() == []
    assert kept.client.delete("/v1/utterances").json() == {"deleted": 0}
    assert kept.client.post("/v1/consent", json={"action": "withdraw"}).status_code == 200
    assert kept.client.get(f"/v1/utterances/{'0' * 32}/sound").status_code == 404
    assert not kept.shelf.folder.exists()


def test_a_consent_is_to_the_text_that_was_shown(kept: House) -> None:
    """Its hash comes along; another text, or none, is no consent."""
    text = kept.client.get("/v1/consent/text").json()
    assert text["text"].startswith("# May this device keep what you say?")
    assert kept.give(text_sha256="0" * 64).status_code == 400
    assert kept.give(text_sha256="").status_code == 400
    answer = kept.give("upload", text_sha256=text["sha256"]).json()
    assert (answer["saving"], answer["owner"]["scope"]) == (True, "upload")
    with kept.shelf.open() as store:
        assert [one.how for one in store.ledger.entries()] == ["page"]


def test_withdrawing_deletes_all(kept: House) -> None:
    """At once, as on the command line."""
    kept.give()
    kept.save(1)
    answer = kept.client.post("/v1/consent", json={"action": "withdraw"}).json()
    assert (answer["saving"], answer["stats"]["utterances"]) == (False, 0)
    assert list((kept.shelf.folder / "audio").iterdir()) == []


def test_guests_come_and_go(kept: House) -> None:
    """Meanwhile nothing is saved, unless they agree."""
    kept.give()
    come = kept.client.post("/v1/consent", json={"action": "guests-come"}).json()
    assert (come["saving"], come["guests"]) == (False, True)
    assert kept.give(actor="guest").json()["saving"]
    gone = kept.client.post("/v1/consent", json={"action": "guests-go"}).json()
    assert (gone["saving"], gone["guests"], gone["guest"]) == (True, False, None)


def test_a_guest_outside_of_guest_mode_is_refused(kept: House) -> None:
    """With the remedy."""
    answer = kept.give(actor="guest")
    assert answer.status_code == 400
    assert "guests on" in answer.json()["remedy"]


def test_what_is_kept_is_listed_newest_first(kept: House) -> None:
    """In pages, and by what was decided."""
    kept.give()
    for seed in range(5):
        kept.save(seed, str(seed))
    assert kept.listed() == ["4", "3", "2", "1", "0"]
    assert kept.listed(offset=1, limit=2) == ["3", "2"]
    one = kept.save(9, "good")
    path = f"/v1/utterances/{one.id}/review"
    answer = kept.client.put(path, json={"verdict": "accepted"}).json()
    assert answer["review"] == "accepted"
    assert answer["leaves"] == pytest.approx(one.saved + 24 * 3600, abs=60)
    assert kept.listed(review="accepted") == ["good"]
    assert "good" not in kept.listed(review="waiting")
    answer = kept.client.put(path, json={"verdict": None}).json()
    assert (answer["review"], answer["leaves"]) == (None, None)


def test_no_secret_is_told(kept: House) -> None:
    """Neither the deletion token nor the file's place."""
    kept.give()
    one = kept.save(1)
    answer = kept.client.get("/v1/utterances").text
    assert one.deletion_token not in answer
    assert str(kept.shelf.folder) not in answer


def test_sound_comes_as_it_lies_there(kept: House) -> None:
    """And is stored nowhere on the way."""
    kept.give()
    one = kept.save(1)
    answer = kept.client.get(f"/v1/utterances/{one.id}/sound")
    assert answer.content == sound(1)
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (
        "audio/flac",
        "no-store",
    )


def test_a_correction_is_written_down(kept: House) -> None:
    """Nothing, or a novel, is refused."""
    kept.give()
    path = f"/v1/utterances/{kept.save(1).id}/label"
    assert kept.client.put(path, json={"text": " turn  it off "}).json()["label"] == "turn it off"
    assert kept.client.put(path, json={"text": " "}).status_code == 400
    assert kept.client.put(path, json={"text": "x" * 10_001}).status_code == 422


def test_deleting_one_and_all(kept: House) -> None:
    """What is gone is gone; the consent stays."""
    kept.give()
    one = kept.save(1)
    kept.save(2)
    kept.save(3)
    assert kept.client.delete(f"/v1/utterances/{one.id}").json() == {"deleted": 1}
    assert kept.client.delete(f"/v1/utterances/{one.id}").status_code == 404
    assert kept.client.delete("/v1/utterances").json() == {"deleted": 2}
    assert kept.client.get("/v1/consent").json()["saving"]
    assert list((kept.shelf.folder / "audio").iterdir()) == []


@pytest.mark.parametrize("name", ["..", "%2e%2e%2fstore.db", "' OR 1=1 --", "a" * 5000, "%00"])
def test_no_name_reaches_a_file(kept: House, name: str) -> None:
    """Names are looked up in the database, never on the card."""
    kept.give()
    kept.save(1)
    for answer in (
        kept.client.get(f"/v1/utterances/{name}/sound"),
        kept.client.put(f"/v1/utterances/{name}/review", json={"verdict": "accepted"}),
        kept.client.delete(f"/v1/utterances/{name}/"),
    ):
        assert 300 <= answer.status_code < 500
    assert kept.listed() == ["turn on the light"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "give", "scope": "everything"},
        {"action": "forget"},
        {"action": "withdraw", "actor": "cat"},
        {"action": "withdraw", "more": 1},
    ],
)
def test_wrong_decisions_change_nothing(kept: House, body: dict[str, object]) -> None:
    """They are refused as a whole."""
    kept.give()
    assert kept.client.post("/v1/consent", json=body).status_code == 422
    assert kept.client.get("/v1/consent").json()["saving"]


def test_a_damaged_ledger_is_told(kept: House) -> None:
    """In words, not as a failure of the server."""
    kept.give()
    with kept.shelf.open() as store, store.utterances._database.writing() as connection:
        connection.execute("DROP TRIGGER ledger_stays")
        connection.execute("UPDATE ledger SET scope = 'publish'")
    answer = kept.client.get("/v1/consent")
    assert answer.status_code == 400
    assert "ledger is damaged" in answer.json()["message"]


def test_who_may_only_watch_sees_no_more_than_whether_saving_is_on(tmp_path: Path) -> None:
    """Neither words nor sound; and decides nothing."""
    shelf = Shelf(tmp_path / "store", QUOTA, Grace(24.0))
    with running(keeper=shelf, token=TOKEN, watch=WATCH) as stage:
        owner = httpx.Client(base_url=stage.http, headers={"Authorization": f"Bearer {TOKEN}"})
        one = House(shelf, owner)
        one.give()
        name = one.save(1).id
        headers = {"Authorization": f"Bearer {WATCH}"}
        with httpx.Client(base_url=stage.http, headers=headers) as watcher:
            assert watcher.get("/v1/consent").json()["saving"]
            refused = [
                watcher.post("/v1/consent", json={"action": "withdraw"}),
                watcher.get("/v1/utterances"),
                watcher.delete("/v1/utterances"),
                watcher.get(f"/v1/utterances/{name}/sound"),
                watcher.put(f"/v1/utterances/{name}/label", json={"text": "x"}),
                watcher.put(f"/v1/utterances/{name}/review", json={"verdict": "accepted"}),
                watcher.delete(f"/v1/utterances/{name}"),
            ]
        assert [answer.status_code for answer in refused] == [403] * 7
        assert httpx.get(f"{stage.http}/v1/consent").status_code == 401
        assert one.listed() == ["turn on the light"]
        owner.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
def test_other_pages_are_kept_out(kept: House, headers: dict[str, str], status: int) -> None:
    """No page of somebody else's gives, withdraws, reads or deletes anything."""
    kept.give()
    kept.save(1)
    for method, path in (
        ("POST", "/v1/consent"),
        ("GET", "/v1/consent"),
        ("GET", "/v1/utterances"),
        ("DELETE", "/v1/utterances"),
    ):
        body = {"action": "withdraw"} if method == "POST" else None
        answer = kept.client.request(method, path, json=body, headers=headers)
        assert answer.status_code == status
    assert kept.listed() == ["turn on the light"]


def test_without_a_store_there_are_no_such_routes(tmp_path: Path) -> None:
    """A server that was given none asks nobody."""
    with running() as stage:
        assert httpx.get(f"{stage.http}/v1/consent").status_code == 404
