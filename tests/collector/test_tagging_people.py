"""People who tag: invitations, keys, known clips, whose votes count."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")

from sqlalchemy import select

from stt_service.collector import tagging_next
from stt_service.collector.tagging_people import INVITATION_DAYS
from stt_service.collector.tagging_rules import GOLD_LEAST
from stt_service.collector.tagging_tables import invitations, taggers
from stt_service.collector.tagging_votes import Answer
from tests.collector.tagging_stage import Stage, engine, refused, stage

__all__ = ["engine", "stage"]


def test_sessions_are_not_people(stage: Stage) -> None:
    """The same key in two browsers is one person; an invitation makes one key."""
    name = stage.add(1)
    code = stage.tagging.invite(stage.now)
    key = stage.tagging.join(code, stage.now)
    with refused(403):
        stage.tagging.join(code, stage.now)
    first, second = stage.next(key), stage.next(key)
    assert first == second
    stage.hear(key, first[0])
    for _ in range(3):
        stage.tagging.vote(key, Answer(first[0], "text", "light on"), stage.now)
    assert (stage.clip(name).state, stage.clip(name).voters) == ("open", 1)


def test_invitations_end(stage: Stage) -> None:
    """Unknown, used and old ones alike."""
    code = stage.tagging.invite(stage.now)
    with refused(403):
        stage.tagging.join("12345", stage.now)
    with refused(403):
        stage.tagging.join(code, stage.now + INVITATION_DAYS * 86_400 + 1)


def test_invitations_are_forgiving(stage: Stage) -> None:
    """They are typed from paper."""
    code = stage.tagging.invite(stage.now)
    assert len(stage.tagging.join(f" {code.upper().replace('-', ' ')} ", stage.now)) == 64


def test_nothing_secret_is_kept(stage: Stage) -> None:
    """Neither keys nor invitations: who reads the database cannot vote."""
    code = stage.tagging.invite(stage.now).replace("-", "")
    key = stage.join()
    with stage.engine.connect() as connection:
        kept = str(connection.execute(select(taggers)).all())
        kept += str(connection.execute(select(invitations)).all())
    assert key not in kept
    assert code not in kept


def make_known(stage: Stage, count: int) -> list[str]:
    """Have a reference and another agree on clips."""
    host, friend = stage.join(reference=True), stage.join()
    names = [stage.add(100 + number) for number in range(count)]
    for _ in names:
        stage.say(host, "known text")
        stage.say(friend, "known text")
    assert all(stage.clip(name).gold for name in names)
    return names


def test_known_clips_measure_taggers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gets them wrong does not count any more, for what was said before neither."""
    known = make_known(stage, GOLD_LEAST)
    name = stage.add(1)
    careless = stage.join()
    stage.say(careless, "nonsense")
    assert stage.clip(name).voters == 1
    monkeypatch.setattr(tagging_next, "gold_chance", lambda _: 1.0)
    for _ in known:
        assert stage.say(careless, "nonsense") in known
    figures = stage.tagger(careless)
    assert (figures.right, figures.wrong, figures.counts) == (0, GOLD_LEAST, False)
    assert stage.clip(name).voters == 0
    assert all(stage.clip(one).text == "known text" for one in known)


def test_who_is_right_keeps_counting(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not given the same known clip twice."""
    known = make_known(stage, GOLD_LEAST)
    careful = stage.join()
    monkeypatch.setattr(tagging_next, "gold_chance", lambda _: 1.0)
    assert {stage.say(careful, "Known text.") for _ in known} == set(known)
    assert stage.tagger(careful).counts
    assert stage.next(careful) is None


def test_a_known_clip_can_be_private(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is known no more, and who says so is not measured by it."""
    (known,) = make_known(stage, 1)
    anna = stage.join()
    monkeypatch.setattr(tagging_next, "gold_chance", lambda _: 1.0)
    assert stage.say(anna, kind="report", reason="private") == known
    assert (stage.clip(known).state, stage.clip(known).gold) == ("invalid", False)
    assert (stage.tagger(anna).right, stage.tagger(anna).wrong) == (0, 0)


def test_a_reference_alone_makes_no_known_clip(stage: Stage) -> None:
    """Somebody has to agree; and what others agree on is known to nobody in particular."""
    name = stage.add(1)
    stage.say(stage.join(reference=True), "light off")
    assert not stage.clip(name).gold
    stage.say(stage.join(), "light on")
    stage.say(stage.join(), "light on")
    assert (stage.clip(name).state, stage.clip(name).gold) == ("valid", False)


def test_barring_takes_votes_back(stage: Stage) -> None:
    """And a key; letting in again gives them back."""
    name = stage.add(1)
    anna, ben = stage.join(), stage.join()
    stage.say(anna, "x")
    stage.say(ben, "x")
    number = stage.tagger(anna).number
    assert stage.tagging.set_barred(number, barred=True) == 1
    assert stage.clip(name).state == "open"
    with refused(403):
        stage.next(anna)
    stage.tagging.set_barred(number, barred=False)
    assert stage.clip(name).state == "valid"
    with refused(404):
        stage.tagging.set_barred(99, barred=True)


def test_progress(stage: Stage) -> None:
    """For who asks, and for all."""
    stage.add(1, seconds=2.0)
    stage.add(2, seconds=3.0)
    anna, ben = stage.join(), stage.join()
    for text in ("x", "y"):
        stage.say(anna, text)
    for text in ("x", "y"):
        stage.say(ben, text)
    you, everybody = stage.tagging.progress(anna, stage.now)
    assert (you.today, you.tagged) == (2, 2)
    assert everybody.taggers == 2
    assert everybody.valid + everybody.open == 2
    assert you.settled == everybody.valid == you.agreed
