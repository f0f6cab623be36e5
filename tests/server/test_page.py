"""The page in a real Chromium: what it shows, its buttons and keys, that it finds back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from stt_service.events import Fault, Level, Partial, Recovered, UtterancePartial, UtteranceStarted
from tests.fakes_server import TOKEN, Stage, final, running
from tests.server.conftest import eventually

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    page = browser.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    page.close()
    assert complaints == []


def open_page(page: Any, stage: Stage) -> None:
    page.goto(stage.http + "/")
    page.wait_for_selector("#status[data-kind=ready]")


def test_speech_appears_as_it_is_said(page: Any, stage: Stage) -> None:
    """Stable and unstable words apart; then among the recent ones, with its confidence."""
    open_page(page, stage)
    stage.hub.publish(UtteranceStarted("1", 0.0))
    page.wait_for_selector("#status[data-kind=speaking]")
    stage.hub.publish(UtterancePartial("1", Partial("turn on the", "turn on"), 1.0))
    page.locator("#unstable", has_text="the").wait_for()
    assert page.text_content("#stable") == "turn on"
    stage.hub.publish(final("turn on the <b>light", confidence=0.87))
    page.wait_for_selector("#recent li")
    assert page.text_content("#recent .said") == "turn on the <b>light"
    assert page.text_content("#recent .sure") == "87 %"
    assert page.get_attribute("#recent", "aria-live") == "polite"


def test_mute_by_button_and_key(page: Any, stage: Stage) -> None:
    """The page shows what the listener says, not what was pressed."""
    open_page(page, stage)
    page.click("#mute")
    page.wait_for_selector("#status[data-kind=muted]")
    assert stage.control.now.mute_reasons == ("page",)
    assert page.get_attribute("#mute", "aria-pressed") == "true"
    assert page.is_disabled("#talk")
    page.keyboard.press("m")
    page.wait_for_selector("#status[data-kind=ready]")
    assert not stage.control.now.muted


def test_push_to_talk(page: Any, stage: Stage) -> None:
    """By key as well: the whole page works without a mouse."""
    open_page(page, stage)
    page.keyboard.press("t")
    eventually(lambda: ("listen",) in stage.control.told)


def test_level_and_faults_are_shown(page: Any, stage: Stage) -> None:
    """With the remedy, until it works again."""
    open_page(page, stage)
    stage.hub.publish(Level(-30.0, -12.0, 0, speech=True))
    page.locator("#db", has_text="-30 dB").wait_for()
    stage.hub.publish(Fault("microphone-lost", "it is gone", "Plug it in"))
    page.wait_for_selector("#faults li")
    assert "Plug it in" in page.text_content("#faults")
    stage.hub.publish(Recovered("microphone-lost", "it is back"))
    page.wait_for_selector("#faults li", state="detached")


def test_it_finds_back_by_itself(browser: Any) -> None:
    """When the daemon was restarted."""
    page = browser.new_page()
    with running() as stage:
        port = stage.server.port
        open_page(page, stage)
    page.wait_for_selector("#status[data-kind=waiting]")
    with running(port=port):
        page.wait_for_selector("#status[data-kind=ready]", timeout=15_000)
    page.close()


def test_it_asks_for_a_token(browser: Any) -> None:
    """Says when that is wrong, and takes it from a link, which it then forgets."""
    page = browser.new_page()
    with running(token=TOKEN) as stage:
        page.goto(stage.http + "/")
        page.wait_for_selector("#token-form", state="visible")
        page.fill("#token", "wrong-but-long-enough")
        page.keyboard.press("Enter")
        page.locator("#answer", has_text="wrong").wait_for()
        page.goto("about:blank")
        page.goto(f"{stage.http}/#token={TOKEN}")
        page.wait_for_selector("#status[data-kind=ready]")
        assert TOKEN not in page.url
    page.close()


@pytest.mark.parametrize("width", [320, 360, 430, 500, 576, 720])
def test_the_state_stands_beside_the_name(browser: Any, stage: Stage, width: int) -> None:
    """On the right of the first line, also while it says that it saves."""
    page = browser.new_page(viewport={"width": width, "height": 640})
    open_page(page, stage)
    page.evaluate("document.getElementById('saving').hidden = false")
    name, state = (page.locator(one).bounding_box() for one in ("h1", "#status"))
    assert abs(name["y"] + name["height"] / 2 - state["y"] - state["height"] / 2) < 2
    assert state["x"] > name["x"] + name["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()


def test_a_phone_needs_no_scrolling_sideways(browser: Any, stage: Stage) -> None:
    """And its buttons are large enough for a thumb."""
    page = browser.new_page(viewport={"width": 320, "height": 640})
    open_page(page, stage)
    stage.hub.publish(final("supercalifragilisticexpialidocious " * 5))
    page.wait_for_selector("#recent li")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.locator("#mute").bounding_box()["height"] >= 44
    page.close()
