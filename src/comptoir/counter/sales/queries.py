"""Reads for pages: what a sale or a return in the log was about.

The log is read tolerantly: what an older version has recorded is told as far as it goes. Of sums over sales there is
one, of what customers have paid, for those who measure what that was changed by.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable
from typing import Final

import msgspec
from django.db import connections, router
from django.db.models import Count, Min, Sum

from comptoir.counter.sales import rules
from comptoir.counter.sales import store as stored
from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED
from comptoir.counter.sales.models import Return, Sale
from comptoir.foundation.events.queries import LoggedEvent, find
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.rooms.borrowing import borrowed


class Deal(msgspec.Struct, frozen=True):
    """A sale or a return as somebody would tell it. ``sale_receipt`` is the sale that a return belongs to."""

    receipt: str
    store: str
    total: Money
    lines: int
    sale_receipt: str = ""


class _SaleReference(msgspec.Struct):
    receipt: str = ""


class _Logged(msgspec.Struct):
    receipt: str
    currency: str
    total: int
    store: str | None = None
    lines: list[msgspec.Raw] = []
    sale: _SaleReference | None = None


class SoldLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of a sale, or goods of one that came back, as the log tells it; amounts in minor units."""

    product: str = ""
    quantity: int = 0
    amount: int = 0
    category: str | None = None
    gtin: str | None = None
    discount: int | None = None
    line: int | None = None


class Booked(msgspec.Struct, frozen=True):
    """A sale or a return of the log with its lines; ``sale`` is what a return belongs to: its source and receipt."""

    receipt: str
    currency: str
    total: int
    lines: tuple[SoldLine, ...]
    store: str | None
    sale: tuple[str, str] | None


class _Whole(msgspec.Struct):
    receipt: str
    currency: str
    total: int
    lines: tuple[SoldLine, ...] = ()
    store: str | None = None
    sale: _Referred | None = None


class _Referred(msgspec.Struct):
    receipt: str = ""
    source: str | None = None


def booked(event: LoggedEvent) -> Booked | None:
    """Tell a sale or a return of the log line by line, or ``None`` for any other event."""
    if event.type not in (SALE_CLOSED, SALE_RETURNED):
        return None
    whole = msgspec.json.decode(event.data, type=_Whole)
    sale = None if whole.sale is None else (whole.sale.source or event.source, whole.sale.receipt)
    return Booked(whole.receipt, whole.currency, whole.total, whole.lines, whole.store, sale)


class Purchase(msgspec.Struct, frozen=True):
    """A sale as its customer is shown it; ``position`` is its place in the log."""

    position: uuid.UUID
    source: str
    receipt: str
    occurred_at: dt.datetime
    store: str
    total: Money
    lines: tuple[SoldLine, ...]


def purchases(positions: Iterable[uuid.UUID]) -> list[Purchase]:
    """Return the sales that were booked at these places, the latest first; whatever else stands there is left out."""
    found = []
    for event in find(positions).values():
        told = booked(event) if event.status == "accepted" else None
        if told is not None and told.sale is None:
            total, store = Money(told.total, told.currency), told.store or ""
            where = (event.position, event.source, told.receipt, event.occurred_at, store)
            found.append(Purchase(*where, total, told.lines))
    return sorted(found, key=lambda each: (each.occurred_at, each.position), reverse=True)


def latest_positions(customers: Collection[uuid.UUID], *, since: dt.datetime, limit: int) -> list[uuid.UUID]:
    """Return where the latest sales of these customers stand in the log, from a moment on, the latest first."""
    rows = Sale.objects.filter(customer__in=customers, occurred_at__gte=since).order_by("-occurred_at", "-position")
    return list(rows.values_list("position", flat=True)[:limit])


def net_sales(*, since: dt.datetime, until: dt.datetime) -> dict[uuid.UUID, int]:
    """Return what each customer paid in a span of time (minor units), less what came back of it, whenever it did.

    Whoever bought nothing is left out. One look through all sales: for reports, not for pages that everybody opens.
    """
    bought = Sale.objects.filter(customer__isnull=False, occurred_at__gte=since, occurred_at__lt=until)
    paid = {row[0]: int(row[1]) for row in bought.values_list("customer").annotate(Sum("total_minor")) if row[0]}
    alias = router.db_for_read(Return)
    with connections[alias].cursor() as cursor:
        cursor.execute(_RETURNED, {"since": since, "until": until})
        for customer, minor in cursor.fetchall():
            paid[customer] = paid.get(customer, 0) - int(minor)
    return paid


class Habit(msgspec.Struct, frozen=True):
    """How often a customer bought in a span of time: in all, and at each store, where one is known."""

    purchases: int
    by_store: dict[str, int]


def habits(
    *, since: dt.datetime, until: dt.datetime, customers: Collection[uuid.UUID] | None = None
) -> dict[uuid.UUID, Habit]:
    """Return how often each of these customers, or every one, bought after one moment, before another, and where.

    Whoever bought nothing is left out. Without customers it is one look through all sales.
    """
    rows = Sale.objects.filter(customer__isnull=False, occurred_at__gte=since, occurred_at__lt=until)
    if customers is not None:
        rows = rows.filter(customer__in=customers)
    found: dict[uuid.UUID, Habit] = {}
    for customer, store, count in rows.values_list("customer", "store").annotate(Count("receipt")):
        if customer is None:
            continue
        known = found.get(customer, Habit(0, {}))
        by_store = known.by_store if store is None else {**known.by_store, store: count}
        found[customer] = Habit(known.purchases + count, by_store)
    return found


def bought(
    customers: Collection[uuid.UUID], *, since: dt.datetime, until: dt.datetime
) -> dict[uuid.UUID, list[dt.datetime]]:
    """Return when these customers bought anything, after one moment and up to another."""
    found: dict[uuid.UUID, list[dt.datetime]] = {}
    rows = Sale.objects.filter(customer__in=customers, occurred_at__gt=since, occurred_at__lte=until)
    for customer, at in rows.values_list("customer", "occurred_at"):
        if customer is not None:
            found.setdefault(customer, []).append(at)
    return found


def first_visits(
    *, store: str, customers: Collection[uuid.UUID] | None = None
) -> dict[tuple[uuid.UUID, str], dt.datetime]:
    """Return when each customer bought at a store for the first time; without one, at each store where they did."""
    rows = Sale.objects.filter(customer__isnull=False, store__isnull=False)
    if store:
        rows = rows.filter(store=store)
    if customers is not None:
        rows = rows.filter(customer__in=customers)
    firsts = rows.values_list("customer", "store").annotate(first=Min("occurred_at"))
    return {(row[0], row[1]): row[2] for row in firsts if row[0] and row[1]}


_RETURNED: Final = """
select s.customer, sum(r.total_minor) from sales_return r
join sales_sale s on s.source = r.sale_source and s.receipt = r.sale_receipt
where s.customer is not null and s.occurred_at >= %(since)s and s.occurred_at < %(until)s and r.status = 'applied'
group by s.customer
"""


class SoldByLink(msgspec.Struct, frozen=True):
    """What a short link sold: sales, what was paid for them less what came back (minor units), and its squares' sum."""

    sales: int
    net_minor: int
    squares: float


def by_short_link(*, since: dt.datetime, until: dt.datetime) -> dict[str, SoldByLink]:
    """Return what each short link sold in a span of time, by the sales that named it."""
    with connections[router.db_for_read(Sale)].cursor() as cursor:
        cursor.execute(_BY_LINK, {"since": since, "until": until})
        return {row[0]: SoldByLink(int(row[1]), int(row[2]), float(row[3])) for row in cursor.fetchall()}


def net_by_week(*, since: dt.datetime, until: dt.datetime, zone: dt.tzinfo) -> dict[dt.date, int]:
    """Return what was paid in each week, less what came back of it, by everybody and at every channel (minor units).

    Weeks begin on Mondays, at midnight of ``zone``, which has a name of the time zone database. Of a week without a
    sale there is nothing.
    """
    with connections[router.db_for_read(Sale)].cursor() as cursor:
        cursor.execute(_BY_WEEK, {"since": since, "until": until, "zone": str(zone)})
        return {row[0]: int(row[1]) for row in cursor.fetchall()}


_NET: Final = """
select s.source, s.receipt, s.occurred_at, s.total_minor - coalesce((select sum(r.total_minor) from sales_return r
  where r.sale_source = s.source and r.sale_receipt = s.receipt and r.status = 'applied'), 0) as net
from sales_sale s where s.occurred_at >= %(since)s and s.occurred_at < %(until)s
"""
_BY_LINK: Final = f"""
select l.short_link, count(*), sum(n.net), sum(n.net::numeric * n.net)
from ({_NET}) n join sales_salebylink l on l.source = n.source and l.receipt = n.receipt group by l.short_link
"""  # noqa: S608 - of constants
_BY_WEEK: Final = f"""
select date_trunc('week', n.occurred_at at time zone %(zone)s)::date, sum(n.net) from ({_NET}) n group by 1
"""  # noqa: S608 - of constants


def purchase_of(customers: Collection[uuid.UUID], position: uuid.UUID) -> Purchase | None:
    """Return the sale at a place, if it is one of these customers'."""
    found = purchases([position])
    if not found:
        return None
    whose = Sale.objects.filter(source=found[0].source, receipt=found[0].receipt, customer__in=customers)
    return found[0] if whose.exists() else None


def places_of_returns(purchase: Purchase) -> list[uuid.UUID]:
    """Return the places of everything that came back of a sale."""
    back = Return.objects.filter(sale_source=purchase.source, sale_receipt=purchase.receipt)
    return list(back.values_list("position", flat=True))


def found_by_receipt(receipts: Collection[str], *, limit: int = 20) -> list[rules.Sale]:
    """Return the sales under these receipt numbers, at whichever source, the latest first."""
    return stored.find_by_receipts(borrowed(Sale), sorted(receipts), limit=limit)


def sale_at(position: uuid.UUID) -> tuple[rules.Sale, list[rules.Return]] | None:
    """Return the sale that was booked at a place, with what counts as come back of it, in the order of booking."""
    row = Sale.objects.filter(position=position).values_list("source", "receipt").first()
    if row is None:
        return None
    connection = borrowed(Sale)
    sale = stored.find_sales(connection, [row])[row]
    returns = [each for each in stored.find_returns_of(connection, [row]) if each.status == "applied"]
    return sale, sorted(returns, key=lambda each: each.position)


def returns_of(keys: Collection[rules.Key]) -> list[rules.Return]:
    """Return what counts as come back of these sales, in the order of booking."""
    found = stored.find_returns_of(borrowed(Return), keys) if keys else []
    return sorted((each for each in found if each.status == "applied"), key=lambda each: each.position)


def lines_of(sales: Collection[tuple[str, str]]) -> dict[tuple[str, str], tuple[SoldLine, ...]]:
    """Return the lines of booked sales, which are given as source and receipt."""
    rows = Sale.objects.filter(source__in={key[0] for key in sales}, receipt__in={key[1] for key in sales})
    places = {
        position: (source, receipt)
        for source, receipt, position in rows.values_list("source", "receipt", "position")
        if (source, receipt) in sales
    }
    told = {places[position]: booked(event) for position, event in find(places).items()}
    return {key: each.lines for key, each in told.items() if each is not None}


def deal_of(event_type: str, data: str) -> Deal | None:
    """Tell what an event of the log was about, or ``None`` if it is neither a sale nor a return."""
    if event_type not in (SALE_CLOSED, SALE_RETURNED):
        return None
    try:
        logged = msgspec.json.decode(data, type=_Logged)
        total = Money(logged.total, logged.currency)
    except (msgspec.DecodeError, ValueError):
        return None
    return Deal(
        receipt=logged.receipt,
        store=logged.store or "",
        total=total,
        lines=len(logged.lines),
        sale_receipt=logged.sale.receipt if logged.sale else "",
    )
