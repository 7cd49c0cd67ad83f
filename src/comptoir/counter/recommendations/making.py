"""Makes what goes with what out of the sales: once a day by the clock, or when somebody asks for it.

Counted is what people bought in the last year whose word allows the shop to count it, at every channel; what came back
is not counted. A person with several cards is one. Not here: the arithmetic (``neighbours.py``).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from typing import Any, Final

from comptoir.counter.recommendations import store
from comptoir.foundation.kernel.connection import Connection
from comptoir.square.companions import store as companions
from comptoir.square.companions.contracts import COMPANIONS_MAX, PEOPLE_MIN, POPULAR_MAX, Made, Pair, Popular

_log = logging.getLogger(__name__)

#: What was bought longer ago than this does not count.
WINDOW: Final = dt.timedelta(days=365)
#: What is popular is asked of the last days alone.
LATELY: Final = dt.timedelta(days=30)
#: So many lines at most are counted, the latest ones.
LINES_MAX: Final = 5_000_000
#: So many stores at most have what is popular there.
STORES_MAX: Final = 2_000


def has_extra() -> bool:
    """Tell whether what the arithmetic needs is there: the extra ``recommendations``."""
    try:
        import scipy.sparse  # noqa: F401, PLC0415 - slow to load, and an extra
    except ImportError:
        return False
    return True


def make(connection: Connection, *, now: dt.datetime) -> Made:
    """Make everything anew, as the counter; returns out of how much. Days end with the latest sale, or now."""
    import numpy as np  # noqa: PLC0415 - slow to load, and comes with scipy

    from comptoir.counter.recommendations.neighbours import near  # noqa: PLC0415 - needs scipy, which is an extra

    with connection.transaction():
        until = min(store.last_day(connection) or now.date(), now.date())
        since = until - WINDOW
        rows = store.read_bought(connection, since=since, until=until, limit=LINES_MAX)
        left_out = store.count_left_out(connection)
        persons: dict[Any, int] = {}
        baskets: dict[Any, int] = {}
        products: dict[str, int] = {}
        bought = np.array(
            [
                (
                    persons.setdefault(person, len(persons)),
                    baskets.setdefault(basket, len(baskets)),
                    products.setdefault(product, len(products)),
                )
                for person, basket, product, _store, _day in rows
            ],
            dtype=np.int64,
        ).reshape(-1, 3)
        found = near(*bought.T, people_min=PEOPLE_MIN, most=COMPANIONS_MAX)
        called = list(products)
        pairs = [
            Pair(called[one], int(place), called[other], float(weight), int(people), int(together))
            for one, place, other, weight, people, together in zip(
                found.product, found.place, found.companion, found.weight, found.people, found.baskets, strict=True
            )
        ]
        popular = _popular(rows, after=until - LATELY)
        made = Made(now, since, until, len(persons), left_out, len(baskets), len({each.product for each in pairs}),
                    len(pairs))  # fmt: skip
        companions.write(connection, pairs, popular, made)
    _log.info("%d pairs of products were found in %d baskets", made.pairs, made.baskets)
    return made


def _popular(rows: list[tuple[Any, ...]], *, after: dt.date) -> list[Popular]:
    """Return what most different people bought since a day, anywhere and at each store."""
    buyers: dict[str, dict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for person, _basket, product, place, day in rows:
        if day > after:
            buyers[""][product].add(person)
            if place:
                buyers[place][product].add(person)
    largest = sorted(buyers, key=lambda place: (-sum(map(len, buyers[place].values())), place))[: STORES_MAX + 1]
    found = []
    for place in sorted({"", *largest} & set(buyers)):
        counted = [(-len(some), product) for product, some in buyers[place].items() if len(some) >= PEOPLE_MIN]
        for number, (people, product) in enumerate(sorted(counted)[:POPULAR_MAX]):
            found.append(Popular(place, number, product, -people))
    return found
