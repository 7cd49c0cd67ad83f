"""The catalog as files: three forms in, refused by row and name, and what is written is read again as the same."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comptoir.config.command import main
from comptoir.config.shelving import reading
from comptoir.config.shelving.contracts import ListError
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.square.catalog import store
from comptoir.square.community import pictures
from support import casting, drawn
from support.casting import NOON, WEBSHOP, Counter
from support.shop import Shop

set_up_django()

OWN = """\
product;sku;name;name_ja;maker;category_path;gtin;price;currency;before;option size;asks_over
sencha;sencha-100;Sencha;煎茶;Oi;Drinks > Tea;4006381333931;12.50;EUR;15.00;100 g;
sencha;sencha-250;;;;;;28;EUR;;250 g;
wine;;Red wine;;;Drinks > Wine;;9.9;;;;18
bad;;Bad price;;;;;12.505;EUR;;;
worse;;Wrong barcode;;;;4006381333932;1;EUR;;;
"""
SHOPIFY = """\
Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,\
Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Price,Variant Compare At Price,Variant Taxable,\
Variant Barcode,Image Src,Status
tee,Plain tee,<p>Soft <b>cotton</b>.</p><script>alert(1)</script>,Acme,Apparel > Shirts,,,true,Size,S,Colour,Red,,,\
tee-s,19.99,25.00,true,'036000291452,https://cdn.example/1.jpg,active
tee,,,,,,,,,M,,Red,,,,19.99,,true,,,
tee,,,,,,,,,,,,,,,,,,,https://cdn.example/2.jpg,
mug,Mug,,Acme,,Kitchen,,true,Title,Default Title,,,,,mug-1,7,5,true,,,active
draft,Not yet,,Acme,,,,false,Title,Default Title,,,,,d,1,,true,,,draft
"""
JSONLD = {
    "@context": "https://schema.org",
    "@graph": [
        {"@type": "WebPage", "name": "Tea"},
        {"@type": ["Product", "Thing"], "sku": "oolong", "name": "Oolong", "brand": {"@type": "Brand", "name": "Oi"},
         "gtin13": "4006381333931", "category": "Drinks > Tea", "description": "Rolled.",
         "offers": {"@type": "Offer", "price": 9.5, "priceCurrency": "EUR"}},
        {"@type": "ProductGroup", "productGroupID": "cup", "name": "Cup", "hasVariant": [
            {"@type": "Product", "sku": "cup-s", "size": "S", "offers": [{"price": "4", "priceCurrency": "EUR"}]},
            {"@type": "Product", "sku": "cup-l", "size": "L",
             "offers": [{"priceSpecification": {"price": "5.00", "priceCurrency": "EUR",
                                                "valueAddedTaxIncluded": False}}]},
        ]},
        {"@type": "Product", "name": "No number"},
    ],
}  # fmt: skip


def read(path: Path, form: str, **more: Any) -> tuple[dict[str, Any], reading.ListRead]:
    taken = reading.ListRead()
    said = {"language": "en", "currency": "EUR", **more}
    events = list(reading.events(path, form=form, source=WEBSHOP, at=NOON, read=taken, **said))
    return {e.data.get("product") or e.data["category"]: e.data for e in events}, taken


def written(folder: Path, text: str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_houses_own_csv(tmp_path: Path) -> None:
    found, taken = read(written(tmp_path, OWN), "csv")
    assert list(found) == ["drinks", "drinks-tea", "sencha", "drinks-wine", "wine"]
    assert found["sencha"] == {
        "product": "sencha", "name": {"ja": "煎茶", "en": "Sencha"}, "maker": "Oi", "category": "drinks-tea",
        "variants": [
            {"sku": "sencha-100", "gtin": "4006381333931", "options": {"size": "100 g"},
             "prices": [{"currency": "EUR", "amount": 1_250, "before": 1_500}]},
            {"sku": "sencha-250", "options": {"size": "250 g"}, "prices": [{"currency": "EUR", "amount": 2_800}]},
        ],
    }  # fmt: skip
    assert (found["wine"]["asks_over"], found["wine"]["variants"][0]["sku"]) == (18, "wine")
    assert [(each.line, each.reason, each.column) for each in taken.refused] == [
        (5, "cell_invalid", "price"), (6, "listing_invalid", "variants[0].gtin")
    ]  # fmt: skip


def test_the_csv_of_another_web_shop(tmp_path: Path) -> None:
    found, taken = read(written(tmp_path, SHOPIFY), "shopify")
    tee = found["tee"]
    assert (tee["maker"], tee["category"], tee["text"]) == ("Acme", "apparel-shirts", {"en": "Soft **cotton**."})
    assert [each["options"] for each in tee["variants"]] == [
        {"Size": "S", "Colour": "Red"}, {"Size": "M", "Colour": "Red"}
    ]  # fmt: skip
    assert tee["variants"][0]["gtin"] == "036000291452"
    assert tee["variants"][0]["prices"] == [{"currency": "EUR", "amount": 1_999, "before": 2_500}]
    assert tee["variants"][1]["sku"] == "tee-2"
    assert found["mug"]["variants"] == [{"sku": "mug-1", "prices": [{"currency": "EUR", "amount": 700}]}]
    assert "draft" not in found
    assert taken.refused == []
    with pytest.raises(ListError, match="currency"):
        read(written(tmp_path, SHOPIFY), "shopify", currency="")


@pytest.mark.parametrize("as_lines", [False, True])
def test_what_pages_tell_search_engines(tmp_path: Path, as_lines: bool) -> None:
    said = "\n".join(map(json.dumps, JSONLD["@graph"])) if as_lines else json.dumps(JSONLD)
    found, taken = read(written(tmp_path, said), "jsonld")
    assert found["oolong"]["variants"][0]["prices"] == [{"currency": "EUR", "amount": 950}]
    assert found["cup"]["variants"][1] == {
        "sku": "cup-l", "options": {"size": "L"}, "prices": [{"currency": "EUR", "amount": 500, "includes_tax": False}]
    }  # fmt: skip
    assert [each.reason for each in taken.refused] == ["number_missing"]


@pytest.mark.parametrize(
    ("form", "text", "why"),
    [
        ("csv", "", "empty"), ("csv", "a,b\n1,2\n", "columns product"), ("csv", "product,name,name\n", "twice"),
        ("shopify", "Title\nx\n", "Handle"), ("jsonld", "{", "no JSON"), ("jsonld", "[1, {}]", "no Product"),
        ("jsonld", "[" * 100_000, "deep|JSON"), ("csv", 'product,name\n"a,' + "b" * 200_000 + "\n", "line"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_such_list_says_why(tmp_path: Path, form: str, text: str, why: str) -> None:
    with pytest.raises(ListError, match=why):
        read(written(tmp_path, text), form)


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = Counter(shop)
    yield one
    one.close()


def _listed(counter: Counter) -> list[Any]:
    statement = """select p.product, p.said::text, p.category, p.maker, p.asks_over, p.tax, v.sku, v.gtin,
      v.options::text, v.prices::text
      from catalog_product p join catalog_variant v using (product) order by 1, v.place"""
    return counter.connection.execute(statement).fetchall()


def _run(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(main, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


_numbers = itertools.count()
words = st.text(alphabet="ab =+-@'\"\t,;>é茶", min_size=1, max_size=12).map(str.strip).filter(bool)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(words, min_size=1, max_size=4),
    option=words,
    amounts=st.lists(st.integers(0, 10**9), min_size=4, max_size=4),
)
def test_what_is_written_is_read_again_as_the_same(
    counter: Counter, tmp_path: Path, names: list[str], option: str, amounts: list[int]
) -> None:
    for name in names:
        number = next(_numbers)
        prices = [
            {"currency": code, "amount": amount, "before": amount + 1, "includes_tax": False}
            for code, amount in zip(("EUR", "JPY", "KWD"), amounts, strict=False)
        ]
        said = {
            "product": str(number), "name": {"en": name, "ja": name}, "text": {"fr": f"{name}\n\n{option}"},
            "maker": name,
            "tax": "reduced",
            "variants": [
                {"sku": f"{number}-{each}", "options": {"size": f"{option}{each}"}, "prices": prices} for each in (1, 2)
            ],
        }  # fmt: skip
        told = counter.tell(casting.event("product.listed", said, source=WEBSHOP, at=NOON - dt.timedelta(hours=2)))
        assert told.problem is None
    before = _listed(counter)
    path = tmp_path / "out.csv"
    assert _run("catalog", "export", str(path))["written"] == len(before)
    for row in csv.reader(path.read_text(encoding="utf-8").splitlines(keepends=True)):
        assert not any(cell.startswith(("=", "@", "\t", "+a", "-a")) for cell in row)
    found, taken = read(path, "csv")
    assert taken.refused == []
    for data in found.values():
        assert counter.tell(casting.event("product.listed", data, source=WEBSHOP, at=NOON)).problem is None
    assert _listed(counter) == before


def test_the_verb_says_what_it_did_and_search_engines_form_comes_back(counter: Counter, tmp_path: Path) -> None:
    report = tmp_path / "refused.csv"
    out = tmp_path / "list.jsonl.gz"
    file = written(tmp_path, OWN)
    done = _run("import", "catalog", str(file), "--currency", "EUR", "--report", str(report), "--out", str(out))
    assert (done["products"], done["variants"], done["categories"], done["refused"]) == (2, 3, 3, 2)
    assert [row["reason"] for row in csv.DictReader(report.read_text().splitlines())] == [
        "cell_invalid",
        "listing_invalid",
    ]
    found, _ = read(written(tmp_path, OWN), "csv")
    for data in found.values():
        kind = "product.listed" if "product" in data else "category.listed"
        assert counter.tell(casting.event(kind, data, source=WEBSHOP, at=NOON)).problem is None
    path = tmp_path / "out.jsonl"
    assert _run("catalog", "export", str(path), "--format", "jsonld")["written"] == 2
    again, taken = read(path, "jsonld")
    assert taken.refused == []
    assert [each["sku"] for each in again["sencha"]["variants"]] == ["sencha-100", "sencha-250"]
    assert again["sencha"]["category"] == "drinks-tea"
    assert again["wine"]["asks_over"] == 18


PICTURED = """\
product;name;picture;picture_alt_fr;picture 2;picture_alt 2;price
tea;Tea;https://cdn.example/1.jpg;Une boîte;//cdn.example/2.png;Leaves;1
cup;Cup;cdn/1.jpg;;;;1
"""


def test_every_form_names_pictures_and_says_which_it_cannot_read(tmp_path: Path) -> None:
    found, taken = read(written(tmp_path, PICTURED), "csv")
    assert found["tea"]["pictures"] == [
        {"url": "https://cdn.example/1.jpg", "alt": {"fr": "Une boîte"}},
        {"url": "https://cdn.example/2.png", "alt": {"en": "Leaves"}},
    ]
    assert "pictures" not in found["cup"]  # the product is taken without it
    assert [(each.line, each.reason, each.column) for each in taken.refused] == [(3, "picture_invalid", "picture")]
    shop, _ = read(written(tmp_path, SHOPIFY), "shopify")
    assert shop["tee"]["pictures"] == [{"url": f"https://cdn.example/{each}.jpg"} for each in (1, 2)]
    assert "pictures" not in shop["mug"]
    image = {"@type": "ImageObject", "contentUrl": "https://cdn.example/o.jpg", "caption": "A leaf"}
    graph = {"@type": "Product", "sku": "o", "name": "O", "image": [image, "https://cdn.example/p.jpg", 7, {}]}
    jsonld, _ = read(written(tmp_path, json.dumps(graph), "list.json"), "jsonld")
    assert jsonld["o"]["pictures"] == [
        {"url": "https://cdn.example/o.jpg", "alt": {"en": "A leaf"}}, {"url": "https://cdn.example/p.jpg"},
    ]  # fmt: skip
    many = {**graph, "image": [f"https://cdn.example/{each}.jpg" for each in range(10)]}
    read_many, taken = read(written(tmp_path, json.dumps(many), "list.json"), "jsonld")
    assert len(read_many["o"]["pictures"]) == 8
    assert {each.reason for each in taken.refused} == {"pictures_too_many"}


def test_what_is_written_has_pictures_and_stock(counter: Counter, shop: Shop, tmp_path: Path) -> None:
    made = pictures.develop(drawn.encoded(drawn.loaf()), field="picture")
    with shop.connect("comptoir_office") as connection:
        store.insert_picture(connection, made)
    prices = [{"currency": "EUR", "amount": 450}]
    tea = {
        "product": "tea", "name": {"en": "Tea"}, "pictures": [{"url": "https://cdn.example/1.jpg"}],
        "variants": [{"sku": f"tea-{each}", "options": {"size": each}, "prices": prices} for each in ("S", "L")],
    }  # fmt: skip
    own = {"digest": made.digest, "width": made.width, "height": made.height, "alt": {"ja": "缶"}}
    at = NOON - dt.timedelta(hours=1)
    told = [
        casting.event("product.listed", tea, source=WEBSHOP, at=at),
        casting.event("product.listed", {**tea, "product": "cup", "variants": [{"sku": "cup", "prices": prices}]},
                      source=WEBSHOP, at=at),
        casting.event("product.pictured", {"product": "cup", "pictures": [own]}, source="/console", at=at),
        *(casting.event("stock.counted", {"store": each, "lines": [{"sku": "tea-S", "quantity": count}]},
                        source=WEBSHOP, at=at) for each, count in (("330", 4), ("12", 3))),
        casting.event("stock.counted", {"store": "12", "lines": [{"sku": "cup", "quantity": 0}]},
                      source=WEBSHOP, at=at),
    ]  # fmt: skip
    assert [each.problem for each in counter.send(*told)] == [None] * len(told)
    path = tmp_path / "out.csv"
    _run("catalog", "export", str(path))
    rows = {row["sku"]: row for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())}
    assert [rows["tea-S"][name] for name in ("stock", "stock 12", "stock 330")] == ["7", "3", "4"]
    assert [rows["cup"][name] for name in ("stock", "stock 12", "stock 330")] == ["0", "0", ""]
    assert rows["tea-L"]["stock"] == ""  # nobody has counted
    assert rows["tea-S"]["picture"] == "https://cdn.example/1.jpg"  # not fetched: what the list said
    assert rows["tea-L"]["picture"] == ""
    address = addresses.url_of(SQUARE, f"/goods/{made.digest}.webp")
    assert (rows["cup"]["picture"], rows["cup"]["picture_alt_ja"]) == (address, "缶")
    found, taken = read(path, "csv")
    assert (found["cup"]["pictures"], taken.refused) == ([{"url": address, "alt": {"ja": "缶"}}], [])
    graph = tmp_path / "out.jsonl"
    _run("catalog", "export", str(graph), "--format", "jsonld")
    said = {each.get("sku") or each["productGroupID"]: each for each in map(json.loads, graph.read_text().splitlines())}
    assert said["cup"]["image"][0]["contentUrl"] == address
    offer = said["cup"]["offers"][0]
    assert (offer["availability"].rpartition("/")[2], offer["inventoryLevel"]["value"]) == ("OutOfStock", 0)
    small, large = (each["offers"][0] for each in said["tea"]["hasVariant"])
    assert (small["availability"].rpartition("/")[2], small["inventoryLevel"]["value"]) == ("InStock", 7)
    assert "inventoryLevel" not in large
