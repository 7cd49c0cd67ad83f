"""A crowd to send campaigns to: people who agreed to offers, segments that a test fills by hand, a template.

People are rows here, since ten thousand of them are wanted at once; whoever agrees, withdraws or is linked within a
story says so by an event. Not here: the office's own rules.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import pytest

from comptoir.counter.messages.contracts import TemplateText
from comptoir.office.campaigns.contracts import Variant, Version
from support.shop import Shop

NOW: Final = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
STAFF: Final = "Akiko"
COFFEE: Final = uuid.UUID(int=0xC0FFEE)


class Segments:
    """Segments whose members a test names: what ``office/segments`` says to a campaign."""

    def __init__(self, members: Collection[uuid.UUID] = ()) -> None:
        """Begin with one segment, of coffee."""
        self.found: dict[uuid.UUID, list[uuid.UUID]] = {COFFEE: list(members)}

    def hash_of(self, segment: uuid.UUID, /) -> str:
        """Return something that stands for the definition."""
        return f"hash of {segment}"

    def is_in(self, segment: uuid.UUID, person: uuid.UUID, at: dt.datetime, /) -> bool:
        """Tell whether somebody is named."""
        return person in self.found[segment]

    def still_in(
        self,
        segment: uuid.UUID,
        persons: Collection[uuid.UUID],
        /,
        *,
        definition: str,
        at: dt.datetime,
        until: dt.datetime,
    ) -> set[uuid.UUID] | None:
        """Return those who are named, by the one definition that there is."""
        return set(persons) & set(self.found[segment]) if definition == self.hash_of(segment) else None

    def members(self, segment: uuid.UUID, /, *, at: dt.datetime | None = None) -> Iterator[Sequence[uuid.UUID]]:
        """Give the members, a thousand at a time."""
        members = self.found[segment]
        for start in range(0, len(members), 1_000):
            yield members[start : start + 1_000]


def drawn_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the same people in every run: a shop's secret is another one each time, and so is a campaign's id."""
    from comptoir.office.campaigns import commands
    from comptoir.office.campaigns import rules as campaigns
    from comptoir.office.experiments.assignment import assign
    from comptoir.office.journeys import rules as journeys

    numbers: dict[str, str] = {}

    def alike(unit: str, *, experiment: str, salt: bytes, shares: Mapping[str, float]) -> str:
        number = numbers.setdefault(experiment, str(len(numbers)))
        return assign(unit, experiment=number, salt=salt, shares=shares)

    monkeypatch.setattr(commands, "salt", lambda: b"one salt for every run")
    for each in (campaigns, journeys):
        monkeypatch.setattr(each, "assign", alike)


def is_alarmed(shop: Shop, shares: Mapping[str, float]) -> bool:
    """Tell whether chance made arms of a campaign of sizes that it makes once in a thousand: no effect is shown then.

    For tests in which other processes draw; where the test itself draws, see :func:`drawn_alike`.
    """
    from comptoir.office.experiments import estimators
    from comptoir.office.experiments.rules import MISMATCH_P_VALUE

    drawn = {
        row["arm"]: row["count"]
        for row in shop.rows(
            "select case verdict when 'send' then variant else 'holdout' end arm, count(*) from messages_decision"
            " where verdict = 'send' or verdict = 'held_out' and reason = 'campaign' group by 1"
        )
    }
    assert drawn.keys() <= shares.keys(), drawn
    found = estimators.sample_ratio([drawn.get(arm, 0) for arm in shares], list(shares.values()))
    return found is not None and found < MISMATCH_P_VALUE


def crowd(shop: Shop, count: int, *, channel: str = "mail", agreed: bool = True, first: int = 1) -> list[uuid.UUID]:
    """Have so many customers, who agreed to offers on a channel, or said nothing."""
    people = [uuid.UUID(int=(first + number) << 64 | 0x4000_8000_0000_0000) for number in range(count)]
    with shop.connect("comptoir_counter") as connection:
        connection.execute(
            "insert into customers_customer (customer, kind) select unnest(%s::uuid[]), 'card'", (people,)
        )
        if agreed:
            connection.execute(
                "insert into customers_permission (customer, purpose, channels)"
                " select c, 'marketing', array[%s] from unnest(%s::uuid[]) c",
                (channel, people),
            )
    return people


def version(**changed: Any) -> Version:
    """Return a campaign on coffee, by mail, in one text."""
    plain = Version(
        name="Coffee in May", segment=str(COFFEE), channel="mail", why={"en": "you asked for offers on coffee"},
        variants=(Variant("a", "coffee"),),
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changed)


def templates(*names: str, channel: str = "mail") -> None:
    """Write templates, in the office."""
    from comptoir.counter.messages import commands as messages

    for name in names or ("coffee",):
        text = {"en": TemplateText("There is coffee.", "Coffee")}
        messages.write_template(name, channel=channel, texts=text, by=STAFF, at=NOW)
