"""The goods of the grocery chain whose year is replayed, and its stores, as its web shop would list them.

Products, departments, categories and sizes are those of the data set (``journey.py``); a price is what the article cost
on the shelf at its last sale, before coupons and the loyalty discount, so that an article that nobody bought has none.
The data set says nothing of its stores but their numbers: their hours are made up, the same every time, and so is how
much of what was on which shelf, of the goods that sold most in the stores that sold most. What is sold
from an age on is the department ``SPIRITS``, for which the house's example programme asks for 21 years.

Not here: anything that somebody bought.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from comptoir.config.replaying import journey
from comptoir.config.replaying.recordings import Event
from comptoir.square.stock.contracts import LINES_MAX

SOURCE: Final = "/webshop"
PRODUCTS: Final = 92_331
#: Everything is on the shelves before the first till opens.
_AT: Final = dt.datetime(2017, 1, 1, tzinfo=dt.UTC)
_ZONE: Final = "America/New_York"
#: So many things lie in the basket of the demo's card.
LAID: Final = 3
_SPACE: Final = uuid.UUID("6f1f2d52-0a5d-4d0a-8d7e-2f6b1a9c4e10")
_SPIRITS, _SPIRITS_AGE = "SPIRITS", 21
#: So many stores and products of each are counted, and so many pieces of each at most, less one.
_COUNTED_STORES, _COUNTED_PRODUCTS, _PIECES = 12, 1_000, 16
#: What the tills book and no shelf has.
_NO_GOODS: Final = frozenset({
    "CHARITABLE CONT", "CNTRL/STORE SUP", "COUPON", "FUEL", "MISCELLANEOUS", "PHOTO & VIDEO", "POSTAL CENTER",
    "PROD-WHS SALES", "TRAVEL & LEISURE",
})  # fmt: skip
#: The departments as a shop calls them; the others are written as they are.
_DEPARTMENTS: Final = {
    "GROCERY": ("Groceries", "食料品", "Épicerie"),
    "DRUG GM": ("Drugstore and household", "日用品", "Droguerie et maison"),
    "PRODUCE": ("Fruit and vegetables", "青果", "Fruits et légumes"),
    "COSMETICS": ("Cosmetics", "化粧品", "Cosmétiques"),
    "NUTRITION": ("Nutrition", "健康食品", "Nutrition"),
    "MEAT": ("Meat", "精肉", "Viande"),
    "MEAT-PCKGD": ("Packaged meat", "加工肉", "Viande emballée"),
    "DELI": ("Delicatessen", "惣菜", "Traiteur"),
    "PASTRY": ("Bakery", "パン・菓子", "Boulangerie"),
    "FLORAL": ("Flowers", "花", "Fleurs"),
    "SEAFOOD": ("Seafood", "鮮魚", "Poissonnerie"),
    "SEAFOOD-PCKGD": ("Packaged seafood", "加工魚介", "Poisson emballé"),
    "SPIRITS": ("Wine and spirits", "酒類", "Vins et spiritueux"),
    "GARDEN CENTER": ("Garden", "園芸", "Jardin"),
    "SALAD BAR": ("Salad bar", "サラダバー", "Bar à salades"),
    "RESTAURANT": ("Restaurant", "レストラン", "Restaurant"),
}
#: Three ways of being open; the third one's nights end on the next day.
_HOURS: Final = (
    [{"days": ["mon", "tue", "wed", "thu", "fri", "sat"], "opens": "07:00", "closes": "22:00"},
     {"days": ["sun"], "opens": "09:00", "closes": "18:00"}],
    [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "08:00", "closes": "21:00"},
     {"days": ["sat"], "opens": "08:00", "closes": "18:00"}],
    [{"days": ["mon", "tue", "wed", "thu", "sun"], "opens": "06:00", "closes": "24:00"},
     {"days": ["fri", "sat"], "opens": "06:00", "closes": "26:00"}],
)  # fmt: skip


def listings(products: Collection[int] | None = None, stores: Iterable[int] = ()) -> Iterator[Event]:
    """Yield the categories, these products (unset: all of them) and these stores, as events of the web shop's."""
    rows = [
        row
        for row in _rows()
        if row["department"] not in _NO_GOODS and (products is None or row["product_id"] in products)
    ]
    yield from _categories(rows)
    prices = _prices()
    for row in rows:
        yield _product(row, prices.get(row["product_id"]))
    for store in sorted(stores):
        data = {"store": str(store), "name": f"Store {store}", "zone": _ZONE, "hours": _HOURS[store % len(_HOURS)]}
        yield Event(id=f"added-store-{store}", source=SOURCE, type="store.listed", time=_AT, data=data)


def counts(sold: Mapping[int, Mapping[int, int]], at: dt.datetime) -> Iterator[Event]:
    """Yield made-up counts and shelf places as of a moment; ``sold`` is how often which products sold, by store."""
    departments = {row["product_id"]: row["department"] for row in _rows()}
    aisles = {name: number for number, name in enumerate(_DEPARTMENTS, start=1)}
    stores = sorted(sold, key=lambda store: (-sum(sold[store].values()), store))[:_COUNTED_STORES]
    for store in sorted(stores):
        most = sorted(sold[store], key=lambda product: (-sold[store][product], product))
        goods = [each for each in most if departments.get(each, "FUEL") not in _NO_GOODS][:_COUNTED_PRODUCTS]
        counted = [{"sku": str(each), "quantity": _made_up(store, each) % _PIECES} for each in goods]
        placed = [
            {
                "sku": str(each), "aisle": str(aisles.get(departments[each], len(aisles) + 1)),
                "shelf": "ABCDEF"[_made_up(each) % 6],
            }
            for each in goods
        ]  # fmt: skip
        for kind, lines in (("stock.counted", counted), ("stock.placed", placed)):
            for start in range(0, len(lines), LINES_MAX):
                data = {"store": str(store), "lines": lines[start : start + LINES_MAX]}
                yield Event(id=f"{kind}-{store}-{start}-{at:%Y%m%d%H}", source=SOURCE, type=kind, time=at, data=data)


def _made_up(*numbers: int) -> int:
    """Return a number that looks like chance and is the same every time."""
    return zlib.crc32(" ".join(map(str, numbers)).encode())


def _categories(rows: Iterable[dict[str, Any]]) -> Iterator[Event]:
    """Yield each department, and each category within it, once."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        department, category = row["department"], row["product_category"]
        top = _slug(department)
        en, ja, fr = _DEPARTMENTS.get(department, (_said(department), None, None))
        name = {"en": en, **({"ja": ja, "fr": fr} if ja else {})}
        found.setdefault(top, {"category": top, "name": name})
        if category:
            inner = _slug(f"{department}-{category}")
            found.setdefault(inner, {"category": inner, "name": {"en": _said(category)}, "within": top})
    places = {department: place for place, department in enumerate(map(_slug, _DEPARTMENTS), start=1)}
    for slug, data in sorted(found.items(), key=lambda each: ("within" in each[1], each[0])):
        if "within" not in data:
            data["place"] = places.get(slug, len(places) + 1)
        yield Event(id=f"category-{slug}", source=SOURCE, type="category.listed", time=_AT, data=data)


def laid(card: str, listed: Iterable[Event], bought: Iterable[str], *, at: dt.datetime) -> Event | None:
    """Return what the holder of a card lays into their basket: three things that they have bought before."""
    prices = {
        event.data["product"]: event.data["variants"][0]["prices"][0]
        for event in listed
        if event.type == "product.listed" and event.data["variants"][0].get("prices")
    }
    wanted = [each for each in dict.fromkeys(bought) if each in prices][:LAID]
    if not wanted:
        return None
    put = [
        {
            "product": each, "quantity": 1 + number % 2,
            "seen": {"currency": prices[each]["currency"], "amount": prices[each]["amount"]},
        }
        for number, each in enumerate(wanted)
    ]  # fmt: skip
    data = {"basket": str(uuid.uuid5(_SPACE, card)), "customer": {"kind": "card", "value": card}, "put": put}
    return Event(id="demo/basket", source=SOURCE, type="basket.changed", time=at, data=data)


def _product(row: dict[str, Any], price: int | None) -> Event:
    number, department, category = str(row["product_id"]), row["department"], row["product_category"]
    name = _said(row["product_type"] or category or department)
    if row["package_size"]:
        name = f"{name}, {row['package_size'].lower()}"
    variant: dict[str, Any] = {"sku": number}
    if price is not None:
        variant["prices"] = [{"currency": journey.CURRENCY, "amount": price, "includes_tax": False}]
    data: dict[str, Any] = {
        "product": number, "name": {"en": name}, "variants": [variant],
        "category": _slug(f"{department}-{category}" if category else department),
        "maker": "Our own brand" if row["brand"] == "Private" else f"Maker {row['manufacturer_id']}",
    }  # fmt: skip
    if department == _SPIRITS:
        data["asks_over"] = _SPIRITS_AGE
    return Event(id=f"product-{number}", source=SOURCE, type="product.listed", time=_AT, data=data)


def _rows() -> list[dict[str, Any]]:
    from pyarrow import parquet  # noqa: PLC0415 - half a second, for importers only

    with parquet.ParquetFile(journey.data_folder() / "products.parquet") as file:
        return list(file.read().to_pylist())


def _prices() -> dict[int, int]:
    """Return what each product cost on the shelf at its last sale, in cents."""
    from pyarrow import compute, parquet  # noqa: PLC0415 - half a second, for importers only

    columns = ["product_id", "quantity", "sales_value", "retail_disc", "coupon_match_disc"]
    with parquet.ParquetFile(journey.data_folder() / "transactions.parquet") as file:
        table = file.read(columns=columns)
    table = table.filter(compute.greater(table["quantity"], 0))
    paid = compute.add(compute.add(table["sales_value"], table["retail_disc"]), table["coupon_match_disc"])
    each = compute.round(compute.multiply(compute.divide(paid, table["quantity"]), 100))
    cents = compute.cast(each, "int64")
    # The file is in the order of time: the last one stays.
    return {
        number: amount
        for number, amount in zip(table["product_id"].to_pylist(), cents.to_pylist(), strict=True)
        if amount > 0
    }


def _said(words: str) -> str:
    """Write the data set's capitals as a shelf's label does: ``BREAD:ITALIAN/FRENCH`` is Bread: Italian/French."""
    words = re.sub(r"\s*:\s*", ": ", re.sub(r"\s+", " ", words)).strip()
    return re.sub(r"(?<![0-9])[A-Za-z']+", lambda found: found[0].capitalize(), words.lower())


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:60].rstrip("-")
