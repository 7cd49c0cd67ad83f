"""The coupons of Complete Journey: imported as they are, counted, made anew, and claimed to have changed nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

from click.testing import CliRunner
from django.test import Client

from comptoir.config.command import main
from comptoir.config.rebuilding import rebuild
from comptoir.config.replaying import offered
from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import staff_session, words
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.touchpoints import house


def test_every_coupon_and_redemption_is_there_and_no_effect_is_claimed(
    shop: Shop, gateway: Gateway, tmp_path: Path
) -> None:
    del tmp_path
    house.keep_key(house.CONSOLE, gateway.keys["console"])
    try:
        for turn in range(2):
            done = CliRunner().invoke(main, ["import", "coupons", "--gateway", gateway.url, "--json"])
            assert done.exit_code == 0, done.output
            result = json.loads(done.stdout.splitlines()[-1])
            assert (result["campaigns"], result["coupon_rows"], result["redemptions"]) == (27, 116_204, 2_102)
            assert result["targetings"] == 6_589
            assert result["randomised"] is False
            assert (result["refused"], result["duplicates"]) == (0, turn * result["events"])
    finally:
        house.key_path(house.CONSOLE).unlink(missing_ok=True)
    assert shop.value("select count(distinct definition->>'series') from offers_promotion") == offered.CAMPAIGNS
    counted = "select sum(jsonb_array_length(definition->'items'->'products')) from offers_promotion"
    assert shop.value(counted) == offered.ROWS
    assert shop.value("select count(*) from offers_redemption where status = 'redeemed'") == offered.REDEMPTIONS
    assert shop.value("select min(redeemed_at)::date::text from offers_redemption") == "2017-01-01"
    # What a person would count in the files: the largest campaign, and that nobody redeemed who was not on its list.
    assert shop.value("select count(*) from offers_targeting") == offered.TARGETINGS
    assert shop.value("select count(distinct customer) from offers_targeting") == 1_559
    largest = "select count(*) from offers_targeting where series = 'Campaign 18 (Type A)'"
    assert shop.value(largest) == 1_133
    uninvited = (
        "select count(*) from offers_redemption r join offers_promotion p on p.id = r.promotion where not exists ("
        "select from offers_targeting t where t.customer = r.customer and t.series = p.definition->>'series')"
    )
    assert shop.value(uninvited) == 0
    client = Client(headers={"host": f"{host_of(OFFICE)}:8000"})
    name, value = staff_session("Alice")
    client.cookies[name] = value
    page = words(client.get("/promotions").content.decode())
    sums = "116,204 products under coupons, sent to customers 6,589 times, 2,102 redemptions."
    assert f"{sums} Who got them was chosen, not drawn by lot." in page
    assert page.count("not randomised") == offered.CAMPAIGNS
    redeemers = shop.value(
        "select count(distinct r.customer) from offers_redemption r join offers_promotion p on p.id = r.promotion"
        " where p.definition->>'series' = 'Campaign 18 (Type A)'"
    )
    assert re.search(rf"Campaign 18 \(Type A\) .{{0,80}} 1,133 {redeemers} \d+ not randomised", page), page
    assert rebuild(keep=False).changed == []
