"""The ledger's decisions: accounts in, transfers out. Pure; nothing here knows a database or the time.

Two nouns, as in TigerBeetle (https://docs.tigerbeetle.com/coding/data-modeling/): accounts, and transfers that take
points from one account and add the same number to another. What a customer may spend lies in lots, one for each day
on which points expire; the first to expire are the first spent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from comptoir.counter.loyalty.contracts import Account
from comptoir.counter.loyalty.errors import (
    InsufficientPoints,
    ReservationExpired,
    ReservationPosted,
    ReservationTooSmall,
    ReservationVoided,
)
from comptoir.counter.loyalty.programme import NEVER, Earning
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem


class Transfer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Points that went from ``debit`` to ``credit``. ``day`` is the lot (its last day), where a lot is concerned.

    ``cause`` is the position of the event whose doing it is, ``None`` for the event that was just decided; with it
    goes the time when that event happened. ``reason`` is the name of an earning rule, or a word of the ledger's.
    """

    customer: Id
    debit: int
    credit: int
    points: int
    day: dt.date | None
    reason: str
    cause: Id | None = None
    occurred_at: dt.datetime | None = None


class CustomerAccounts(msgspec.Struct, gc=False):
    """A customer's accounts: ``available`` (the sum of ``lots``: day to points), ``held``, ``owed``. Never negative."""

    available: int = 0
    held: int = 0
    owed: int = 0
    lots: dict[dt.date, int] = {}
    last_position: Id | None = None
    is_new: bool = True
    #: Where the database keeps the row while it is locked.
    place: str = ""


class Draw(NamedTuple):
    """Points taken from one lot of one customer."""

    customer: Id
    day: dt.date
    points: int


class DrawAcross(NamedTuple):
    """Points of one customer that were spent for another: by which event, when it happened and came, on what."""

    draw: Draw
    spender: Id
    cause: Id
    occurred_at: dt.datetime
    received_at: dt.datetime
    account: Account


class Moved(NamedTuple):
    """A transfer as it was booked: when what it rests on happened, from which account to which, points, and the lot."""

    occurred_at: dt.datetime
    debit: int
    credit: int
    points: int
    day: dt.date | None


class Reservation(msgspec.Struct, frozen=True):
    """Points held under a touchpoint's own name for them, drawn from certain lots until a moment."""

    touchpoint: str
    name: str
    customer: Id
    position: Id
    points: int
    draws: tuple[Draw, ...]
    expires_at: dt.datetime
    status: Literal["held", "posted", "voided", "expired"] = "held"
    posted: int = 0

    def not_open(self, at: dt.datetime) -> Problem | None:
        """Return why nothing can be done with it any more, or ``None`` while it is held."""
        if self.status == "posted":
            return ReservationPosted(f"{self.posted} points were spent.", field="data.reservation")
        if self.status == "voided":
            return ReservationVoided(field="data.reservation")
        if self.status == "expired" or at >= self.expires_at:
            ended = self.expires_at.isoformat(timespec="seconds")
            return ReservationExpired(f"It was held until {ended}.", field="data.reservation")
        return None


class Ledger:
    """The accounts of one batch, and the transfers that its events cause.

    ``accounts`` maps every customer concerned to its accounts, locked by the caller. After each event,
    :meth:`take_transfers` hands out what it caused.
    """

    def __init__(self, accounts: dict[Id, CustomerAccounts]) -> None:
        """Work on these accounts, in place."""
        self.accounts = accounts
        self.touched: set[Id] = set()
        #: Net change of each of the programme's accounts in this batch: credits less debits.
        self.programme: dict[int, int] = {}
        self._transfers: list[Transfer] = []

    def take_transfers(self) -> list[Transfer]:
        """Return the transfers since the last call."""
        transfers, self._transfers = self._transfers, []
        return transfers

    def balance(self, members: Iterable[Id]) -> tuple[int, int, int]:
        """Return a person's available, held and owed points: the sums over its customers."""
        available = held = owed = 0
        for member in members:
            accounts = self.accounts.get(member)
            if accounts is not None:
                available += accounts.available
                held += accounts.held
                owed += accounts.owed
        return available, held, owed

    def earn(
        self, customer: Id, earning: Earning, *, cause: Id | None = None,
        occurred_at: dt.datetime | None = None,
    ) -> None:  # fmt: skip
        """Issue points into a lot. What the customer owes is settled first, out of these points."""
        accounts = self._of(customer)
        lot = earning.day
        self._move(customer, Account.ISSUED, Account.AVAILABLE, earning.points, lot, earning.rule, cause, occurred_at)
        accounts.available += earning.points
        accounts.lots[lot] = accounts.lots.get(lot, 0) + earning.points
        settled = min(accounts.owed, earning.points)
        if settled:
            self._take(accounts, lot, settled)
            self._move(customer, Account.AVAILABLE, Account.ISSUED, settled, lot, "settled", cause, occurred_at)
            accounts.owed -= settled
            self._move(customer, Account.OWED, Account.CLAIMS, settled, None, "settled", cause, occurred_at)

    def take_back(
        self, customer: Id, earning: Earning, *, cause: Id | None = None,
        occurred_at: dt.datetime | None = None,
    ) -> None:  # fmt: skip
        """Take earned points back: from their own lot, then from the first to expire; what is spent already is owed."""
        accounts = self._of(customer)
        left = earning.points
        for day in [earning.day, *sorted(accounts.lots)]:
            taken = min(left, accounts.lots.get(day, 0))
            if taken:
                self._take(accounts, day, taken)
                self._move(customer, Account.AVAILABLE, Account.ISSUED, taken, day, earning.rule, cause, occurred_at)
                left -= taken
        if left:
            accounts.owed += left
            self._move(customer, Account.CLAIMS, Account.OWED, left, None, earning.rule, cause, occurred_at)

    def spend(self, members: Sequence[Id], points: int, *, today: dt.date) -> Problem | None:
        """Redeem points at once; returns the refusal if there are not enough."""
        draws = self._draws(members, points, today)
        if isinstance(draws, Problem):
            return draws
        for draw in draws:
            self._take(self._of(draw.customer), draw.day, draw.points)
            self._move(draw.customer, Account.AVAILABLE, Account.REDEEMED, draw.points, draw.day, "redeemed")
        return None

    def hold(
        self, members: Sequence[Id], points: int, *, today: dt.date, reason: str = "reserved"
    ) -> tuple[Draw, ...] | Problem:
        """Hold points; returns what was drawn from where, or the refusal."""
        draws = self._draws(members, points, today)
        if isinstance(draws, Problem):
            return draws
        for draw in draws:
            accounts = self._of(draw.customer)
            self._take(accounts, draw.day, draw.points)
            accounts.held += draw.points
            self._move(draw.customer, Account.AVAILABLE, Account.HELD, draw.points, draw.day, reason)
        return draws

    def release(self, draws: Sequence[Draw], first: int, points: int, *, to: Account, reason: str) -> None:
        """Let go of so many of the points that these draws hold, behind the ``first`` of them."""
        for draw in draws:
            now = min(points, max(0, draw.points - first))
            self._release(draw, now, to, reason)
            first, points = max(0, first - draw.points), points - now
        assert not points, "more would be released than was drawn"

    def post(self, reservation: Reservation, points: int | None, *, at: dt.datetime) -> Reservation | Problem:
        """Spend what is held, or its first ``points``; the rest is given back. Returns the closed reservation."""
        problem = reservation.not_open(at)
        if problem is not None:
            return problem
        spent = reservation.points if points is None else points
        if spent > reservation.points:
            return ReservationTooSmall(f"{reservation.points} points are held.", field="data.points")
        left = spent
        for draw in reservation.draws:
            now = min(left, draw.points)
            self._release(draw, now, Account.REDEEMED, "redeemed")
            self._release(draw, draw.points - now, Account.AVAILABLE, "voided")
            left -= now
        return msgspec.structs.replace(reservation, status="posted", posted=spent)

    def void(self, reservation: Reservation, *, at: dt.datetime, by_clock: bool = False) -> Reservation | Problem:
        """Give back what is held. ``by_clock`` closes a reservation whose time is over, which nobody else can."""
        problem = reservation.not_open(at)
        if problem is not None and not (by_clock and isinstance(problem, ReservationExpired)):
            return problem
        if by_clock and (problem is None or reservation.status == "expired"):
            return problem or ReservationExpired("It is still held.", field="data.reservation")
        for draw in reservation.draws:
            self._release(draw, draw.points, Account.AVAILABLE, "expired" if by_clock else "voided")
        return msgspec.structs.replace(reservation, status="expired" if by_clock else "voided")

    def adjust(
        self, customer: Id, members: Sequence[Id], points: int, *, day: dt.date, today: dt.date
    ) -> Problem | None:
        """Add points that expire on ``day``, or take points away; returns the refusal if there are not enough.

        What the customer owes is settled out of added points.
        """
        if points > 0:
            accounts = self._of(customer)
            accounts.available += points
            accounts.lots[day] = accounts.lots.get(day, 0) + points
            self._move(customer, Account.ADJUSTED, Account.AVAILABLE, points, day, "adjusted")
            if accounts.owed:
                self._settle(customer, accounts)
            return None
        draws = self._draws(members, -points, today)
        if isinstance(draws, Problem):
            return draws
        for draw in draws:
            self._take(self._of(draw.customer), draw.day, draw.points)
            self._move(draw.customer, Account.AVAILABLE, Account.ADJUSTED, draw.points, draw.day, "adjusted")
        return None

    def expire(self, customer: Id, *, before: dt.date) -> None:
        """Let the lots go whose last day lies before that day."""
        accounts = self._of(customer)
        for day in sorted(accounts.lots):
            if day < before:
                points = accounts.lots[day]
                self._take(accounts, day, points)
                self._move(customer, Account.AVAILABLE, Account.EXPIRED, points, day, "expired")

    def return_across(self, across: DrawAcross) -> None:
        """Give points back to whom they belonged, into the lot that they came from: somebody else had spent them."""
        owner, day, points = across.draw
        accounts = self._of(owner)
        accounts.available += points
        accounts.lots[day] = accounts.lots.get(day, 0) + points
        when = (across.cause, across.occurred_at)
        self._move(owner, across.account, Account.AVAILABLE, points, day, "parted", *when)
        if accounts.owed:
            self._settle(owner, accounts)

    def pay_across(self, across: DrawAcross, members: Sequence[Id], *, today: dt.date) -> None:
        """Take points from whoever has spent them, the first to expire first; what they do not have, they owe."""
        when = (across.cause, across.occurred_at)
        left = across.draw.points
        for day, member in sorted((day, each) for each in members for day in self._of(each).lots if day >= today):
            taken = min(left, self._of(member).lots[day])
            if taken:
                self._take(self._of(member), day, taken)
                self._move(member, Account.AVAILABLE, across.account, taken, day, "parted", *when)
                left -= taken
        if left:
            self._of(across.spender).owed += left
            self._move(across.spender, Account.CLAIMS, Account.OWED, left, None, "parted", *when)

    def restate(self, customer: Id, moved: Iterable[Moved]) -> int:
        """Book once more, under the event at hand, what others have moved, whose own transfers go; returns its worth.

        Nothing is moved by it: neither an account nor the programme changes. Only the sums of each month are said, so
        that nobody reads from them what it was.
        """
        transfers = restated(customer, moved)
        self._transfers.extend(transfers)
        if transfers:
            self._of(customer)
            self.touched.add(customer)
        return worth(transfers)

    def _of(self, customer: Id) -> CustomerAccounts:
        accounts = self.accounts.get(customer)
        if accounts is None:
            accounts = self.accounts[customer] = CustomerAccounts()
        return accounts

    def _draws(self, members: Sequence[Id], points: int, today: dt.date) -> tuple[Draw, ...] | Problem:
        """Choose lots for a number of points: the first to expire first, over all customers of the person."""
        lots = sorted(
            (day, member, held)
            for member in members
            if member in self.accounts
            for day, held in self.accounts[member].lots.items()
            if day >= today
        )
        draws = []
        left = points
        for day, member, available in lots:
            if not left:
                break
            taken = min(left, available)
            draws.append(Draw(member, day, taken))
            left -= taken
        if left:
            return InsufficientPoints(f"{points - left} points can be spent.", field="data.points")
        return tuple(draws)

    def _take(self, accounts: CustomerAccounts, day: dt.date, points: int) -> None:
        left = accounts.lots[day] - points
        assert left >= 0, "a lot would be negative"
        if left:
            accounts.lots[day] = left
        else:
            del accounts.lots[day]
        accounts.available -= points

    def _release(self, draw: Draw, points: int, to: Account, reason: str) -> None:
        if not points:
            return
        accounts = self._of(draw.customer)
        assert accounts.held >= points, "more would be released than is held"
        accounts.held -= points
        if to == Account.AVAILABLE:
            accounts.available += points
            accounts.lots[draw.day] = accounts.lots.get(draw.day, 0) + points
        self._move(draw.customer, Account.HELD, to, points, draw.day, reason)
        if to == Account.AVAILABLE and accounts.owed:
            self._settle(draw.customer, accounts)

    def _settle(self, customer: Id, accounts: CustomerAccounts) -> None:
        """Let points that became available again pay what is owed: nobody has both."""
        for day in sorted(accounts.lots):
            paid = min(accounts.owed, accounts.lots[day])
            if paid:
                self._take(accounts, day, paid)
                self._move(customer, Account.AVAILABLE, Account.ISSUED, paid, day, "settled")
                accounts.owed -= paid
                self._move(customer, Account.OWED, Account.CLAIMS, paid, None, "settled")

    def _move(
        self, customer: Id, debit: Account, credit: Account, points: int, day: dt.date | None, reason: str,
        cause: Id | None = None, occurred_at: dt.datetime | None = None,
    ) -> None:  # fmt: skip
        self.touched.add(customer)
        if debit >= Account.ISSUED:
            self.programme[debit] = self.programme.get(debit, 0) - points
        if credit >= Account.ISSUED:
            self.programme[credit] = self.programme.get(credit, 0) + points
        self._transfers.append(Transfer(customer, debit, credit, points, day, reason, cause, occurred_at))


#: Points in these accounts count for the customer, or against.
_WORTH: Final[Mapping[int, int]] = {Account.AVAILABLE: 1, Account.OWED: -1}
#: Why points stand where they stood, after the events that brought them there were forgotten.
KEPT: Final = "kept"


def worth(transfers: Iterable[Transfer]) -> int:
    """Return what transfers mean to the customer: so many more points to spend (or fewer to owe), or fewer."""
    points = 0
    for each in transfers:
        points += (_WORTH.get(each.credit, 0) - _WORTH.get(each.debit, 0)) * each.points
    return points


def restated(customer: Id, moved: Iterable[Moved]) -> list[Transfer]:
    """Return the fewest transfers that do the same: one for each month (UTC), pair of accounts and lot.

    The books of every month stay as they are, and so does every lot; nothing tells of the day, the rules or how often.
    """
    sums: dict[tuple[dt.datetime, int, int, dt.date | None], int] = {}
    for each in moved:
        month = each.occurred_at.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        low, high = sorted((each.debit, each.credit))
        key = (month, low, high, each.day)
        sums[key] = sums.get(key, 0) + (each.points if each.debit == high else -each.points)
    return [
        Transfer(customer, *((high, low) if points > 0 else (low, high)), abs(points), day, KEPT, None, month)
        for (month, low, high, day), points in sorted(sums.items(), key=lambda pair: (-pair[1], str(pair[0])))
        if points
    ]


def differences(
    before: Mapping[tuple[Id, str], int], after: Mapping[tuple[Id, str], int]
) -> Collection[tuple[Id, str, int]]:
    """Return by how much each (cause, rule) has changed, in the order of ``after``, zeros left out."""
    keys = {**after, **before}
    return [
        (cause, rule, change)
        for cause, rule in keys
        if (change := after.get((cause, rule), 0) - before.get((cause, rule), 0))
    ]


def effects(
    causes: Sequence[tuple[Id, Sequence[Earning]]],
) -> dict[tuple[Id, str], int]:
    """Return what each event did for the points of one sale: the sale itself, then its returns in canonical order.

    ``causes`` gives for each of these events what the goods kept after it earn. The sale's part is all of it; a
    return's part is what the goods kept earn now, less what they earned before it: never more than nothing.
    """
    parts: dict[tuple[Id, str], int] = {}
    earlier: dict[str, int] = {}
    for cause, earnings in causes:
        now = {earning.rule: earning.points for earning in earnings}
        for rule in {**now, **earlier}:
            change = now.get(rule, 0) - earlier.get(rule, 0)
            if change:
                parts[cause, rule] = change
        earlier = now
    return parts


__all__ = [
    "NEVER", "CustomerAccounts", "Draw", "Ledger", "Moved", "Reservation", "Transfer", "differences", "effects",
    "restated", "worth",
]  # fmt: skip
