"""Fan-out of what was heard to everybody who wants to know, and nobody delays anybody.

    any thread ──publish──► Hub ──► Subscription (a bounded queue) ──take──► one client

A subscriber that does not keep up is cut off at the limit of its queue: what has not been
delivered to it is dropped and counted, and it may subscribe again. A late joiner asks
:meth:`stt_service.listener.api.Control.state` for the present, after it has subscribed, so that
it misses nothing in between.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from stt_service.closing import Closing
from stt_service.events import LiveEvent

logger = logging.getLogger(__name__)

DEFAULT_LIMIT = 256
"""Events that may wait for one subscriber. Speech makes about 20 a second with levels and
partials, so this is what a client may sleep over (12 s) before it is cut off."""


@dataclass(frozen=True, slots=True)
class HubCounts:
    """What has happened in a hub so far, for metrics."""

    published: int
    """Events."""
    subscribers: int
    """Subscriptions open now."""
    cut_off: int
    """Subscriptions ended because their queue was full."""
    dropped: int
    """Events that had been queued for those and were not delivered."""


class Hub:
    """Hands every event to every subscription. Any thread may call anything; nothing waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._published = 0
        self._cut_off = 0
        self._dropped = 0

    def publish(self, event: LiveEvent) -> None:
        """Queue an event for all who want its kind, in one order for all of them."""
        waking: list[Subscription] = []
        with self._lock:
            self._published += 1
            for subscription in self._subscriptions:
                if not subscription.wants(event):
                    continue
                queue = subscription.queue
                if len(queue) >= subscription.limit:
                    self._cut(subscription)
                    waking.append(subscription)
                    continue
                queue.append(event)
                if len(queue) == 1:
                    waking.append(subscription)
        for subscription in waking:
            self._wake(subscription)

    def subscribe(
        self,
        wake: Callable[[], None],
        limit: int = DEFAULT_LIMIT,
        *,
        kinds: tuple[type[LiveEvent], ...] | None = None,
    ) -> Subscription:
        """Begin to queue events; those of ``kinds`` only, where given.

        ``wake`` is called by the publisher's thread whenever the queue turns from empty to not,
        and when the subscription is cut off. It must return at once:
        ``lambda: loop.call_soon_threadsafe(ready.set)`` is what an asyncio server wants. When it
        raises :exc:`RuntimeError`, as a closed loop does, the subscription ends.
        """
        subscription = Subscription(self, wake, limit, kinds)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def counts(self) -> HubCounts:
        """Return the figures now."""
        with self._lock:
            subscribers = len(self._subscriptions)
            return HubCounts(self._published, subscribers, self._cut_off, self._dropped)

    def take(self, subscription: Subscription) -> list[LiveEvent]:
        """Empty a subscription's queue; see :meth:`Subscription.take`."""
        with self._lock:
            events = list(subscription.queue)
            subscription.queue.clear()
            return events

    def end(self, subscription: Subscription) -> None:
        """Forget a subscription; see :meth:`Subscription.close`."""
        with self._lock:
            self._remove(subscription)
            subscription.queue.clear()

    def _cut(self, subscription: Subscription) -> None:
        self._remove(subscription)
        subscription.overflowed = True
        subscription.dropped = len(subscription.queue) + 1
        subscription.queue.clear()
        self._cut_off += 1
        self._dropped += subscription.dropped

    def _remove(self, subscription: Subscription) -> None:
        self._subscriptions = tuple(one for one in self._subscriptions if one is not subscription)

    def _wake(self, subscription: Subscription) -> None:
        try:
            subscription.wake()
        except RuntimeError as error:
            logger.info("a subscriber has gone without closing: %s", error)
            self.end(subscription)


class Subscription(Closing):
    """One subscriber's queue. Made by :meth:`Hub.subscribe`; its hub's lock guards it."""

    def __init__(
        self,
        hub: Hub,
        wake: Callable[[], None],
        limit: int,
        kinds: tuple[type[LiveEvent], ...] | None,
    ) -> None:
        if limit < 1:
            raise ValueError("a queue holds at least one event")
        self._hub = hub
        self._kinds = kinds
        self.wake = wake
        self.limit = limit
        self.queue: deque[LiveEvent] = deque()
        self.overflowed = False
        """The queue was full, and nothing comes any more."""
        self.dropped = 0
        """Events that were lost when it overflowed; later ones are not counted."""

    def wants(self, event: LiveEvent) -> bool:
        """Return whether the event is of a kind subscribed to."""
        return self._kinds is None or isinstance(event, self._kinds)

    def take(self) -> list[LiveEvent]:
        """Return all that waits, oldest first; nothing after an overflow or :meth:`close`."""
        return self._hub.take(self)

    def close(self) -> None:
        """End the subscription and forget what waits. Harmless when already closed."""
        self._hub.end(self)
