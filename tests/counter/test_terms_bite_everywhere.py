"""No reader of customers or events can forget what was agreed: whoever reads without the filter stands here, with why.

A new table, role, view, function or module that reads what is about customers fails one of these until somebody has
thought about it. Whoever hands anything on begins with ``permitted()`` or ``customers_permits``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.customers.purposes import PERMITS
from comptoir.foundation.rooms import grants, personal
from comptoir.foundation.rooms.declaration import ROOMS
from comptoir.foundation.rooms.personal import Personal, Whose

SOURCE = Path(__file__).parents[2] / "src" / "comptoir"

#: Which rooms may read tables about customers without the filter, and why.
ROLES = {
    "counter": "it decides what the filter says, and serves each customer with what is theirs",
    "vault": "it gives people a copy of everything, and forgets them",
    "office": "staff help a customer at the counter: service, which is always allowed; lists begin with permitted()",
}
#: Which modules name tables or models about customers, and why none of them has to ask. The square knows of none: what
#: stands there, public names have said in public.
MODULES = {
    "config/backups.py": "forgets again after a restore",
    "config/benching/campaign.py": "measures, in a shop of its own",
    "config/benching/growth.py": "measures, in a shop of its own",
    "config/benching/stage.py": "measures, in a shop of its own",
    "config/checking.py": "the doctor counts what contradicts itself",
    "config/checking.sql": "the doctor counts what contradicts itself",
    "config/opening.py": "looks whether there is anything at all",
    "config/promoting.py": "the demo waits until its figures know everybody",
    "config/rebuilding.py": "derives the tables anew from the log",
    "counter/answers/queries.py": "the answers of one person",
    "counter/answers/store.sql": "decides",
    "counter/audiences/store.sql": "marks in the figures what analysis is allowed, by customers_permission",
    "counter/customers/queries.py": "one person, and permitted(), with which lists begin",
    "counter/customers/store.sql": "decides",
    "counter/letters/composing.py": "letters to whoever has asked for them, each about that person's own names",
    "counter/loyalty/queries.py": "one person, and sums in which nobody is",
    "counter/loyalty/store.sql": "decides",
    "counter/messages/store.sql": "what was decided of whom; who decides and who sends ask customers_permits",
    "counter/offers/queries.py": "sums in which nobody is: how many another system has told of its promotions",
    "counter/recommendations/store.sql": "counts whom analysis is allowed of, and draws among those who agreed",
    "counter/sales/queries.py": "one person's sales",
    "counter/sales/store.sql": "decides",
    "vault/checkout/store.sql": "which orders' goods came back, so that their money does",
    "foundation/events/queries.py": "one person's events",
    "foundation/events/store.sql": "decides; the relay asks customers_permits for whoever has a purpose",
    "office/segments/store.sql": "asks figures, in which what is not allowed is unknown; looks who is still there",
    "vault/contacts/subscriptions.py": "how many devices one person has asked to be told on",
    "vault/invitations/jobs.py": "asks customers_permits for marketing by mail, of everybody it writes to",
    "vault/messages/store.sql": "asks customers_permits of every message, when it is taken up and before it leaves",
    "vault/rights/retention.py": "the doctor counts entries of old lists that should be gone",
}
#: Who sends mail, and why they may: each tells somebody of their own doing, or asks for the consent itself.
SENDERS = {
    "vault/contacts/letters.py": "what is new for somebody, as often as they asked for it",
    "vault/checkout/letters.py": "letters about an order, to whoever has ordered it",
    "vault/credentials/adapters.py": "a code that somebody has asked for",
    "vault/credentials/safety.py": "a notice of a change, and its freeze link",
    "vault/credentials/views/safety.py": "a code that somebody has asked for",
    "vault/messages/mail.py": "messages of which customers_permits was asked just before",
    "vault/invitations/jobs.py": "those of whom customers_permits says that they agreed to marketing by mail",
}
#: Views, and why they need no filter.
VIEWS = {
    "community_publicname": "public names, without who is behind them",
    "rooms_outingthatholds": "random numbers of visits of the square, without whose they are",
    "stewardship_receipt": "what became of a notice, for whoever has its number; nobody stands in it",
}
_NAMED = re.compile(
    r"\b(?:from|join|update|into|only)\s+(?:customers_|events_event|loyalty_|sales_|answers_"
    r"|messages_decision)"
    r"|\b(?:Customer|Link|Membership|Choice|Permission|PersonaHolder|Event|Transfer|Sale|Return|Reservation"
    r"|Account|Answer)\.objects\b",
    re.IGNORECASE,
)


def about_customers() -> set[str]:
    whose = {Whose.CUSTOMER, Whose.EVENT, Whose.RECEIPT}
    return {table for table, one in personal.personal_tables().items() if one.whose in whose}


def test_only_rooms_with_a_reason_read_what_is_about_customers() -> None:
    declared = grants.declared_tables()
    assert len(about_customers()) >= 15
    for table in about_customers():
        readers = {name for name, room in ROOMS.items() if "SELECT" in declared[table].of(room)}
        assert readers <= ROLES.keys(), f"{table} is read by {sorted(readers - ROLES.keys())}"
    assert set(ROLES) < set(ROOMS), "a reason for a room that is gone"


@pytest.mark.parametrize("role", sorted(set(ROOMS) - set(ROLES)))
def test_the_others_cannot_whatever_they_ask(shop: Shop, role: str) -> None:
    """As the database sees it: neither the tables, nor the filter, which would say something of somebody."""
    readable = "select relname from pg_class where relkind in ('r', 'p') and has_table_privilege(%s, oid, 'select')"
    rows = shop.rows(readable, ROOMS[role].role)
    assert {row["relname"] for row in rows} & about_customers() == set()


def test_no_view_and_no_function_with_other_rights_goes_round_it(shop: Shop) -> None:
    views = "select relname from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace"
    assert {row["relname"] for row in shop.rows(views)} == set(VIEWS)
    definers = shop.rows(
        "select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace order by 1"
    )
    assert {row["proname"] for row in definers} == {
        "events_append_audit", "events_append_audits", "events_let_go", "events_make_partition", "events_sever",
        "events_silence",
    }  # fmt: skip
    assert shop.value(f"select prosecdef from pg_proc where proname = '{PERMITS}'") is False


def named() -> Iterator[str]:
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix in {".py", ".sql"} and "migrations" not in path.parts and _NAMED.search(path.read_text()):
            yield path.relative_to(SOURCE).as_posix()


def test_only_modules_with_a_reason_read_without_the_filter() -> None:
    assert sorted(named()) == sorted(MODULES)


def test_doors_read_nothing_by_themselves() -> None:
    """Pages, streams and exports ask the counter's queries; none of them has a statement of its own."""
    assert [path for path in named() if path.startswith("doors/")] == []


def test_who_sends_mail_has_a_reason() -> None:
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            name = (
                called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
            )
            where = path.relative_to(SOURCE).as_posix()
            is_letter = name == "send" and isinstance(called, ast.Attribute) and ast.unparse(called.value) == "delivery"
            if (
                is_letter or name in {"deliver", "send_messages", "EmailMessage", "EmailMultiAlternatives", "send_mail"}
            ) and "delivery.py" not in where:
                found.add(where)
    assert found == SENDERS.keys()


def test_a_table_about_customers_that_says_nothing_is_none() -> None:
    assert all(isinstance(personal.declared_tables()[table], Personal) for table in about_customers())
