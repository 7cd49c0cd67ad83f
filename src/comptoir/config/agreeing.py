"""Recommendations in the demo: made out of what was loaded; a share of the customers agree, and chance holds some out.

The draw is dated within the days that the demo has loaded, so that there is something to compare. What was
agreed and drawn stays, so a second demo adds nothing. Needs Django. Not here: who agrees (``replaying/agreed.py``).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

from comptoir.config import promoting, recommending
from comptoir.config.replaying import agreed, journey, sending
from comptoir.config.replaying.keyring import Keyring
from comptoir.counter.customers.rules import customer_id
from comptoir.counter.recommendations.models import Drawn
from comptoir.foundation.kernel import database, shop
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE
from comptoir.foundation.touchpoints import house
from comptoir.office.recommendations import queries

_ROUNDS_MAX: Final = 10


def demonstrate(say: Callable[[str], None]) -> dict[str, Any]:
    """Make it for the demo out of what was loaded, and say what came of it."""
    began = time.monotonic()
    made = recommending.make()
    seconds = round(time.monotonic() - began, 1)
    say(
        f"{made.products:,} products have others that the same people buy: {made.pairs:,} pairs out of"
        f" {made.baskets:,} baskets, each bought by at least five people ({seconds:.1f} s)."
    )
    return {"products": made.products, "pairs": made.pairs, "people": made.people, "seconds": seconds}


def agree(gateway_url: str, *, until: dt.datetime, say: Callable[[str], None]) -> dict[str, Any]:
    """Let a share of those who bought agree, and chance draw for them; say what that changed by now."""
    at = agreed.drawn_at(until)
    cards = agreed.cards(at)
    keyring = Keyring.of_one_key(house.key_path(house.STOREFRONT).read_text())
    sender = sending.Sender(gateway_url, keyring, in_flight=2)
    asyncio.run(sender.send(event.encode() for event in agreed.consents(cards)))
    with database.connect(COUNTER.role) as connection:
        for _ in range(_ROUNDS_MAX):
            if not recommending.draw(connection, at=at):
                break
    went = {"agreed": len(cards), **_measured()}
    told = {"better": "They buy more", "worse": "They buy less"}.get(went["verdict"], "One cannot tell yet")
    say(
        f"{went['agreed']:,} customers agreed to recommendations; {went['held_out']:,} people of them see, by chance,"
        f" what everybody sees. {told}."
    )
    return went


def shown_card() -> str | None:
    """Return a card whose holder sees recommendations of their own: the demo's, unless chance holds that one out."""
    key = shop.secret("identifiers")
    with entered(OFFICE):
        shown = set(Drawn.objects.filter(arm="shown").values_list("customer", flat=True))
    last = dt.datetime.combine(journey.FIRST_DAY + dt.timedelta(days=1), dt.time(), dt.UTC)
    for card in sorted(agreed.cards(last), key=lambda each: each != journey.CARD):
        if uuid.UUID(customer_id(key, "card", card)) in shown:
            return card
    return None


def _measured() -> dict[str, Any]:
    """Return how many are in each arm, and what the console's page of recommendations says of them."""
    with entered(OFFICE):
        drawn = queries.people()
        standing = queries.standings(drawn)[0]
        found = queries.measure(
            drawn, standing.share, minor_units=promoting.minor_units(), now=SYSTEM_CLOCK.now()
        ).effects  # fmt: skip
    change = {"verdict": "cannot_tell"} if found is None else promoting.change_of(found)
    return {"shown": standing.shown, "held_out": standing.held_out, **change}
