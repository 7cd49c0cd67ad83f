"""``bad-provider``: answers slowly, twice, never, with nonsense; and recipients that no server takes.

Everybody on the list has one answer and no more, whatever the provider said and however often the sender runs again;
what may have been taken is never sent twice, and one bad address costs nobody else theirs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.casting import Counter
from support.mailbox import Mailbox
from support.provider import Provider, running_provider
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import override_settings

from support.mailing import NOW, address, counter_of, decide, dispatched, final, mailed, outcomes, send, settle

HOUR = dt.timedelta(hours=1)
#: How a message ends, by what the provider does with it.
ENDS = {"slow": "accepted", "twice": "accepted", "never": "unknown", "noise": "unknown", "nonsense": "unknown",
        "failed": "unknown", "ok": "accepted"}  # fmt: skip


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as one:
        yield one


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        one = counter_of(shop)
        yield one
        one.close()


def test_a_list_goes_through_every_bad_mood_of_a_provider(shop: Shop, counter: Counter, provider: Provider) -> None:
    wanted = {}
    before = len(provider.got())
    for number, (mood, end) in enumerate(ENDS.items()):
        (decision,) = decide(dispatched(), [settle(counter, number)])
        wanted[decision] = end
        given = {
            "REQUESTS_TIMEOUT": 1.2, "POSTMARK_SERVER_TOKEN": "token",
            "POSTMARK_API_URL": f"{provider.origin}/{mood}/",
        }  # fmt: skip
        mail = {"EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend", "MAIL_PROVIDER": "postmark"}
        with override_settings(**mail, ANYMAIL=given, DEFAULT_FROM_EMAIL="shop@shop.example"):
            send()
            send(now=NOW + HOUR)
    assert final(shop) == wanted
    assert len(provider.got()) - before == len(ENDS), "each was asked of the provider once"


def test_whom_no_server_takes_is_noted_and_the_others_get_theirs(shop: Shop, counter: Counter) -> None:
    with mailed() as mailbox:
        bad = decide(dispatched(), [settle(counter, 1), settle(counter, 2)])
        mailbox.refuses = True
        send()
        mailbox.refuses = False
        good = decide(dispatched(), [settle(counter, 3)])
        send(now=NOW + HOUR)
        assert final(shop) == {**dict.fromkeys(bad, "refused"), **dict.fromkeys(good, "accepted")}
        assert reached(mailbox) == [address(3)]
    assert {outcomes(shop)[each]["refused"] for each in bad} == {"smtp_550"}
    assert "canary" not in str(outcomes(shop)), "what the server said names somebody, and is kept nowhere"


def reached(mailbox: Mailbox) -> list[str]:
    return sorted(who for recipients, _letter in mailbox.letters for who in recipients)
