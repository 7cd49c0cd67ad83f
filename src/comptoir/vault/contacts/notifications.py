"""Notifications of what is new on the square, sent to devices: as letters are, and with the same promise (ADR 0025).

Everybody's device is opened for a round, in no order, whether or not there is anything for it; those who want to hear
at once have theirs opened once a day and kept in memory. A device that its service says is gone gets nothing any more,
and is ended on the next Monday with all others of that week: at once, it would say that there was news for somebody. A
service that is slow or fails holds up neither the others nor the round, and nothing is sent a second time. Not here:
what a notification says and who wants one (``counter/letters``), where devices are reached (``subscriptions.py``).
"""

from __future__ import annotations

import collections
import concurrent.futures
import datetime as dt
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec

from comptoir.counter.customers.contracts import CUSTOMER_KIND, NOTIFICATIONS_CHOSEN
from comptoir.counter.letters import composing
from comptoir.counter.letters.composing import DeviceWish, Notification
from comptoir.counter.letters.rules import RHYTHMS, ShopTime
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import SQUARE, VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.contacts import subscriptions, webpush
from comptoir.vault.contacts.contracts import Hidden
from comptoir.vault.contacts.errors import PushServiceUnknown, VaultClosed
from comptoir.vault.contacts.models import Subscription

_log = logging.getLogger("comptoir.vault")
#: A round ends after so long; what has not gone out by then stands on the page.
ROUND_SECONDS_MAX: Final = 300.0
#: So many messages go to one service at the same time; after so many failures in a row it gets no more in a round.
_AT_ONCE: Final = 4
_FAILED_MAX: Final = 5
#: So long a service keeps what it cannot deliver: until the next one may come.
LIFE: Final = {"at_once": dt.timedelta(days=1), "daily": dt.timedelta(days=1), "weekly": dt.timedelta(days=7)}
#: A choice that was just made has its device in a moment.
_SETTLED: Final = dt.timedelta(hours=1)
_T = TypeVar("_T")


class Devices:
    """Devices that were opened for today, each once and again only when it has changed; and those that are gone."""

    def __init__(self) -> None:
        """Start with none."""
        self._day = dt.date.min
        self._opened: dict[uuid.UUID, tuple[int, Hidden[webpush.Subscription]]] = {}
        self._gone: dict[uuid.UUID, int] = {}

    def begin(self, day: dt.date) -> None:
        """Forget where those of another day are reached."""
        if day != self._day:
            self._opened.clear()
            self._day = day

    def of(self, number: uuid.UUID, *, version: int, at: dt.datetime) -> Hidden[webpush.Subscription] | None:
        """Return where a device is reached; opening it goes into the audit chain. Raises :class:`VaultClosed`."""
        known = self._opened.get(number)
        if known is not None and known[0] == version:
            return known[1]
        found = subscriptions.read(number, purpose=subscriptions.PURPOSE, actor="worker", at=at)
        if found is not None:
            self._opened[number] = (version, found)
        return found

    def forget(self, numbers: set[uuid.UUID]) -> None:
        """Forget where these are reached."""
        for number in self._opened.keys() & numbers:
            del self._opened[number]

    def keep_only(self, numbers: set[uuid.UUID]) -> None:
        """Forget where all others are reached."""
        self.forget(self._opened.keys() - numbers)

    def note_gone(self, number: uuid.UUID, version: int) -> None:
        """Remember that a device's service wants nothing more for it, until it is subscribed anew."""
        self._gone[number] = version

    def is_gone(self, number: uuid.UUID, version: int) -> bool:
        """Tell whether it is."""
        return self._gone.get(number) == version

    def take_gone(self) -> dict[uuid.UUID, int]:
        """Return those that are gone, with their versions, and forget that they are."""
        gone, self._gone = self._gone, {}
        return gone


def send_due(time: ShopTime, *, devices: Devices, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Send the rounds of notifications that are due; before, end the devices that nobody wants or that are gone.

    ``devices`` are those that want to hear at once, and all that are gone.
    """
    now = time.now
    devices.begin(time.today)
    subscriptions.end(subscriptions.unwanted(at=now), actor="worker", at=now)
    if composing.begin_round("devices", due_at=time.due_at("weekly"), now=now) is not None:
        end_gone(devices, now=now)
    for rhythm in RHYTHMS:
        between = composing.begin_round(f"devices {rhythm}", due_at=time.due_at(rhythm), now=now)
        wishes = composing.device_wishes([rhythm]) if between is not None else {}
        if between is None or not wishes:
            continue
        try:
            sent = send_round(
                wishes, since=between[0], until=between[1], now=now, should_stop=should_stop,
                opened=devices if rhythm == "at_once" else Devices(), gone=devices,
            )  # fmt: skip
        except VaultClosed as problem:
            _log.warning("no notification can be sent: %s", problem.detail)
            return
        if sent:
            _log.info("%d notifications went out", sent)


def send_round(
    wishes: Mapping[uuid.UUID, DeviceWish],
    *,
    since: uuid.UUID,
    until: uuid.UUID,
    now: dt.datetime,
    opened: Devices,
    gone: Devices | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Send every device in a round how much is new between two events; returns how many services took.

    ``gone`` remembers those that are gone, where that is not ``opened``. Raises :class:`VaultClosed` before anything is
    sent.
    """
    gone = gone or opened
    reached: list[tuple[uuid.UUID, int, Hidden[webpush.Subscription]]] = []
    with entered(VAULT):
        rows = Subscription.objects.filter(id__in=list(wishes)).values_list("id", "customer", "version")
        kept = [(number, version) for number, customer, version in rows if wishes[number].customer == customer]
        for number, version in _shuffled(kept):
            if should_stop():
                return 0
            where = opened.of(number, version=version, at=now)
            if where is not None:
                reached.append((number, version, where))
        opened.keep_only({number for number, _ in kept})
    sending = _Sending(now=now, deadline=time.monotonic() + ROUND_SECONDS_MAX)
    made: dict[tuple[uuid.UUID, str, dt.datetime], Notification | None] = {}
    try:
        for number, version, where in _shuffled(reached):
            if should_stop() or sending.is_over():
                break
            wish = wishes[number]
            key = (wish.person, wish.language, wish.since)
            if key not in made:
                made[key] = composing.notify(wish.person, wish, since=since, until=until)
            notification = made[key]
            if notification is not None and not gone.is_gone(number, version):
                sending.send(number, version, where, notification, wish.rhythm)
        return sending.finish(gone)
    finally:
        sending.close()


def end_gone(devices: Devices, *, now: dt.datetime) -> int:
    """End the devices that are gone, and tell the counter of each that it wants and the vault does not have.

    Returns how many the counter heard of. What cannot be told now is told the next time.
    """
    gone = devices.take_gone()
    with entered(VAULT):
        rows = Subscription.objects.filter(id__in=list(gone)).values_list("id", "version")
        ended = [number for number, version in rows if gone[number] == version]
    subscriptions.end(ended, actor="worker", at=now)
    wishes = composing.device_wishes(RHYTHMS)
    with entered(VAULT):
        kept = set(Subscription.objects.filter(id__in=list(wishes)).values_list("id", flat=True))
    told = 0
    for number, wish in wishes.items():
        if number in kept or (wish.since > now - _SETTLED and number not in ended):
            continue
        try:
            answer = tell(number, wish.customer, "never", language=wish.language, device=wish.device, at=now)
        except Problem as problem:
            _log.warning("the counter was not told of devices that are gone (%s)", problem.name)
            break
        told += answer.problem is None
    return told


def tell(
    number: uuid.UUID, customer: uuid.UUID, rhythm: str, *, language: str, device: str, at: dt.datetime
) -> house.Answer:
    """Tell the counter how often a device wants to hear. Raises what the house's client raises."""
    said = {
        "customer": {"kind": CUSTOMER_KIND, "value": str(customer)}, "subscription": str(number), "rhythm": rhythm,
        "device": device, "language": language,
    }  # fmt: skip
    return house.send(NOTIFICATIONS_CHOSEN, said, touchpoint=house.VAULT, request=uuid.uuid4(), at=at)


class _Sending:
    """A round's messages on their way: a few at a time to each service, none of which waits for another."""

    def __init__(self, *, now: dt.datetime, deadline: float) -> None:
        self._now, self._deadline = now, deadline
        self._subject = addresses.origin_of(SQUARE)
        self._lanes: dict[str, concurrent.futures.ThreadPoolExecutor] = {}
        self._failures: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self._waiting: dict[concurrent.futures.Future[webpush.Fate], tuple[uuid.UUID, int]] = {}

    def is_over(self) -> bool:
        return time.monotonic() > self._deadline

    def send(
        self,
        number: uuid.UUID,
        version: int,
        where: Hidden[webpush.Subscription],
        notification: Notification,
        rhythm: str,
    ) -> None:
        try:
            service = webpush.service_of(where.reveal().endpoint).written
        except PushServiceUnknown:
            return  # the shop knows it no longer
        lane = self._lanes.get(service)
        if lane is None:
            lane = self._lanes[service] = concurrent.futures.ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="push")
        self._waiting[lane.submit(self._push, service, where, notification, rhythm)] = (number, version)

    def _push(
        self, service: str, where: Hidden[webpush.Subscription], notification: Notification, rhythm: str
    ) -> webpush.Fate:
        if self.is_over() or self._failures[service] >= _FAILED_MAX:
            return "failed"
        fate, why = webpush.push(
            where.reveal(), msgspec.json.encode(notification), subject=self._subject, life=LIFE[rhythm],
            urgency="normal" if rhythm == "at_once" else "low", now=self._now,
        )  # fmt: skip
        with self._lock:
            self._failures[service] = self._failures[service] + 1 if fate in {"away", "failed"} else 0
            if self._failures[service] == _FAILED_MAX:
                _log.warning("%s did not take %d notifications in a row (%s)", service, _FAILED_MAX, why)
        return fate

    def finish(self, gone: Devices) -> int:
        """Wait until all have gone out, or the round is over; returns how many services took."""
        sent = 0
        left = max(0.0, self._deadline - time.monotonic())
        for future in concurrent.futures.wait(self._waiting, timeout=left).done:
            fate = future.result()
            sent += fate == "sent"
            if fate == "gone":
                gone.note_gone(*self._waiting[future])
        return sent

    def close(self) -> None:
        for lane in self._lanes.values():
            lane.shutdown(wait=False, cancel_futures=True)


def _shuffled(items: list[_T]) -> list[_T]:
    random.SystemRandom().shuffle(items)
    return items
