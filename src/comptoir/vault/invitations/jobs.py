"""What is done by the clock: the invitations that staff wrote, reminders, and how many there were.

Addresses are opened one by one, each with its purpose in the audit chain. Whom it goes to is written down before it is
sent: a crash in between costs somebody an invitation and never sends two.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Final

from django.db import connections
from django.db.models import F
from django.utils import translation
from django.utils.translation import gettext as _

from comptoir.counter.customers import queries as customers
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.touchpoints import house
from comptoir.square.programme.contracts import INVITATION_COUNTED, INVITED_MAX
from comptoir.square.programme.models import Invitation, Step
from comptoir.square.programme.rules import INVITATIONS
from comptoir.vault.contacts import delivery, queries
from comptoir.vault.contacts.errors import NotDelivered
from comptoir.vault.contacts.models import Piece
from comptoir.vault.invitations.models import Invited

_log = logging.getLogger("comptoir.vault")
PURPOSE: Final = "invitation"
MARKETING: Final = "marketing"
MAIL: Final = "mail"
#: A reminder leaves somebody so much time to come by themselves.
REMINDER_AFTER: Final = dt.timedelta(days=7)
#: Of fewer, nothing is told: who has come could be guessed.
TOLD_MIN: Final = 5
_PORTION: Final = 1_000
_YEAR: Final = dt.timedelta(days=365)

#: Of these customers, who may be written to and takes part under no name, with the purchases of the person in a year.
_CANDIDATES: Final = """
select a.customer, count(s.receipt), max(s.occurred_at)
from unnest(%(customers)s::uuid[]) as a(customer)
left join customers_membership m on m.customer = a.customer
left join lateral (
  select o.customer from customers_membership o where o.person = m.person union select a.customer
) p on true
left join sales_sale s on s.customer = p.customer and s.occurred_at >= %(since)s and s.occurred_at < %(until)s
where customers_permits(a.customer, 'marketing', 'mail')
  and not exists (
    select from customers_personaholder h where not h.is_given_up and (h.customer = a.customer
      or h.customer in (select o.customer from customers_membership o where o.person = m.person))
  )
group by a.customer
"""


def send_invitations(*, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Send what is due of every invitation, and tell how many; returns how many mails went out.

    Raises :class:`VaultClosed`.
    """
    sent = 0
    with entered(VAULT):
        if _is_off():
            return 0
        for each in Invitation.objects.order_by("written_at"):
            missing = each.limit - Invited.objects.filter(invitation=each.invitation).count()
            # Whom it goes to is decided in its first days; whoever consents later is asked by a later one.
            if missing > 0 and now < each.written_at + REMINDER_AFTER:
                for user in _chosen(each, number=min(missing, INVITED_MAX), now=now, should_stop=should_stop):
                    sent += _send(user, each, now=now)
            if each.reminded_at is not None:
                sent += _remind(each, now=now, should_stop=should_stop)
            _tell(each, now=now)
    return sent


def _is_off() -> bool:
    last = Step.objects.filter(kind="switched", item=INVITATIONS).order_by("-position").first()
    return last is not None and last.how == "off"


def _chosen(each: Invitation, *, number: int, now: dt.datetime, should_stop: Callable[[], bool]) -> list[uuid.UUID]:
    """Return whom to write to: never invited before, allowed by the database, in the invitation's order."""
    found: list[tuple[int, dt.datetime, uuid.UUID]] = []
    for users in _portions(should_stop):
        who = {customers.customer_of_user(user): user for user in users}
        with connections[VAULT.name].cursor() as cursor:
            cursor.execute(_CANDIDATES, {"customers": list(who), "since": now - _YEAR, "until": now})
            for customer, bought, last in cursor.fetchall():
                found.append((bought, last or dt.datetime.min.replace(tzinfo=dt.UTC), who[customer]))
    invited = set(Invited.objects.values_list("person", flat=True))
    by = (lambda one: one[:2]) if each.order == "often" else (lambda one: one[1])
    ranked = sorted(sorted(found, key=lambda one: one[2]), key=by, reverse=True)
    return [user for _bought, _last, user in ranked if user not in invited][:number]


def _portions(should_stop: Callable[[], bool]) -> Iterator[list[uuid.UUID]]:
    """Give everybody with an e-mail address of their own, in portions; nothing is opened."""
    known = Piece.objects.filter(field="email", face=F("person"))
    after = uuid.UUID(int=0)
    while not should_stop():
        some = list(known.filter(person__gt=after).order_by("person").values_list("person", flat=True)[:_PORTION])
        if not some:
            return
        yield some
        after = some[-1]


def _send(user: uuid.UUID, each: Invitation, *, now: dt.datetime) -> int:
    one, is_new = Invited.objects.get_or_create(person=user, defaults={"invitation": each.invitation, "at": now})
    if not is_new:
        return 0
    try:
        _deliver(user, subject=each.subject, text=each.text, language=each.language, now=now)
    except NotDelivered:
        one.delete()  # nobody has taken it: it is tried again
        return 0
    one.sent_at = now
    one.save(update_fields=["sent_at"])
    return 1


def _remind(each: Invitation, *, now: dt.datetime, should_stop: Callable[[], bool]) -> int:
    """Write a second time, and never a third, to whoever still allows it and has not come."""
    waiting = Invited.objects.filter(
        invitation=each.invitation, sent_at__lte=now - REMINDER_AFTER, reminded_at=None
    ).order_by("person")  # fmt: skip
    who = {customers.customer_of_user(one.person): one for one in waiting[:INVITED_MAX]}
    with connections[VAULT.name].cursor() as cursor:
        cursor.execute(_CANDIDATES, {"customers": list(who), "since": now, "until": now})
        allowed = [who[row[0]] for row in cursor.fetchall()]
    sent = 0
    for one in allowed:
        if should_stop():
            break
        one.reminded_at = now
        one.save(update_fields=["reminded_at"])
        try:
            _deliver(one.person, subject=each.subject, text=each.reminder or each.text, language=each.language, now=now)
        except NotDelivered:
            one.reminded_at = None
            one.save(update_fields=["reminded_at"])
            continue
        sent += 1
    return sent


def _deliver(user: uuid.UUID, *, subject: str, text: str, language: str, now: dt.datetime) -> None:
    """Send one mail, with how to take part and how to be asked no more. Raises :class:`NotDelivered`."""
    found = queries.read(user, fields=["name", "email"], purpose=PURPOSE, actor="worker", at=now)
    if found.email is None:
        raise NotDelivered
    with translation.override(language):
        greeting = _("Hello %(name)s,") % {"name": found.name.reveal()} if found.name is not None else _("Hello,")
        parts = (
            greeting,
            text,
            _("To take part, choose a public name here. Nobody on the square learns who is behind it:"),
            addresses.url_of(COUNTER, "/who"),
            _("You get this because you agreed to be written to. If you want no more of it, take that back here:"),
            addresses.url_of(COUNTER, "/terms"),
        )
    delivery.send(found.email, subject=subject, text="\n\n".join(parts))


def _tell(each: Invitation, *, now: dt.datetime) -> None:
    """Tell the log how many there were, where that has changed; who has come, once a week and of five or more."""
    invited = Invited.objects.filter(invitation=each.invitation)
    counts = {"sent": invited.exclude(sent_at=None).count(), "reminded": invited.exclude(reminded_at=None).count()}
    said: dict[str, object] = {"invitation": each.invitation, **counts}
    is_week_over = each.joined_at is None or each.joined_at.isocalendar()[:2] != now.isocalendar()[:2]
    if counts["sent"] >= TOLD_MIN and is_week_over and now >= each.written_at + REMINDER_AFTER:
        said["joined"] = _joined(each)
    if counts == {"sent": each.sent, "reminded": each.reminded} and "joined" not in said:
        return
    with contextlib.suppress(Problem):  # it is told with the next run
        house.send(INVITATION_COUNTED, said, touchpoint=house.VAULT, request=IDS.new(), at=now)


def _joined(each: Invitation) -> int:
    who = [customers.customer_of_user(one.person) for one in Invited.objects.filter(invitation=each.invitation)]
    with connections[VAULT.name].cursor() as cursor:
        cursor.execute(
            "select count(distinct a.customer) from unnest(%s::uuid[]) as a(customer)"
            " left join customers_membership m on m.customer = a.customer"
            " where exists (select from customers_personaholder h where not h.is_given_up and (h.customer = a.customer"
            " or h.customer in (select o.customer from customers_membership o where o.person = m.person)))",
            [who],
        )
        (count,) = cursor.fetchone()
    return int(count)
