"""The counter as a whole: the types of events it understands, and who takes part in a batch, in which order.

Not here: anything that decides; each package decides for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from comptoir.counter.customers import contracts as customers
from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.customers.rebuilding import CustomersDeriver
from comptoir.counter.loyalty import contracts as loyalty
from comptoir.counter.loyalty.handlers import LoyaltyHandler
from comptoir.counter.loyalty.programme import Programmes
from comptoir.counter.loyalty.rebuilding import LoyaltyDeriver
from comptoir.counter.sales import contracts as sales
from comptoir.counter.sales.handlers import SalesHandler
from comptoir.counter.sales.rebuilding import SalesDeriver
from comptoir.foundation.events.contracts import Handler
from comptoir.foundation.events.rebuilding import Deriver, IdentitiesDeriver
from comptoir.foundation.touchpoints.contracts import EventType, Product

#: The built-in types of events, by name; a shop's map may declare more.
EVENT_TYPES: Final[Mapping[str, EventType]] = {
    each.name: each for each in (*sales.EVENT_TYPES, *customers.EVENT_TYPES, *loyalty.EVENT_TYPES)
}
#: The data that touchpoints may need, by name.
PRODUCTS: Final[Mapping[str, Product]] = {each.name: each for each in loyalty.PRODUCTS}


def handlers_for(programmes: Programmes) -> Callable[[], Sequence[Handler]]:
    """Return a maker of handlers that decide by these programmes.

    Sales come first, since a return's customer is found through its sale; then customers, who say who is one
    person; then loyalty, which locks and moves the points of all of them.
    """

    def make() -> Sequence[Handler]:
        sold = SalesHandler(currency=programmes.currency)
        known = CustomersHandler()
        return (sold, known, LoyaltyHandler(programmes=programmes, customers=known, sales=sold))

    return make


def derivers() -> Sequence[Deriver]:
    """Return what derives every table of the counter from the log."""
    return (IdentitiesDeriver(), CustomersDeriver(), SalesDeriver(), LoyaltyDeriver())
