"""What is guessed of a person, for their own page: only if they allow what they see to be chosen by what they bought.

Nothing is kept: it is made of their latest receipts when they look. Not here: how it is made (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Final

from comptoir.counter.customers import queries as customers
from comptoir.counter.sales import queries as sales
from comptoir.counter.windows import models, queries
from comptoir.counter.windows.queries import RECEIPTS_MAX
from comptoir.counter.windows.rules import SINCE_DAYS, Bought, Guess
from comptoir.foundation.rooms.borrowing import borrowed
from comptoir.square.catalog import store as catalog
from comptoir.square.catalog.composing import Composed

#: What somebody has to allow, and on which channel.
PURPOSE: Final = "personalisation"
CHANNEL: Final = "web"


def is_allowed(customer: uuid.UUID) -> bool:
    """Tell whether anything may be guessed of a customer."""
    return customers.permits(customer, purpose=PURPOSE, channel=CHANNEL)


def guesses_of(
    customer: uuid.UUID, members: Collection[uuid.UUID], *, window: Composed, now: dt.datetime
) -> list[Guess]:
    """Return what is guessed of a person; nothing if they do not allow it."""
    if not is_allowed(customer):
        return []
    since = now - dt.timedelta(days=SINCE_DAYS)
    purchases = sales.purchases(sales.latest_positions(members, since=since, limit=RECEIPTS_MAX))
    connection = borrowed(models.Window)
    skus = {line.product for each in purchases for line in each.lines if line.product}
    goods = catalog.find_goods(connection, skus)
    bought = [
        Bought(f"{each.source} {each.receipt}", each.occurred_at, known.category, known.maker, known.asks_over)
        for each in purchases
        for line in each.lines
        if line.product and (known := goods.get(line.product)) is not None
    ]
    return queries.guesses(connection, members, window=window, bought=bought, now=now)
