"""Several people tag while contributors withdraw: nothing is missed, nothing fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")

from sqlalchemy import delete, select

from stt_service.collector import tagging_next, tagging_votes
from stt_service.collector.database import writing
from stt_service.collector.tables import utterances
from stt_service.collector.tagging_people import TaggerError
from stt_service.collector.tagging_tables import clips, votes
from stt_service.collector.tagging_votes import Answer
from tests.collector.tagging_stage import Stage, engine, stage

__all__ = ["engine", "stage"]

CLIPS, PEOPLE = 16, 3


def tag(stage: Stage, key: str, own: int) -> None:
    """Answer all clips that somebody is given; some are withdrawn meanwhile."""
    now = stage.now
    for turn in range(CLIPS):
        offer = stage.tagging.next(key, (), now)
        if offer is None:
            return
        try:
            stage.tagging.sound(key, offer.ticket, now)
            now += 10.0
            text = "light on" if (turn + own) % 4 else "lights on"
            stage.tagging.vote(key, Answer(offer.ticket, "text", text), now)
        except TaggerError as error:
            if error.status != 410:
                raise


def withdraw(stage: Stage, names: list[str]) -> None:
    for name in names:
        with writing(stage.engine) as connection:
            connection.execute(delete(utterances).where(utterances.c.id == name))


@pytest.mark.slow
def test_people_and_withdrawals_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each verdict is that of the votes that are there; what was withdrawn left nothing."""
    monkeypatch.setattr(tagging_next, "LEASE_SECONDS", -1)  # all get the same clips
    names = [stage.add(number) for number in range(CLIPS)]
    keys = [stage.join() for _ in range(PEOPLE)]
    with ThreadPoolExecutor() as pool:
        done = [pool.submit(tag, stage, key, at) for at, key in enumerate(keys)]
        done.append(pool.submit(withdraw, stage, names[::3]))
    for one in done:
        one.result()
    with stage.engine.begin() as connection:
        query = select(clips.c.utterance, clips.c.state, clips.c.text, clips.c.voters)
        before = connection.execute(query.order_by(clips.c.utterance)).all()
        tagging_votes.rejudge(connection, [one.utterance for one in before])
        assert connection.execute(query.order_by(clips.c.utterance)).all() == before
        left = set(connection.execute(select(votes.c.utterance)).scalars())
    assert {one.utterance for one in before} == set(names) - set(names[::3])
    assert left <= {one.utterance for one in before}
