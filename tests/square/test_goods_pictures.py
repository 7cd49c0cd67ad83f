"""Pictures of products: named by a listing and fetched once, or chosen by staff; kept without what the file told."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from comptoir.config.rebuilding import rebuild
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog import jobs, store
from comptoir.square.catalog import queries as catalog
from comptoir.square.catalog.contracts import ProductListed
from comptoir.square.community import pictures
from comptoir.square.community.pictures import Developed
from support import casting, drawn
from support.casting import NOON, WEBSHOP
from support.casting import Counter as AtTheCounter
from support.gateway import Gateway
from support.pages import listening_to, running_pages
from support.shop import Shop, environment
from support.sites import Site, standing

set_up_django()
CONSOLE = "/console"
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)


@pytest.fixture
def site() -> Iterator[Site]:
    with standing() as one:
        yield one


def fetched(at: dt.datetime = LATER, *, networks: str = "127.0.0.0/8") -> int:
    """Do what the worker does each minute; returns how many pictures were asked for."""
    with (
        environment(COMPTOIR_CATALOG_PICTURE_NETWORKS=networks),
        Connection.connect(database.conninfo(COUNTER.role)) as connection,
    ):
        return jobs.fetch_pictures(connection, now=at)


def dropped(at: dt.datetime) -> int:
    with Connection.connect(database.conninfo(COUNTER.role)) as connection:
        return jobs.drop_unused_pictures(connection, now=at)


def kept(shop: Shop, image: Image.Image | None = None) -> dict[str, Any]:
    """Keep a picture as a form does, and return it as an event names it."""
    developed = pictures.develop(drawn.encoded(image or drawn.loaf()), field="picture")
    return told(shop, developed)


def told(shop: Shop, developed: Developed) -> dict[str, Any]:
    with shop.connect("comptoir_office") as connection:
        store.insert_picture(connection, developed)
    return {"digest": developed.digest, "width": developed.width, "height": developed.height}


def listed(*named: Any, at: float = 0, product: str = "tea") -> dict[str, Any]:
    addresses = [each if isinstance(each, dict) else {"url": each} for each in named]
    data = {"product": product, "name": {"en": "Tea"}, "variants": [{"sku": f"{product}-1"}], "pictures": addresses}
    return casting.event("product.listed", data, source=WEBSHOP, at=NOON + dt.timedelta(hours=at - 48))


def pictured(*chosen: dict[str, Any], at: float = 0, product: str = "tea") -> dict[str, Any]:
    data = {"product": product, "pictures": list(chosen)}
    return casting.event("product.pictured", data, source=CONSOLE, at=NOON + dt.timedelta(hours=at - 48))


def whys(shop: Shop) -> dict[str, str]:
    return {row["url"].rpartition("/")[2]: row["why"] for row in shop.rows("select url, why from catalog_fetched")}


def shown(shop: Shop, product: str = "tea") -> list[str]:
    """Return the digests of what a product shows, in their order, as its page asks for them."""
    row = shop.value(f"select {catalog.PICTURES} from catalog_product p where p.product = %s", product)
    return [each["digest"] for each in row or ()]


def test_what_a_listing_names_is_fetched_once_and_drawn_anew(counter: AtTheCounter, shop: Shop, site: Site) -> None:
    site.says("/a.jpg", drawn.told())
    site.says("/b.png", drawn.encoded(drawn.loaf(300, 200), "PNG"))
    assert counter.tell(listed(site.url("/a.jpg"), site.url("/b.png"))).problem is None
    assert shown(shop) == []
    assert fetched() == 2
    assert fetched() == 0
    assert site.asked == ["/a.jpg", "/b.png"]
    first, second = shown(shop)
    rows = shop.rows(f"select width, height, large, small from catalog_picture where digest = '{first}'")
    assert (rows[0]["width"], rows[0]["height"]) == (1_200, 1_600)  # turned as the camera said
    for size in ("large", "small"):
        content = bytes(rows[0][size])
        assert content.startswith(b"RIFF")
        assert not any(word in content for word in (b"Telltale", b"kitchen", b"script", b"Exif"))
    assert second != first
    # The order of the listing that was said last; what it names no more goes, with its picture.
    counter.tell(listed(site.url("/b.png"), at=1))
    assert shown(shop) == [second]
    assert dropped(LATER + dt.timedelta(hours=25)) == 1
    assert shop.value("select count(*) from catalog_picture") == 1
    assert whys(shop) == {"b.png": ""}


def test_what_gives_no_picture_is_told_and_harms_nobody(counter: AtTheCounter, shop: Shop, site: Site) -> None:
    site.says("/bomb.png", drawn.bomb())
    site.says("/moves.webp", drawn.moving())
    site.says("/page", b"<html>")
    site.says("/good.jpg", drawn.encoded(drawn.loaf()))
    site.says("/huge.jpg", b"\xff\xd8\xff" + b"\0" * 10_000_100)
    paths = ("/bomb.png", "/moves.webp", "/page", "/gone", "/huge.jpg", "/good.jpg")
    counter.tell(listed(*map(site.url, paths)))
    assert fetched(networks="") == 6  # only on the open internet, and at its ports
    assert site.asked == []
    assert all(whys(shop).values())
    assert shown(shop) == []
    assert fetched(LATER + dt.timedelta(days=1, hours=1)) == 6
    found = whys(shop)
    assert (found["bomb.png"], found["moves.webp"]) == ("picture_too_large", "picture_moving")
    assert (found["page"], found["gone"]) == ("picture_format_foreign", "status_404")
    assert found["huge.jpg"] not in {"", "status_200"}
    assert found["good.jpg"] == ""
    assert len(shown(shop)) == 1
    # A picture that is gone one day is shown as it was; the address is asked again later and later.
    site.answers.clear()
    assert fetched(LATER + dt.timedelta(days=40)) == 6
    assert whys(shop)["good.jpg"] == "status_404"
    assert len(shown(shop)) == 1
    assert fetched(LATER + dt.timedelta(days=40, hours=23)) == 0


def test_nobody_is_asked_where_that_is_switched_off_and_own_addresses_need_nobody(
    counter: AtTheCounter, shop: Shop, site: Site
) -> None:
    from comptoir.foundation.rooms import addresses

    own = kept(shop)
    address = addresses.url_of(SQUARE, f"/goods/{own['digest']}.webp")
    counter.tell(listed(address, site.url("/a.jpg"), addresses.url_of(SQUARE, f"/goods/{'0' * 64}.webp")))
    with environment(COMPTOIR_CATALOG_PICTURES="off"):
        assert fetched() == 0
    assert site.asked == []
    assert shown(shop) == [own["digest"]]
    assert whys(shop)[f"{'0' * 64}.webp"] == "gone"


def test_staff_choose_and_the_last_word_holds(counter: AtTheCounter, shop: Shop, site: Site) -> None:
    site.says("/a.jpg", drawn.encoded(drawn.loaf(800, 800)))
    one, other = kept(shop), kept(shop, drawn.loaf(400, 900))
    unknown = counter.tell(pictured(one))
    assert (unknown.problem, unknown.outcome["problem"]["field"]) == ("listing_unknown", "data.product")
    counter.tell(listed(site.url("/a.jpg")))
    fetched()
    (named,) = shown(shop)
    assert counter.tell(pictured({**one, "alt": {"fr": "Un pain"}}, other, at=2)).problem is None
    assert counter.tell(pictured(other, at=1)).problem is None
    assert shown(shop) == [one["digest"], other["digest"]]
    counter.tell(listed(site.url("/a.jpg"), at=5))  # the nightly list
    assert shown(shop) == [one["digest"], other["digest"]]
    refusals = [
        counter.tell(pictured({"digest": "0" * 64, "width": 1, "height": 1}, at=3)),
        counter.tell(pictured({**one, "width": one["width"] - 1}, at=3)),
        counter.tell(pictured(one, one, at=3)),
        counter.tell(pictured({**one, "alt": {}}, at=3)),
    ]
    assert [each.problem for each in refusals] == [
        "picture_unknown", "picture_unknown", "listing_invalid", "listing_invalid",
    ]  # fmt: skip
    assert shown(shop) == [one["digest"], other["digest"]]
    counter.tell(pictured(at=4))
    assert shown(shop) == [named]
    assert dropped(dt.datetime.now(dt.UTC)) == 0
    assert dropped(dt.datetime.now(dt.UTC) + dt.timedelta(hours=25)) == 2


@pytest.mark.parametrize(
    "wrong",
    ["ftp://x.example/a.jpg", "javascript:alert(1)", "https://x.example/a b.jpg", "https://x.example/" + "a" * 1_000],
)
def test_an_address_that_is_none_is_refused_by_name(counter: AtTheCounter, wrong: str) -> None:
    said = {"product": "tea", "name": {"en": "Tea"}, "variants": [{"sku": "tea"}], "pictures": [{"url": wrong}]}
    with pytest.raises(msgspec.ValidationError, match=r"pictures\[0\]\.url"):
        msgspec.convert(said, ProductListed)
    twice = counter.tell(listed("https://x.example/a.jpg", "https://x.example/a.jpg"))
    assert (twice.problem, twice.outcome["problem"]["field"]) == ("listing_invalid", "data.pictures[1]")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(st.tuples(st.integers(0, 5), st.lists(st.booleans(), max_size=2, unique=True)), max_size=6))
def test_what_staff_chose_comes_out_of_the_log_again(shop: Shop, said: list[tuple[int, list[bool]]]) -> None:
    both = {True: kept(shop), False: kept(shop, drawn.loaf(50, 40))}
    with contextlib.closing(AtTheCounter(shop)) as counter:
        counter.tell(listed("https://x.example/a.jpg"))
        for at, chosen in said:
            counter.tell(pictured(*(both[each] for each in chosen), at=at))
        rows = "select product, pictures::text, at, position::text from catalog_showing order by 1"
        before = counter.connection.execute(rows).fetchall()
        assert len(before) == bool(said)
        waiting = counter.connection.execute("select count(*) from catalog_fetched").fetchone()
        rebuild(progress=lambda *_: None)
        assert counter.connection.execute(rows).fetchall() == before
        assert counter.connection.execute("select count(*) from catalog_fetched").fetchone() == waiting


def test_everybody_sees_them_and_every_channel_is_told(
    gateway: Gateway, shop: Shop, tmp_path: Path, site: Site
) -> None:
    site.says("/a.jpg", drawn.encoded(drawn.loaf(900, 600)))
    trick = '"><script>alert(1)</script>'
    words = {"en": f"A tin {trick}", "fr": "Une boîte"}
    with listening_to(gateway, house.SQUARE), running_pages(tmp_path, gateway) as pages:
        answers = gateway.post(
            [listed({"url": site.url("/a.jpg"), "alt": words}), listed(product="salt")], touchpoint="webshop"
        )
        assert [each["status"] for each in answers.json()["outcomes"]] == ["accepted", "accepted"]
        bare = httpx.get(pages.url(SQUARE, "/en/shop")).text
        assert '<span class="goods-frame' not in bare  # nothing has a picture, so nothing stands for one
        fetched()
        (digest,) = shown(shop)
        image = httpx.get(pages.url(SQUARE, f"/goods/{digest}.webp"))
        assert (image.headers["content-type"], image.headers["x-content-type-options"]) == ("image/webp", "nosniff")
        assert image.headers["cache-control"] == "public, max-age=604800, immutable"
        assert "set-cookie" not in image.headers
        assert httpx.get(pages.url(SQUARE, f"/goods/{'0' * 64}.webp")).status_code == 404
        page = httpx.get(pages.url(SQUARE, "/en/product/tea")).text
        assert trick not in page
        assert 'alt="A tin &quot;&gt;&lt;script&gt;' in page
        assert 'width="900" height="600"' in page
        assert f'<meta property="og:image" content="{pages.url(SQUARE, f"/goods/{digest}.webp")}">' in page
        described = json.loads(page.split('<script type="application/ld+json">')[1].split("</script>")[0])
        product = described[0] if isinstance(described, list) else described
        assert product["image"][0]["contentUrl"].endswith(f"/goods/{digest}.webp")
        assert 'alt="Une boîte"' in httpx.get(pages.url(SQUARE, "/fr/product/tea")).text
        wares = httpx.get(pages.url(SQUARE, "/en/shop")).text
        assert wares.count('<span class="goods-frame') == 2  # and a tile for the other one
        assert f"/goods/{digest}-small.webp" in wares
        assert 'loading="lazy"' in wares
        oembed = httpx.get(
            pages.url(SQUARE, "/oembed.json"), params={"url": pages.url(SQUARE, "/en/product/tea")}
        ).json()
        assert (oembed["thumbnail_width"], oembed["thumbnail_height"]) == (480, 320)
        assert oembed["thumbnail_url"].endswith(f"/goods/{digest}-small.webp")
        assert f"/goods/{digest}-small.webp" in httpx.get(pages.url(SQUARE, "/en/card/product/tea")).text
