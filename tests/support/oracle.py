"""What the ledger should do, said a second time in the plainest way: facts in, points out, nothing kept but facts.

It shares no code with ``comptoir.counter``: lots are a list of single points, earnings are fractions, days are
counted through :mod:`zoneinfo`. Slow and short on purpose. Not here: identities, batches, the database.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

NEVER = dt.date(9999, 12, 31)


class Pocket:
    """One customer's points, each of them a day on which it expires; what is held under names; what is owed."""

    def __init__(self) -> None:
        self.points: list[dt.date] = []
        self.held: dict[str, list[dt.date]] = {}
        self.owed = 0

    @property
    def figures(self) -> tuple[int, int, int]:
        """Return available, held, owed."""
        return len(self.points), sum(map(len, self.held.values())), self.owed

    def settle(self) -> None:
        """Pay what is owed with the first points to expire."""
        self.points.sort()
        paid = min(self.owed, len(self.points))
        del self.points[:paid]
        self.owed -= paid


class Model:
    """Several customers' pockets. Every method returns whether it was possible; if not, nothing has changed."""

    def __init__(self) -> None:
        self.pockets: dict[Any, Pocket] = {}
        self.spent = 0
        self.gone = 0

    def of(self, customer: Any) -> Pocket:
        """Return a customer's pocket."""
        return self.pockets.setdefault(customer, Pocket())

    def earn(self, customer: Any, points: int, day: dt.date) -> None:
        """Give points; what is owed is paid out of these first."""
        pocket = self.of(customer)
        paid = min(pocket.owed, points)
        pocket.owed -= paid
        pocket.points += [day] * (points - paid)

    def take_back(self, customer: Any, points: int, day: dt.date) -> None:
        """Take points away: those of their day, then the first to expire; the rest is owed."""
        pocket = self.of(customer)
        pocket.points.sort(key=lambda each: (each != day, each))
        taken = min(points, len(pocket.points))
        del pocket.points[:taken]
        pocket.owed += points - taken

    def _take(self, members: Sequence[Any], points: int, today: dt.date) -> list[tuple[Any, dt.date]] | None:
        usable = sorted((day, each) for each in members for day in self.of(each).points if day >= today)
        if len(usable) < points:
            return None
        for day, each in usable[:points]:
            self.of(each).points.remove(day)
        return [(each, day) for day, each in usable[:points]]

    def spend(self, members: Sequence[Any], points: int, today: dt.date) -> bool:
        """Spend points, whoever of these customers has the first to expire."""
        taken = self._take(members, points, today)
        self.spent += len(taken or ())
        return taken is not None

    def hold(self, name: str, members: Sequence[Any], points: int, today: dt.date) -> bool:
        """Put points aside under a name."""
        taken = self._take(members, points, today)
        for each, day in taken or ():
            self.of(each).held.setdefault(name, []).append(day)
        return taken is not None

    def release(self, name: str, spent: int) -> None:
        """Spend the first so many of what is held, give back the rest, which pays what is owed."""
        everything = sorted((day, each) for each, pocket in self.pockets.items() for day in pocket.held.get(name, ()))
        for number, (day, each) in enumerate(everything):
            if number < spent:
                self.spent += 1
            else:
                self.of(each).points.append(day)
        for pocket in self.pockets.values():
            if pocket.held.pop(name, None):
                pocket.settle()

    def held_under(self, name: str) -> int:
        """Return how many points are held under a name."""
        return sum(len(pocket.held.get(name, ())) for pocket in self.pockets.values())

    def adjust(self, customer: Any, members: Sequence[Any], points: int, day: dt.date, today: dt.date) -> bool:
        """Give points by hand, which pay what is owed; or take them from whoever has the first to expire."""
        if points < 0:
            return self._take(members, -points, today) is not None
        self.of(customer).points += [day] * points
        self.of(customer).settle()
        return True

    def expire(self, customer: Any, before: dt.date) -> None:
        """Let points go whose day has passed."""
        pocket = self.of(customer)
        left = [day for day in pocket.points if day >= before]
        self.gone += len(pocket.points) - len(left)
        pocket.points = left

    def lots(self, customer: Any) -> dict[dt.date, int]:
        """Return how many points expire on which day."""
        return dict(Counter(self.of(customer).points))


def earned(rules: Iterable[Any], zone: str, at: dt.datetime, lines: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return what lines (category, amount in hundredths) earn by each rule at a moment in a zone."""
    day = at.astimezone(zoneinfo.ZoneInfo(zone)).date()
    kept = list(lines)
    found = {}
    for rule in rules:
        if rule.per is None or (rule.starts and day < rule.starts) or (rule.ends and day > rule.ends):
            continue
        money = Fraction(sum(each["amount"] for each in kept if rule.category in {None, each.get("category")}), 100)
        exact = max(Fraction(0), money * rule.points / Fraction(rule.per))
        points = {"down": math.floor, "up": math.ceil, "nearest": lambda x: math.floor(x + Fraction(1, 2))}
        if whole := points[rule.rounding](exact):
            found[rule.name] = whole
    return found


def last_day(zone: str, at: dt.datetime, months: int | None) -> dt.date:
    """Return the end of the month so many months after a moment's local day."""
    if months is None:
        return NEVER
    day = at.astimezone(zoneinfo.ZoneInfo(zone)).date()
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return dt.date(year, month, calendar.monthrange(year, month)[1])
