"""The web till's tax is the checkout's: on its screen, on its slip, and with no line; an invoice says all of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from playwright.sync_api import Browser, Page, expect

from comptoir.counter.taxes.rules import Rates, Taxable, settle
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER
from support.gateway import Gateway
from support.pages import Pages, accepted, event, running_pages
from support.promoting import published
from support.shop import Shop, environment
from support.tilling import AT, pair, pay, scan, to_payment

set_up_django()

JAPAN = 'country = "JP"\nregistration = "T7000012050002"\n'
TEXAS = 'country = "US"\nstate = "TX"\n[states.TX]\nstandard = "8.25"\n'
#: Number, name, minor units of the price, its class, whether the price includes the tax.
GOODS = (
    ("tea", "Tea", 1080, "reduced", True),
    ("cup", "Cup", 1099, "standard", True),
    ("pot", "Pot", 999, "standard", False),
)


@pytest.fixture
def pages(gateway: Gateway, shop: Shop, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pages]:
    (tmp_path / "taxes.toml").write_text(request.param)
    accepted(
        gateway.post(
            [
                event(
                    "product.listed",
                    {
                        "product": number, "name": {"en": name}, "tax": tax,
                        "variants": [{"sku": number, "prices": [
                            {"currency": "USD", "amount": amount, "includes_tax": included}]}],
                    },
                    source="/webshop", at=AT,
                )
                for number, name, amount, tax, included in GOODS
            ],
            touchpoint="webshop",
        )
    )  # fmt: skip
    offer = published(str(uuid.uuid4()), title="Spring", benefit={"kind": "Amount", "amount": 100}, at=AT)
    accepted(gateway.post([offer], touchpoint="console"))
    with environment(COMPTOIR_TAXES=str(tmp_path / "taxes.toml")), running_pages(tmp_path, gateway) as running:
        yield running


@pytest.fixture
def till(pages: Pages, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en")
    page = context.new_page()
    page.set_default_timeout(30_000)
    pair(page, pages.url(COUNTER, "/till/"), pages.gateway.keys["till"])
    yield page
    context.close()


def slip_of(till: Page) -> list[list[str]]:
    rows: list[list[str]] = till.evaluate(
        "[...document.querySelectorAll('.till-slip tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return rows


@pytest.mark.parametrize("pages", [JAPAN], indirect=True, ids=["japan"])
def test_a_slip_is_a_qualified_invoice_also_without_a_line(till: Page) -> None:
    """Two rates, a dollar off over both: what each rate has of it, which goods have which, and the issuer's number."""
    for number in ("tea", "cup"):
        scan(till, number)
    expect(till.locator("#total")).to_have_text("$20.79")
    expect(till.locator("#on-top")).to_be_hidden()
    to_payment(till)
    pay(till, "30")
    rows = slip_of(till)
    assert ["1 × Tea · 8 %", "$10.80"] in rows
    assert ["1 × Cup · 10 %", "$10.99"] in rows
    assert ["Total", "$20.79"] in rows
    taxes = [row for row in rows if "% tax" in row[0]]
    # 10.80 and 10.99 less a dollar, split over both; Japan's issuer rounds down, once for each rate.
    assert taxes == [["Of $10.49: 10 % tax", "$0.95"], ["Of $10.30: 8 % tax", "$0.76"]]
    expect(till.get_by_text("Registration number: T7000012050002")).to_be_visible()

    till.context.set_offline(True)
    till.locator("#next").click()
    scan(till, "cup")
    expect(till.locator("#total")).to_have_text("$10.99")
    to_payment(till)
    pay(till, "20")
    assert ["Of $10.99: 10 % tax", "$0.99"] in slip_of(till)
    expect(till.get_by_text("Registration number: T7000012050002")).to_be_visible()


@pytest.mark.parametrize("pages", [TEXAS], indirect=True, ids=["texas"])
def test_tax_on_top_is_paid_and_the_sale_is_told_without_it(till: Page, pages: Pages, shop: Shop) -> None:
    """As the checkout tells its sales: points are earned on goods, and not on tax."""
    scan(till, "pot")
    scan(till, "pot")
    expect(till.locator("#total")).to_have_text("$20.55")  # 19.98, a dollar off, 8.25 percent on top
    expect(till.locator("#on-top")).to_have_text("Of it $1.57 tax on top of the prices.")
    to_payment(till)
    pay(till, "30")
    rows = slip_of(till)
    assert ["Tax on top", "$1.57"] in rows
    assert ["Total", "$20.55"] in rows
    assert ["Of $20.55: 8.25 % tax", "$1.57"] in rows
    assert ["Change given", "$9.45"] in rows
    expect(till.locator("#line")).to_have_text("Online")
    assert shop.value("select total_minor from sales_sale") == 1898
    (line,) = json.loads(shop.value("select data::text from events_event where type = 'sale.closed'"))["lines"]
    assert (line["amount"], line["tax"], line["tax_on_top"]) == (1898, 157, True), "it goes back with the goods"


@pytest.mark.parametrize("pages", [JAPAN], indirect=True, ids=["japan"])
def test_a_printed_slip_says_who_sold_it_and_takes_no_more_paper_than_it_needs(till: Page) -> None:
    for number in ("tea", "cup"):
        scan(till, number)
    expect(till.locator("#total")).to_have_text("$20.79")
    to_payment(till)
    pay(till, "30")
    shop = till.locator(".masthead .wordmark span").inner_text()
    till.emulate_media(media="print")
    expect(till.locator("#slip").get_by_text(shop, exact=True)).to_be_visible()
    expect(till.get_by_text("Registration number: T7000012050002")).to_be_visible()
    expect(till.locator("#slip")).not_to_contain_text("the points follow")
    for hidden in ("#print", "#scan", "#pickup", ".masthead"):
        expect(till.locator(hidden)).to_be_hidden()
    for width, height in (("210mm", "297mm"), ("80mm", "200mm")):
        assert till.pdf(width=width, height=height).count(b"/Type /Page\n") == 1, width


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def _compare(till: Page, data: st.DataObject, rounding: str) -> None:
    rates = Rates("FR", {"standard": 20_000, "reduced": 5_500, "zero": 0}, rounding)  # type: ignore[arg-type]
    line = st.builds(
        Taxable, st.sampled_from(["standard", "reduced", "zero"]), st.integers(0, 10_000_000), st.booleans()
    )
    lines = data.draw(st.lists(line, min_size=1, max_size=12))
    found = settle(lines, rates)
    told = [{"amount": each.amount, "rate": rates.rates[each.tax], "isOnTop": not each.includes_tax} for each in lines]
    said = till.evaluate(
        """async ([lines, rounding, path]) => {
          document.body.dataset.rounding = rounding;
          const { settle } = await import(path);
          return settle(lines);
        }""",
        [told, rounding, till.evaluate("document.querySelector('script[src*=\"till.js\"]').src").replace(
            "till.js", "till-tax.js")],
    )  # fmt: skip
    assert said["added"] == found.added, json.dumps(told)
    assert said["onTop"] == list(found.on_top), json.dumps(told)
    assert [[each["percent"], each["net"], each["tax"]] for each in said["taxes"]] == [
        [each.percent, each.net, each.tax] for each in found.taxes
    ]


@pytest.mark.parametrize("pages", [JAPAN], indirect=True, ids=["japan"])
@pytest.mark.parametrize("rounding", ["nearest", "down"])
def test_whatever_is_sold_the_tills_tax_is_the_checkouts(till: Page, rounding: str) -> None:
    _compare(till, rounding=rounding)
