"""Messages as records: decided once, queued, answered; what each room may do with them; whoever is forgotten."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.messages import commands, queries, rendering, store
from comptoir.counter.messages.contracts import Decision, Dispatch, Outcome, TemplateText
from comptoir.counter.messages.errors import DecisionInvalid, TemplateFailed, TemplateInvalid, TemplateUnknown
from comptoir.counter.messages.forgetting import MessagesSeverer
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, VAULT

NOW = dt.datetime(2024, 5, 3, 9, 0, tzinfo=dt.UTC)
CAMPAIGN = uuid.UUID(int=8)
DISPATCH = uuid.UUID(int=80)
ALICE, BOB, CHARLIE = (uuid.UUID(int=number) for number in (1, 2, 3))


@pytest.fixture
def office(shop: Shop) -> Iterator[Shop]:
    with entered(OFFICE):
        commands.write_template("coffee", channel="mail", texts={"en": TemplateText("Hello", "Hi")}, by="zoe", at=NOW)
        commands.begin_dispatch(dispatch(), at=NOW)
        yield shop


def dispatch(**changes: object) -> Dispatch:
    given: dict[str, object] = {
        "id": DISPATCH, "campaign": CAMPAIGN, "campaign_version": 1, "channel": "mail", "template": "coffee",
        "template_version": 1, "because": {"en": "you asked for offers on coffee"},
    }  # fmt: skip
    return Dispatch(**{**given, **changes})  # type: ignore[arg-type]


def decision(customer: uuid.UUID, verdict: str = "send", **changes: object) -> Decision:
    given: dict[str, object] = {
        "id": uuid.uuid4(), "campaign": CAMPAIGN, "campaign_version": 1, "customer": customer, "verdict": verdict,
        "decided_at": NOW, "dispatch": DISPATCH if verdict == "send" else None,
        "reason": "" if verdict == "send" else "holdout",
    }  # fmt: skip
    return Decision(**{**given, **changes})  # type: ignore[arg-type]


def test_a_campaign_decides_once_about_a_customer_and_an_occurrence(office: Shop) -> None:
    assert commands.decide([decision(ALICE), decision(BOB, "held_out"), decision(CHARLIE, "suppressed")]) == 3
    # Again, in another variant, by another run: nothing is decided twice.
    assert commands.decide([decision(ALICE, variant="b"), decision(BOB), decision(ALICE, occurrence="2")]) == 1
    assert office.value("select count(*) from messages_decision") == 4
    assert queries.waiting(CAMPAIGN) == 2, "the first to Alice and the one of the second occurrence"
    found = {(each.customer, each.occurrence): each.verdict for each in queries.decisions_of(CAMPAIGN)}
    assert found[(BOB, "")] == "held_out"


def test_what_contradicts_itself_is_refused_and_nothing_is_written(office: Shop) -> None:
    with office.unchanged():
        with pytest.raises(DecisionInvalid):
            commands.decide([decision(ALICE), decision(BOB, dispatch=None)])
        with pytest.raises(DecisionInvalid):
            commands.decide([decision(ALICE), decision(BOB, "held_out", reason="")])
        with pytest.raises(DecisionInvalid):
            commands.begin_dispatch(dispatch(id=uuid.uuid4(), channel="message"), at=NOW)
        with pytest.raises(TemplateUnknown):
            commands.begin_dispatch(dispatch(id=uuid.uuid4(), template_version=2), at=NOW)
        with pytest.raises(TemplateInvalid):
            commands.write_template("Coffee!", channel="mail", texts={"en": TemplateText("x", "y")}, by="zoe", at=NOW)
        with pytest.raises(TemplateInvalid):
            commands.write_template("tea", channel="mail", texts={"en": TemplateText("x")}, by="zoe", at=NOW)


def test_a_changed_template_is_a_new_version(office: Shop) -> None:
    again = commands.write_template("coffee", channel="mail", texts={"fr": TemplateText("b", "a")}, by="zoe", at=NOW)
    assert again == 2
    assert queries.template("coffee", 1).texts["en"].text == "Hello", "what was sent can still be read"
    assert [(each.template, each.version, list(each.texts)) for each in queries.templates()] == [("coffee", 2, ["fr"])]
    with office.unchanged(), pytest.raises(TemplateInvalid):
        commands.write_template("coffee", channel="web", texts={"en": TemplateText("x")}, by="zoe", at=NOW)


def test_an_outcome_of_a_kind_is_noted_once(office: Shop) -> None:
    one = decision(ALICE)
    commands.decide([one])
    with database.connect(VAULT.role) as vault:
        said = [Outcome(decision=one.id, kind="accepted", at=NOW), Outcome(decision=one.id, kind="attempted", at=NOW)]
        assert len(store.insert_outcomes(vault.cursor(), said)) == 2
        again = [Outcome(decision=one.id, kind="accepted", at=NOW + dt.timedelta(days=1))]
        assert store.insert_outcomes(vault.cursor(), again) == set(), "a provider that says it twice"
    (found,) = queries.decisions_of(CAMPAIGN)
    assert found.outcomes == {"accepted": NOW, "attempted": NOW}
    assert {(each.kind, each.count) for each in queries.counts_of(CAMPAIGN)} == {("accepted", 1)}


def recent(*customers: uuid.UUID, since: dt.datetime) -> list[tuple[uuid.UUID, dt.datetime]]:
    """Return whom the caps know to be written to, and when."""
    return sorted((each.customer, each.at) for each in queries.sent_to(customers, since=since))


def test_caps_count_what_left_and_what_waits_over_all_campaigns(office: Shop) -> None:
    gone, other = decision(ALICE), decision(ALICE, campaign=uuid.UUID(int=9))
    commands.decide([gone, other, decision(BOB), decision(CHARLIE, "held_out")])
    assert recent(ALICE, BOB, CHARLIE, since=NOW) == sorted([(ALICE, NOW), (ALICE, NOW), (BOB, NOW)])
    assert commands.withdraw([gone.id], reason="left_segment", at=NOW) == {gone.id}
    assert commands.withdraw([gone.id], reason="left_segment", at=NOW) == set()
    assert recent(ALICE, BOB, CHARLIE, since=NOW) == sorted([(ALICE, NOW), (BOB, NOW)])
    assert recent(ALICE, since=NOW + dt.timedelta(seconds=1)) == []
    assert queries.waiting(CAMPAIGN) == 1


def test_caps_know_when_a_message_leaves_and_not_when_it_was_decided(office: Shop) -> None:
    day = dt.timedelta(days=1)
    one = decision(ALICE, not_before=NOW + 5 * day)
    commands.decide([one])
    assert recent(ALICE, since=NOW + 4 * day) == [(ALICE, NOW + 5 * day)]
    with database.connect(VAULT.role) as vault:
        # Its reader is asleep by then: it waits for their morning.
        vault.execute("update messages_waiting set due_at = %s", (NOW + 6 * day,))
        assert recent(ALICE, since=NOW + 4 * day) == [(ALICE, NOW + 6 * day)]
        vault.execute("delete from messages_waiting")
        said = [Outcome(decision=one.id, kind=kind, at=NOW + 7 * day) for kind in ("attempted", "accepted")]
        store.insert_outcomes(vault.cursor(), said)
    assert recent(ALICE, since=NOW + 6.5 * day) == [(ALICE, NOW + 7 * day)]
    assert recent(ALICE, since=NOW + 8 * day) == []


def test_a_stop_is_said_once_and_stays(office: Shop) -> None:
    assert not queries.is_stopped(CAMPAIGN)
    commands.stop(CAMPAIGN, by="zoe", reason="wrong price", at=NOW)
    commands.stop(CAMPAIGN, by="max", reason="", at=NOW)
    assert queries.is_stopped(CAMPAIGN)
    assert office.rows("select by, reason from messages_stop") == [{"by": "zoe", "reason": "wrong price"}]


@pytest.mark.parametrize(
    ("room", "statement"),
    [
        (SQUARE, "select from messages_decision"),
        (SQUARE, "select from messages_template"),
        (COUNTER, "insert into messages_decision (id) values (gen_random_uuid())"),
        (VAULT, "insert into messages_decision (id) values (gen_random_uuid())"),
        (VAULT, "insert into messages_stop (campaign) values (gen_random_uuid())"),
        (VAULT, "update messages_outcome set kind = 'accepted'"),
        (OFFICE, "update messages_decision set verdict = 'send'"),
        (OFFICE, "delete from messages_outcome"),
    ],
)
def test_only_the_office_decides_and_nobody_changes_what_was_said(office: Shop, room: object, statement: str) -> None:
    with database.connect(room.role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):  # type: ignore[attr-defined]
        connection.execute(statement)


def test_whoever_is_forgotten_is_written_to_no_more_and_still_counts(office: Shop) -> None:
    commands.decide([decision(ALICE, values={"drink": "mocha"}), decision(BOB)])
    fresh = str(uuid.uuid4())
    with database.connect(COUNTER.role) as counter:
        MessagesSeverer().sever(counter, {str(ALICE): fresh}, [])
    assert {str(each.customer) for each in queries.decisions_of(CAMPAIGN)} == {fresh, str(BOB)}
    assert office.value("select count(*) from messages_decision where values is not null") == 0
    assert queries.waiting(CAMPAIGN) == 1, "Bob's"
    assert office.rows("select kind, reason from messages_outcome") == [{"kind": "suppressed", "reason": "forgotten"}]


@pytest.mark.parametrize(
    "text",
    [
        (
            "Hello {{ name | default: 'you' }}, {{ percent }} % off {{ product | upcase }}.\n"
            "{% if coupon %}{{ coupon.code }}{% endif %}"
        ),
        (
            "{% unless name == '' %}{{ name }}{% else %}{{ shop }}{% endunless %}\n\n"
            "{%- if percent > 10 -%} many {%- endif %}"
        ),
        "{% assign who = name %}{{ product }} for {{ who }}",
        "{% for one in (1..3) %}{{ one }}{{ name }}{% endfor %}",
        "{% case name %}{% when 'Alice' %}A{% else %}{{ product }}{% endcase %}{{ color }}",
        "nothing of anybody's",
    ],
)
@pytest.mark.parametrize("name", ["Alice", "", "O'Brien <b>{{ shop }}</b>"])
@pytest.mark.parametrize("code", [None, "CODE"])
def test_what_readers_share_is_filled_in_once_and_nobody_sees_a_difference(
    text: str, name: str, code: str | None
) -> None:
    template = rendering.template_of(TemplateText(text, "{{ product }}, {{ name }}", f"<p>{text}</p>"))
    everybody = {"percent": 20, "product": "coffee & cake", "shop": "Shop", "language": "en"}
    own = {"name": name, "coupon": None if code is None else {"code": code}, "color": "red"}
    shared = rendering.Shared(template, everybody)
    assert shared.render(own) == template.render({**everybody, **own})
    # One reader's words stay with that reader.
    other = {**own, "name": "Bob", "color": "blue"}
    assert shared.render(other) == template.render({**everybody, **other})


def test_a_template_is_stopped_by_its_own_time_and_not_by_that_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is busy with others half a second on the wall passes within any template."""
    wall, own = itertools.count(), iter((7.0, 7.1, 7.2))
    monkeypatch.setattr("comptoir.counter.messages.rendering.time.monotonic", lambda: float(next(wall)))
    monkeypatch.setattr("comptoir.counter.messages.rendering.time.thread_time", lambda: next(own))
    template = rendering.template_of(TemplateText("{{ name | upcase | upcase | upcase }}", "Hi"))
    assert template.render({"name": "Alice"}).text == "ALICE"
    own = iter((7.0, 7.1, 7.6))
    with pytest.raises(TemplateFailed, match="takes longer"):
        template.render({"name": "Alice"})


def test_what_readers_share_fails_for_each_reader_by_name() -> None:
    shared = rendering.Shared(
        rendering.template_of(TemplateText("{{ percent }} {{ unheard_of }}", "Hi")), {"percent": 1}
    )
    with pytest.raises(TemplateFailed, match="unheard_of"):
        shared.render({"name": ""})
    many = rendering.Shared(
        rendering.template_of(TemplateText("{{ long }}" * 2 + "{{ name }}")), {"long": "x" * 60_000}
    )
    with pytest.raises(TemplateFailed, match="limit"):
        many.render({"name": ""})
