"""The charter: written by the shop, amended by members, settled by the clock, and told again by the log."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from comptoir.config.rebuilding import rebuild
from comptoir.config.worker import Jobs
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.square.charter import comparing, handlers, jobs, rules
from comptoir.square.stewardship.trust import LEVELS, Level
from support import forgotten, lively, talking
from support.casting import ALICE, BOB, CHARLIE, NOON, Counter
from support.forgotten import forget
from support.gateway import Gateway
from support.shop import Shop
from support.talking import CONSOLE, named, new, said

set_up_django()

from comptoir.square.hearing import queries  # noqa: E402 - models want Django

DAYS, VETO_DAYS = 14, 7
KIND = {"title": "Be kind", "text": "Talk to others as you would at a counter."}
KINDER = {"title": "Be kind", "text": "Talk to others as you would at a counter, and to newcomers twice so."}


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Have levels of trust by name; who is not named has the second."""
    given_levels: dict[str, int] = {}

    def find(_connection: Any, personas: Any, _now: Any) -> dict[Id, Level]:
        return {persona: LEVELS[given_levels.get(persona, 2)] for persona in personas}

    monkeypatch.setattr(handlers, "find_levels", find)
    return given_levels


def day(number: float) -> dt.datetime:
    return NOON + dt.timedelta(days=number)


def published(section: str = "be-kind", **more: Any) -> dict[str, Any]:
    data = {**talking.STAFF, "section": section, "en": KIND, "ja": {**KIND, "title": "思いやり"}, "fr": KIND, **more}
    return said("charter.published", data, source=CONSOLE)


def proposed(persona: str, *, at: float = 1, **more: Any) -> dict[str, Any]:
    data = {
        "persona": persona, "proposal": new(), "section": "be-kind", "base": 1, "reason": "Newcomers leave.",
        "days": DAYS, "veto_days": VETO_DAYS, "quorum": 2, "en": KINDER, **more,
    }  # fmt: skip
    return said("charter.proposed", data, at=day(at))


def voted(persona: str, proposal: str, value: int = 1, *, at: float = 2) -> dict[str, Any]:
    return said("charter.voted", {"persona": persona, "proposal": proposal, "value": value}, at=day(at))


def vetoed(proposal: str, *, at: float) -> dict[str, Any]:
    data = {**talking.STAFF, "proposal": proposal, "reason": "The law asks for more."}
    return said("charter.vetoed", data, source=CONSOLE, at=day(at))


def tell(counter: Counter, event: dict[str, Any]) -> Any:
    """Send an event a moment after it happened."""
    at = dt.datetime.fromisoformat(event["time"]) + dt.timedelta(seconds=5)
    return counter.tell(event, received_at=at)


def settle(counter: Counter, *, at: float) -> int:
    return jobs.settle(counter.connection, now=day(at), handlers=counter.handlers)


def accepted(counter: Counter, *events: dict[str, Any]) -> None:
    for event in events:
        assert tell(counter, event).problem is None


def states(shop: Shop) -> list[tuple[str, str | None]]:
    return [
        (row["state"], row["why"]) for row in shop.rows("select state, why from charter_proposal order by position")
    ]


def test_an_amendment_is_proposed_voted_on_and_adopted(
    shop: Shop, counter: Counter, wren: str, finch: str, levels: dict[str, int]
) -> None:
    levels[finch] = 1
    amendment = proposed(wren)
    proposal = amendment["data"]["proposal"]
    accepted(counter, published(), amendment, voted(wren, proposal), voted(finch, proposal))
    assert settle(counter, at=1 + DAYS) == 0  # the shop can still say no
    assert tell(counter, voted(finch, proposal, -1, at=1.5 + DAYS)).problem == "amendment_over"
    assert settle(counter, at=1 + DAYS + VETO_DAYS) == 1
    assert settle(counter, at=30) == 0
    rows = shop.rows("select version, wording, name, up, down, since from charter_section order by version")
    assert [(row["version"], row["up"], row["down"]) for row in rows] == [(1, 0, 0), (2, 2, 0)]
    assert rows[0]["name"] == talking.STAFF["name"]
    assert rows[1]["wording"] == {"en": KINDER}
    assert rows[1]["since"] == day(1 + DAYS + VETO_DAYS)
    assert states(shop) == [("adopted", None)]


def test_what_finds_too_few_votes_or_the_shops_no_is_rejected(
    shop: Shop, counter: Counter, wren: str, finch: str, levels: dict[str, int]
) -> None:
    assert levels == {}
    accepted(counter, published())
    few = proposed(wren)
    accepted(counter, few, voted(wren, few["data"]["proposal"]))
    assert settle(counter, at=0.9 + DAYS) == 0
    assert settle(counter, at=1 + DAYS) == 1
    half = proposed(wren, at=20)
    name = half["data"]["proposal"]
    accepted(counter, half, voted(wren, name, at=21), voted(finch, name, -1, at=21))
    assert settle(counter, at=20 + DAYS) == 1
    refused = proposed(finch, at=40)
    name = refused["data"]["proposal"]
    accepted(counter, refused, voted(wren, name, at=41), voted(finch, name, at=41))
    accepted(counter, vetoed(name, at=40 + DAYS + VETO_DAYS - 0.1))
    assert settle(counter, at=90) == 0
    assert tell(counter, vetoed(name, at=62)).problem == "amendment_over"
    assert states(shop) == [("rejected", "quorum"), ("rejected", "majority"), ("vetoed", "The law asks for more.")]
    assert shop.value("select count(*) from charter_section") == 1


def test_of_two_amendments_of_one_section_the_first_counts(
    shop: Shop, counter: Counter, wren: str, finch: str, levels: dict[str, int]
) -> None:
    assert levels == {}
    first, second = proposed(wren), proposed(finch, at=2, en={**KIND, "text": "Something else."})
    accepted(counter, published(), first, second)
    for each in (first, second):
        accepted(counter, *(voted(persona, each["data"]["proposal"], at=3) for persona in (wren, finch)))
    assert settle(counter, at=60) == 2
    assert states(shop) == [("adopted", None), ("rejected", "changed")]
    late = proposed(finch, at=61)
    assert tell(counter, late).problem == "charter_changed_meanwhile"


def test_who_may_write_propose_and_vote(
    shop: Shop, counter: Counter, wren: str, finch: str, levels: dict[str, int]
) -> None:
    accepted(counter, published())
    assert tell(counter, published()).problem == "charter_section_taken"
    levels |= {wren: 1, finch: 0}
    amendment = proposed(wren)
    assert tell(counter, amendment).problem == "charter_needs_trust"
    levels[wren] = 2
    amendment = proposed(wren)
    proposal = amendment["data"]["proposal"]
    accepted(counter, amendment)
    assert tell(counter, voted(finch, proposal)).problem == "charter_needs_trust"
    assert tell(counter, voted(new(), proposal)).problem == "persona_not_there"
    assert tell(counter, voted(wren, new())).problem == "amendment_unknown"
    # One person is one voice, under whichever name, and one proposal at a time.
    robin = named(counter, "Robin", ALICE)
    accepted(counter, voted(wren, proposal))
    assert tell(counter, voted(robin, proposal)).problem == "voted_already"
    accepted(counter, voted(wren, proposal, 0), voted(robin, proposal, -1))
    assert tell(counter, proposed(robin, section="new", base=0)).problem == "amendment_open"
    # The charter is the community's from now on.
    assert tell(counter, published("new")).problem == "charter_is_the_communitys"
    assert tell(counter, proposed(finch, section="none", base=3)).problem == "charter_needs_trust"
    levels[finch] = 2
    assert tell(counter, proposed(finch, section="none", base=3)).problem == "charter_section_unknown"
    assert tell(counter, proposed(finch, en=KIND)).problem == "charter_unchanged"
    assert tell(counter, proposed(finch, en={**KIND, "text": "a\u202eb"})).problem == "text_unfit"
    assert tell(counter, proposed(finch, en=None)).problem == "charter_unchanged"
    accepted(counter, proposed(finch, section="new", base=0))


def heard(persona: str, language: str = "en", **more: Any) -> list[tuple[str, str | None, str, bool]]:
    """Return what a name hears of the charter: what became of it, the reason, its title, and whether it is unread."""
    with entered(SQUARE), translation.override(language):
        found = queries.news(uuid.UUID(persona), **more)
        return [
            (each.status or "", each.reason, each.title, each.is_unread) for each in found if each.kind == "charter"
        ]


def test_members_hear_what_became_of_an_amendment_and_everybody_of_a_change(
    counter: Counter, wren: str, finch: str, levels: dict[str, int]
) -> None:
    assert levels == {}
    robin = named(counter, "Robin", CHARLIE)
    fewer, refused, adopted = (
        proposed(wren, at=at, quorum=quorum, ja={**KINDER, "title": "思いやり"})
        for at, quorum in ((1, 9), (40, 1), (80, 1))
    )
    proposals = [each["data"]["proposal"] for each in (fewer, refused, adopted)]
    accepted(counter, published(), fewer, voted(finch, proposals[0]), voted(robin, proposals[0]))
    accepted(counter, voted(robin, proposals[0], 0, at=3))
    assert heard(finch) == heard(wren) == []
    assert settle(counter, at=30) == 1
    assert heard(wren) == heard(finch) == [("rejected", None, "Be kind", True)]
    assert heard(robin) == [], "a vote that was taken back is none"
    accepted(counter, refused, voted(finch, proposals[1], at=41), vetoed(proposals[1], at=42))
    assert heard(finch, "ja")[0] == ("vetoed", "The law asks for more.", "思いやり", True)
    accepted(counter, adopted, voted(finch, proposals[2], at=81))
    assert settle(counter, at=120) == 1
    for somebody, number in ((wren, 3), (finch, 3), (robin, 1)):
        assert heard(somebody, is_letter=True)[0] == ("adopted", None, "Be kind", True)
        assert len(heard(somebody)) == number
    # It can be known like a conversation, and be switched off like every kind.
    seen = {"persona": robin, "until": str(queries.LAST), "thread": proposals[2]}
    accepted(counter, said("news.seen", seen, at=day(121)))
    assert heard(robin, is_unread=True) == []
    assert heard(robin) == [("adopted", None, "Be kind", False)]
    chosen = {"persona": finch, "page": ["reply"], "letters": ["charter"], "is_following": True}
    accepted(counter, said("news.chosen", chosen, at=day(122)))
    assert heard(finch) == []
    assert len(heard(finch, kinds=["charter"])) == 3
    # What was adopted is the community's; what was not goes with its author.
    assert counter.tell(forget(ALICE), received_at=day(123)).problem is None
    assert [each[:3] for each in heard(finch, kinds=["charter"])] == [
        ("adopted", None, "Be kind"), ("vetoed", "The law asks for more.", ""), ("rejected", None, ""),
    ]  # fmt: skip


def test_who_is_new_neither_proposes_nor_votes(counter: Counter, wren: str) -> None:
    accepted(counter, published())
    assert tell(counter, proposed(wren)).problem == "charter_needs_trust"


def test_what_was_adopted_stays_when_its_author_is_forgotten(
    shop: Shop, counter: Counter, wren: str, finch: str, levels: dict[str, int]
) -> None:
    assert levels == {}
    amendment = proposed(wren, reason="My neighbour left.")
    proposal = amendment["data"]["proposal"]
    accepted(counter, published(), amendment, voted(wren, proposal), voted(finch, proposal))
    settle(counter, at=30)
    second = proposed(wren, at=31, base=2, en={**KINDER, "text": "Say nothing of my dog Canary."}, reason="A dog.")
    accepted(counter, second)
    assert tell(counter, forget(ALICE)).problem is None
    assert states(shop) == [("adopted", None), ("gone", None)]
    assert shop.value("select wording from charter_section where version = 2") == {"en": KINDER}
    assert shop.value("select up from charter_section where version = 2") == 2
    gone = ["My neighbour left.", "dog Canary", "A dog.", wren]
    assert forgotten.found_in(forgotten.dump(shop), gone) == []
    assert rebuild(keep=False).changed == []
    assert settle(counter, at=90) == 0
    assert tell(counter, voted(finch, second["data"]["proposal"], at=32)).problem == "amendment_unknown"
    assert BOB["value"]


# -- rules --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 60))
def test_a_quorum_and_two_thirds_are_needed(up: int, down: int, quorum: int) -> None:
    why = rules.has_passed(up, down, quorum=quorum)
    assert (why == "quorum") == (up + down < quorum)
    assert (why == "") == (up + down >= quorum and 3 * up >= 2 * (up + down))


@given(st.text(alphabet="ab 思い。\n", max_size=60), st.text(alphabet="ab 思い。\n", max_size=60))
def test_a_comparison_has_both_texts_in_it(before: str, after: str) -> None:
    pieces = comparing.compare(before, after)
    assert "".join(each.text for each in pieces if each.kind != "new") == before
    assert "".join(each.text for each in pieces if each.kind != "old") == after


# -- the demo -----------------------------------------------------------------------------------------------------


def test_the_demos_charter_has_an_amendment_that_is_adopted(shop: Shop, gateway: Gateway) -> None:
    now = dt.datetime.now(dt.UTC)
    lively.talk(gateway, now=now)
    with shop.connect() as connection:
        Jobs().settle_charter(connection)
    assert shop.value("select state from charter_proposal") == "adopted"
    assert shop.value("select count(distinct section) from charter_section") == 4
    assert shop.rows("select up, down from charter_section where version = 2") == [{"up": 6, "down": 1}]
