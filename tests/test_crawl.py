"""Every page of every room, in Chromium, in a shop whose every text is an attack: nothing of it runs, nothing breaks.

A stranger, a member of the square who is a customer, and a member of staff follow every link, and the two who may write
send every form. A new address has to be among what they reach, or in a list with the reason why not.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from comptoir.counter.customers.purposes import WITHHELD
from comptoir.counter.orders.codes import number_of
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, VAULT
from support import carding, casting, talking
from support.attacked import Attacked, attacked_shop, say_everything
from support.campaigning import version
from support.crawling import Reader, Seen, attacks, places, reader
from support.pages import customer_of, sale
from support.relay import noted, receiving, registered, relaying, webhook
from support.shop import Shop
from support.travelling import journey
from support.visitors import vault_session
from support.whole_house import run

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.messages import commands as messages
from comptoir.counter.messages.contracts import TemplateText
from comptoir.office.campaigns import commands as campaigns
from comptoir.office.campaigns import segmenting
from comptoir.office.campaigns.contracts import Variant
from comptoir.office.journeys import commands as journeys
from comptoir.office.journeys.contracts import Ask, Check, Give, Joins
from comptoir.office.segments import commands as segments
from comptoir.square.shortlinks import commands as shortlinks
from comptoir.square.shortlinks.rules import ShortLink
from comptoir.vault.lists import commands as lists
from comptoir.vault.lists import comparing
from comptoir.vault.lists.contracts import Details, Identifier, Listed

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.exclusive

CAMILLE, ZOE = uuid.UUID(int=0xCA), uuid.UUID(int=0x20E)
#: What some page takes in its address.
ASKED: Final = (
    "q", "next", "kind", "before", "after", "status", "state", "page", "for", "points", "place", "part", "code",
    "number", "term", "weeks", "until", "lang", "expression", "segment", "text", "promotion", "look",
    "take", "w",
)  # fmt: skip
#: What the office plans in: a few, since each has several pages.
_PLANNED: Final = ("attribute, double quotes", "several at once, Markdown")
#: Why a crawl does not come to a place.
_ENDS = "ends what the crawl needs; it is in support.crawling.SKIPPED"
_MACHINES = "called by machines, and answers them with JSON; tests/vault has their tests"
_PASSKEY = "sent by a script together with what a passkey has signed; tests/vault does it in a browser"
_FACTORS = "asks for a second factor that this member of staff does not have; tests/vault does it in a browser"
_PROVIDER = "leads to an identity provider, of which this shop has none; tests/vault/test_openid_in_the_browser.py"
_BUTTON = "a button without a field, there for some posts only; tests/square/test_square_pages.py presses it"
_OPEN = "needs an amendment that is voted on, which is adopted in the crawl's shop"
_TRIAL = "needs an experiment that was registered; tests/doors has the tests of its pages"
_PICTURE = "a picture that was made anew, and no page"
_LINK = "an address that only its receiver knows"
_OWN = "needs something of one's own that this customer does not have"
_WINDOW = "led to by the counter, or by an address that somebody shares; tests/doors/test_window_pages.py"
_WAITING = "needs a payment that waits for a person; tests/vault/test_payments_waiting.py"
_TICKET = "begins with a ticket, whose form goes to another room; tests/vault/test_checkout.py"
#: Places that a crawl may miss, and why. A new address is reached, or stands here.
_SCRIPT: Final = "asked by a script; tests/doors/test_segments_page.py"
_AWAY: Final = "leads out of the house; tests/square/test_shortlinks.py"
NOT_REACHED: Final[dict[str, str]] = {
    "counter: basket/checkout": _TICKET,
    "counter: basket/from-shop": "a form of the shop's own pages; tests/doors/test_basket_pages.py",
    "counter: card/leave": _ENDS,
    "counter: consents/<slug:purpose>/<slug:channel>/receipt": "a signed text to download, for whoever has consented",
    "counter: for-you/hide": "beside what is recommended, of which there is none; tests/doors/test_fitting_page.py",
    "counter: letters/devices": _OWN,
    "counter: letters/devices/ticket": "asked by a script; tests/doors/test_devices_page.py",
    "counter: letters/stop/<str:token>": _LINK,
    "counter: messages/why/<str:token>": _LINK,
    "counter: till/": "the till, which nobody's page leads to; tests/doors/test_till_offline.py",
    "counter: till/articles": "asked by the till's script; tests/doors/test_till.py",
    "counter: till/ask/<slug:what>": "asked by the till's script; tests/doors/test_till.py",
    "counter: till/worker.js": "a script that a script registers; tests/doors/test_till_offline.py",
    "counter: letters/worker.js": "a script that a script registers; tests/doors/test_devices_page.py",
    "counter: spending/call-off": _OWN,
    "counter: terms/check": _OWN,
    "counter: terms/end": _OWN,
    "counter: w/<str:secret>": _LINK,
    "counter: w/<str:secret>/buy": _LINK,
    "counter: w/<str:secret>/card": _LINK,
    "counter: w/<str:secret>/claim": _LINK,
    "counter: w/<str:secret>/friend": _LINK,
    "counter: w/<str:secret>/release": _LINK,
    "counter: who/links/undo": _OWN,
    "counter: window/guess": "needs a guess, for which one has to consent; tests/doors/test_window_pages.py",
    "counter: wishes/<uuid:wish_list>": _OWN,
    "counter: wishes/<uuid:wish_list>/change": _OWN,
    "office: campaigns/templates/<slug:name>/try": "needs an account in the vault, to which the test is sent;"
    " tests/doors/test_the_loop.py presses it",
    "office: charter/<uuid:proposal>/veto": _OPEN,
    "office: leases/<str:touchpoint>/<str:name>": "what a till has set aside; tests/doors/test_leases_page.py",
    "office: community/experiments/<slug:name>/change": _TRIAL,
    "office: community/experiments/<slug:name>/start": _TRIAL,
    "office: community/experiments/<slug:name>/stop": _TRIAL,
    "office: community/invitations/<slug:name>/remind": "needs letters that went out a week ago",
    "office: keys/issue": _ENDS,
    "office: keys/revoke": _ENDS,
    "office: leave": _ENDS,
    r"counter: ^goods/(?P<digest>[0-9a-f]{64})(?P<size>-small)?\.webp$": _PICTURE,
    r"office: ^goods/(?P<digest>[0-9a-f]{64})-small\.webp$": _PICTURE,
    r"office: ^moderation/pictures/(?P<digest>[0-9a-f]{64})\.webp$": _PICTURE,
    "office: segments/count": _SCRIPT,
    r"square: ^goods/(?P<digest>[0-9a-f]{64})(?P<size>-small)?\.webp$": _PICTURE,
    r"square: ^pictures/(?P<digest>[0-9a-f]{64})(?P<size>-small)?\.webp$": _PICTURE,
    "square: charter/proposals/<uuid:proposal_id>": _OPEN,
    "square: charter/proposals/<uuid:proposal_id>/vote": _OPEN,
    "square: card/threads/<uuid:thread_id>": "stands in other people's pages; tests/square/test_cards.py",
    "square: go/<str:code>": _AWAY,
    "square: oembed.json": "tells machines of an address that they say; tests/square/test_cards.py",
    "square: leave": _ENDS,
    "square: posts/<uuid:post_id>/vote": _BUTTON,
    "square: threads/<uuid:thread_id>/accept": _BUTTON,
    "square: window": _WINDOW,
    "square: window/carry": _WINDOW,
    "square: window/off": _WINDOW,
    "square: window/use": _WINDOW,
    "square: unsent/discard": "needs words that were typed and not sent",
    "vault: arrive/": "takes tickets, which other rooms' pages carry",
    "vault: cards/link/": _PASSKEY,
    "vault: cards/show/": _PASSKEY,
    "vault: checkout/": _TICKET,
    "vault: checkout/orders/<uuid:order>/": _TICKET,
    "vault: checkout/orders/<uuid:order>/<str:key>/": _TICKET,
    "vault: checkout/orders/<uuid:order>/forget/": _TICKET,
    "vault: checkout/orders/<uuid:order>/leave/": _TICKET,
    "vault: checkout/orders/<uuid:order>/pay/": _TICKET,
    "vault: checkout/parcels/<uuid:order>/": "needs an address, which only a checkout in the vault has",
    "vault: checkout/payments/<str:what>/<uuid:number>/": _WAITING,
    "vault: checkout/payments/<uuid:number>/": _WAITING,
    "vault: confirm/with/<slug:name>/": _PROVIDER,
    "vault: contact/<slug:field>/remove/": _OWN,
    "vault: contact/addresses/<int:number>/": _OWN,
    "vault: contact/addresses/<int:number>/remove/": _OWN,
    "vault: devices/<uuid:pairing>/end/": _OWN,
    "vault: devices/decide/": _OWN,
    "vault: devices/oauth/code": _MACHINES,
    "vault: devices/oauth/revoke": _MACHINES,
    "vault: devices/oauth/token": _MACHINES,
    "vault: devices/read/answers": _MACHINES,
    "vault: devices/read/name": _MACHINES,
    "vault: devices/read/points": _MACHINES,
    "vault: enter/<str:secret>/": _LINK,
    "vault: factors/reauthenticate/": _FACTORS,
    "vault: factors/recovery-codes/": _FACTORS,
    "vault: factors/recovery-codes/download/": _FACTORS,
    "vault: factors/totp/deactivate/": _FACTORS,
    "vault: factors/webauthn/keys/<int:pk>/edit/": _FACTORS,
    "vault: factors/webauthn/keys/<int:pk>/remove/": _FACTORS,
    "vault: factors/webauthn/reauthenticate/": _FACTORS,
    "vault: forget/card/<uuid:customer>/": _ENDS,
    "vault: forget/purchase/<uuid:position>/": _OWN,
    "vault: forgotten/<uuid:wish>/": "of whoever was forgotten; tests/test_forgetting.py opens it",
    "vault: forgotten/<uuid:wish>/receipt.txt": "of whoever was forgotten; tests/test_forgetting.py opens it",
    "vault: freeze/<str:secret>/": _LINK,
    "vault: limits/sign/": _PASSKEY,
    "vault: lists/<uuid:proposal_id>/decide/": "comes after a reason that nobody has refused",
    "vault: notifications/": "takes what a browser says of itself; tests/vault/test_notifications.py",
    "vault: passkeys/<int:number>/remove/": _OWN,
    "vault: prove/<uuid:identifier>/": _OWN,
    "vault: prove/answer/<str:handle>/": _MACHINES,
    "vault: prove/begin/": "begins with a wallet; tests/vault/test_attestations_in_the_browser.py",
    "vault: prove/code/": _OWN,
    "vault: prove/forget/": _OWN,
    "vault: prove/remember/": _OWN,
    "vault: prove/request/<str:handle>/": _MACHINES,
    "vault: providers/<slug:name>/link/": _PROVIDER,
    "vault: messages/answers/": _MACHINES,
    "vault: messages/reports/<slug:provider>/": _MACHINES,
    "vault: payments/<slug:provider>/reports/": _MACHINES,
    "vault: recover/": "needs a shop that sends letters; tests/vault/test_recovery.py",
    "vault: recover/<str:secret>/": _LINK,
    "vault: sign-in/with/<slug:name>/": _PROVIDER,
    "vault: sign-in/with/<slug:name>/back/": _PROVIDER,
    "vault: sign-in/with/<slug:name>/signed-out/": _PROVIDER,
    "vault: sign-ins/<uuid:sign_in>/end/": _ENDS,
    "vault: sign-ins/end/": _ENDS,
    "vault: spend/sign/": _PASSKEY,
    "vault: terms/sign/": _PASSKEY,
    "vault: thaw/": _OWN,
}


@pytest.fixture
def attacked(shop: Shop, tmp_path: Path) -> Iterator[Attacked]:
    with attacked_shop(shop, tmp_path) as one:
        say_everything(one)
        listed(one)
        planned(one)
        yield one


def planned(attacked: Attacked) -> None:
    """Let the office have planned something in these words: segments, texts, campaigns, journeys, posts elsewhere."""
    now, sharp = dt.datetime.now(dt.UTC), attacks()
    texts = [sharp[name] for name in _PLANNED]
    with database.connect(OFFICE.role) as connection:
        named = [
            segments.define(connection, name=text[:80], expression="purchases_ever() >= 1", by=text[:40], at=now)
            for text in texts
        ]
    with entered(OFFICE):
        for number, text in enumerate(texts):
            said = TemplateText(
                "{% raw %}" + text[:400] + "{% endraw %} {{ link }}", "{% raw %}" + text[:80] + "{% endraw %}"
            )
            template = f"text-{number}"
            examples = {"link": text[:100]}
            messages.write_template(
                template, channel="mail", texts={"en": said}, by=text[:40], at=now, examples=examples
            )
            made = campaigns.write(
                version(
                    name=text[:120], segment=str(named[number].id), variants=(Variant("a", template),),
                    why={"en": text[:200]}, holdout=0.0, holdout_reason=text[:200].ljust(20, "."),
                ),
                campaign=None, after=0, by=text[:40], at=now,
            )  # fmt: skip
            if number:
                campaigns.launch(made, 1, by=text[:40], at=now)
                campaigns.freeze(made, 1, now=now, segments=segmenting.SEGMENTS)
            began = journeys.write(
                journey(
                    name=text[:120], trigger=Joins(str(named[number].id)), exit_segment=str(named[number].id),
                    why={"en": text[:200]},
                    steps=(Check(str(named[number].id)), Ask("mail", template, path="/en/"), Give(5, text[:200])),
                ),
                journey=None, after=0, by=text[:40], at=now,
            )  # fmt: skip
            if number:
                journeys.switch_on(began, 1, by=text[:40], at=now)
            link = ShortLink("instagram", f"@reader{number}", text[:100], "/en/")
            shortlinks.make(link, by=text[:40], at=now)


def listed(attacked: Attacked) -> None:
    """Bring two customer lists in that are full of attacks, and name the same people."""
    now = dt.datetime.now(dt.UTC)
    rows = [
        Details(
            given_name=text[:40], family_name=text[:40], email="zoe@canari.example", phone="+33612345678",
            lines=(text[:80], text[:80]), postcode="75002", city=text[:60], country="FR",
        )
        for name, text in attacks().items()
        if name in {"script", "attribute, double quotes", "entities twice", "script address in a link"}
    ]  # fmt: skip
    with entered(VAULT):
        for name, kind in (("till", "card"), ("webshop", "account")):
            said = [Listed(line, (Identifier(kind, f"{kind}{line}"),), row) for line, row in enumerate(rows, 2)]
            found = lists.enter(said, name=name, at=now)
            pairs = [(each.entry, row) for each, row in zip(found, said, strict=True)]
            lists.keep(pairs, replaces=False, actor="operator", at=now)
            comparing.compare(said, name=name, threshold=None, actor="operator", at=now)


def member(attacked: Attacked, one: Reader) -> None:
    """Let a reader be a customer with a card, a passkey, and a public name on the square."""
    page = one.page
    page.goto(attacked.pages.card_url(customer_of(attacked.gateway, "1000")))
    page.goto(one.url("counter", "/who"))
    page.get_by_label("A new public name").fill("Zaunkoenig")
    page.get_by_role("button", name="Choose this name").click()
    page.get_by_role("button", name="Take part as Zaunkoenig").click()
    page.get_by_role("button", name="Go to the square").click()
    page.get_by_text("Here you are Zaunkoenig.").wait_for()
    name, value = vault_session(ZOE)
    one.context.add_cookies([{"name": name, "value": value, "url": one.url("vault")}])


def at_work(attacked: Attacked, one: Reader) -> None:
    """Let a reader be a member of staff, in the office and in the vault."""
    attacked.pages.sign_in(one.page, "Camille")
    name, value = vault_session(CAMILLE, is_staff=True)
    one.context.add_cookies([{"name": name, "value": value, "url": one.url("vault")}])


def starts(one: Reader, *rooms: str) -> list[str]:
    """Return every address of these rooms that needs nothing filled in; streams have no end, and pages open them."""
    return [
        one.url(room, f"/{route}")
        for room, route in sorted(places())
        if room in rooms and "<" not in route and not route.endswith("stream")
    ]


def shelf() -> list[dict[str, Any]]:
    """Return a product in a category, counted and placed in a store, all called like an attack.

    A category is led to once something stands in it, a shelf once there is a store to count in.
    """
    text, now = attacks()["script that ends a script"], dt.datetime.now(dt.UTC)
    product = {
        "product": "attacked", "category": "attacked", "name": {"en": text}, "text": {"en": text}, "maker": text,
        "variants": [{"sku": "attacked", "options": {text[:30]: text[:60]},
                      "prices": [{"currency": "USD", "amount": 500}]}],
    }  # fmt: skip
    said = (
        ("category.listed", {"category": "attacked", "name": {"en": text}}), ("product.listed", product),
        ("store.listed", {"store": "attacked", "name": text, "locality": text, "zone": "UTC"}),
        ("stock.counted", {"store": "attacked", "lines": [{"sku": "attacked", "quantity": 3}]}),
        ("stock.placed", {"store": "attacked", "lines": [{"sku": "attacked", "aisle": text[:40], "shelf": text[:40]}]}),
    )  # fmt: skip
    return [casting.event(kind, data, source=casting.WEBSHOP, at=now) for kind, data in said]


def bought(attacked: Attacked) -> None:
    """Let the member have the attacked product in the basket, and in two orders that wait for staff."""
    now = dt.datetime.now(dt.UTC)
    card = {"kind": "card", "value": "1000"}
    basket = {"basket": str(uuid.uuid4()), "customer": card, "put": [{"product": "attacked", "quantity": 2}]}
    changed = casting.event("basket.changed", basket, source=casting.WEBSHOP, at=now)
    outcomes = attacked.send([changed], touchpoint="webshop")
    customer = {"kind": "customer", "value": str(customer_of(attacked.gateway, "1000"))}
    for by in ("pickup", "delivery"):
        order = str(uuid.uuid4())
        number = number_of(uuid.UUID(order))
        placed = {
            "order": order, "number": number, "currency": "USD", "total": 500, "by": by, "store": "attacked",
            "lines": [{"product": "attacked", "quantity": 1, "amount": 500}], "customer": customer,
        }  # fmt: skip
        paid = {"order": order, "receipt": number, "legs": [{"means": "provider", "amount": 500}]}
        said = (("order.placed", placed), ("order.paid", paid))
        outcomes += attacked.send(
            [casting.event(kind, data, source="/vault", at=now) for kind, data in said], touchpoint="vault"
        )
    assert [each.get("problem") for each in outcomes] == [None] * 5


def of_ones_own(attacked: Attacked, one: Reader) -> list[str]:
    """Let the member have written, been answered, and been decided upon; return the addresses of all that."""
    now = dt.datetime.now(dt.UTC)
    persona = str(attacked.shop.value("select id from community_persona where name = 'Zaunkoenig'"))
    text = attacks()["several at once, Markdown"]
    posts = [talking.wrote(persona, text, title=text, at=now) for _ in range(3)]
    attacked.send(posts, touchpoint="square")
    question, decided, taken_back = (talking.post_of(each) for each in posts)
    decision = {
        **talking.STAFF, "decision": talking.new(), "post": decided, "action": "warn", "ground": "charter",
        "rule": text, "facts": text, "persona": persona,
    }  # fmt: skip
    said = [
        talking.staff_wrote(text, thread=question, at=now),
        talking.said("post.decided", decision, at=now, source="/console"),
    ]
    outcomes = attacked.send(said, touchpoint="console")
    assert [each.get("problem") for each in outcomes] == [None, None]
    paths = (
        f"/en/threads/{question}", f"/en/decisions/{decision['decision']}", f"/en/posts/{question}/edit",
        f"/en/posts/{taken_back}/edit", "/en/topics/topic-0/feed.atom", "/en/feed.atom", "/en/strip/0412",
    )  # fmt: skip
    return [one.url("square", path) for path in paths]


def test_nothing_that_was_written_anywhere_runs_on_any_page(attacked: Attacked, browser: Browser) -> None:
    seen, port = Seen(), attacked.pages.port
    assert attacked.taken > 500
    assert attacked.refused > 500
    attacked.send(shelf(), touchpoint="webshop")
    bought(attacked)
    given = carding.issued(carding.new_code(), 500, receipt=attacks()["script that ends a script"][:64])
    attacked.send([{**given, "time": dt.datetime.now(dt.UTC).isoformat()}], touchpoint="till")
    customer = reader("a member", browser, port, seen)
    member(attacked, customer)
    customer.crawl(of_ones_own(attacked, customer), fills=True)
    customer.crawl(starts(customer, "square", "counter", "vault"), fills=True)
    staff = reader("staff", browser, port, seen)
    at_work(attacked, staff)
    ledger = staff.url("office", f"/ledger/{customer_of(attacked.gateway, '1000')}")
    sold = attacked.shop.value("select position from sales_sale order by length(receipt) desc limit 1")
    staff.crawl([ledger, staff.url("office", f"/returns/{sold}")], fills=True)
    staff.crawl(starts(staff, "office", "vault"), fills=True)
    # Nothing is held back by the browser alone: here the pages' policies do not count.
    stranger = reader("a stranger", browser, port, seen, bypass_csp=True)
    stranger.crawl(
        [*starts(stranger, "square", "counter"), stranger.url("vault", "/sign-in/")], most={"thread": 200, "topic": 20}
    )
    for one, room in ((stranger, "square"), (customer, "counter"), (staff, "office")):
        for url in starts(one, room):
            one.ask(url, ASKED, attacks()["script that ends a script"])
    missing = {f"{place.room}: {place.route}" for place in places() if place not in seen.opened | seen.sent}
    assert seen.findings == []
    assert missing - set(NOT_REACHED) == set(), "new addresses: let the crawl reach them, or say why it cannot"
    assert set(NOT_REACHED) <= {f"{place.room}: {place.route}" for place in places()}


def test_nothing_breaks_out_of_what_machines_hear(attacked: Attacked, tmp_path: Path) -> None:
    """Of streams, webhooks and the archive: lines stay lines, fields stay fields, and all of it can be read."""
    gateway, customer = attacked.gateway, customer_of(attacked.gateway, "1000")
    headers = {"Authorization": f"Bearer {gateway.keys['app']}"}
    with receiving() as receiver, relaying(webhook(receiver.url), withheld=WITHHELD):
        registered(attacked.shop, "crm")
        with (
            httpx.Client(base_url=gateway.url, timeout=60) as client,
            client.stream("GET", f"/v1/stream?customer={customer}", headers=headers) as stream,
        ):
            attacked.send([sale("1000", 10, receipt=text) for text in attacks().values()], touchpoint="till")
            said = [talking.staff_wrote(text, kind="story", title=text) for text in attacks().values()]
            attacked.send(said, touchpoint="console")
            (last,) = attacked.send([sale("1000", 10, receipt="the last")], touchpoint="till")
            lines = []
            for line in stream.iter_lines():
                lines.append(line)
                if line.startswith("data:") and last["event"] in line:
                    break
        noted(attacked.shop)
        heard = [each for request in receiver.requests for each in json.loads(request.body)]
        assert len(heard) > len(attacks())
        assert all(isinstance(each, dict) for each in heard)
    for line in lines:
        name, _, value = line.partition(":")
        assert name in {"", "event", "id", "data", "retry"}, line
        assert name != "data" or set(json.loads(value)) == {"customer", "balance", "event"}, line
    run("community", "export", str(tmp_path / "archive"))
    written = [each for each in (tmp_path / "archive").rglob("*") if each.suffix in {".json", ".jsonl"}]
    for each in written:
        # Parts of a text that some programs take for ends of lines are none: a line is what ends with a newline.
        for line in each.read_text().removesuffix("\n").split("\n") if each.suffix == ".jsonl" else [each.read_text()]:
            json.loads(line)
    assert written
