"""A treat in the month of somebody's birthday: by consent, and the counter hears a yes and never a date.

Who gives a day gives a consent with it, on the channels on which treats are asked for; who takes either back takes
both. Once a month the worker opens each day that was given, and writes outwards for whom a treat is due, until the
month is over in the shop; nothing of it is in the log, where it would tell the month for ever. It is a month and not a
day, so that neither the counter learns the day nor the vault opens it daily. Every opening is in the audit chain.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Final

from django.db import transaction

from comptoir.counter.answers.models import Treat
from comptoir.counter.customers import queries as customers
from comptoir.counter.customers import records
from comptoir.counter.customers.contracts import CONSENT_GIVEN
from comptoir.counter.customers.policy import load_policy
from comptoir.counter.customers.purposes import PURPOSES, TREAT
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.announcements.commands import announce
from comptoir.vault.announcements.models import Announcement
from comptoir.vault.contacts import commands, queries
from comptoir.vault.contacts.contracts import Birthday, ContactValues
from comptoir.vault.contacts.models import Piece, TreatRound

_log = logging.getLogger("comptoir.vault")
PURPOSE: Final = "birthday treat"
_PORTION: Final = 1_000


def agree(user: uuid.UUID, birthday: Birthday, *, actor: str, at: dt.datetime) -> None:
    """Keep the day, and tell the counter that a treat is wanted, with a receipt for each channel.

    Raises :class:`ContactInvalid`, :class:`TermsPolicyInvalid`, :class:`VaultClosed`; then nothing changed.
    """
    policy, controller = load_policy(), house.shop_title()
    holds = {"days": policy.days(TREAT), "quiet_days": policy.quiet_days(TREAT)}
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        commands.keep(user, values=ContactValues.of(birthday=birthday), purpose=PURPOSE, actor=actor, at=at)
        for channel in PURPOSES[TREAT].asked:
            told = announce(user, CONSENT_GIVEN, at=at)
            receipt = records.receipt(
                name=told.pk, purpose=TREAT, channel=channel, controller=controller, at=at, **holds
            )
            told.said = {"purpose": TREAT, "channel": channel, "receipt": records.hash_of(receipt), **holds}
            told.save(update_fields=["said"])


def end_treats(*, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Remove the days of whoever does not consent any more, in whichever way that came about; returns how many."""
    ended = 0
    with entered(VAULT):
        for users in _portions(should_stop):
            waiting = set(Announcement.objects.filter(person__in=users).values_list("person", flat=True))
            agreeing = _agreeing(users)
            for user in users:
                # What the counter has not heard yet is not missing there.
                if user not in agreeing and user not in waiting:
                    commands.remove(user, fields=["birthday"], actor="worker", at=now)
                    ended += 1
    if ended:
        _log.info("%d birthdays went with the consent to them", ended)
    return ended


def tell_treats(
    *, month: dt.date, until: dt.datetime, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False
) -> int:
    """Write outwards for whom a treat is due in a month that is over at ``until``; returns for how many.

    Each day is opened once in a month; what was given since the last look is opened with the next. Raises
    :class:`VaultClosed`.
    """
    due = 0
    with entered(VAULT):
        looked = TreatRound.objects.filter(month=month).first()
        looked_at = now
        for users in _portions(should_stop, given_since=None if looked is None else looked.looked_at):
            agreeing = _agreeing(users)
            unheard = Announcement.objects.filter(person__in=[user for user in users if user not in agreeing])
            early = Piece.objects.filter(field="birthday", person__in=unheard.values("person"))
            # Whose consent the counter has yet to hear is looked at once it has.
            looked_at = min([looked_at, *early.values_list("given_at", flat=True)])
            for user in sorted(agreeing):
                read = queries.read(user, fields=["birthday"], purpose=PURPOSE, actor="worker", at=now)
                if read.birthday is not None and read.birthday.reveal().month == month.month:
                    customer = customers.customer_of_user(user)
                    Treat.objects.update_or_create(customer=customer, defaults={"until": until})
                    due += 1
        if not should_stop():
            TreatRound.objects.update_or_create(month=month, defaults={"looked_at": looked_at})
            TreatRound.objects.filter(month__lt=month).delete()
    return due


def _portions(should_stop: Callable[[], bool], *, given_since: dt.datetime | None = None) -> Iterator[list[uuid.UUID]]:
    """Give the people with a day, in portions."""
    days = Piece.objects.filter(field="birthday")
    if given_since is not None:
        days = days.filter(given_at__gte=given_since)
    after = uuid.UUID(int=0)
    while not should_stop():
        some = list(days.filter(person__gt=after).order_by("person").values_list("person", flat=True)[:_PORTION])
        if not some:
            return
        yield some
        after = some[-1]


def _agreeing(users: list[uuid.UUID]) -> set[uuid.UUID]:
    who = {customers.customer_of_user(user): user for user in users}
    return {who[customer] for customer in customers.permitting(list(who), purpose=TREAT)}
