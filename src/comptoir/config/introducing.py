"""What the open demo says there is to see: its addresses, links that open something, and commands to try.

Needs Django. Not here: the demo itself (``commands/demo.py``).
"""

from __future__ import annotations

import contextlib
import json
import shlex
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console

from comptoir.config import agreeing, opening, selling
from comptoir.config.replaying import bought, journey
from comptoir.config.replaying.keyring import Keyring
from comptoir.config.serving import House
from comptoir.counter.giftcards.codes import shown_code
from comptoir.doors.storefront.links import card_link
from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, VAULT

#: The shell puts the time in when the command is run.
_NOW: Final = "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"
_COFFEE: Final = {"product": "coffee", "quantity": 1, "amount": 1230}


def introduce(output: Console, house: House, keyring: Keyring, staff_link: str, *, is_plain: bool) -> None:
    """Print the addresses and what to try. ``staff_link`` opens the console once."""

    def say(line: str) -> None:
        output.print(line, soft_wrap=True)

    def command(text: str) -> None:
        output.print(text, soft_wrap=True, markup=False, highlight=False)

    say("\n[bold]Open[/]")
    for words, address in house.addresses():
        say(f"  {address:<42} {words}")
    say("\n[bold]The console[/], signed in (the link works once, for ten minutes; Enter prints another one)")
    say(f"  {staff_link}")
    customer = _resolved(house.gateway_url, keyring, journey.CARD)
    if customer is not None:
        say(f"\n[bold]A shopper's card[/], {journey.CARD}: its points change while you look at it")
        say(f"  {card_link(customer)}")
        say("  A coupon waits on its page “Coupons”: five dollars off, at any till or in the web shop. Its code is")
        say("  used everywhere as soon as one of them has redeemed it:")
        command(_redeeming(house.gateway_url))
    if not is_plain:
        say("\n[bold]A campaign[/], link by link: customers on a chart, a segment, letters, coupons at tills, and")
        say("  what all of it changed; or write one of your own")
        say(f"  {url_of(OFFICE, '/segments')}")
        say(f"  {url_of(OFFICE, '/campaigns')}")
        say(f"  {url_of(VAULT, '/messages/mail/')}")
        _introduce_selling(say)
        shown = agreeing.shown_card()
        reader = _resolved(house.gateway_url, keyring, shown) if shown is not None else None
        if reader is not None:
            say("\n[bold]Recommendations with reasons[/], for a customer who agreed; and whether they pay")
            if reader != customer:
                say(f"  {card_link(reader)}")
            say(f"  {url_of(COUNTER, '/for-you')}")
            say(f"  {url_of(OFFICE, '/campaigns/recommendations')}")
    say("\n[bold]Sell something to that shopper[/], in another terminal: the answer has the new balance")
    command(_selling(house.gateway_url))
    say("\n[bold]A till in the browser[/], with a line and without: make a key for the till in the console (Keys),")
    say("  and say that it stands at /stores/1/tills/web-1")
    say(f"  {url_of(COUNTER, '/till/')}")


def _introduce_selling(say: Callable[[str], None]) -> None:
    say("\n[bold]What was ordered[/], paid with points, gift cards and in a store, and what came back: in the console,")
    say(f"  {url_of(OFFICE, '/orders')}")
    say(f"  {url_of(OFFICE, '/returns')}")
    say(f"  {url_of(OFFICE, '/gift-cards')}")
    say("  and for that shopper, with the card's link opened before")
    say(f"  {url_of(COUNTER, '/orders')}")
    say(f"  A gift card to look at and to pay with: {shown_code(selling.gift_code(bought.TRIED))}")
    say(f"  {url_of(COUNTER, '/gift-card')}")


def _resolved(gateway: str, keyring: Keyring, card: str) -> uuid.UUID | None:
    """Return the opaque customer of a card, as the gateway knows it; ``None`` if it does not say."""
    key = keyring.key_for("/stores/1/tills/1")
    with contextlib.suppress(httpx.HTTPError, KeyError, ValueError):
        answer = httpx.post(
            f"{gateway}/v1/customers/resolve",
            json={"kind": "card", "value": card},
            headers={"authorization": f"Bearer {key}"},
            trust_env=False,
        )
        return uuid.UUID(answer.raise_for_status().json()["customer"])
    return None


def _selling(gateway: str) -> str:
    """Return a command that sells something for 12.30 dollars, as another sale each time."""
    sale = {
        "specversion": "1.0",
        "id": "try-'$N'",
        "source": "/stores/1/tills/1",
        "type": "sale.closed",
        "time": _NOW,
        "data": {
            "receipt": "try-'$N'",
            "store": "1",
            "customer": {"kind": "card", "value": journey.CARD},
            "currency": "USD",
            "total": 1230,
            "lines": [_COFFEE],
        },
    }
    return f"  {_sending(gateway, sale)}"


def _redeeming(gateway: str) -> str:
    """Return a command that redeems a coupon's code for a basket of 12.30 dollars, as another basket each time."""
    redeemed = {
        "specversion": "1.0",
        "id": "coupon-'$N'",
        "source": "/stores/1/tills/1",
        "type": "coupon.redeem",
        "time": _NOW,
        "data": {"basket": [_COFFEE], "codes": ["'$CODE'"]},
    }
    return f"  CODE=…; {_sending(gateway, redeemed)}"


def _sending(gateway: str, event: Mapping[str, Any]) -> str:
    """Return a command that sends an event as the first till does; ``$N`` is another number each time."""
    header = opening.header_path()
    with contextlib.suppress(ValueError):
        header = header.relative_to(Path.cwd())
    return (
        f"N=$(date +%s%N); curl -sS {gateway}/v1/events -H @{shlex.quote(str(header))} \\\n"
        "    -H 'Content-Type: application/cloudevents+json' \\\n"
        f"    -d '{json.dumps(event)}'"
    )
