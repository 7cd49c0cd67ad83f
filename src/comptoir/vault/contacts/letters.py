"""Letters of the square, sent: the vault adds the address to what the counter made, for a moment, in memory.

Who is written to on a day could be told from whose address was opened, and so, day by day, which public name somebody
has: news comes to names in public. Therefore the address of everybody who wants letters is opened for a round, whether
or not there is anything for them, and in no order; the audit chain says no more than that they want letters. For those
who want them at once that is done once a day, and kept in memory until the day is over. Why so: ADR 0025. Not here:
what a letter says and who wants one (``counter/letters``).
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import uuid
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from comptoir.counter.customers import queries as customers
from comptoir.counter.letters import composing
from comptoir.counter.letters.composing import Wish
from comptoir.counter.letters.rules import RHYTHMS, ShopTime
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import delivery, queries
from comptoir.vault.contacts.contracts import Hidden
from comptoir.vault.contacts.errors import NotDelivered, VaultClosed
from comptoir.vault.contacts.models import Index, Piece

_log = logging.getLogger("comptoir.vault")
PURPOSE: Final = "letters of the square"
_PORTION: Final = 1_000
#: After so many letters in a row that the mail server does not take, the rest of a round is let go.
_FAILED_MAX: Final = 20
_T = TypeVar("_T")


class Addresses:
    """Addresses that were opened for today: each once, and again only when it has changed."""

    def __init__(self) -> None:
        """Start with none."""
        self._day = dt.date.min
        self._opened: dict[uuid.UUID, tuple[int, Hidden[str]]] = {}

    def begin(self, day: dt.date) -> None:
        """Forget those of another day."""
        if day != self._day:
            self._opened.clear()
            self._day = day

    def of(self, user: uuid.UUID, *, version: int, at: dt.datetime) -> Hidden[str] | None:
        """Return somebody's address; opening it goes into the audit chain. Raises :class:`VaultClosed`."""
        known = self._opened.get(user)
        if known is not None and known[0] == version:
            return known[1]
        found = queries.read(user, fields=["email"], purpose=PURPOSE, actor="worker", at=at).email
        if found is None:
            self._opened.pop(user, None)
        else:
            self._opened[user] = (version, found)
        return found

    def keep_only(self, users: set[uuid.UUID]) -> None:
        """Forget those of whoever wants no letters any more, or has no address."""
        for user in self._opened.keys() - users:
            del self._opened[user]


def send_due(time: ShopTime, *, addresses: Addresses, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Send the rounds of letters that are due; ``addresses`` are those of whoever wants them at once."""
    addresses.begin(time.today)
    for rhythm in RHYTHMS:
        between = composing.begin_round(rhythm, due_at=time.due_at(rhythm), now=time.now)
        wishes = composing.wishes([rhythm]) if between is not None else {}
        if between is None or not wishes:
            continue
        try:
            sent = send_round(
                wishes, since=between[0], until=between[1], now=time.now, should_stop=should_stop,
                addresses=addresses if rhythm == "at_once" else Addresses(),
            )  # fmt: skip
        except VaultClosed as problem:
            _log.warning("no letter can be sent: %s", problem.detail)
            return
        if sent:
            _log.info("%d letters went out", sent)


def send_round(
    wishes: dict[uuid.UUID, Wish],
    *,
    since: uuid.UUID,
    until: uuid.UUID,
    now: dt.datetime,
    addresses: Addresses,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Send everybody in a round what is new for them between two events; returns how many letters went out.

    Raises :class:`VaultClosed` before anything is sent.
    """
    with entered(VAULT):
        wanting = dict(_wanting(wishes, should_stop))
        opened = {}
        for user, (person, version) in _shuffled(list(wanting.items())):
            address = addresses.of(user, version=version, at=now)
            if address is not None:
                opened[person] = address
        addresses.keep_only(set(wanting))
    sent = failed = 0
    for person, address in _shuffled(list(opened.items())):
        if should_stop() or failed >= _FAILED_MAX:
            break
        letter = composing.compose(person, wishes[person], since=since, until=until)
        if letter is None:
            continue
        # RFC 8058: one click of a mail program ends the letters.
        headers = {
            "List-Unsubscribe": f"<{letter.stop_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        }
        try:
            delivery.send(address, subject=letter.subject, text=letter.text, headers=headers)
        except NotDelivered:
            failed += 1
        else:
            sent, failed = sent + 1, 0
    if failed:
        _log.warning("the mail server did not take %d letters in a row", failed)
    return sent


def _wanting(
    wishes: dict[uuid.UUID, Wish], should_stop: Callable[[], bool]
) -> Iterator[tuple[uuid.UUID, tuple[uuid.UUID, int]]]:
    """Give users who have shown an e-mail address to be theirs: the person that each is, the address's version."""
    after = uuid.UUID(int=0)
    taken: set[uuid.UUID] = set()
    while not should_stop():
        proven = Index.objects.filter(field="email", is_proven=True, person__gt=after).order_by("person")
        users = list(proven.values_list("person", flat=True)[:_PORTION])
        if not users:
            return
        after = users[-1]
        who = {customers.customer_of_user(user): user for user in users}
        persons = customers.persons_of(list(who))
        pieces = Piece.objects.filter(field="email", person__in=users)
        versions = {person: version for person, face, version in pieces.values_list("person", "face", "version")
                    if face == person}  # fmt: skip
        for customer, user in who.items():
            person = persons[customer]
            # Two sign-ins of one person get one letter.
            if person in wishes and user in versions and person not in taken:
                taken.add(person)
                yield user, (person, versions[user])


def _shuffled(items: list[_T]) -> list[_T]:
    random.SystemRandom().shuffle(items)
    return items
