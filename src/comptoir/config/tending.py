"""What the worker does as the vault, once a minute: payments and checkouts that were left in the middle.

Most of the time nothing waits, and Django is not loaded for a look. Not here: what is done about them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from comptoir.config import lending
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.checkout import store as checkouts
from comptoir.vault.payments import store as payments


def tend_payments(*, now: dt.datetime, should_stop: Callable[[], bool]) -> None:
    """Ask payment providers what they have not told, and have money given back."""
    with database.connect(VAULT.role) as vault:
        if not payments.is_anything_due(vault, now=now):
            return
    with lending.django():
        from comptoir.vault.payments import jobs  # noqa: PLC0415 - its models want Django

        jobs.tend(now=now, should_stop=should_stop)


def look_at_checkouts(*, now: dt.datetime, should_stop: Callable[[], bool]) -> None:
    """Go on with checkouts that were left in the middle, let go of what was not paid, give back what came back."""
    with database.connect(VAULT.role) as vault:
        if not checkouts.is_anything_due(vault, source=house.source_of(house.VAULT) or "", now=now):
            return
    with lending.django(), entered(VAULT):
        from django.utils import timezone  # noqa: PLC0415 - most of the time Django is not loaded

        from comptoir.vault.checkout import commands, paying  # noqa: PLC0415 - its models want Django
        from comptoir.vault.payments import jobs  # noqa: PLC0415 - its models want Django

        commands.look_at_due(money=paying.MONEY, now=now, should_stop=should_stop)
        # What is to go back was asked for only now, so it is due since then.
        jobs.send_refunds(now=timezone.now(), should_stop=should_stop)
