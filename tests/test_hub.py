"""The hub: all events in one order to all who keep up, and nobody waits for the others."""

from __future__ import annotations

import threading

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stt_service.events import Fault, LiveEvent, MuteChanged, Recovered
from stt_service.hub import Hub, Subscription


def event(number: int) -> LiveEvent:
    return Recovered(str(number), "")


def ignore() -> None:
    pass


def test_everybody_gets_everything_in_order() -> None:
    """Taking empties the queue."""
    hub = Hub()
    first, second = hub.subscribe(ignore), hub.subscribe(ignore)
    hub.publish(event(1))
    assert first.take() == [event(1)]
    hub.publish(event(2))
    assert first.take() == [event(2)]
    assert second.take() == [event(1), event(2)]
    assert second.take() == []


def test_wake_comes_when_the_queue_turns_non_empty() -> None:
    """And not for each event: a sleeping client costs nothing."""
    hub, calls = Hub(), []
    subscription = hub.subscribe(lambda: calls.append("wake"))
    hub.publish(event(1))
    hub.publish(event(2))
    assert calls == ["wake"]
    subscription.take()
    hub.publish(event(3))
    assert calls == ["wake", "wake"]


def test_a_stuck_subscriber_is_cut_off_and_the_others_lose_nothing() -> None:
    """It is told once more, so that its server can close the connection."""
    hub, calls = Hub(), []
    stuck = hub.subscribe(lambda: calls.append("wake"), limit=2)
    good = hub.subscribe(ignore, limit=10)
    for number in range(4):
        hub.publish(event(number))
    assert (stuck.overflowed, stuck.dropped, stuck.take()) == (True, 3, [])
    assert calls == ["wake", "wake"]
    assert good.take() == [event(number) for number in range(4)]
    counts = hub.counts()
    assert (counts.published, counts.subscribers, counts.cut_off, counts.dropped) == (4, 1, 1, 3)


def test_only_the_kinds_asked_for_arrive() -> None:
    """Others neither wake nor fill the queue."""
    hub, calls = Hub(), []
    subscription = hub.subscribe(lambda: calls.append("wake"), kinds=(Fault, MuteChanged), limit=1)
    hub.publish(event(1))
    assert calls == []
    hub.publish(Fault("model", "gone"))
    assert subscription.take() == [Fault("model", "gone")]


def test_a_subscriber_whose_loop_is_closed_is_forgotten() -> None:
    """Its death reaches nobody, the publisher least of all."""

    def closed() -> None:
        raise RuntimeError("Event loop is closed")

    hub = Hub()
    hub.subscribe(closed)
    good = hub.subscribe(ignore)
    hub.publish(event(1))
    assert good.take() == [event(1)]
    assert hub.counts().subscribers == 1


def test_a_wake_may_use_the_hub() -> None:
    """It is called outside of the lock."""
    hub = Hub()
    subscription: Subscription = hub.subscribe(lambda: subscription.close())  # noqa: PLW0108 -- not yet bound
    hub.publish(event(1))
    assert hub.counts().subscribers == 0


def test_a_queue_holds_something() -> None:
    """A limit of nothing would cut off everybody at once."""
    with pytest.raises(ValueError, match="at least one"):
        Hub().subscribe(ignore, limit=0)


def test_threads_publish_in_one_order_for_all() -> None:
    """Whatever their interleaving, two subscribers see the same one."""
    hub = Hub()
    first, second = hub.subscribe(ignore, 10_000), hub.subscribe(ignore, 10_000)
    threads = [
        threading.Thread(
            target=lambda base: [hub.publish(event(base + n)) for n in range(500)], args=(base,)
        )
        for base in (0, 1000, 2000)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = first.take()
    assert seen == second.take()
    assert len(seen) == 1500


class HubMachine(RuleBasedStateMachine):
    """A hub against a model of it: lists."""

    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub()
        self.number = 0
        self.open: list[tuple[Subscription, list[LiveEvent], list[int]]] = []

    @rule(limit=st.integers(1, 4))
    def subscribe(self, limit: int) -> None:
        wakes: list[int] = []
        subscription = self.hub.subscribe(lambda: wakes.append(1), limit)
        self.open.append((subscription, [], wakes))

    @rule()
    def publish(self) -> None:
        self.number += 1
        self.hub.publish(event(self.number))
        for subscription, expected, _ in self.open:
            if not subscription.overflowed:
                expected.append(event(self.number))
            else:
                expected.clear()

    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        if self.open:
            subscription, expected, _ = data.draw(st.sampled_from(self.open))
            assert subscription.take() == expected
            expected.clear()

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        if self.open:
            one = data.draw(st.sampled_from(self.open))
            one[0].close()
            assert one[0].take() == []
            self.open.remove(one)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert all(len(one[0].queue) <= one[0].limit for one in self.open)
        live = sum(not one[0].overflowed for one in self.open)
        assert self.hub.counts().subscribers == live

    @invariant()
    def whoever_has_something_was_woken(self) -> None:
        assert all(wakes for _, expected, wakes in self.open if expected)


TestHubMachine = HubMachine.TestCase
