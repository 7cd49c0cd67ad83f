"""The statements of promotions and coupons, on the caller's connection. Nothing here decides anything."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from comptoir.counter.offers.contracts import Promotion
from comptoir.counter.offers.rules import Coupon, Offered
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import Appending, load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__)
#: A reservation is known by the touchpoint and the name that this has chosen.
Key = tuple[str, str]


class Redemption(msgspec.Struct):
    """A promotion given to a basket, and what became of it."""

    position: Id
    ordinal: int
    promotion: Id | None
    coupon: Id | None
    customer: Id | None
    use: int | None
    turn: int | None
    discount: int
    status: str
    touchpoint: str
    source: str
    name: str | None
    receipt: str | None
    redeemed_at: dt.datetime
    expires_at: dt.datetime | None
    sale_source: str | None = None


class Held(NamedTuple):
    """A coupon as its customer sees it: its promotion, how many uses are held and redeemed, the last time and place."""

    coupon: Coupon
    offered: Offered
    held: int
    redeemed: int
    last_at: dt.datetime | None
    last_source: str | None


_coupons = Appending(
    "offers_coupon", id="uuid", digest="uuid", promotion="uuid", campaign="uuid", customer="uuid",
    issued_at="timestamptz",
)  # fmt: skip
_targetings = Appending("offers_targeting", position="uuid", customer="uuid", series="text", targeted_at="timestamptz")
_redemptions = Appending(
    "offers_redemption", position="uuid", ordinal="smallint", promotion="uuid", coupon="uuid", customer="uuid",
    use="smallint", turn="smallint", discount="bigint", status="word", touchpoint="word", source="word", name="text",
    receipt="text", redeemed_at="timestamptz", expires_at="timestamptz", sale_source="text",
)  # fmt: skip
#: A definition never changes, and the same few are read with every batch.
_definition = functools.lru_cache(maxsize=2048)(msgspec.json.Decoder(Promotion).decode)


def lock_coupons(connection: Connection, digests: Collection[str]) -> dict[str, Coupon]:
    """Lock the coupons that these codes are of, in one order, and return them by digest."""
    return _read_coupons(connection.ask(_SQL["lock_coupons"], value_array(sorted(digests))))


def find_coupons(
    connection: Connection, digests: Collection[str]
) -> tuple[dict[str, Coupon], dict[Id, set[int]]]:  # fmt: skip
    """Return the coupons that these codes are of, by digest, and which of their uses are taken; without a lock."""
    rows = connection.ask(_SQL["find_coupons"], value_array(sorted(digests)))
    uses = {str(row[1]): {int(use) for use in row[5].split(",")} for row in rows if row[5] is not None}
    return _read_coupons(rows), uses


def _read_coupons(rows: Sequence[tuple[str | None, ...]]) -> dict[str, Coupon]:
    return {digest: Coupon(own, promotion, customer, _moment(at)) for digest, own, promotion, customer, at, _ in rows}  # type: ignore[misc, arg-type]


def find_shared(connection: Connection, digests: Collection[str]) -> dict[str, Id]:
    """Return which open promotions these codes are of, by digest."""
    return {str(row[0]): str(row[1]) for row in connection.ask(_SQL["find_shared"], value_array(sorted(digests)))}


def find_honey(connection: Connection, digests: Collection[str]) -> dict[str, Id]:
    """Return of which promotions these codes are honey, by digest."""
    return {str(row[0]): str(row[1]) for row in connection.ask(_SQL["find_honey"], value_array(sorted(digests)))}


def find_automatic(connection: Connection) -> list[Id]:
    """Return the promotions that need no code."""
    return [str(row[0]) for row in connection.ask(_SQL["find_automatic"])]


def find_promotions(connection: Connection, ids: Collection[Id]) -> dict[Id, Offered]:
    """Return promotions as they stand."""
    return _offered(connection.ask(_SQL["find_promotions"], value_array(sorted(ids))))


def lock_promotions(connection: Connection, ids: Collection[Id]) -> dict[Id, Offered]:
    """Lock promotions in one order and return them as they stand."""
    return _offered(connection.ask(_SQL["lock_promotions"], value_array(sorted(ids))))


def _offered(rows: Sequence[tuple[str | None, ...]]) -> dict[Id, Offered]:
    return {
        str(row[0]): Offered(
            str(row[0]), _definition(str(row[1])), None if row[2] is None else _moment(row[2]), int(row[3] or 0),
            int(row[4] or 0),
        )
        for row in rows
    }  # fmt: skip


@functools.lru_cache(maxsize=4096)
def _moment(written: str | None) -> dt.datetime:
    return dt.datetime.fromisoformat(str(written))


def insert_promotion(
    connection: Connection, promotion: Id, definition: Promotion, *, position: Id, digest: str | None, at: dt.datetime
) -> None:
    """Keep a promotion that is new."""
    written = codec.encode(definition).decode()
    connection.tell(
        _SQL["insert_promotion"], promotion, position, written, definition.codes, digest, at.isoformat()
    )  # fmt: skip


def insert_honey(connection: Connection, promotion: Id, digests: Sequence[str]) -> None:
    """Keep the digests of a promotion's honey codes."""
    if digests:
        connection.tell(
            _SQL["insert_honey"], promotion, value_array(digests), value_array([str(n) for n in range(len(digests))])
        )


def end_promotion(connection: Connection, promotion: Id, at: dt.datetime) -> None:
    """End a promotion, or end it earlier."""
    connection.tell(_SQL["end_promotion"], at.isoformat(), promotion)


def count_given(connection: Connection, offered: Collection[Offered]) -> None:
    """Write what was given of promotions that are locked."""
    ordered = sorted(offered, key=lambda each: each.id)
    connection.tell(
        _SQL["count_given"],
        value_array([each.id for each in ordered]),
        value_array([str(each.redemptions) for each in ordered]),
        value_array([str(each.discount) for each in ordered]),
    )


def find_uses(connection: Connection, coupons: Collection[Id]) -> dict[Id, set[int]]:
    """Return which uses of these coupons are taken."""
    found: dict[Id, set[int]] = {}
    for coupon, use in connection.ask(_SQL["find_uses"], value_array(sorted(coupons))):
        found.setdefault(str(coupon), set()).add(int(use or 0))
    return found


def find_turns(
    connection: Connection, promotions: Collection[Id], customers: Collection[Id]
) -> list[tuple[Id, Id, int]]:
    """Return the turns that these customers have had: promotion, customer, number."""
    rows = connection.ask(_SQL["find_turns"], value_array(sorted(promotions)), value_array(sorted(customers)))
    return [(str(promotion), str(customer), int(turn or 0)) for promotion, customer, turn in rows]


def find_reserved(connection: Connection, keys: Collection[Key]) -> set[Key]:
    """Return which of these names are taken."""
    rows = connection.ask(_SQL["find_reserved"], *_keys(keys))
    return {(str(touchpoint), str(name)) for touchpoint, name in rows}


def lock_reserved(connection: Connection, keys: Collection[Key]) -> dict[Key, list[Redemption]]:
    """Lock what these reservations hold, in one order, and return it."""
    found: dict[Key, list[Redemption]] = {}
    for row in connection.execute(_SQL["lock_reserved"], _keys(keys)):
        found.setdefault((row[0], row[1]), []).append(_read_redemption(row))
    return found


def lock_redeemed(connection: Connection, positions: Collection[Id]) -> dict[Id, list[Redemption]]:
    """Lock what the events at these positions have taken, in one order, and return it by position."""
    found: dict[Id, list[Redemption]] = {}
    for row in connection.execute(_SQL["lock_redeemed"], (value_array(sorted(positions)),)):
        one = _read_redemption(row)
        found.setdefault(one.position, []).append(one)
    return found


def _read_redemption(row: Sequence[Any]) -> Redemption:
    touchpoint, name, position, ordinal, promotion, coupon, customer, use, turn, discount, status, *rest = row
    source, receipt, redeemed_at, expires_at, sale_source = rest
    return Redemption(
        position, ordinal, promotion, coupon, customer, use, turn, discount, status, touchpoint, source, name,
        receipt, redeemed_at, expires_at, sale_source,
    )  # fmt: skip


def _keys(keys: Collection[Key]) -> tuple[str, str]:
    return text_array([touchpoint for touchpoint, _ in keys]), text_array([name for _, name in keys])


def close_reserved(connection: Connection, closed: Sequence[Redemption]) -> None:
    """Write how reservations ended; their rows are locked."""
    connection.tell(
        _SQL["close_reserved"],
        value_array([each.position for each in closed]),
        value_array([str(each.ordinal) for each in closed]),
        text_array([each.status for each in closed]),
        text_array([each.receipt for each in closed]),
        text_array([each.sale_source for each in closed]),
    )


def insert_redemptions(connection: Connection, redemptions: Sequence[Redemption]) -> None:
    """Append redemptions; a use, a turn or a name that is taken fails the whole batch."""
    _redemptions.rows(
        connection,
        [each.position for each in redemptions],
        [each.ordinal for each in redemptions],
        [each.promotion for each in redemptions],
        [each.coupon for each in redemptions],
        [each.customer for each in redemptions],
        [each.use for each in redemptions],
        [each.turn for each in redemptions],
        [each.discount for each in redemptions],
        [each.status for each in redemptions],
        [each.touchpoint for each in redemptions],
        [each.source for each in redemptions],
        [each.name for each in redemptions],
        [each.receipt for each in redemptions],
        [each.redeemed_at for each in redemptions],
        [each.expires_at for each in redemptions],
        [each.sale_source for each in redemptions],
    )


def insert_coupons(connection: Connection, coupons: Sequence[tuple[Coupon, str]]) -> None:
    """Append coupons with the digests of their codes."""
    _coupons.rows(
        connection,
        [coupon.id for coupon, _ in coupons],
        [digest for _, digest in coupons],
        [coupon.promotion for coupon, _ in coupons],
        [coupon.campaign for coupon, _ in coupons],
        [coupon.customer for coupon, _ in coupons],
        [coupon.issued_at for coupon, _ in coupons],
    )


class Targeting(NamedTuple):
    """That another system has told a customer of the promotions of a series."""

    position: Id
    customer: Id
    series: str
    targeted_at: dt.datetime


def insert_targetings(connection: Connection, targetings: Sequence[Targeting]) -> None:
    """Append whom another system has told of its promotions."""
    _targetings.rows(
        connection,
        [each.position for each in targetings],
        [each.customer for each in targetings],
        [each.series for each in targetings],
        [each.targeted_at for each in targetings],
    )


def find_series(connection: Connection, series: Collection[str]) -> set[str]:
    """Return which of these are series of promotions that another system gives."""
    return {str(row[0]) for row in connection.ask(_SQL["find_series"], text_array(sorted(series)))}


class Alert(NamedTuple):
    """A honey code that was shown: by which event, which, of which promotion, where and when."""

    position: Id
    digest: str
    promotion: Id
    touchpoint: str
    source: str
    shown_at: dt.datetime


def insert_alerts(connection: Connection, alerts: Sequence[Alert]) -> None:
    """Note honey codes that were shown."""
    connection.tell(
        _SQL["insert_alerts"],
        value_array([each.position for each in alerts]),
        value_array([each.digest for each in alerts]),
        value_array([each.promotion for each in alerts]),
        text_array([each.touchpoint for each in alerts]),
        text_array([each.source for each in alerts]),
        text_array([each.shown_at.isoformat() for each in alerts]),
    )


def find_issued(connection: Connection, promotion: Id, campaign: Id | None, customers: Collection[Id]) -> dict[Id, Id]:
    """Return the coupons of a promotion that these customers have for a campaign, by customer."""
    rows = connection.ask(_SQL["find_issued"], promotion, campaign, value_array(sorted(customers)))
    return {str(customer): str(coupon) for customer, coupon in rows}


def find_coupons_of(connection: Any, customers: Collection[Id], *, limit: int) -> list[Held]:
    """Return the coupons of a person, the latest first, and what became of each."""
    found = []
    for row in connection.execute(_SQL["find_coupons_of"], (value_array(sorted(customers)), limit)):
        coupon, promotion, customer, issued_at, campaign, definition, ended_at, given, discount, *uses = row
        offered = Offered(promotion, _definition(definition), ended_at, given, discount)
        found.append(Held(Coupon(coupon, promotion, customer, issued_at, campaign), offered, *uses))
    return found


def find_overdue(connection: Connection, now: dt.datetime, *, limit: int) -> list[tuple[str, str, Id, dt.datetime]]:
    """Return reservations whose time is over: touchpoint, name, position, and when it was."""
    return connection.execute(_SQL["find_overdue"], (now, limit)).fetchall()


def sum_given(connection: Connection) -> None:
    """Count what was given of promotions with a budget anew."""
    connection.execute(_SQL["sum_given"])


def find_times(connection: Connection, sales: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return how often sales earn their points, by source and receipt, as far as it is more than once."""
    rows = connection.ask(_SQL["find_times"], *_keys(sales))
    return {(str(source), str(receipt)): int(times or 1) for source, receipt, times in rows}


def forget_receipt(connection: Connection, source: str, receipt: str, customers: Collection[Id]) -> None:
    """Let nothing that these customers were given name a receipt."""
    connection.tell(_SQL["forget_receipt"], source, receipt, value_array(list(customers)))


def has_points(connection: Connection) -> bool:
    """Tell whether any promotion lets points count several times."""
    row = connection.execute(_SQL["has_points"]).fetchone()
    return row is not None and bool(row[0])


def find_positions(connection: Connection, customers: Collection[Id]) -> list[Id]:
    """Return where the log names these customers by a coupon, a redemption or a targeting."""
    rows = connection.execute(_SQL["find_positions"], {"customers": value_array(list(customers))})
    return [row[0] for row in rows]


def sever(connection: Connection, fresh: Mapping[Id, Id]) -> None:
    """Put fresh ids in the place of customers."""
    old, new = value_array(list(fresh)), value_array(list(fresh.values()))
    connection.execute(_SQL["sever_coupons"], (old, new))
    connection.execute(_SQL["sever_redemptions"], (old, new))
    connection.execute(_SQL["sever_targetings"], (old, new))
