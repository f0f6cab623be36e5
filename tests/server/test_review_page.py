"""The page of consent and review in a real Chromium, by keyboard and by mouse."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stt_service.store.kept import Grace, Quota, Saved
from stt_service.store.shelf import Shelf
from stt_service.store.sound import encode
from tests.fakes_server import TOKEN, Stage, running
from tests.server.conftest import eventually
from tests.store.things import RATE, heard, new

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt install chromium"),
]
SAID = ("turn on the light", "set a timer for ten minutes", "stop the music")


def tone(seed: int, seconds: float = 1.0) -> bytes:
    """Return a swelling tone: something to see and to hear."""
    at = np.arange(round(RATE * seconds)) / RATE
    wave = np.sin(2 * np.pi * 220 * (seed + 2) * at) * np.abs(np.sin(7 * at)) * 12_000
    return encode(wave.astype(np.int16), RATE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "store", Quota(1 << 30, 365.0, 0), Grace(24.0))


@pytest.fixture
def house(shelf: Shelf) -> Iterator[Stage]:
    with running(keeper=shelf) as stage:
        yield stage


@pytest.fixture
def page(browser: Any, house: Stage) -> Iterator[Any]:
    """A window that is closed before its server is."""
    page = browser.new_page(viewport={"width": 900, "height": 1000})
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    page.close()
    assert complaints == []


def save(shelf: Shelf, *texts: str) -> None:
    """Agree, and save some, the last one newest."""
    with shelf.open() as store:
        consent = store.ledger.give("upload", "asked")
        for seed, text in enumerate(texts):
            one = replace(new(text), seconds=1.0)
            saved = store.utterances.save(one, tone(seed), consent.id)
            assert isinstance(saved, Saved)


def labels(shelf: Shelf) -> dict[str, tuple[str | None, str | None]]:
    with shelf.open() as store:
        return {one.text: (one.label, one.review) for one in store.utterances.listing()}


def open_review(page: Any, stage: Stage, *, clip: bool = True) -> None:
    page.goto(stage.http + "/review")
    page.wait_for_selector("#status[data-kind=ready], #status[data-kind=saving]")
    if clip:
        page.wait_for_selector("#clip:not([hidden])")


def has_drawing(page: Any) -> bool:
    """Return whether the waveform has a stroke.

    A copy is read, made for that: of a canvas that is read again and again the browser complains.
    """
    return page.evaluate(
        """() => {
            const wave = document.getElementById("wave");
            const { width, height } = wave;
            const copy = Object.assign(document.createElement("canvas"), { width, height });
            const drawing = copy.getContext("2d", { willReadFrequently: true });
            drawing.drawImage(wave, 0, 0);
            return drawing.getImageData(0, 0, width, height).data.some((value) => value);
        }"""
    )


def test_consent_by_page(page: Any, house: Stage, shelf: Shelf) -> None:
    """The text is shown first; no is one click, too; withdrawal asks, and deletes all."""
    open_review(page, house, clip=False)
    assert page.text_content("#status-text") == "Saving is off"
    page.click("#agree-open")
    page.locator("#text h3", has_text="May this device keep what you say?").wait_for()
    page.click("#agree-close")
    assert not shelf.folder.exists()
    page.click("#agree-open")
    page.check("input[value=publish]")
    page.click("#agree button[type=submit]")
    page.wait_for_selector("#status[data-kind=saving]")
    assert "open dataset" in page.text_content("#consent-line")
    save(shelf, *SAID)
    page.click("#withdraw")
    page.click("#sure button[value=no]")
    assert len(labels(shelf)) == 3
    page.click("#withdraw")
    page.click("#sure button[value=yes]")
    page.wait_for_selector("#status[data-kind=ready]")
    assert labels(shelf) == {}


def test_guests_by_page(page: Any, house: Stage, shelf: Shelf) -> None:
    """One button: from then on nothing is saved until they agree."""
    save(shelf)
    open_review(page, house, clip=False)
    page.click("#guests")
    page.wait_for_selector("#status[data-kind=ready]")
    assert "nothing is kept" in page.text_content("#consent-line")
    page.click("#guests")
    page.wait_for_selector("#status[data-kind=saving]")


def test_review_by_keyboard_alone(page: Any, house: Stage, shelf: Shelf) -> None:
    """Hear, correct and accept, reject, delete; the next one comes by itself."""
    save(shelf, *SAID)
    open_review(page, house)
    assert page.input_value("#words") == "stop the music"
    eventually(lambda: has_drawing(page))
    page.keyboard.press("Space")
    page.wait_for_selector("#play[aria-pressed=true]")
    page.wait_for_selector("#play[aria-pressed=false]")
    page.keyboard.press("e")
    page.keyboard.press("Control+A")
    page.keyboard.type("stop that music")
    page.keyboard.press("Enter")
    eventually(lambda: page.input_value("#words").startswith("set"))
    page.keyboard.press("r")
    eventually(lambda: page.input_value("#words").startswith("turn"))
    page.keyboard.press("Delete")
    page.wait_for_selector("#sure[open]")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#clip", state="hidden")
    assert labels(shelf) == {
        "stop the music": ("stop that music", "accepted"),
        "set a timer for ten minutes": (None, "rejected"),
    }


def test_what_was_decided_can_be_found_and_taken_back(
    page: Any, house: Stage, shelf: Shelf
) -> None:
    """Under its heading; the same button once more takes the decision back."""
    save(shelf, *SAID)
    open_review(page, house)
    page.click("#accept")
    page.locator("[data-which=accepted]", has_text="Accepted 1").wait_for()
    page.click("[data-which=accepted]")
    page.wait_for_selector("#verdict[data-verdict=accepted]")
    assert page.text_content("#leaves").startswith("It stays here until")
    page.click("#accept")
    page.locator("[data-which=waiting]", has_text="Waiting 3").wait_for()
    assert labels(shelf)["stop the music"] == (None, None)


def test_another_guess_is_taken_by_a_click(page: Any, house: Stage, shelf: Shelf) -> None:
    """Nobody needs to type what the machine nearly heard."""
    with shelf.open() as store:
        consent = store.ledger.give("keep", "asked")
        one = replace(new(), transcript=heard("turn of the light", "turn off the light"))
        store.utterances.save(one, tone(1), consent.id)
    open_review(page, house)
    page.click("#guesses button")
    assert page.input_value("#words") == "turn off the light"
    page.keyboard.press("Enter")
    eventually(lambda: labels(shelf)["turn of the light"] == ("turn off the light", "accepted"))


def test_deleting_all_asks_first(page: Any, house: Stage, shelf: Shelf) -> None:
    """And leaves the consent."""
    save(shelf, *SAID)
    open_review(page, house)
    page.click("#delete-all")
    assert "all 3" in page.text_content("#sure-text")
    page.click("#sure button[value=yes]")
    page.wait_for_selector("#clip", state="hidden")
    assert labels(shelf) == {}
    assert page.text_content("#status-text") == "Saving what is said"


def test_words_are_words(page: Any, house: Stage, shelf: Shelf) -> None:
    """What was said is never taken for markup."""
    save(shelf, "<img src=x onerror=alert(1)>")
    open_review(page, house)
    assert page.text_content("#list .said") == "<img src=x onerror=alert(1)>"
    assert page.query_selector("#list img") is None


def test_the_first_page_shows_that_saving_is_on(page: Any, house: Stage) -> None:
    """As long as it is, and leads to what is kept."""
    page.goto(house.http + "/")
    page.wait_for_selector("#status[data-kind=ready]")
    assert page.is_hidden("#saving")
    house.control.now = replace(
        house.control.now, counts={**house.control.now.counts, "saving": 1.0}
    )
    page.wait_for_selector("#saving", state="visible")
    page.click("#saving")
    page.wait_for_selector("#consent-title")
    house.control.now = replace(
        house.control.now, counts={**house.control.now.counts, "saving": 0.0}
    )
    page.go_back()
    page.wait_for_selector("#saving", state="hidden")


def test_a_token_is_asked_for(browser: Any, shelf: Shelf) -> None:
    """Without it the page shows nothing; with it, it comes along from the first page."""
    save(shelf, *SAID)
    page = browser.new_page()
    with running(keeper=shelf, token=TOKEN) as stage:
        page.goto(stage.http + "/review")
        page.locator("#answer", has_text="token").wait_for()
        assert page.is_hidden("#clip")
        page.goto(f"{stage.http}/#token={TOKEN}")
        page.wait_for_selector("#status[data-kind=ready]")
        open_review(page, stage)
        assert page.input_value("#words") == "stop the music"
    page.close()


def test_a_phone_shows_it_too(browser: Any, house: Stage, shelf: Shelf) -> None:
    """Without scrolling sideways, with buttons for a thumb."""
    save(shelf, "supercalifragilisticexpialidocious " * 5, *SAID)
    page = browser.new_page(viewport={"width": 320, "height": 640})
    open_review(page, house)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    for name in ("#accept", "#reject", "#delete", "#play", "#list button", "#filters button"):
        assert page.locator(name).first.bounding_box()["height"] >= 44, name
    page.close()
