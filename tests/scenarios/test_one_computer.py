"""``one-computer``: two known people were merged since they had used one device, and the wrong one was mailed.

https://github.com/mautic/mautic/issues/5495, https://github.com/PostHog/posthog/issues/11873. Nothing is guessed here:
only an explicit event links, whatever two people share.
"""

from __future__ import annotations

from support import casting
from support.casting import ALICE_ONLINE, BOB_ONLINE, Counter

DEVICE = {"kind": "device", "value": "the family's tablet"}


def test_two_people_on_one_device_stay_two(counter: Counter) -> None:
    counter.send(
        casting.sale("r1", 10, of=ALICE_ONLINE, source=casting.WEBSHOP),
        casting.sale("r2", 20, of=DEVICE, source=casting.WEBSHOP),
        casting.sale("r3", 30, of=BOB_ONLINE, source=casting.WEBSHOP),
        casting.reviewed(of=DEVICE),
        casting.subscribed(of=BOB_ONLINE),
    )
    assert counter.shop.value("select count(*) from customers_link") == 0
    assert counter.shop.value("select count(*) from customers_membership") == 0
    assert counter.tell(casting.redeem(11, of=ALICE_ONLINE)).problem == "insufficient_points"
