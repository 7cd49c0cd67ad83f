"""Signing out everywhere ends visits of the square too, and the square never learns whose they were."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from psycopg import errors

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE, VAULT, Assurance
from support.shop import Shop

set_up_django()

from comptoir.foundation.rooms.models import Standing  # noqa: E402 - needs Django
from comptoir.foundation.rooms.sessions import RoomSession, cookie_name  # noqa: E402 - needs Django
from comptoir.foundation.rooms.visits import Visit, outing  # noqa: E402

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


def begun(sign_in: uuid.UUID, persona: uuid.UUID) -> tuple[str, str]:
    """Let somebody who is signed in be on the square under a name; return the cookie."""
    import msgspec

    with entered(VAULT):
        Standing.objects.get_or_create(sign_in=sign_in, defaults={"expires_at": NOW + dt.timedelta(days=365)})
    with entered(COUNTER):
        here = Visit("somebody", Assurance.RECOGNISED, ("passkey",), NOW, sign_in=str(sign_in))
        number = outing(here)
    visit = Visit(str(persona), Assurance.RECOGNISED, ("persona",), NOW, name="Wren", sign_in=number)
    with entered(SQUARE):
        session = RoomSession(room=SQUARE)
        session["visit"] = msgspec.to_builtins(visit)
        session.save()
    assert session.session_key is not None
    return cookie_name(SQUARE), session.session_key


def named(cookie: tuple[str, str]) -> bool:
    """Tell whether the square still knows the browser under its name."""
    from django.test import Client

    client = Client(headers={"host": "localhost:8000"})
    client.cookies[cookie[0]] = cookie[1]
    return "Here you are Wren." in client.get("/en/").content.decode()


def test_a_sign_in_that_ends_takes_its_outings_along(shop: Shop) -> None:
    sign_in, other = uuid.uuid4(), uuid.uuid4()
    first, second, third = (begun(each, uuid.uuid4()) for each in (sign_in, sign_in, other))
    assert all(map(named, (first, second, third)))
    with entered(VAULT):
        Standing.objects.filter(sign_in=sign_in).delete()
    assert [named(each) for each in (first, second, third)] == [False, False, True]
    assert shop.value("select count(*) from rooms_outing") == 1


def test_two_names_of_one_sign_in_have_nothing_in_common_on_the_square(shop: Shop) -> None:
    sign_in = uuid.uuid4()
    for _ in range(2):
        begun(sign_in, uuid.uuid4())
    with database.connect(SQUARE.role) as square:
        numbers = [str(row[0]) for row in square.execute("select * from rooms_outingthatholds")]
        assert len(set(numbers)) == 2
        contents = [row[0] for row in square.execute("select content from rooms_squaresession")]
        assert all(str(sign_in) not in content for content in contents)
        with pytest.raises(errors.InsufficientPrivilege):
            square.execute("select from rooms_outing")


def test_without_a_sign_in_there_is_no_number(shop: Shop) -> None:
    with entered(COUNTER):
        assert outing(Visit("somebody", Assurance.RECOGNISED, ("card_link",), NOW)) == ""
