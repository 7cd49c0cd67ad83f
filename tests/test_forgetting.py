"""Somebody goes through everything that the house does, is forgotten, and is found nowhere: not in a backup either.

Zoé tells the vault and the pages everything that they ask for; Bob has done the same and stays. Camille works for the
shop. The parts of the house are real and each in a process of its own. The counter's half, with every type of event,
stands in ``counter/test_forgetting_canary.py``.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import uuid
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, VAULT
from support.mailbox import code_in
from support.needles import Needle, found, found_in_clear
from support.pages import event, words
from support.passkeys import Device
from support.processes import wait_until
from support.shop import Shop
from support.taking_part import OF_BOB, SAID, on_the_square
from support.vault import Visitor, asked_in, problem_of, ticket_in
from support.whole_house import (
    World,
    import_list,
    opened_card,
    paired_device,
    proven_age,
    read_by_device,
    run,
    staff_member,
    whole_house,
)

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections
from fido2.utils import websafe_encode

from comptoir.foundation.events import checkpoints
from comptoir.foundation.rooms.current import entered
from comptoir.vault.contacts import queries as contacts
from comptoir.vault.contacts.contracts import FIELDS
from comptoir.vault.credentials.models import User
from comptoir.vault.credentials.queries import customer_of

TILL, WEBSHOP = "/stores/324/tills/1", "/webshop"
TOTALS = "select account, sum(points) as points from loyalty_programmebalance group by account order by account"

#: What nobody but the vault may ever read, and the vault only by the person's key.
CONTACT = (
    Needle("family name", "Wrenfathom"),
    Needle("street", "Larkspindle"),
    Needle("town", "Quillhaven"),
    Needle("address", "zoe@moorlantern.example"),
    Needle("domain of the address", "moorlantern"),
    Needle("former address", "zoe@formerwick.example"),
    Needle("telephone", "142685379", ("1 42 68 53 79", "1-42-68-53-79", "1.42.68.53.79", "01 42 68 53 79")),
    Needle("card number", "77553311998"),
    Needle("web account", "wrenfathom-web"),
    Needle("account in a list", "larkspindle-77"),
)
NOTE, EVIDENCE, PUBLIC_NAME, GIVEN_UP = "spindrift kindness", "thistlewick code", "Moorgillet", "Fernhollow"
#: What staff say when they open something; it stays in the audit chain, which says who looked and why.
REASON = "brindlewood parcel"
#: Ids, signatures and digests are at least so long; what people say is shorter here.
_RANDOM = 36
#: What two lists of the shop say of her, after a number.
ROW = "Zoé,Wrenfathom,zoe@moorlantern.example,+33 1 42 68 53 79,7 Larkspindle Lane,75002,Quillhaven,yes,2024-07-03"
BIRTHDAY = {"month": "11", "day": "23", "agreed": "yes"}


@dataclass
class Person:
    """Somebody with everything that is known of them from outside."""

    user: uuid.UUID
    visitor: Visitor
    known: dict[str, str] = field(default_factory=dict)

    @property
    def needles(self) -> list[Needle]:
        """Return what stands in the database in clear, and leads to the person."""
        return [Needle(name, value, is_random=len(value) >= _RANDOM) for name, value in self.known.items()]


@pytest.mark.exclusive
def test_who_is_forgotten_is_found_nowhere(shop_on_own_server: Shop, tmp_path: Path) -> None:
    shop = shop_on_own_server
    with whole_house(shop, tmp_path) as world:
        staff = staff_member(world)
        bob = neighbour(world)
        zoe, tokens, link = somebody_who_does_everything(world, staff, bob)
        relayed(world)
        before = world.tables()
        # The search finds what there is to be found...
        assert set(found(b"\n".join(before.values()), zoe.needles)) == set(zoe.known)
        assert set(opened(zoe)) == {"name", "email", "phone", "addresses", "birthday"}
        assert any("zoe@moorlantern.example" in to for to, _letter in world.mailbox.letters)
        # ... and never what only the vault may know, nor what opens anything.
        closed = [*CONTACT, *(Needle(name, value, is_random=True) for name, value in world.secrets.items())]
        assert leaks(world, staff, before, closed) == {}

        run("backup", str(tmp_path / "yesterday.dump"))
        totals, letters, heard = shop.rows(TOTALS), len(world.mailbox.letters), len(world.receiver.requests)
        forget(zoe)
        late(world, tokens, link)
        relayed(world)
        after = world.tables()
        assert leaks(world, staff, after, [*closed, *zoe.needles]) == {}
        assert_only_in_the_audit_chain(after, zoe)
        assert len(world.mailbox.letters) == letters, "nobody is written to any more"
        bodies = b"\n".join(request.body for request in world.receiver.requests[heard:])
        assert found(bodies, [*closed, *zoe.needles]) == {}, "other systems hear of nobody any more"
        assert opened(zoe) == {}
        assert shop.rows(TOTALS) == totals
        assert set(found(b"\n".join(after.values()), bob.needles)) == set(bob.known), "Bob is still there"
        assert_all_holds()
        connections.close_all()

    # The shop is closed, and all that happened is signed; the backup of yesterday takes the place of the database.
    with shop.connect(OFFICE.role) as office:
        checkpoints.make(office, at=dt.datetime.now(dt.UTC))
    told = run("restore", str(tmp_path / "yesterday.dump"), "--yes")
    assert re.search(r"Forgotten again: [1-9]\d* customers and 1 users", told), told
    restored = world.tables()
    hits = {name: found(text, [*CONTACT, *zoe.needles]) for name, text in restored.items()}
    assert {name: hit for name, hit in hits.items() if hit} == {}
    assert_only_in_the_audit_chain(restored, zoe)
    assert opened(zoe) == {}
    assert shop.value("select count(*) from contacts_key where person = %s", zoe.user) == 0
    assert set(opened(bob)) == {"email", "name"}
    assert set(found(b"\n".join(restored.values()), bob.needles)) == set(bob.known)
    assert shop.rows(TOTALS) == totals
    assert_all_holds()


# -- what they do -------------------------------------------------------------------------------------------------


def neighbour(world: World) -> Person:
    bob = recognised(world)
    prove_address(world, bob.visitor, "bob@neighbour.example")
    assert bob.visitor.send("/contact/name/", {"name": "Bob Neighbour"}).status_code == 302
    sell(world, {"kind": "customer", "value": bob.known["customer"]}, receipt="b-1")
    arrive_at_counter(bob.visitor)
    at_counter(bob.visitor, "/who", "/who/names", name="Neighbour Bob")
    bob.known["public name"] = "Neighbour Bob"
    return bob


def somebody_who_does_everything(world: World, staff: Visitor, bob: Person) -> tuple[Person, Mapping[str, str], str]:
    card, web = {"kind": "card", "value": "77553311998"}, {"kind": "web_account", "value": "wrenfathom-web"}
    # Two lists know her, under two numbers: staff open both, with a reason, and say that it is one person.
    for name, kind, number in (("till", "card", "77553311998"), ("members", "account", "larkspindle-77")):
        taken = import_list(world, name, kind, f"{number},{ROW}")
        assert (taken["listed"], taken["sent"]["refused"]) == (1, 0), taken
    sell(world, card, receipt="z-1")
    sell(world, web, receipt="z-2", touchpoint="webshop", source=WEBSHOP)
    joined_by_staff(staff)

    # Known by a passkey, then by name; the card is linked with both in hand.
    zoe = recognised(world)
    zoe.known |= {
        "customer of the card": world.customer_of("card", "77553311998"),
        "customer of the web account": world.customer_of("web_account", "wrenfathom-web"),
        "customer of the list": world.customer_of("account", "larkspindle-77"),
    }
    visitor = zoe.visitor
    prove_address(world, visitor, "zoe@formerwick.example")
    keep_contact(visitor)
    link = opened_card(world, visitor, zoe.known["customer of the card"])
    link_card(visitor)
    sell(world, {"kind": "customer", "value": zoe.known["customer"]}, receipt="z-3")
    spend(world, visitor, zoe)

    # The counter's pages: terms, consents, objection, public names, limits, a link that was a mistake.
    arrive_at_counter(visitor)
    decide_at_the_counter(world, visitor, zoe)
    linked_and_undone(world, visitor, zoe)
    noted_by_staff(staff, zoe)

    # The square: everything that can be said, done and decided there.
    posts = on_the_square(world, staff, visitor, bob.visitor, persona=zoe.known["persona"])
    assert len(posts) == 3
    zoe.known |= {f"{name} on the square": text for name, text in SAID.items()}
    bob.known |= {f"{name} on the square": text for name, text in OF_BOB.items()}

    # Changes, notices, the freeze; in by a code; an age; a device; a copy.
    change_address(world, visitor, "zoe@moorlantern.example")
    in_by_code(world, "zoe@moorlantern.example")
    add_and_freeze(world, zoe)
    proven_age(world, visitor)
    tokens = paired_device(world, visitor)
    copy(visitor)
    run("rights", "copy", str(zoe.user), "--purpose", REASON, "--to", str(world.outside / "copy.zip"))
    for path in ("/", "/contact/", "/passkeys/", "/sign-ins/", "/accesses/", "/devices/", "/cards/"):
        assert visitor.get(path).status_code == 200, path
    # Signed in at the counter in one browser; another one was opened with the card's link, and stays open.
    arrive_at_counter(visitor)
    opened_card(world, world.visitor(), zoe.known["customer of the card"])
    for path in ("/card", "/remembered", "/terms", "/who", "/spending"):
        assert visitor.get(path, room=COUNTER, **{"sec-gpc": "1"}).status_code == 200, path
    for place, cookie in visitor.client.cookies.items():
        if place not in {"comptoir-language", "comptoir-said"}:  # what many have
            world.keep_secret(place, str(cookie))
    return zoe, tokens, link


def recognised(world: World) -> Person:
    """Let somebody make a passkey."""
    with entered(VAULT):
        before = set(User.objects.values_list("id", flat=True))
    visitor = world.visitor()
    assert visitor.make_passkey().status_code == 302
    with entered(VAULT):
        user = User.objects.exclude(id__in=before).get()
        customer = str(customer_of(user))
    passkey = websafe_encode(visitor.device.passkeys[-1].identifier)
    return Person(user.pk, visitor, {"customer": customer, "passkey": passkey})


def prove_address(world: World, visitor: Visitor, email: str) -> None:
    count = len(world.mailbox.letters)
    assert visitor.send("/address/", {"email": email}).status_code == 302
    code = code_in(world.mailbox.wait(count + 1))
    world.keep_secret(f"code for {email}", code)
    assert visitor.send("/address/prove/", {"code": code}).status_code == 302


def keep_contact(visitor: Visitor) -> None:
    address = {"line1": "7 Larkspindle Lane", "postcode": "75002", "city": "Quillhaven", "country": "FR"}
    for path, form in (
        ("/contact/name/", {"name": "Zoé Wrenfathom"}),
        ("/contact/phone/", {"phone": "+33 1 42 68 53 79"}),
        ("/contact/birthday/", BIRTHDAY),
        ("/contact/addresses/new/", address),
    ):
        answer = visitor.send(path, form)
        assert answer.status_code == 302, (path, words(answer.content.decode()))


def sell(world: World, who: Mapping[str, str], *, receipt: str, touchpoint: str = "till", source: str = TILL) -> None:
    line = {"product": "1082185", "quantity": 1, "amount": 90_000}
    said = {"receipt": receipt, "customer": dict(who), "currency": "USD", "total": 90_000, "lines": [line]}
    if touchpoint == "till":
        said["store"] = "324"
    told = world.tell(event("sale.closed", said, source=source), touchpoint=touchpoint)
    assert told["status"] == "accepted", told


def joined_by_staff(staff: Visitor) -> None:
    page = staff.get("/lists/").content.decode()
    proposal = re.search(r'href="(/lists/[0-9a-f-]{36}/)"', page)
    assert proposal is not None, page
    shown = staff.send(proposal[1], {"reason": REASON}, to=f"{proposal[1]}open/").content.decode()
    assert "Larkspindle" in shown
    answer = staff.send(proposal[1], {"reason": REASON, "answer": "one_person"}, to=f"{proposal[1]}decide/")
    assert answer.status_code == 302, words(answer.content.decode())


def link_card(visitor: Visitor) -> None:
    word = re.search(r'name="for" value="([^"]+)"', visitor.get("/cards/").content.decode())
    assert word is not None
    ticket = ticket_in(visitor.get(f"/card/show?for={word[1]}", room=COUNTER))
    assert ticket is not None
    assert visitor.post("/arrive/", {"ticket": ticket}, origin=COUNTER).status_code == 200
    shown = visitor.send("/", {"ticket": ticket}, to="/cards/show/")
    answer = visitor.device.show(asked_in(shown)["request_options"])
    form = {"ticket": ticket, "credential": json.dumps(answer)}
    assert visitor.send("/", form, to="/cards/link/", answer=shown).status_code == 302


def spend(world: World, visitor: Visitor, zoe: Person) -> None:
    """Spend with the passkey, and with the code that the card's page shows."""
    answer = visitor.get("/spend/?points=100")
    shown = visitor.device.show(asked_in(answer)["request_options"])
    form = {"credential": json.dumps(shown), "points": "100", "place": ""}
    page = visitor.send("/spend/", form, to="/spend/sign/", answer=answer).content.decode()
    signed = re.search(r'class="code small">(\w+)<', page)
    fresh = re.search(r'translate="no">([^<]+)<', visitor.get("/card/code", room=COUNTER).content.decode())
    assert signed is not None
    assert fresh is not None
    for name, code, who in (
        ("signed code", signed[1], zoe.known["customer"]),
        ("fresh code", fresh[1], zoe.known["customer of the card"]),
    ):
        proof = {"kind": "code", "value": world.keep_secret(name, code)}
        said = {"customer": {"kind": "customer", "value": who}, "points": 10, "proof": proof}
        assert world.tell(event("points.redeem", said, source=TILL))["status"] == "accepted"


def arrive_at_counter(visitor: Visitor) -> None:
    assert visitor.go_to_counter().status_code == 302


def at_counter(visitor: Visitor, page: str, to: str, **form: str) -> Any:
    answer = visitor.send(page, {"request": str(uuid.uuid4()), **form}, to=to, room=COUNTER)
    assert answer.status_code == 302, (to, words(answer.content.decode()))
    return answer


def decide_at_the_counter(world: World, visitor: Visitor, zoe: Person) -> None:
    at_counter(visitor, "/terms", "/terms/proffer", term="SD-BASE-DP")
    record = visitor.get("/terms/record", room=COUNTER).content.decode()
    zoe.known["record of the terms"] = record.rpartition(".")[2].strip()
    at_counter(visitor, "/terms", "/consents", purpose="marketing", channel="mail", give="1")
    receipt = visitor.get("/consents/marketing/mail/receipt", room=COUNTER).content.decode()
    assert receipt.count(".") == 2
    assert visitor.send("/terms", {"record": receipt}, to="/terms/check", room=COUNTER).status_code == 200
    at_counter(visitor, "/terms", "/objection", make="1")
    at_counter(visitor, "/spending", "/spending", may="anywhere", per_day="500", at_once="")
    for name in (PUBLIC_NAME, GIVEN_UP):
        at_counter(visitor, "/who", "/who/names", name=name)
    chosen, given_up = (
        str(world.shop.value("select id from community_persona where name = %s", name))
        for name in (PUBLIC_NAME, GIVEN_UP)
    )
    at_counter(visitor, "/who", "/who/names/give-up", persona=given_up)
    zoe.known |= {"public name": PUBLIC_NAME, "persona": chosen}


def linked_and_undone(world: World, visitor: Visitor, zoe: Person) -> None:
    """Be linked by the web shop, by mistake; a page takes it back."""
    web, mine = zoe.known["customer of the web account"], zoe.known["customer"]
    said = {
        "identifier": {"kind": "web_account", "value": "wrenfathom-web"},
        "customer": {"kind": "customer", "value": mine},
        "evidence": EVIDENCE,
    }
    assert world.tell(event("identifier.linked", said, source=WEBSHOP), touchpoint="webshop")["status"] == "accepted"
    low, high = sorted((web, mine))
    at_counter(visitor, "/who", "/who/links/undo", low=low, high=high)
    # And this time for good.
    assert world.tell(event("identifier.linked", said, source=WEBSHOP), touchpoint="webshop")["status"] == "accepted"
    zoe.known["evidence"] = EVIDENCE


def noted_by_staff(staff: Visitor, zoe: Person) -> None:
    found_at = staff.send("/ledger", {"kind": "card", "value": "77553311998"}, to="/ledger/resolve", room=OFFICE)
    assert found_at.status_code == 302
    page = found_at.headers["Location"]
    form = {"points": "50", "reason": NOTE, "request": str(uuid.uuid4())}
    assert staff.send(page, form, to=f"{page}/adjust", room=OFFICE).status_code == 200
    zoe.known["note"] = NOTE


def change_address(world: World, visitor: Visitor, email: str) -> None:
    count = len(world.mailbox.letters)
    prove_address(world, visitor, email)
    world.mailbox.wait(count + 2)
    assert world.mailbox.letters[count + 1][0] == ["zoe@formerwick.example"], "who had the address before is told"


def add_and_freeze(world: World, zoe: Person) -> None:
    """Add a passkey; its notice has a link that stops everything, which is used."""
    visitor, mine = zoe.visitor, zoe.visitor.device
    count = len(world.mailbox.letters)
    visitor.device = Device(mine.origin)
    assert visitor.make_passkey("/passkeys/add/", name="Saltmarsh tablet").status_code == 302
    visitor.device = mine
    link = re.search(r"https?://[^/]+(/freeze/(\S+)/)", str(world.mailbox.wait(count + 1).get_content()))
    assert link is not None
    world.keep_secret("freeze link", link[2])
    assert world.visitor().send(link[1], {}).status_code == 200
    assert visitor.get("/").status_code == 302
    assert visitor.show_passkey().status_code == 302


def in_by_code(world: World, email: str) -> None:
    other, count = world.visitor(), len(world.mailbox.letters)
    assert other.send("/sign-in/", {"email": email}, to="/sign-in/code/").status_code == 302
    code = world.keep_secret("code to sign in", code_in(world.mailbox.wait(count + 1)))
    assert other.send("/sign-in/code/confirm/", {"code": code}).status_code == 302
    assert other.get("/contact/").status_code in {200, 302}


def copy(visitor: Visitor) -> None:
    answer = visitor.send("/copy/", {})
    assert answer.status_code == 200, words(answer.content.decode())
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    told = archive.read("contact.json").decode()
    assert "Larkspindle" in told
    assert "zoe@moorlantern.example" in told


def forget(zoe: Person) -> None:
    answer = zoe.visitor.send("/forget-me/", {"sure": "yes"})
    assert answer.status_code == 302, words(answer.content.decode())
    page = zoe.visitor.get(answer.headers["Location"])
    assert page.status_code == 200, "the receipt is there at once"
    assert found(page.content, [*CONTACT, *zoe.needles, Needle("user", str(zoe.user))]) == {}
    assert zoe.visitor.get(answer.headers["Location"] + "receipt.txt").status_code == 200


def late(world: World, tokens: Mapping[str, str], link: str) -> None:
    """Let everything come that somebody's things go on sending when they themselves are gone."""
    line = {"product": "1082185", "quantity": 1, "amount": 500}
    for kind, value in (("card", "77553311998"), ("web_account", "wrenfathom-web")):
        said = {"receipt": f"late-{kind}", "customer": {"kind": kind, "value": value}, "currency": "USD", "total": 500,
                "lines": [line]}  # fmt: skip
        touchpoint, source = ("till", TILL) if kind == "card" else ("webshop", WEBSHOP)
        more = {"store": "324"} if kind == "card" else {}
        told = world.tell(event("sale.closed", {**said, **more}, source=source), touchpoint=touchpoint)
        assert told["type"] == "urn:comptoir:problem:customer_forgotten", told
    assert import_list(world, "till", "card", f"77553311998,{ROW}")["forgotten"] == 1
    assert read_by_device(world, tokens).status_code == 401
    visitor = world.visitor()
    for room, path in ((COUNTER, link), (COUNTER, "/card"), (COUNTER, "/who"), (SQUARE, "/")):
        visitor.get(path, room=room, **{"sec-gpc": "1"})
    stranger = world.visitor()
    assert stranger.send("/sign-in/", {"email": "zoe@moorlantern.example"}, to="/sign-in/code/").status_code == 302
    frozen = world.visitor().get(f"/freeze/{world.secrets['freeze link']}/")
    assert problem_of(frozen)[0] == 403


# -- what is looked at --------------------------------------------------------------------------------------------


def opened(person: Person) -> dict[str, Any]:
    """Return what the vault can still open of somebody, as the house itself."""
    read = contacts.read(
        person.user, fields=FIELDS, purpose="test", actor="operator", at=dt.datetime.now(dt.UTC)
    ).given()
    connections.close_all()
    return {str(field): hidden for field, hidden in read.items()}


def relayed(world: World) -> None:
    """Wait until the receiver has heard everything that is for it."""
    waiting = (
        "select count(*) from events_outbox o join events_relay r on (o.transaction, o.id) > (r.transaction, r.outbox)"
    )
    wait_until(lambda: world.shop.value(waiting) == 0, what="a relay that has told everything")


def leaks(
    world: World, staff: Visitor, tables: Mapping[str, bytes], needles: Iterable[Needle]
) -> dict[str, dict[str, str]]:
    """Return where needles are found that must not be: the place, which, and what stands around them."""
    needles = list(needles)
    places: dict[str, bytes] = {
        **{f"table {name}": text for name, text in tables.items()},
        **{f"log {name}": text for name, text in world.written().items()},
        **{f"file {name}": content for name, content in world.files().items()},
        **{f"export {name}": content for name, content in world.exported(staff).items()},
        "metrics": world.measured(),
        "headers of letters": world.mailbox.headers(),
    }
    hits = {place: found(content, needles) for place, content in places.items()}
    for name, content in world.files_of_database():
        # Freed pages keep what has been deleted until they are used again; what was sealed has never been there.
        hits[f"database file {name}"] = found_in_clear(content, CONTACT)
    found_at = {place: hit for place, hit in hits.items() if hit}
    for place, hit in found_at.items():
        print(place, hit)  # noqa: T201 - shown when the test failed
    return found_at


def assert_only_in_the_audit_chain(tables: Mapping[str, bytes], zoe: Person) -> None:
    """Assert that the vault's random id of somebody stands where it says that they were forgotten, and nowhere else."""
    user = [Needle("user", str(zoe.user))]
    assert {name for name, text in tables.items() if found(text, user)} <= {"events_audit"}


def assert_all_holds() -> None:
    """Assert that the doctor finds nothing, and that the derived tables are what the log makes of them."""
    assert json.loads(run("doctor", "--json"))["healthy"] is True
    assert json.loads(run("rebuild", "--check", "--json"))["changed"] == []
