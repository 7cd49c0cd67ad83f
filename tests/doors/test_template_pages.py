"""Templates in the console: written, seen as test persons get them, sent to oneself; and the demo's own mail."""

from __future__ import annotations

import uuid
from html import escape
from http import HTTPStatus

import pytest
from django.test import Client

from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import VAULT
from support.pages import staff_client, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.core.mail import send_mail

AKIKO = uuid.UUID(int=0xA1)
FORM = {
    "template": "coffee", "channel": "mail", "examples": "percent = 20\nproduct = coffee",
    "subject_en": "{{ percent }} % off",
    "text_en": "Hello {{ name | default: 'you' }}, {{ percent }} % off {{ product }}.",
    "subject_fr": "", "text_fr": "", "subject_ja": "", "text_ja": "",
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
