"""``shared-address``: two customers with one address, and one mail vanished, or came twice.

https://github.com/mautic/mautic/issues/14381. What is declared for each class of messages holds, with two senders in
hand at once: of an offer the address gets one, and the other person's decision says why; of receipts each gets theirs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.casting import Counter
from support.mailbox import Mailbox, running_mailbox
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import override_settings

from support.mailing import address, counter_of, decide, dispatched, final, outcomes, send, settle

COUPLES = 20


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with running_mailbox() as box:
        mail = {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": box.port, "EMAIL_USE_TLS": False, "EMAIL_HOST_USER": "",
        }  # fmt: skip
        with override_settings(**mail), environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
            yield box


def test_a_couple_gets_one_offer_and_two_receipts_whichever_senders_race(shop: Shop, mailbox: Mailbox) -> None:
    counter: Counter = counter_of(shop)
    people = [settle(counter, number, email=address(number % COUPLES)) for number in range(2 * COUPLES)]
    offers = decide(dispatched(), people)
    receipts = decide(dispatched(purpose="service", message_class="service"), people, occurrence="receipt")
    senders = [threading.Thread(target=send) for _ in range(2)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    ended, told = final(shop), outcomes(shop)
    assert [ended[each] for each in receipts] == ["accepted"] * len(people)
    assert sorted(ended[each] for each in offers) == ["accepted"] * COUPLES + ["suppressed"] * COUPLES
    assert {told[each]["suppressed"] for each in offers if ended[each] == "suppressed"} == {"same_address"}
    reached = sorted(to for recipients, _ in mailbox.letters for to in recipients)
    assert reached == sorted(address(number) for number in range(COUPLES) for _ in range(3)), (
        "an offer and two receipts"
    )
    counter.close()
