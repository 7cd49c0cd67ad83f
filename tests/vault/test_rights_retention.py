"""What was kept long enough is gone, and nothing else: by the days of the map, and by when somebody was heard of."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from comptoir.config.equipping import equip_pages
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms import personal
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from support.casting import EXAMPLES, NOON, WEBSHOP, event, sale
from support.gateway import Gateway
from support.shop import Shop, environment

set_up_django()

# ruff: noqa: E402
from comptoir.foundation.events.queries import accesses_of
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts import queries as contact_queries
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.credentials.models import Kind, User
from comptoir.vault.lists import commands as lists
from comptoir.vault.lists.contracts import Details, Identifier, Listed
from comptoir.vault.rights import jobs, retention
from comptoir.vault.rights.errors import RetentionTooLong

NOW = dt.datetime(2026, 10, 1, 3, 37, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
LONG_AGO = NOW - 900 * DAY


def known(*, joined_at: dt.datetime = LONG_AGO, last_login: dt.datetime | None = None, given_at: dt.datetime = LONG_AGO
          ) -> uuid.UUID:  # fmt: skip
    """Have a customer with contact data."""
    with entered(VAULT):
        user = User.objects.create(kind=Kind.CUSTOMER, joined_at=joined_at, last_login=last_login).id
    values = ContactValues.of(name="Somebody")
    contacts.keep(user, values=values, purpose="delivery", actor=f"customer:{user}", at=given_at)
    return user


@pytest.fixture(autouse=True)
def keys_of_its_own(shop: Shop) -> Iterator[None]:
    """The workers share the shop's folder: the house's keys of one test are nobody else's."""
    for touchpoint in house.HOUSE:
        house.key_path(touchpoint).unlink(missing_ok=True)
    with environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml"), COMPTOIR_CONTACT_KEPT_DAYS=None):
        yield
    for touchpoint in house.HOUSE:
        house.key_path(touchpoint).unlink(missing_ok=True)


# -- how long -----------------------------------------------------------------------------------------------------


def test_it_is_well_below_what_an_authority_called_the_limit() -> None:
    assert retention.kept_days() == 730 < retention.KEPT_DAYS_MAX == 1_095
    for allowed in ("30", "365", "1095"):
        with environment(COMPTOIR_CONTACT_KEPT_DAYS=allowed):
            assert retention.kept_days() == int(allowed)


@pytest.mark.parametrize("setting", ["0", "29", "1096", "-1", "two years", "730.5", "９０"])
def test_what_is_too_long_or_nothing_is_refused_and_ends_nothing(shop: Shop, setting: str) -> None:
    user = known()
    with environment(COMPTOIR_CONTACT_KEPT_DAYS=setting):
        if setting == "９０":
            assert retention.kept_days() == 90
            return
        with pytest.raises(RetentionTooLong, match="30 to 1095"):
            retention.kept_days()
        with shop.unchanged():
            assert jobs.end_unused_contacts(now=NOW) == 0
        with psycopg.connect(database.owner_conninfo()) as connection:
            assert any("COMPTOIR_CONTACT_KEPT_DAYS" in each for each in retention.overdue(connection, now=NOW))
    assert contact_queries.is_known(user)


# -- by the days of the map ---------------------------------------------------------------------------------------

#: For each table that the clock drops: how a row is made that ends at a moment.
ROWS = {
    "contacts_former": "insert into contacts_former values (gen_random_uuid(), gen_random_uuid(), 'x', %s)",
    "contacts_stopped": "insert into contacts_stopped values (sha256(gen_random_uuid()::text::bytea), %s)",
    "credentials_attempts": "insert into credentials_attempts values (gen_random_uuid()::text, '1', %s)",
    "credentials_onetimelink": "insert into credentials_onetimelink (digest, staff_member_id, issued_at, expires_at)"
    " select sha256(gen_random_uuid()::text::bytea), id, now(), %s from credentials_user where kind = 'staff'",
    "rooms_squareadmission": "insert into rooms_squareadmission values (sha256(gen_random_uuid()::text::bytea), %s)",
    "rooms_counteradmission": "insert into rooms_counteradmission values (sha256(gen_random_uuid()::text::bytea), %s)",
    "rooms_officeadmission": "insert into rooms_officeadmission values (sha256(gen_random_uuid()::text::bytea), %s)",
    "answers_usedcode": "insert into answers_usedcode values (sha256(gen_random_uuid()::text::bytea), %s)",
}


def test_rows_go_when_their_days_are_over_and_not_before(shop: Shop) -> None:
    with entered(VAULT):
        User.objects.create(kind=Kind.STAFF, name="Camille", email="camille@example.org", joined_at=NOW)
    clocked = personal.dropped_by_the_clock()
    tried = {table: kept for table, kept in clocked.items() if table in ROWS}
    assert set(ROWS) == set(tried)
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        for table, kept in tried.items():
            over = NOW - dt.timedelta(days=kept.days or 0)
            for moment in (over - 3 * DAY, over - dt.timedelta(seconds=1), over, over + DAY):
                connection.execute(ROWS[table].encode(), (moment,))
        broken = [each.split(" should")[0] for each in retention.overdue(connection, now=NOW)]
        assert sorted(broken) == sorted(f"1 rows of {table}" for table in tried)
        assert jobs.drop_expired(now=NOW) == dict.fromkeys(tried, 2)
        assert retention.overdue(connection, now=NOW) == []
    for table in tried:
        assert shop.value(f"select count(*) from {table}") == 2
    with shop.unchanged():
        assert jobs.drop_expired(now=NOW) == {}


def test_every_table_that_the_clock_drops_has_a_room_that_may(shop: Shop) -> None:
    for table in personal.dropped_by_the_clock():
        room = retention._deleting_room(table)
        assert shop.value("select has_table_privilege(%s, %s, 'DELETE')", room.role, table)


# -- whom nobody has heard of -------------------------------------------------------------------------------------


def test_contact_data_end_when_nobody_has_heard_of_somebody_for_too_long(shop: Shop, gateway: Gateway) -> None:
    recently = NOW - 700 * DAY
    quiet, elsewhere = known(), known()
    stay = {
        "signed in": known(last_login=recently),
        "came lately": known(joined_at=recently, given_at=recently),
        "gave something": known(given_at=recently),
        "bought": known(),
        "subscribed": known(),
    }
    bought = {"kind": "user", "value": str(stay["bought"])}
    subscribed = {"kind": "user", "value": str(stay["subscribed"])}
    old = {"kind": "user", "value": str(quiet)}
    for touchpoint, each in (
        ("webshop", sale("1", 900, of=bought, source=WEBSHOP, at=recently)),
        ("webshop", sale("2", 900, of=old, source=WEBSHOP, at=NOON)),
        ("newsletter", event("newsletter.subscribed", {"customer": subscribed}, source="/newsletter", at=recently)),
    ):
        assert gateway.post(each, touchpoint=touchpoint).json()["status"] == "accepted"
    balance = shop.value("select sum(available) from loyalty_account")
    equip_pages(lambda _line: None)
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        assert jobs.end_unused_contacts(now=NOW) == 2
        assert [contact_queries.is_known(user) for user in (quiet, elsewhere)] == [False, False]
        assert {name for name, user in stay.items() if not contact_queries.is_known(user)} == set()
        with shop.unchanged():
            assert jobs.end_unused_contacts(now=NOW) == 0
    assert shop.rows("select value, count(*) from customers_choice where matter = 'closeness' group by value") == [
        {"value": "recognised", "count": 1}
    ]
    assert shop.value("select sum(available) from loyalty_account") == balance
    assert shop.value("select count(*) from contacts_key where person = any(%s)", [quiet, elsewhere]) == 0
    with entered(VAULT):
        entry = next(each.entry for each in accesses_of(quiet) if each.entry.action == retention.ENDED)
    assert (entry.actor, entry.purpose) == ("worker", "nobody has heard of them for 730 days")


def test_while_the_counter_is_away_nothing_is_half_done(shop: Shop, gateway: Gateway) -> None:
    user = known()
    of = {"kind": "user", "value": str(user)}
    assert gateway.post(sale("1", 900, of=of, source=WEBSHOP, at=NOON), touchpoint="webshop").status_code == 200
    equip_pages(lambda _line: None)
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"), shop.unchanged():
        assert jobs.end_unused_contacts(now=NOW) == 0
    assert contact_queries.is_known(user)
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        assert jobs.end_unused_contacts(now=NOW) == 1


# -- what old lists said ------------------------------------------------------------------------------------------


def listed(card: str, *, at: dt.datetime, name: str = "till") -> uuid.UUID:
    """Have a list of the shop that names the holder of a card."""
    row = Listed(2, (Identifier("card", card),), Details(family_name="Somebody", email=f"{card}@example.com"))
    [noted] = lists.enter([row], name=name, at=at)
    lists.keep([(noted.entry, row)], replaces=True, actor="operator", at=at)
    return noted.entry


def test_entries_that_nobody_takes_in_hand_end_after_a_year_and_others_with_their_person(
    shop: Shop, gateway: Gateway
) -> None:
    year = dt.timedelta(days=retention.PENDING_KEPT_DAYS)
    house.keep_key("vault", gateway.keys["vault"])
    over, fresh = listed("over", at=NOW - year - 3 * DAY), listed("fresh", at=NOW - year + DAY)
    renewed = listed("over-too", at=NOW - year - 3 * DAY)
    row = Listed(2, (Identifier("card", "over-too"),), Details(family_name="Somebody Else"))
    lists.keep([(renewed, row)], replaces=True, actor="operator", at=NOW - DAY)
    theirs, user = listed("theirs", at=LONG_AGO), known()
    linked = event(
        "identifier.linked",
        {"identifier": {"kind": "user", "value": str(user)}, "customer": {"kind": "card", "value": "theirs"},
         "evidence": "signed in"},
        source="/app/alice", at=NOON,
    )  # fmt: skip
    assert gateway.post(linked, touchpoint="app").status_code == 200
    with psycopg.connect(database.owner_conninfo()) as connection:
        assert [each for each in retention.overdue(connection, now=NOW) if "old lists" in each] == [
            "1 entries of old lists should be gone: nobody has taken them in hand for a year"
        ]
    assert retention.end_pending_entries(now=NOW) == 1
    assert {row["id"] for row in shop.rows("select id from lists_entry")} == {fresh, renewed, theirs}
    assert shop.value("select count(*) from contacts_key where person = %s", over) == 0
    assert shop.value("select count(*) from contacts_piece where person = %s", over) == 0
    with psycopg.connect(database.owner_conninfo()) as connection:
        assert [each for each in retention.overdue(connection, now=NOW) if "old lists" in each] == []
    with shop.unchanged("lists_entry", "contacts_key"):
        assert retention.end_pending_entries(now=NOW) == 0
    # The last one ends with its person, of whom nobody has heard for long.
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        assert jobs.end_unused_contacts(now=NOW) == 1
    assert {row["id"] for row in shop.rows("select id from lists_entry")} == {fresh, renewed}
    assert shop.value("select count(*) from contacts_key where person = any(%s)", [theirs, user]) == 0
