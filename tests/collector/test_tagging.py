"""The tagger on a database: who gets which clip, and what becomes of it."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")

from sqlalchemy import delete, select

from stt_service.collector import tagging_next, tagging_votes
from stt_service.collector.database import writing
from stt_service.collector.tables import utterances
from stt_service.collector.tagging import Tagging
from stt_service.collector.tagging_tables import assignments, clips, votes
from stt_service.collector.tagging_votes import Answer
from stt_service.errors import CollectorError
from tests.collector.tagging_stage import Stage, engine, refused, stage

__all__ = ["engine", "stage"]


def test_two_people_agree(stage: Stage) -> None:
    """A clip goes to a second person, and is then decided."""
    name = stage.add(1, text="turn on the light")
    anna, ben, cleo = stage.join(), stage.join(), stage.join()
    assert stage.say(anna, "Turn on the light!") == name
    assert stage.clip(name).state == "open"
    assert stage.next(anna) is None
    assert stage.say(ben, "turn on the light") == name
    clip = stage.clip(name)
    assert (clip.state, clip.text, clip.agree, clip.against) == (
        "valid",
        "turn on the light",
        2,
        0,
    )
    assert stage.next(cleo) is None


def test_a_tie_goes_to_a_third(stage: Stage) -> None:
    """Who decides."""
    name = stage.add(1)
    stage.say(stage.join(), "light on")
    stage.say(stage.join(), "lights on")
    assert stage.clip(name).state == "open"
    stage.say(stage.join(), "lights on")
    assert (stage.clip(name).text, stage.clip(name).against) == ("lights on", 1)


def test_the_owner_has_a_vote(stage: Stage) -> None:
    """The label that came along; the machine's hypothesis has none."""
    corrected = stage.add(1, text="turn on delight", label="Turn on the light")
    heard = stage.add(2, text="turn on the light")
    anna = stage.join()
    for _ in range(2):
        stage.say(anna, "turn on the light")
    assert stage.clip(corrected).state == "valid"
    assert stage.clip(heard).state == "open"


def test_nobody_chooses_their_clip(stage: Stage) -> None:
    """What is in one's hands stays there; another's ticket is none."""
    stage.add(1)
    stage.add(2)
    anna, ben = stage.join(), stage.join()
    ticket, _ = stage.next(anna)
    assert stage.next(anna)[0] == ticket
    stage.next(ben)
    with refused(410):
        stage.tagging.sound(ben, ticket, stage.now)
    with refused(410):
        stage.tagging.vote(ben, Answer(ticket, "text", "x"), stage.now)


def test_a_clip_withdrawn_while_it_is_fetched_has_gone(stage: Stage) -> None:
    """As if it had been a moment earlier; sound that is damaged is another matter."""
    name = stage.add(1)
    anna = stage.join()
    ticket, _ = stage.next(anna)

    def damaged(utterance: str) -> bytes:
        raise CollectorError(f"the sound of {utterance} is damaged")

    def withdrawn(utterance: str) -> bytes:
        with writing(stage.engine) as connection:
            connection.execute(delete(utterances).where(utterances.c.id == name))
        return damaged(utterance)

    with pytest.raises(CollectorError, match="is damaged"):
        Tagging(stage.engine, damaged).sound(anna, ticket, stage.now)
    with refused(410):
        Tagging(stage.engine, withdrawn).sound(anna, ticket, stage.now)


def test_a_clip_is_in_one_hand(stage: Stage) -> None:
    """And free again when it was put aside."""
    stage.add(1)
    anna, ben = stage.join(), stage.join()
    assert stage.next(anna) is not None
    assert stage.next(ben) is None
    stage.now += tagging_next.LEASE_SECONDS + 1
    assert stage.next(ben) is not None


def test_hearing_comes_first(stage: Stage) -> None:
    """A vote counts when the clip can have been heard to its end."""
    stage.add(1, seconds=8.0)
    anna = stage.join()
    ticket, _ = stage.next(anna)
    for wait in (0.0, 2.0):
        with refused(425):
            stage.tagging.vote(anna, Answer(ticket, "text", "x"), stage.now + wait)
        if not wait:
            stage.tagging.sound(anna, ticket, stage.now)
    stage.tagging.vote(anna, Answer(ticket, "text", "x"), stage.now + 4.0)


def test_own_clips_are_not_given(stage: Stage) -> None:
    """To who says which devices are theirs."""
    stage.add(1, pseudonym="a" * 32)
    other = stage.add(2, pseudonym="b" * 32)
    anna = stage.join()
    assert stage.say(anna, "x", "a" * 32) == other
    assert stage.next(anna, "a" * 32) is None
    assert stage.next(anna) is not None


def test_what_teaches_most_comes_first(stage: Stage) -> None:
    """Doubtful ones; and one that waits for its second vote before all others."""
    sure = stage.add(1, confidence=0.99)
    doubtful = stage.add(2, confidence=0.01)
    anna, ben = stage.join(), stage.join()
    assert stage.next(anna)[1] == doubtful
    assert stage.say(ben, "x") == sure
    cleo = stage.join()
    assert stage.next(cleo)[1] == sure


def test_a_skipped_clip_goes_to_others_later(stage: Stage) -> None:
    """And does not come back."""
    first = stage.add(1, confidence=0.3)
    second = stage.add(2, confidence=0.4)
    anna, ben = stage.join(), stage.join()
    assert stage.say(anna, kind="skip") == first
    assert stage.say(anna, "x") == second
    assert stage.next(anna) is None
    assert stage.next(ben)[1] == second
    assert stage.clip(first).voters == 0


def test_reports(stage: Stage) -> None:
    """Two that it is empty; one that it is private."""
    empty = stage.add(1)
    anna, ben = stage.join(), stage.join()
    stage.say(anna, kind="report", reason="empty")
    stage.say(ben, kind="report", reason="empty")
    assert stage.clip(empty).state == "invalid"
    private = stage.add(2)
    stage.say(anna, kind="report", reason="private")
    assert stage.clip(private).state == "invalid"


@pytest.mark.parametrize(
    "wrong", [Answer("", "text", ""), Answer("", "text", "at 7"), Answer("", "report")]
)
def test_answers_that_cannot_count(stage: Stage, wrong: Answer) -> None:
    """Are refused, with what to do."""
    stage.add(1)
    anna = stage.join()
    ticket, _ = stage.next(anna)
    stage.hear(anna, ticket)
    with refused(422):
        stage.tagging.vote(anna, Answer(ticket, wrong.kind, wrong.text, wrong.reason), stage.now)


def test_an_answer_can_be_changed(stage: Stage) -> None:
    """For a while; figures count a clip once."""
    name = stage.add(1)
    anna, ben = stage.join(), stage.join()
    ticket, _ = stage.next(anna)
    stage.hear(anna, ticket)
    stage.tagging.vote(anna, Answer(ticket, "text", "wrong"), stage.now)
    assert stage.tagging.vote(anna, Answer(ticket, "text", "right"), stage.now) == (1, 1)
    stage.say(ben, "right")
    assert stage.clip(name).state == "valid"
    stage.now += tagging_next.UNDO_SECONDS + 60
    stage.next(anna)
    with refused(410):
        stage.tagging.vote(anna, Answer(ticket, "text", "again"), stage.now)


def test_a_withdrawal_takes_all_along(stage: Stage) -> None:
    """The clip, what was said of it, and whose hands it was in."""
    name = stage.add(1)
    anna, ben = stage.join(), stage.join()
    stage.say(anna, "x")
    ticket, _ = stage.next(ben)
    with stage.engine.begin() as connection:
        connection.execute(delete(utterances).where(utterances.c.id == name))
    with stage.engine.connect() as connection:
        for table in (clips, votes, assignments):
            assert connection.execute(select(table)).all() == []
    with refused(410):
        stage.tagging.vote(ben, Answer(ticket, "text", "x"), stage.now)
    assert stage.next(anna) is None


def test_new_utterances_are_found_in_any_order(stage: Stage) -> None:
    """Transactions of several processes do not end in the order of their numbers."""
    stage.add(50)
    late = stage.add(7)
    assert stage.clip(late).state == "open"


def test_a_wide_window_finds_everything(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has seen what stands first gets what stands further back."""
    monkeypatch.setattr(tagging_next, "WINDOW", 3)
    names = {stage.add(number, confidence=number / 20) for number in range(12)}
    anna, ben = stage.join(), stage.join()
    assert {stage.say(anna, f"a{chr(97 + number)}") for number in range(12)} == names
    monkeypatch.setattr(tagging_next, "WINDOW", 12)
    assert {stage.say(ben, f"b{chr(97 + number)}") for number in range(12)} == names


def test_two_at_once_do_not_miss_each_other(stage: Stage) -> None:
    """Random people, random order: each clip comes to what its votes come to."""
    chance = random.Random(1)
    names = [stage.add(number) for number in range(6)]
    keys = [stage.join() for _ in range(4)]
    for _ in range(24):
        key = chance.choice(keys)
        if stage.next(key) is not None:
            stage.say(key, chance.choice(["light on", "lights on"]))
    with stage.engine.begin() as connection:
        before = connection.execute(select(clips).order_by(clips.c.utterance)).all()
        tagging_votes.rejudge(connection, names)
        after = connection.execute(select(clips).order_by(clips.c.utterance)).all()
    assert [tuple(one)[:4] for one in before] == [tuple(one)[:4] for one in after]
