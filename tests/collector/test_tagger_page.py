"""The tagger in a real Chromium: by keyboard alone, on a phone, and what must not be possible."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")

from playwright.sync_api import sync_playwright
from sqlalchemy import Engine, select

from stt_service.collector import dataset_manifest as manifests
from stt_service.collector import tagging_next
from stt_service.collector.dataset_database import DatabaseSource
from stt_service.collector.dataset_export import Plan, export
from stt_service.collector.dataset_refresh import refresh, since
from stt_service.collector.dataset_remote import fetch
from stt_service.collector.dataset_verify import verify
from stt_service.collector.tagging_tables import clips, votes
from tests.collector.databases import databases
from tests.collector.tagger_stage import TaggerStage, tagger

engine = databases
CHROMIUM = shutil.which("chromium")
SCREENSHOTS = os.environ.get("STT_SCREENSHOTS")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--autoplay-policy=user-gesture-required"],
        )
        yield browser
        browser.close()


@pytest.fixture
def stage(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TaggerStage]:
    monkeypatch.setattr(tagging_next, "gold_chance", lambda _: 0.0)
    with tagger(engine, tmp_path / "objects") as one:
        yield one


@pytest.fixture
def person(browser: Any, stage: TaggerStage) -> Iterator[Any]:
    """Return a maker of people: each has a browser of their own, and has joined."""
    contexts = []
    complaints: list[str] = []
    strangers: list[str] = []

    def make(*, joined: bool = True, autoplay: bool = False, **more: Any) -> Any:
        context = browser.new_context(**more)
        contexts.append(context)
        if not autoplay:
            context.add_init_script("localStorage.setItem('tagger-autoplay', 'no')")
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda one: strangers.append(one.url))
        page.goto(stage.url)
        if joined:
            page.locator("#code").wait_for()
            page.keyboard.type(stage.invite())
            page.keyboard.press("Enter")
            page.wait_for_selector("#more", state="visible")
        return page

    yield make
    for context in contexts:
        context.close()
    # A refusal is an answer; Chromium writes it down all the same.
    assert [one for one in complaints if "a status of 4" not in one] == []
    assert [url for url in strangers if not url.startswith((stage.url, "blob:"))] == []


def shoot(page: Any, name: str) -> None:
    """Take a picture where somebody wants to look at them."""
    if SCREENSHOTS:
        page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"), full_page=True)


def heard(page: Any) -> None:
    """Wait until the clip was played to its end."""
    page.wait_for_selector("#skip:enabled")


def listen(page: Any) -> None:
    """Play the clip to its end, by keyboard."""
    page.wait_for_selector("#play:enabled")
    page.keyboard.press("Space")
    heard(page)


def eventually_next(page: Any, before: str) -> None:
    """Wait for another clip, or for none."""
    page.wait_for_function(
        "before => !document.getElementById('none').hidden"
        " || document.getElementById('figures').textContent !== before",
        arg=before,
    )
    page.wait_for_selector("#undo:enabled", state="attached")


def by_keyboard(page: Any) -> None:
    """Hear and confirm one clip without a mouse."""
    before = page.text_content("#figures")
    page.wait_for_selector("#play:enabled")
    if not page.is_checked("#autoplay"):
        page.keyboard.press("Space")
    heard(page)
    page.keyboard.press("Enter")
    eventually_next(page, before)


def test_a_round_by_keyboard(person: Any, stage: TaggerStage) -> None:
    """Join, hear, confirm; write what was said otherwise; report; undo."""
    names = [stage.add(number, text=f"turn on lamp {'ab'[number]}") for number in range(2)]
    anna = person()
    assert anna.is_disabled("#send")
    assert anna.text_content("#wait") == "Hear it to the end first."
    shoot(anna, "tagger-to-hear")
    listen(anna)
    assert anna.text_content("#send-text") == "It is right"
    anna.keyboard.press("e")
    anna.keyboard.type(" please")
    assert anna.text_content("#send-text") == "Send my text"
    shoot(anna, "tagger-heard")
    before = anna.text_content("#figures")
    first = anna.input_value("#text")
    anna.keyboard.press("Enter")
    eventually_next(anna, before)
    listen(anna)
    anna.keyboard.press("r")
    shoot(anna, "tagger-report")
    anna.keyboard.press("Escape")
    assert anna.get_attribute("#report", "aria-expanded") == "false"
    anna.keyboard.press("r")
    anna.keyboard.press("2")
    anna.wait_for_selector("#none", state="visible")
    shoot(anna, "tagger-none")
    with stage.engine.connect() as connection:
        said = {one.utterance: one for one in connection.execute(select(votes))}
    assert said.keys() == set(names)
    assert {one.kind for one in said.values()} == {"text", "report"}
    assert first in {one.text for one in said.values()}
    assert {one.reason for one in said.values()} == {None, "empty"}


def test_undo_brings_the_last_clip_back(person: Any, stage: TaggerStage) -> None:
    """Its text as it was given; another answer replaces it."""
    for number in range(2):
        stage.add(number)
    anna = person()
    by_keyboard(anna)
    anna.keyboard.press("u")
    anna.locator("#status", has_text="The last clip again").wait_for()
    anna.keyboard.press("e")
    anna.keyboard.type(" please")
    before = anna.text_content("#figures")
    anna.keyboard.press("Enter")
    anna.locator("#status", has_text="A clip to hear").wait_for()
    assert anna.text_content("#figures") == before
    with stage.engine.connect() as connection:
        assert connection.execute(select(votes.c.text)).scalars().all() == [
            "turn on the light please"
        ]


@pytest.mark.slow
def test_from_voices_to_a_dataset_and_back(person: Any, stage: TaggerStage, tmp_path: Path) -> None:
    """Two people tag thirty clips by keyboard; they are exported; one is withdrawn and gone."""
    names = [
        stage.add(
            number,
            seconds=0.3,
            deletion_sha256=hashlib.sha256(f"token {number}".encode()).hexdigest(),
            scope="upload" if number == 7 else "publish",
        )
        for number in range(30)
    ]
    anna = person(autoplay=True)
    for _ in range(30):
        by_keyboard(anna)
    assert anna.text_content("#goal-text") == "Today: 30 of 30"
    shoot(anna, "tagger-done")
    ben = person(autoplay=True)
    for _ in range(30):
        by_keyboard(ben)
    ben.wait_for_selector("#none", state="visible")
    with stage.engine.connect() as connection:
        states = connection.execute(select(clips.c.state)).scalars().all()
    assert states == ["valid"] * 30
    source = DatabaseSource(stage.engine, stage.everything.objects)
    plan = Plan(collector=stage.root)
    export(tmp_path / "first", source, plan)
    assert exported(tmp_path / "first") == {*names} - {names[7]}
    stage.everything.removal.delete(names[3], "token 3")
    export(tmp_path / "second", source, plan)
    assert exported(tmp_path / "second") == {*names} - {names[7], names[3]}
    first = manifests.read(tmp_path / "first")
    assert refresh(tmp_path / "first", fetch(stage.root, since(first))) == 1
    assert exported(tmp_path / "first") == {*names} - {names[7], names[3]}


def exported(folder: Path) -> set[str]:
    """Return the clips of a dataset that is as it should be."""
    assert list(verify(folder)) == []
    assert {path.stem for path in folder.rglob("*.flac")} == {
        row["id"] for row in manifests.read_clips(folder)
    }
    return {path.stem for path in folder.rglob("*.flac")}


def test_single_keys_can_be_switched_off(person: Any, stage: TaggerStage) -> None:
    """For those who speak to their computer; in the text letters are letters anyway."""
    stage.add(1)
    anna = person()
    listen(anna)
    anna.keyboard.press("e")
    anna.keyboard.type(" surely")
    assert anna.input_value("#text").endswith(" surely")
    anna.keyboard.press("Escape")
    anna.locator("#more summary").click()
    anna.uncheck("#shortcuts")
    anna.locator("#play").focus()
    anna.keyboard.press("s")
    anna.wait_for_timeout(100)
    with stage.engine.connect() as connection:
        assert connection.execute(select(votes)).all() == []


def test_it_says_what_is_wrong(person: Any, stage: TaggerStage) -> None:
    """An invitation that is none; a number in digits."""
    stage.add(1)
    anna = person(joined=False)
    anna.keyboard.type("no-such-invitation")
    anna.keyboard.press("Enter")
    anna.locator("#fault", has_text="invitation is unknown").wait_for()
    shoot(anna, "tagger-join")
    anna.fill("#code", stage.invite())
    anna.keyboard.press("Enter")
    listen(anna)
    anna.fill("#text", "at 7")
    anna.keyboard.press("Enter")
    anna.locator("#fault", has_text="numbers as words").wait_for()


def test_a_key_goes_to_another_browser(person: Any, stage: TaggerStage) -> None:
    """The same person still: what one has said is not asked of the other."""
    stage.add(1)
    anna = person()
    by_keyboard(anna)
    anna.wait_for_selector("#none", state="visible")
    key = anna.input_value("#key")
    again = person(joined=False)
    again.fill("#code", key)
    again.keyboard.press("Enter")
    again.wait_for_selector("#none", state="visible")
    again.locator("#more summary").click()
    again.click("#leave")
    again.wait_for_selector("#join", state="visible")
    assert again.evaluate("localStorage.getItem('tagger-key')") is None


def test_a_phone_needs_no_scrolling_sideways(person: Any, stage: TaggerStage) -> None:
    """And its buttons are large enough for a thumb."""
    stage.add(1, text="supercalifragilisticexpialidocious " * 3)
    phone = person(viewport={"width": 320, "height": 640}, has_touch=True)
    phone.wait_for_selector("#play:enabled")
    assert phone.evaluate("document.documentElement.scrollWidth") == 320
    for name in ("#play", "#speed", "#send", "#skip", "#report", "#undo"):
        assert phone.locator(name).bounding_box()["height"] >= 44
    phone.tap("#play")
    heard(phone)
    phone.tap("#report")
    assert phone.evaluate("document.documentElement.scrollWidth") == 320
    shoot(phone, "tagger-phone")


def test_everything_has_a_name_for_screen_readers(person: Any, stage: TaggerStage) -> None:
    """Each control that can be seen; and what changes is said."""
    stage.add(1)
    anna = person()
    anna.wait_for_selector("#play:enabled")
    anna.locator("#more summary").click()
    nameless = anna.evaluate(
        """() => [...document.querySelectorAll('button, input, select, textarea, progress')]
            .filter((one) => one.checkVisibility())
            .filter((one) => !(one.getAttribute('aria-label') || one.labels?.length
                || (one.matches('button') && one.textContent.trim())))
            .map((one) => one.id)"""
    )
    assert nameless == []
    assert anna.get_attribute("#status", "aria-live") == "polite"
    assert anna.get_attribute("#fault", "role") == "alert"
    shoot(anna, "tagger-more")


def test_a_dark_page(person: Any, stage: TaggerStage) -> None:
    """For those who like it."""
    stage.add(1, seconds=2.0)
    anna = person(color_scheme="dark")
    anna.wait_for_selector("#play:enabled")
    shoot(anna, "tagger-dark")
    ground = anna.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(16, 21, 19)"
