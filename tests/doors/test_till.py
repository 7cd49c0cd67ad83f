"""The web till's door: a page for everybody, a price list, and the gateway for whoever has a till's key."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER
from support.gateway import EXAMPLES, Gateway
from support.pages import accepted, event
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

MY = {"host": f"{host_of(COUNTER)}:8000"}
SOURCE = "/stores/330/tills/web-1"
BATCH = "application/cloudevents-batch+json"


@pytest.fixture
def till(gateway: Gateway) -> Iterator[Client]:
    """Have a browser at a till, and a cup that is sold for 8 dollars."""
    variant = {"sku": "cup-1", "gtin": "4006381333931", "prices": [{"currency": "USD", "amount": 800}]}
    listed = {"product": "cup", "name": {"en": "Cup", "fr": "Tasse"}, "variants": [variant]}
    free = {"product": "gift", "name": {"en": "Gift"}, "variants": [{"sku": "gift-1"}]}
    for each in (listed, free):
        accepted(gateway.post([event("product.listed", each, source="/webshop")], touchpoint="webshop"))
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield Client(headers={**MY, "accept-language": "en"})


def ask(client: Client, what: str, content: Any, *, key: str | None, kind: str = "application/json") -> Any:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return client.post(f"/till/ask/{what}", json.dumps(content), content_type=kind, headers=headers)


def sold(receipt: str) -> dict[str, Any]:
    lines = [{"product": "cup-1", "quantity": 1, "amount": 800}]
    data = {"receipt": receipt, "currency": "USD", "total": 800, "lines": lines}
    return event("sale.closed", data, source=SOURCE, name=receipt)


def test_the_page_is_the_same_for_everybody_and_gives_no_cookie(till: Client) -> None:
    answer = till.get("/till/")
    assert answer.status_code == 200
    assert not answer.cookies
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert b"<script>" not in answer.content
    assert answer.content == till.get("/till/").content


def test_the_worker_keeps_files_that_are_there_and_changes_with_the_page(till: Client) -> None:
    answer = till.get("/till/worker.js")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    files = re.findall(r'"/static/([^"]+)"', answer.content.decode())
    assert len(files) == len(set(files)) == 15
    assert all(finders.find(each) for each in files)
    needed = re.findall(r'(?:href|src)="/static/([^"]+)"', till.get("/till/").content.decode())
    for each in [name for name in files if name.endswith(".js")]:
        path = finders.find(each)
        assert isinstance(path, str)
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - what finders give is text
            needed += [f"comptoir/{name}" for name in re.findall(r'from "\./([^"]+)"', file.read())]
    assert set(needed) <= set(files)
    french = Client(headers={**MY, "accept-language": "fr"}).get("/till/worker.js")
    assert french.content != answer.content


def test_the_workers_files_are_read_once_and_again_when_one_has_changed(
    till: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, find, read = tmp_path / "till.js", finders.find, Path.read_bytes
    copy.write_text("one")
    reads: list[Path] = []
    monkeypatch.setattr(finders, "find", lambda name: str(copy) if name == "comptoir/till.js" else find(name))

    def counted(path: Path) -> bytes:
        reads.append(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    first = till.get("/till/worker.js").content
    assert copy in reads
    reads.clear()
    assert till.get("/till/worker.js").content == first
    assert reads == []
    copy.write_text("another one")
    assert till.get("/till/worker.js").content != first


def test_articles_are_found_by_number_bars_and_words_and_have_a_price(till: Client) -> None:
    cup = {
        "sku": "cup-1",
        "gtin": "4006381333931",
        "name": "Cup",
        "category": None,
        "price": 800,
        "rate": None,
        "on_top": False,
    }
    for query in ("", "?number=cup-1", "?number=4006381333931", "?number=04006381333931", "?words=cup", "?store=330"):
        assert till.get(f"/till/articles{query}").json() == {"articles": [cup]}, query
    for query in ("?number=gift-1", "?number=nothing", "?words=nothing", "?words=%00", "?number=%00'"):
        assert till.get(f"/till/articles{query}").json()["articles"] in ([], [cup]), query
    french = Client(headers={**MY, "accept-language": "fr"})
    assert french.get("/till/articles?number=cup-1").json()["articles"][0]["name"] == "Tasse"


def test_what_a_till_says_is_decided_by_the_counter_once(till: Client, gateway: Gateway, shop: Shop) -> None:
    key = gateway.keys["till"]
    both = [sold("r-1"), sold("r-2")]
    first, again = (ask(till, "events", both, key=key, kind=BATCH) for _ in range(2))
    assert [each["status"] for each in first.json()["outcomes"]] == ["accepted", "accepted"]
    assert first.json()["outcomes"] == again.json()["outcomes"]
    assert shop.value("select count(*) from sales_sale where source = %s", SOURCE) == 2
    price = {"basket": [{"product": "cup-1", "quantity": 2, "amount": 1600}], "source": SOURCE}
    assert ask(till, "price", price, key=key).json()["total"] == 1600
    card = ask(till, "customer", {"kind": "card", "value": "nobody"}, key=key).json()
    assert card["known"] is False


def test_without_a_tills_key_nothing_is_said_or_asked(till: Client, gateway: Gateway, shop: Shop) -> None:
    key = gateway.keys["till"]
    with shop.unchanged("events_event", "sales_sale"):
        assert ask(till, "events", [sold("r-3")], key=None, kind=BATCH).status_code == 401
        assert ask(till, "events", [sold("r-3")], key="x" * 43, kind=BATCH).status_code == 401
        assert ask(till, "events", [sold("r-3")], key=f"{key}\tx", kind=BATCH).status_code == 401
        assert ask(till, "events", [sold("r-3")], key=key, kind="text/plain").status_code == 401
        assert ask(till, "metrics", [], key=key).status_code == 404
        assert till.get("/till/ask/events").status_code == 405
        other = {**sold("r-3"), "source": f"/elsewhere/{uuid.uuid4()}"}
        answer = ask(till, "events", [other], key=key, kind=BATCH)
        assert answer.json()["outcomes"][0]["status"] == "refused"


def test_a_gateway_that_is_away_is_said_to_be(till: Client) -> None:
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        answer = ask(till, "price", {}, key="k" * 43)
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:comptoir:problem:gateway_away"
