"""A shop as on an ordinary day, with its pages running: sales, a square on which the demo's members talk, a queue.

Not here: what a page should show.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from comptoir.config.replaying import conversations
from comptoir.foundation.touchpoints import house
from support import talking
from support.gateway import EXAMPLES, Gateway, running_gateway
from support.pages import Pages, accepted, running_pages, sale, take_part, tell
from support.shop import Shop, environment
from support.visitors import vault_session

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

CAMILLE, ZOE = uuid.UUID(int=0xCA), uuid.UUID(int=0x20E)
_BATCH: Final = 100


@dataclass
class Lively:
    """The shop and its pages; ``customer`` is the one of the card 1000, to whom everything has happened."""

    shop: Shop
    pages: Pages
    customer: uuid.UUID

    @property
    def gateway(self) -> Gateway:
        """Return the gateway behind the pages."""
        return self.pages.gateway

    def is_member(self, context: BrowserContext, *, card: str = "1000", name: str = "Goldammer") -> Page:
        """Let somebody with a browser be a customer with a card, a passkey and a public name; return their page."""
        page = context.new_page()
        take_part(self.pages, page, card=card, name=name)
        cookie, value = vault_session(ZOE)
        context.add_cookies([{"name": cookie, "value": value, "url": f"http://safe.localhost:{self.pages.port}"}])
        return page

    def is_staff(self, context: BrowserContext, name: str = "Camille") -> Page:
        """Let somebody with a browser be a member of staff, in the office and in the vault; return their page."""
        page = context.new_page()
        self.pages.sign_in(page, name)
        cookie, value = vault_session(CAMILLE, is_staff=True)
        context.add_cookies([{"name": cookie, "value": value, "url": f"http://safe.localhost:{self.pages.port}"}])
        return page


@contextlib.contextmanager
def lively_shop(shop: Shop, folder: Path) -> Iterator[Lively]:
    """Have a shop in which a good deal has happened."""
    with (
        environment(COMPTOIR_STARTUP=str(EXAMPLES / "startup.toml")),
        running_gateway(folder) as gateway,
    ):
        for touchpoint in house.HOUSE:
            house.keep_key(touchpoint, gateway.keys[touchpoint])
        customer = tell(gateway, cards=12, months=6)
        talk(gateway)
        with running_pages(folder, gateway) as pages:
            yield Lively(shop, pages, customer)
        for touchpoint in house.HOUSE:
            house.key_path(touchpoint).unlink(missing_ok=True)


def talk(gateway: Gateway, *, now: dt.datetime | None = None) -> None:
    """Let the demo's members say what they say, and let some of it wait for a decision."""
    now = (now or dt.datetime.now(dt.UTC)).replace(microsecond=0)
    said = conversations.load()
    cards = [f"5{number:03}" for number in range(len(said.members))]
    accepted(gateway.post([sale(number, 20, receipt=f"m-{number}") for number in cards]))
    sources = {"/console": "console", "/storefront": "storefront", "/square": "square"}
    waiting: list[dict[str, object]] = []
    for entry in said.events(cards, opened_at=now):
        event = json.loads(entry.raw)
        if waiting and (waiting[0]["source"] != event["source"] or len(waiting) == _BATCH):
            accepted(gateway.post(waiting, touchpoint=sources[str(waiting[0]["source"])]))
            waiting = []
        waiting.append(event)
    accepted(gateway.post(waiting, touchpoint=sources[str(waiting[0]["source"])]))
    _reported(gateway, said.members[0], now)


def _reported(gateway: Gateway, name: str, now: dt.datetime) -> None:
    """Let something be held, flagged, and notice be given of it."""
    personas = {each: conversations._id(f"member/{each}") for each in conversations.load().members}
    held = talking.wrote(
        personas[name], "Win a year of bread: https://lottery.example https://lottery.example/2",
        title="Win a year of bread", kind="story", held="links", at=now - dt.timedelta(hours=3),
    )  # fmt: skip
    flagged = talking.wrote(
        personas[name],
        "Only fools buy this cheese.",
        title="About that cheese",
        kind="story",
        at=now - dt.timedelta(hours=5),
    )
    accepted(gateway.post([held, flagged], touchpoint="square"))
    post = talking.post_of(flagged)
    notice = {
        "notice": talking.new(), "post": post, "kind": "hate", "receipt": uuid.uuid4().hex * 2,
        "is_in_good_faith": "yes",
        "words": "It insults everybody who buys this cheese.",
    }  # fmt: skip
    reports = [
        talking.said(
            "post.flagged", {"persona": persona, "post": post, "reason": "insult", "words": "Not kind."},
            at=now - dt.timedelta(hours=4),
        )
        for other, persona in list(personas.items())[1:4]
    ]  # fmt: skip
    accepted(gateway.post([*reports, talking.said("notice.received", notice, at=now)], touchpoint="square"))
