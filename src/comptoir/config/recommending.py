"""Recommendations are made anew: by the worker once a day, by ``comptoir recommendations make``, and by the demo.

And each minute chance draws for whoever has agreed since: the office says who is held out, and the counter notes it, as
an event of the house's clock.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import click
import msgspec

from comptoir.counter.assembly import handlers_for
from comptoir.counter.audiences import rebuilding as audiences
from comptoir.counter.customers.contracts import CUSTOMER_KIND, Identifier
from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.recommendations import making, store
from comptoir.counter.recommendations.contracts import DRAWN, Arm, RecommendationDrawn
from comptoir.foundation.events.commands import record
from comptoir.foundation.kernel import database, shop
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.touchpoints.clock import count_fresh, said_by_clock
from comptoir.office.recommendations import rules
from comptoir.square.companions.contracts import Made

_DRAWN_AT_ONCE: Final = 500
_HOW: Final = "recommendations need scipy: install comptoir[recommendations]"


def make() -> Made:
    """Make what goes with what anew, now; raises :class:`click.ClickException` where the extra is missing."""
    if not making.has_extra():
        raise click.ClickException(_HOW)
    with database.connect(COUNTER.role) as connection, database.connect(COUNTER.role) as reader:
        with connection.transaction(), reader.transaction():
            # Where no worker has ever followed the log, there would be no lines.
            audiences.begin(connection, reader)
        return making.make(connection, now=SYSTEM_CLOCK.now())


def make_nightly(connection: Connection) -> None:
    """Make it anew, as a job of the counter's; without the extra nothing is made."""
    if making.has_extra():
        making.make(connection, now=SYSTEM_CLOCK.now())


def draw(connection: Connection, *, at: dt.datetime | None = None) -> int:
    """Draw for whoever has agreed to recommendations and was not drawn yet; returns how many customers that were.

    A person with several cards is in one arm with all of them. ``at`` is from when on it counts what they pay; unset,
    from now on. Works as the counter.
    """
    programmes = find_programmes(connection)
    if programmes is None:
        return 0
    waiting = store.find_undrawn(connection, limit=_DRAWN_AT_ONCE)
    if not waiting:
        return 0
    share = rules.share_of(os.environ.get("COMPTOIR_RECOMMENDATIONS_HOLDOUT", ""))
    salt, now = shop.secret("holdouts"), SYSTEM_CLOCK.now()
    events = []
    for customer, person, before in waiting:
        arm: Arm = before if before in get_args(Arm) else rules.arm_of(person, share=share, salt=salt)  # type: ignore[assignment]
        said = RecommendationDrawn(Identifier(CUSTOMER_KIND, customer), arm, share)
        events.append(
            said_by_clock(DRAWN, f"recommendations/{customer}", said, at=at or now, now=now, customer=customer)
        )
    record(connection, events, handlers=handlers_for(programmes))
    return count_fresh(events)


def draw_each_minute(connection: Connection) -> None:
    """Draw, as a job."""
    draw(connection)


#: What the worker does by the clock, each with when, as it declares its jobs.
JOBS: Final[Mapping[str, tuple[str, Callable[[Connection], None]]]] = {
    "recommendations.make": ("42 3 * * *", make_nightly),
    "recommendations.draw": ("* * * * *", draw_each_minute),
}


def as_printed(made: Made) -> dict[str, Any]:
    """Return what was made as JSON has it."""
    found: dict[str, Any] = msgspec.to_builtins(made)
    return found
