"""``endless-template``: a text that loops without end, grows without end, or asks for somebody else's fields.

Staff cannot keep one; and one that turns out to be so for a single reader costs nobody else their message.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.casting import Counter
from support.mailbox import Mailbox
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.messages import commands as records
from comptoir.counter.messages.contracts import TemplateText
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from support.mailing import NOW, address, counter_of, decide, dispatched, final, outcomes, send, settle

ENDLESS = "{% for one in (1..1000000000) %}{{ one }}{% endfor %}"
NESTED = "{% for a in (1..999) %}{% for b in (1..999) %}{% for c in (1..999) %}x{% endfor %}{% endfor %}{% endfor %}"
GROWING = "{% assign x = 'aaaaaaaaaa' %}" + "{% assign x = x | append: x %}" * 60 + "{{ x }}"
ITSELF = "{% include 'coffee-mail' %}"
OTHERS = (
    "{{ email }}",
    "{{ customer.email }}",
    "{{ other.name }}",
    "{{ name.__class__.__mro__ }}",
    "{{ settings.SECRET_KEY }}",
)


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = counter_of(shop)
    yield one
    one.close()


@pytest.mark.parametrize("text", [ENDLESS, NESTED, GROWING, ITSELF, *OTHERS], ids=range(4 + len(OTHERS)))
@pytest.mark.parametrize("part", ["text", "subject", "html"])
def test_it_is_refused_by_name_and_nothing_is_kept(shop: Shop, text: str, part: str) -> None:
    said = {"text": "Hello", "subject": "Hi", "html": "<p>Hello</p>", part: text}
    with entered(OFFICE), shop.unchanged(), pytest.raises(Problem) as refused:
        records.write_template("coffee", channel="mail", texts={"en": TemplateText(**said)}, by="zoe", at=NOW)
    assert refused.value.name in {"template_invalid", "template_failed"}
    assert refused.value.detail or refused.value.field


def test_one_that_is_endless_for_one_reader_costs_nobody_else_anything(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    text = TemplateText("{% for one in (1..percent) %}{{ one }}{% endfor %}", "Hi")
    number = dispatched(texts={"en": text})
    (endless,) = decide(number, [settle(counter, 1)], values={"percent": 10**9})
    fine = decide(number, [settle(counter, each) for each in (2, 3)], values={"percent": 3})
    send()
    assert final(shop) == {endless: "refused", **dict.fromkeys(fine, "accepted")}
    assert outcomes(shop)[endless]["refused"] == "template"
    assert sorted(who for recipients, _ in mailbox.letters for who in recipients) == [address(2), address(3)]
