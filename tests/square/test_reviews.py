"""What reviews rest on, as everybody sees it; a product's address; how honest it is here, and that nothing ranks it."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from comptoir.config.carrying import archive
from comptoir.config.rebuilding import rebuild
from comptoir.counter.assembly import handlers_for
from comptoir.counter.contributions import comparing, jobs
from comptoir.counter.loyalty.store import find_programmes
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel import shop as kernel_shop
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.touchpoints import house
from comptoir.square.community.store import find_rewarded
from comptoir.square.health import honesty, rules
from support import casting, talking
from support import shop as shops
from support.casting import NOON, Counter, line
from support.gateway import Gateway
from support.pages import Pages, accepted, complaints, listening_to, running_pages, take_part, words
from support.shop import Shop
from support.talking import later, named, opened, post_of, said, staff_wrote, voted, wrote

set_up_django()  # before the modules that hold models
DAY = dt.timedelta(days=1)
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    with running_pages(tmp_path, gateway) as running:
        yield running


@pytest.fixture
def reviewed(gateway: Gateway, shop: Shop) -> dict[str, str]:
    """Five people have bought bread; one of them reviews it in Japanese, and somebody who has not does so as well."""
    now = dt.datetime.now(dt.UTC)
    then = now - 6 * DAY
    bought = [
        casting.sale(f"bread {number}", of={"kind": "card", "value": f"10{number}"}, at=then - DAY,
                     lines=[line(300, product="0412"), line(200, product="0977")])
        for number in range(5)
    ]  # fmt: skip
    accepted(gateway.post(bought))
    personas = []
    for name, number in (("みさき", "100"), ("Finch", "999")):
        chosen = casting.persona(name, of={"kind": "card", "value": number}, at=then)
        accepted(gateway.post([chosen], touchpoint="storefront"))
        personas.append(str(chosen["data"]["persona"]))
    topic = opened(
        "rye", kind="product", en="Rye bread", ja="ライ麦パン", fr="Pain de seigle", reference="0412", at=then
    )
    accepted(gateway.post([topic], touchpoint="console"))
    mine = wrote(personas[0], "外はぱりっと、中はしっとり。", kind="review", title="毎朝これです", topic="rye",
                 rating=5, language="ja", at=then)  # fmt: skip
    other = wrote(personas[1], "It looked good in the shelf.", kind="review", title="I wonder", product="0412",
                  rating=3, at=then)  # fmt: skip
    asked = wrote(personas[1], "Does it freeze well?", topic="rye", at=then)
    answer = wrote(personas[0], "The one of the mill in Hall does.", kind="answer", thread=post_of(asked),
                   elsewhere="Mill bakery, Hall", at=then + dt.timedelta(hours=2))  # fmt: skip
    accepted(gateway.post([mine, other, asked, answer], touchpoint="square"))
    connection = shop.connect()
    programmes = find_programmes(connection)
    assert programmes is not None
    assert jobs.confirm_reviews(connection, now=now, handlers=handlers_for(programmes), chance=random.Random(1)) == 1
    connection.close()
    return {"mine": post_of(mine), "other": post_of(other), "asked": post_of(asked), "customer": "100"}


def test_marks_say_what_a_review_rests_on_in_japanese_too(
    pages: Pages, reviewed: dict[str, str], browser: Browser
) -> None:
    page = browser.new_context(viewport={"width": 390, "height": 800}).new_page()
    heard = complaints(page)
    page.goto(pages.url(SQUARE, f"/ja/threads/{reviewed['mine']}"))
    first = page.locator("article.post").first
    expect(first.get_by_role("link", name="当店で購入")).to_be_visible()
    expect(first.get_by_role("link", name="ポイント進呈あり")).to_be_visible()
    first.get_by_role("link", name="当店で購入").click()
    expect(page).to_have_url(re.compile(r"/ja/honest#bought$"))
    expect(page.get_by_text("少なくとも5人が当てはまる場合にだけ付きます")).to_be_visible()
    page.goto(pages.url(SQUARE, f"/ja/threads/{reviewed['other']}"))
    other = page.locator("article.post").first
    expect(other.get_by_role("link", name="ポイント進呈あり")).to_be_visible()
    assert other.get_by_text("当店で購入").count() == 0
    assert heard == []


def test_marks_go_with_a_review_wherever_it_goes(
    pages: Pages, reviewed: dict[str, str], shop: Shop, tmp_path: Path
) -> None:
    with httpx.Client(headers={"host": f"localhost:{pages.port}"}, base_url=f"http://127.0.0.1:{pages.port}") as client:
        strip = words(client.get("/en/strip/0412").text)
        assert strip.count("bought here") == 1
        assert strip.count("rewarded with points") == 2
        feed = ET.fromstring(client.get("/en/feed.atom").content)  # noqa: S314 - our own
        told = {each.findtext(f"{ATOM}id"): each.findtext(f"{ATOM}summary") for each in feed.iter(f"{ATOM}entry")}
        assert (told[f"urn:uuid:{reviewed['mine']}"] or "").startswith("bought here · rewarded with points · ")
        assert (told[f"urn:uuid:{reviewed['other']}"] or "").startswith("rewarded with points · ")
        assert not (told[f"urn:uuid:{reviewed['asked']}"] or "").startswith("rewarded")
        shown = client.get(f"/en/threads/{reviewed['mine']}").text
        found = re.search(r'<script type="application/ld\+json">(.*?)</script>', shown)
        assert found is not None
        described = json.loads(found[1])
        assert "had bought" in described["disambiguatingDescription"]
        assert "loyalty points" in described["disambiguatingDescription"]
        assert described["publishingPrinciples"].endswith("/honest")
    with database.connect(SQUARE.role) as connection:
        archive.write(connection, tmp_path / "archive", place="shop.example", at=dt.datetime.now(dt.UTC))
    lines = [json.loads(row) for row in (tmp_path / "archive" / "posts.jsonl").read_text().splitlines()]
    marks = {row["post"]: (row.get("is_confirmed"), row.get("is_rewarded")) for row in lines}
    assert marks[reviewed["mine"]] == (True, True)
    assert marks[reviewed["other"]] == (None, True)
    assert marks[reviewed["asked"]] == (None, None)


MARKS = "select id::text, is_confirmed, is_rewarded, place from community_post where kind = 'review' order by 2, 3"


def told(counter: Counter, folder: Path) -> tuple[list[dict[str, Any]], int]:
    """Read an archive back into a shop; return the marks of its reviews there, and how many were left out."""
    source = archive.Archive(folder)
    said = [json.loads(entry.raw) for entry in source.events()]
    assert {each.problem for each in counter.send(*said, received_at=dt.datetime.now(dt.UTC))} == {None}
    return counter.shop.rows(MARKS), source.left_out["marks"]


def test_only_the_shops_own_archive_keeps_marks(reviewed: dict[str, str], shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    with database.connect(SQUARE.role) as connection:
        archive.write(connection, folder, place="shop.example", at=dt.datetime.now(dt.UTC))
    mine, other = reviewed["mine"], reviewed["other"]

    expected = [
        {"id": other, "is_confirmed": False, "is_rewarded": True, "place": "shop.example"},
        {"id": mine, "is_confirmed": True, "is_rewarded": True, "place": "shop.example"},
    ]
    with shops.copied_from(shops.TEMPLATE) as again:
        counter = Counter(again)
        assert told(counter, folder) == (expected, 0)
        assert rebuild(keep=False).changed == []
        with again.connect("comptoir_counter") as connection:
            # They are said again, and nothing is earned or looked up by them.
            assert find_rewarded(connection, until=dt.datetime.now(dt.UTC), limit=9) == []
        counter.close()
    # One word less, or another author: the signature was for something else.
    posts = folder / "posts.jsonl"
    whole = posts.read_text()
    posts.write_text(whole.replace("I wonder", "I am sure").replace("中はしっとり", "中もしっとり"))
    with shops.copied_from(shops.TEMPLATE) as changed:
        counter = Counter(changed)
        assert told(counter, folder)[1] == 2
        assert changed.value("select count(*) from community_post where is_confirmed or is_rewarded") == 0
        counter.close()
    posts.write_text(whole)
    # Another shop has another key.
    (kernel_shop.folder() / "keys" / "archive.key").unlink()
    kernel_shop.secret("archive")
    with shops.copied_from(shops.TEMPLATE) as elsewhere:
        counter = Counter(elsewhere)
        said = [json.loads(entry.raw) for entry in archive.Archive(folder).events()]
        assert [each["data"].get("marks") for each in said if each["type"] == "post.imported"] == [None] * 4
        # Nor does the gateway believe what an import would have left out.
        for each in (each for each in said if each["data"].get("kind") == "review"):
            forged = {**each, "data": {**each["data"], "marks": ["confirmed"], "signature": "0" * 128}}
            members = [one for one in said if one["type"] != "post.imported"]
            counter.send(*members, received_at=dt.datetime.now(dt.UTC))
            with elsewhere.unchanged("community_post", "community_thread"):
                [answer] = counter.send(forged, received_at=dt.datetime.now(dt.UTC))
                assert answer.problem == "marks_not_ours"
        counter.close()


def test_a_product_is_chosen_in_the_form(
    gateway: Gateway, reviewed: dict[str, str], browser: Browser, shop: Shop, tmp_path: Path
) -> None:
    assert reviewed
    flour = opened("flour", kind="product", en="Rye flour", ja="ライ麦粉", fr="Farine de seigle", reference="0500",
                   at=dt.datetime.now(dt.UTC))  # fmt: skip
    accepted(gateway.post([flour], touchpoint="console"))
    page = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    with listening_to(gateway, house.STOREFRONT, house.SQUARE), running_pages(tmp_path, gateway) as pages:
        take_part(pages, page, card="100", name="Robin")
        for language, label, button, typed, number in (
            ("en", "Or a product", "Publish", "rye BREAD", "0412"),
            ("ja", "または商品", "公開する", "ライ麦粉", "0500"),
            ("fr", "Ou un produit", "Publier", "0412", "0412"),
        ):  # fmt: skip
            page.goto(pages.url(SQUARE, f"/{language}/write?kind=question"))
            field = page.get_by_label(label)
            assert sorted(page.locator("datalist option").all_text_contents()) == ["0412", "0500"]
            page.locator("[name=title]").fill(f"Question in {language}")
            page.locator("[name=text]").fill("What is it like?")
            field.fill("rye" if language == "en" else "0")
            before = shop.value("select count(*) from events_event")
            page.get_by_role("button", name=button, exact=True).click()
            # Nothing is called just so: it says so, shows what comes near, and keeps what was typed.
            expect(field).to_have_attribute("aria-invalid", "true")
            assert page.locator("#wanted-help b").count() == 2
            assert page.locator("[name=title]").input_value() == f"Question in {language}"
            assert shop.value("select count(*) from events_event") == before
            field.fill(typed)
            page.get_by_role("button", name=button, exact=True).click()
            page.get_by_role("heading", name=f"Question in {language}").wait_for()
            thread = page.url.partition("/threads/")[2][:36]
            assert shop.value("select product from community_thread where id = %s", thread) == number


def test_a_product_has_an_address_whether_or_not_somebody_spoke_of_it(
    pages: Pages, reviewed: dict[str, str], browser: Browser
) -> None:
    page = browser.new_context(viewport={"width": 390, "height": 800}, locale="ja").new_page()
    page.goto(pages.url(SQUARE, "/product/0412"))
    expect(page.get_by_role("heading", name="ライ麦パン")).to_be_visible()
    expect(page.get_by_text("毎朝これです")).to_be_visible()
    expect(page.get_by_text("Does it freeze well?").first).to_be_visible()
    page.goto(pages.url(SQUARE, "/en/product/0977"))
    expect(page.get_by_text("Nobody has said a word about this yet.")).to_be_visible()
    expect(page.locator('meta[name="robots"]')).to_have_attribute("content", "noindex")
    href = page.get_by_role("link", name="Tell others how it is").get_attribute("href")
    assert href == "/en/write?kind=review&product=0977"
    assert httpx.get(pages.url(SQUARE, "/product/" + "9" * 65), trust_env=False).status_code == 404
    page.goto(pages.url(SQUARE, f"/en/threads/{reviewed['asked']}"))


def test_the_card_invites_to_tell_of_what_was_bought(
    pages: Pages, reviewed: dict[str, str], browser: Browser, shop: Shop
) -> None:
    page = browser.new_context(viewport={"width": 390, "height": 800}).new_page()
    customer = shop.value(
        "select customer from customers_personaholder h join community_post p on p.author = h.persona where p.id = %s",
        reviewed["mine"],
    )
    page.goto(pages.card_url(uuid.UUID(str(customer))))
    section = page.get_by_role("region", name="Tell others how it is")
    links = [each.get_attribute("href") or "" for each in section.get_by_role("link").all()]
    assert [href.rsplit("/", 1)[1] for href in links] == ["0412", "0977"], "what the square has a name for comes first"
    section.get_by_role("link", name="Rye bread").click()
    expect(page.get_by_role("heading", name="Rye bread")).to_be_visible()


def test_the_figure_of_honesty_is_public(pages: Pages, reviewed: dict[str, str], browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 390, "height": 800}).new_page()
    page.goto(pages.url(SQUARE, "/en/"))
    expect(
        page.get_by_text("In the last 90 days 1 of 1 answers sent somebody to another shop or maker.")
    ).to_be_visible()
    page.get_by_role("link", name="How honest it is here").first.click()
    expect(page.get_by_text("better elsewhere: Mill bakery, Hall")).to_be_visible()
    first = page.locator("table").first
    expect(first.locator("tr").nth(1)).to_contain_text("1 of 1")
    pages.sign_in(page)
    page.goto(pages.url(OFFICE, "/community/health"))
    compared = page.get_by_role("region", name="Honest advice")
    expect(compared.get_by_role("row", name="Who asked bought something")).to_contain_text("cannot tell yet")


# -- nothing ranks it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_no_list_and_no_search_looks_at_honest_advice(
    counter: Counter, shop: Shop, wren: str, finch: str, seed: int
) -> None:
    """The same square once with and once without a word of other shops: everything stands in the same order."""
    chance = random.Random(seed)
    asked = [wrote(wren, f"Which flour for bread number {each}?", at=later(each)) for each in range(6)]
    counter.send(opened(), *asked, received_at=later(60))
    for number in range(14):
        where = chance.choice(asked)
        answer = wrote(
            finch, f"The flour of mill {number}.", kind="answer", thread=post_of(where), at=later(10 + number)
        )
        if number % 2:
            answer["data"]["elsewhere"] = f"Mill {number}"
        assert counter.tell(answer, received_at=later(60)).problem is None
        if chance.random() < 0.5:
            counter.tell(voted(wren, post_of(answer), chance.choice([1, -1])), received_at=later(61))

    from comptoir.square.community import queries  # its models want Django

    def orders() -> list[list[uuid.UUID]]:
        with entered(SQUARE):
            lists = [
                queries.latest(),
                queries.latest(kind="question"),
                queries.search("flour"),
                queries.search("mill"),
                queries.about("0412"),
            ]
            waiting = [each.id for each in queries.unanswered()]
            threads = [queries.thread(uuid.UUID(post_of(each))) for each in asked]
        said_in = [[post.id for post in each.posts] for each in threads if each is not None]
        return [waiting, *([each.id for each in found] for found in lists), *said_in]

    with_advice = orders()
    connection = counter.connection
    said_before = connection.execute("select id, elsewhere from community_post").fetchall()
    assert sum(where is not None for _, where in said_before) == 7
    for change in ("null", "'Mill'", "case when number % 2 = 0 then 'Mill' end"):
        connection.execute(f"update community_post set elsewhere = {change}")
        assert orders() == with_advice
    for post, where in said_before:
        connection.execute("update community_post set elsewhere = %s where id = %s", (where, post))


# -- what it does -------------------------------------------------------------------------------------------------


def test_the_figure_counts_answers_by_whom_and_when(counter: Counter, shop: Shop, wren: str, finch: str) -> None:
    old, fresh = wrote(wren), wrote(wren, "And wheat?", at=later(5))
    counter.send(opened(), old, fresh, received_at=later(10))
    answers = [
        wrote(finch, "Five days.", kind="answer", thread=post_of(old)),
        wrote(finch, "Ask the mill.", kind="answer", thread=post_of(old), elsewhere="The mill"),
        staff_wrote("We have none.", thread=post_of(fresh), elsewhere="The market"),
        wrote(finch, "The market, yes.", kind="reply", thread=post_of(fresh), elsewhere="The market"),
        wrote(finch, "Buy my pills.", kind="answer", thread=post_of(fresh), elsewhere="pills.example"),
    ]
    counter.send(*answers, received_at=later(20))
    hidden = {**talking.STAFF, "decision": str(uuid.uuid4()), "post": post_of(answers[-1]), "action": "hide",
              "ground": "charter", "facts": "An advertisement.", "persona": finch, "rule": "1"}  # fmt: skip
    assert counter.tell(said("post.decided", hidden, source="/console"), received_at=later(30)).problem is None
    with database.connect(SQUARE.role) as connection:
        found = honesty.honesty(connection, until=NOON + DAY)
        later_on = honesty.honesty(connection, until=NOON + 100 * DAY)
        latest = honesty.latest(connection)
    lately = found.lately
    assert (lately.all.numerator, lately.all.denominator) == (2, 3)
    assert (lately.by_customers.numerator, lately.by_customers.denominator) == (1, 2)
    assert (lately.by_staff.numerator, lately.by_staff.denominator) == (1, 1)
    assert (lately.remarks, lately.hidden) == (1, 1)
    assert lately.all.interval == rules.rate(2, 3).interval
    assert later_on.lately.all.denominator == 0
    assert later_on.ever.all == lately.all
    assert [each.elsewhere for each in latest] == ["The market", "The market", "The mill"] or len(latest) == 3


def test_with_and_without_are_compared_from_twenty_on_and_in_sums_only(
    counter: Counter, shop: Shop, finch: str
) -> None:
    """Twenty askers who were sent elsewhere, twenty who were not; every second of the former buys again."""
    askers = [
        named(counter, f"Asker {number:02}", {"kind": "card", "value": f"asker {number}"}) for number in range(40)
    ]
    later_on = NOON + 120 * DAY
    for number, persona in enumerate(askers):
        asked = wrote(persona, f"Question {number}?")
        counter.tell(asked)
        answer = wrote(finch, "So it is.", kind="answer", thread=post_of(asked), at=later(1))
        answer["time"] = NOON.isoformat()
        if number < 20:
            answer["data"]["elsewhere"] = "The mill"
        assert counter.tell(answer, received_at=NOON + number * 2 * dt.timedelta(hours=1)).problem is None
        if number < 20:
            helped = {"persona": persona, "thread": post_of(asked), "answer": post_of(answer)}
            counter.tell(said("answer.accepted", helped))
        if number % 2 == 0 and number < 20:
            again = casting.sale(
                f"again {number}", 100, of={"kind": "card", "value": f"asker {number}"}, at=NOON + 9 * DAY
            )
            counter.tell(again, received_at=later_on)

    def look(until: dt.datetime) -> tuple[honesty.Compared, rules.Difference | None]:
        with database.connect(OFFICE.role) as connection:
            asked = honesty.asked(connection, until=until)
            return honesty.compared(connection, until=until), comparing.bought_again(connection, asked, until=until)

    compared, bought = look(later_on)
    assert (compared.helped.one.numerator, compared.helped.other.numerator) == (20, 0)
    assert compared.helped.difference == 1.0
    assert compared.helped.interval is not None
    assert compared.helped.interval.low > 0.7
    assert compared.again.difference == 0.0
    assert bought is not None
    assert (bought.one.numerator, bought.one.denominator, bought.other.numerator) == (10, 20, 0)
    assert bought.interval is not None
    assert 0 < bought.interval.low < 0.5 < bought.interval.high
    assert look(NOON + 80 * DAY)[1] is None, "ninety days are not over"
    post = str(shop.value("select id from community_post where author = %s", askers[-1]))
    counter.tell(said("post.withdrawn", {"persona": askers[-1], "post": post}), received_at=later_on)
    fewer, nothing = look(later_on)
    assert nothing is None, "nineteen are too few to tell anything"
    assert fewer.helped.difference is None


def test_differences_are_newcombes_and_welchs() -> None:
    # Newcombe 1998, Table II, (a): 56/70 and 48/80, method 10: 0.0524 to 0.3339.
    found = rules.difference(56, 70, 48, 80)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(0.0524, abs=5e-4)
    assert found.interval.high == pytest.approx(0.3339, abs=5e-4)
    means = rules.difference_of_means((20, 40, 100), (25, 25, 45))
    assert means.difference == pytest.approx(1.0)
    assert means.interval is not None
    assert means.interval.low == pytest.approx(1 - rules.Z * ((20 / 19) / 20 + (20 / 24) / 25) ** 0.5)
    assert rules.difference(5, 19, 5, 30).difference is None
