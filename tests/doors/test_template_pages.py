"""Templates in the console: written, seen as test persons get them, sent to oneself; and the demo's own mail."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from html import escape, unescape
from http import HTTPStatus

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page

from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, VAULT
from support.pages import Pages, complaints, staff_client, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.core.mail import send_mail

from comptoir.counter.messages import commands
from comptoir.counter.messages.contracts import TemplateText

AKIKO = uuid.UUID(int=0xA1)
FORM = {
    "template": "coffee", "channel": "mail", "examples": "percent = 20\nproduct = coffee",
    "subject_en": "{{ percent }} % off",
    "text_en": "Hello {{ name | default: 'you' }}, {{ percent }} % off {{ product }}.",
    "html_en": "", "html_fr": "", "html_ja": "", "subject_fr": "", "text_fr": "", "subject_ja": "", "text_ja": "",
}  # fmt: skip


@pytest.fixture
def client(shop: Shop) -> Client:
    return staff_client(str(AKIKO))


def test_a_template_is_written_and_seen_as_each_test_person_gets_it(client: Client, shop: Shop) -> None:
    assert client.get("/campaigns/templates").status_code == HTTPStatus.OK
    answer = client.post("/campaigns/templates", FORM)
    assert (answer.status_code, answer["Location"]) == (HTTPStatus.FOUND, "/campaigns/templates/coffee?kept=1")
    page = client.get("/campaigns/templates/coffee").content.decode()
    assert "Hello Alice Martin, 20 % off coffee." in page
    assert "Hello you, 20 % off coffee." in page
    assert escape("O'Brien <b>{{ shop }}</b> & =SUM(A1)") in page.replace("&#39;", "&#x27;")
    assert "<b>{{ shop }}" not in page
    client.post("/campaigns/templates/coffee", FORM | {"text_fr": "Bonjour {{ name }}", "subject_fr": "Bonjour"})
    assert shop.rows("select version, language from messages_template order by 1, 2") == [
        {"version": 1, "language": "en"}, {"version": 2, "language": "en"}, {"version": 2, "language": "fr"},
    ]  # fmt: skip
    assert "coffee" in words(client.get("/campaigns/templates").content.decode())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ nmae }}", "Did you mean name?"),
        ("{{ email }}", "is not given email"),
        ("{% for i in (1..1000000) %}x{% endfor %}", "loop iteration limit"),
        ("{% include 'secrets' %}", "unexpected tag"),
        ("{{ name ", "Line 1"),
        ("", "A message says something."),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_by_name(client: Client, shop: Shop, text: str, said: str) -> None:
    with shop.unchanged():
        answer = client.post("/campaigns/templates", FORM | {"text_en": text, "text_fr": " "})
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    if text:
        assert said in words(answer.content.decode())


HTML = "<p style='color:red'>Hello <b>{{ name }}</b>,</p><script>alert(1)</script><img src='https://else.example/x'>"


def test_html_stands_beside_a_text_and_is_shown_in_a_frame_that_does_nothing(client: Client, shop: Shop) -> None:
    client.post("/campaigns/templates", FORM | {"html_en": HTML})
    assert shop.value("select html from messages_template") == HTML, "what was written is what is sent"
    page = client.get("/campaigns/templates/coffee").content.decode()
    frames = re.findall(r'<iframe sandbox srcdoc="([^"]*)"', page)
    assert len(frames) == 5, "each test person's"
    shown = [unescape(each) for each in frames]
    assert shown[0] == "<p>Hello <b>Alice Martin</b>,</p>", "nothing of it runs, is loaded, or is a style"
    assert "O'Brien &lt;b&gt;{{ shop }}&lt;/b&gt; &amp;amp; =SUM(A1)" not in shown[4]
    assert "&lt;b&gt;" in shown[4], "a name is a name, whatever it looks like"
    assert escape("<script>alert(1)</script>") in page, "in the form it stands as it was written"
    assert "<script>alert(1)" not in page
    # A new version without HTML is one without HTML; a text alone loses nothing.
    client.post("/campaigns/templates/coffee", FORM)
    assert shop.rows("select version, html from messages_template order by 1")[1] == {"version": 2, "html": ""}
    assert "<iframe" not in client.get("/campaigns/templates/coffee").content.decode()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"text_en": "", "html_en": "<p>Hi</p>"}, "text"),
        ({"html_en": "<p>{{ nmae }}</p>"}, "values.nmae"),
        ({"html_en": "x" * 50_001}, "html"),
        ({"channel": "web", "html_en": "<p>Hi</p>"}, "html"),
        ({"html_en": "{% for i in (1..1000000) %}x{% endfor %}"}, "html"),
        ({"html_en": "{% if name %}<p>"}, "html"),
    ],
)
def test_html_has_the_limits_of_a_text_and_a_text_beside_it(
    client: Client, shop: Shop, more: dict[str, str], field: str
) -> None:
    with shop.unchanged():
        answer = client.post("/campaigns/templates", FORM | more)
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f'<span class="code">{field}</span>' in answer.content.decode()
    assert '<summary>HTML beside the text <span class="soft">English' in answer.content.decode()
    assert "<details open>" in answer.content.decode(), "what was written is still there"


def addresses_of(page: Page) -> list[str]:
    """Have whatever a page asks for noted."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def test_the_frame_runs_nothing_in_a_real_browser(pages: Pages, browser: Browser, shop: Shop) -> None:
    with entered(OFFICE):
        commands.write_template(
            "coffee", channel="mail", by="zoe", at=dt.datetime.now(dt.UTC),
            texts={"en": TemplateText("Hello", "Hi", HTML + "<a href='https://else.example/'>Go</a>")},
        )  # fmt: skip
    for width, height in ((1280, 800), (390, 844)):
        context = browser.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        heard = complaints(page)
        asked = addresses_of(page)
        pages.sign_in(page, "Akiko")
        page.goto(pages.url(OFFICE, "/campaigns/templates/coffee"))
        frame = page.frame_locator("iframe").first
        assert frame.locator("b").inner_text() == "Alice Martin"
        assert frame.locator("script, img, [style]").count() == 0
        assert [url for url in asked if "else.example" in url] == []
        assert heard == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        context.close()


def test_staff_ask_for_a_test_to_themselves_and_to_nobody_else(client: Client, shop: Shop) -> None:
    client.post("/campaigns/templates", FORM)
    wrong = client.post("/campaigns/templates/coffee/try", {"language": "fr", "person": "alice"})
    assert wrong.status_code == HTTPStatus.NOT_FOUND
    answer = client.post("/campaigns/templates/coffee/try", {"language": "en", "person": "hanako"})
    assert answer["Location"] == "/campaigns/templates/coffee?asked=1"
    (trial,) = shop.rows("select template, version, language, person, outcome from messages_trial")
    assert trial == {"template": "coffee", "version": 1, "language": "en", "person": "hanako", "outcome": ""}


def test_a_visitor_of_the_demo_reads_what_was_sent(shop: Shop) -> None:
    # The folder is the worker's: what other tests have sent lies there.
    from comptoir.vault.credentials.mail import drop_letters
    from comptoir.vault.messages.texts import drop_texts

    drop_letters()
    drop_texts()
    visitor = Client(headers={"host": f"{host_of(VAULT)}:8000"})
    assert "Nothing yet." in visitor.get("/messages/mail/").content.decode()
    from comptoir.vault.credentials.mail import FolderBackend

    connection = FolderBackend()
    send_mail("<Offer>", "Hello <b>Alice</b>", "shop@example.org", ["alice@example.org"], connection=connection)
    send_mail("Bob's", "Hello Bob", "shop@example.org", ["bob@example.org"], connection=connection)
    page = visitor.get("/messages/mail/").content.decode()
    assert "&lt;Offer&gt;" in page
    assert "Hello &lt;b&gt;Alice&lt;/b&gt;" in page
    narrowed = visitor.get("/messages/mail/?to=bob@").content.decode()
    assert "Hello Bob" in narrowed
    assert "Alice" not in narrowed
    with environment(COMPTOIR_DOMAIN="shop.example"):
        shop_visitor = Client(headers={"host": "safe.shop.example"})
        assert shop_visitor.get("/messages/mail/", secure=True).status_code in {HTTPStatus.NOT_FOUND, 400}
