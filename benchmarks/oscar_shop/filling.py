"""Puts a catalog, offers and baskets into the shop of django-oscar: ``python filling.py FILE``. Says where they are."""

import datetime
import decimal
import json
import pathlib
import sys

import django

django.setup()

from django.db import transaction  # noqa: E402
from oscar.core.loading import get_class, get_model  # noqa: E402

_AT_A_TIME = 5_000


@transaction.atomic
def fill(said):
    """Put everything in; returns the addresses of pages, by the number of what they show, and the baskets' numbers."""
    categories = _categories(said["categories"])
    kind = get_model("catalogue", "ProductClass").objects.create(name="Goods", requires_shipping=False)
    products = _products(said["products"], categories, kind)
    _offers(said["promotions"], categories)
    baskets = [_basket(numbers, products) for numbers in said["baskets"]]
    return {
        "products": {number: products[number].get_absolute_url() for number in said["shown"]},
        "keys": {number: products[number].pk for number in said["shown"]},
        "categories": {slug: categories[slug].get_absolute_url() for slug in said["promotions"]},
        "baskets": baskets,
    }


def _categories(rows):
    model, made = get_model("catalogue", "Category"), {}
    for slug, name, within in sorted(rows, key=lambda row: row[2] is not None):
        where = model.add_root if within is None else made[within].add_child
        made[slug] = where(name=name, slug=slug)
        if within is not None:
            made[within].refresh_from_db()
    return {slug: model.objects.get(pk=each.pk) for slug, each in made.items()}


def _products(rows, categories, kind):
    model, partner = get_model("catalogue", "Product"), get_model("partner", "Partner").objects.create(name="Shop")
    made = model.objects.bulk_create(
        [
            model(title=name, slug=number, upc=number, product_class=kind, structure="standalone")
            for number, name, _, _ in rows
        ],
        batch_size=_AT_A_TIME,
    )
    by_number = {each.upc: each for each in made}
    within, stock = get_model("catalogue", "ProductCategory"), get_model("partner", "StockRecord")
    within.objects.bulk_create(
        [within(product=by_number[number], category=categories[slug]) for number, _, slug, _ in rows if slug],
        batch_size=_AT_A_TIME,
    )
    stock.objects.bulk_create(
        [
            stock(
                product=by_number[number],
                partner=partner,
                partner_sku=number,
                price_currency="USD",
                price=decimal.Decimal(amount) / 100,
                num_in_stock=10**6,
            )
            for number, _, _, amount in rows
        ],
        batch_size=_AT_A_TIME,
    )
    return by_number


def _offers(slugs, categories):
    parts = {name: get_model("offer", name) for name in ("Range", "Condition", "Benefit", "ConditionalOffer")}
    for number, slug in enumerate(slugs):
        some = parts["Range"].objects.create(name=f"Range {number}")
        some.included_categories.add(categories[slug])
        condition = parts["Condition"].objects.create(range=some, type="Count", value=1)
        benefit = parts["Benefit"].objects.create(range=some, type="Percentage", value=5)
        parts["ConditionalOffer"].objects.create(
            name=f"Offer {number}",
            offer_type="Site",
            condition=condition,
            benefit=benefit,
            start_datetime=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        )


def _basket(numbers, products):
    basket = get_model("basket", "Basket").objects.create()
    basket.strategy = get_class("partner.strategy", "Selector")().strategy()
    for number in numbers:
        basket.add_product(products[number], 1)
    return basket.pk


if __name__ == "__main__":
    print(json.dumps(fill(json.loads(pathlib.Path(sys.argv[1]).read_bytes()))))
