"""A recorded history of the ledger, decided a second time by the pure rules, one event after the other.

The order of the log's positions is the order in which the accounts were locked. A refusal writes to no account, so
within one millisecond it may stand on either side of what another gateway decided; it has to be what the rules say at
one of these points.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg

from comptoir.counter.loyalty.programme import Earning, Programmes
from comptoir.counter.loyalty.rules import Ledger, Reservation
from comptoir.foundation.kernel.ids import millisecond_of
from comptoir.foundation.kernel.problem import Problem


class History:
    """The pure ledger, on the way through a recorded history. Sales earn, links hold; nothing is returned or undone."""

    def __init__(self, programmes: Programmes) -> None:
        """Decide by these programmes, from empty books on."""
        self.programmes = programmes
        self.persons: dict[str, tuple[str, ...]] = {}
        self.ledger = Ledger({})
        self.reservations: dict[tuple[str, str], Reservation] = {}

    def decide(self, row: Mapping[str, Any]) -> tuple[str | None, tuple[int, int, int] | None]:
        """Return the refusal's name, if there is one, and the person's balance after it."""
        data, at, customer = row["data"], row["received_at"], row["customer"] and str(row["customer"])
        version = self.programmes.at(at)
        today = version.local_day(at)
        key = (row["touchpoint"], data.get("reservation", ""))
        problem: Problem | None = None
        if row["type"] == "sale.closed":
            for rule, points in (
                (each.rule, each.points) for each in version.for_sale(row["occurred_at"], _lines(data))
            ):
                self.ledger.earn(customer, Earning(rule, points, version.last_day(row["occurred_at"])))
        elif row["type"] == "identifier.linked":
            person = tuple(sorted({*self.members(customer), *self.members(data["identifier"]["value"])}))
            self.persons.update(dict.fromkeys(person, person))
        elif row["type"] == "points.redeem":
            problem = self.ledger.spend(self.members(customer), data["points"], today=today)
        elif row["type"] == "points.reserve":
            if key in self.reservations:
                return "reservation_taken", self.balance(customer)
            draws = self.ledger.hold(self.members(customer), data["points"], today=today)
            if isinstance(draws, Problem):
                return draws.name, self.balance(customer)
            until = at + dt.timedelta(seconds=data["expires_in"])
            self.reservations[key] = Reservation(*key, customer, str(row["position"]), data["points"], draws, until)
        else:
            reservation = self.reservations.get(key)
            if reservation is None:
                return "reservation_unknown", None
            customer = reservation.customer
            closed = (
                self.ledger.post(reservation, data.get("points"), at=at)
                if row["type"] == "points.post"
                else self.ledger.void(reservation, at=at)
            )
            if isinstance(closed, Problem):
                problem = closed
            else:
                self.reservations[key] = closed
        return None if problem is None else problem.name, self.balance(customer)

    def copy(self) -> History:
        """Return the same history, to go on another way."""
        other = History(self.programmes)
        other.persons = dict(self.persons)
        other.reservations = dict(self.reservations)
        other.ledger = Ledger(
            {
                customer: msgspec.structs.replace(each, lots=dict(each.lots))
                for customer, each in self.ledger.accounts.items()
            }
        )
        return other

    def members(self, customer: str) -> tuple[str, ...]:
        """Return who is one person with a customer."""
        return self.persons.get(customer, (customer,))

    def balance(self, customer: str) -> tuple[int, int, int]:
        """Return what a customer's person has."""
        return self.ledger.balance(self.members(customer))


def check(connection: psycopg.Connection, history: History) -> int:
    """Assert that every recorded decision is the one that the rules make at its place; return how many there are."""
    cursor = connection.execute(
        "select position::text, source, id, type, touchpoint, customer::text, occurred_at, received_at, data,"
        " outcome::json from events_event order by position"
    )
    assert cursor.description is not None
    columns = [column.name for column in cursor.description]
    recent: list[tuple[int, History]] = []
    count = 0
    for values in cursor:
        row = dict(zip(columns, values, strict=True))
        told = row["outcome"]
        refusal = told["problem"]["type"].rsplit(":", 1)[1] if "problem" in told else None
        balance = told.get("balance")
        recorded = (refusal, balance and (balance["available"], balance["held"], balance["owed"]))
        moment = millisecond_of(row["position"])
        recent = [each for each in recent if each[0] >= moment]
        recent.append((moment, history.copy()))
        decided = history.decide(row)
        if decided != recorded:
            assert refusal is not None, f"{_short(row)} was accepted; the rules say {decided}, the log {recorded}"
            earlier = [each.copy().decide(row) for _, each in recent[:-1]]
            assert recorded in earlier, f"{_short(row)}: {decided} and {earlier}, not {recorded}"
            history = recent[-1][1]
        count += 1
    return count


def _lines(data: Mapping[str, Any]) -> list[Any]:
    class Line:
        def __init__(self, amount: int, category: str | None) -> None:
            self.amount, self.category = amount, category

    return [Line(line["amount"], line.get("category")) for line in data["lines"]]


def _short(row: Mapping[str, Any]) -> str:
    return json.dumps([row["position"], row["type"], row["customer"], row["data"]])
