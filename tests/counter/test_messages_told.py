"""What became of messages is told to the log: each outcome once, through crashes; nothing about who is forgotten."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.casting import ALICE, BOB, CHARLIE, HEARD, PLAIN, Counter, identify, sale
from support.forgotten import forget
from support.processes import wait_until
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.config.rebuilding import rebuild
from comptoir.counter.audiences import following
from comptoir.counter.loyalty.store import insert_programme
from comptoir.counter.messages import commands, store, telling
from comptoir.counter.messages.contracts import Decision, Dispatch, Outcome, TemplateText
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, VAULT
from comptoir.office.segments import queries

CAMPAIGN = uuid.UUID(int=8)
DISPATCH = uuid.UUID(int=80)


class World(Counter):
    """A counter, an office that has decided to write to the cast, and a vault that says what became of it."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        insert_programme(self.connection, PLAIN, None)
        self.send(*(sale(who["value"], of=who) for who in (ALICE, BOB, CHARLIE)))
        self.decisions = {who["value"]: uuid.uuid4() for who in (ALICE, BOB, CHARLIE)}
        with entered(OFFICE):
            commands.write_template("coffee", channel="mail", texts={"en": TemplateText("a", "b")}, by="zoe", at=HEARD)
            commands.begin_dispatch(
                Dispatch(
                    id=DISPATCH, campaign=CAMPAIGN, campaign_version=1, channel="mail", template="coffee",
                    template_version=1, variant="a",
                ),
                at=HEARD,
            )  # fmt: skip
            commands.decide(
                Decision(
                    id=self.decisions[who["value"]], campaign=CAMPAIGN, campaign_version=1, dispatch=DISPATCH,
                    customer=uuid.UUID(identify(who)), verdict="send", decided_at=HEARD, variant="a",
                )
                for who in (ALICE, BOB, CHARLIE)
            )  # fmt: skip

    def became(self, *said: tuple[str, str], reason: str = "") -> None:
        outcomes = [Outcome(decision=self.decisions[who], kind=kind, at=HEARD, reason=reason) for who, kind in said]  # type: ignore[arg-type]
        with database.connect(VAULT.role) as vault:
            store.insert_outcomes(vault.cursor(), outcomes)

    def tell(self, *, portion: int = 2) -> int:  # type: ignore[override]
        # Transactions of other tests on the same server are waited for, as those of other senders are.
        oldest = "select coalesce(max(transaction), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
        wait_until(lambda: self.shop.value(f"{oldest} from messages_outcome"), what="older transactions")
        return telling.tell_outcomes(self.connection, now=HEARD, portion=portion)

    def told(self) -> list[tuple[str, str, str]]:
        rows = self.shop.rows(
            "select type, customer::text, data::text from events_event where type like 'message.%' order by type, id"
        )
        return sorted((row["type"], row["customer"], json.loads(row["data"])["outcome"]) for row in rows)

    def follow(self) -> None:
        positions = [row["position"] for row in self.shop.rows("select position::text from events_event")]
        with self.connection.transaction():
            following.bring(self.connection, positions, time_zone="UTC", now=HEARD)


@pytest.fixture
def world(shop: Shop) -> Iterator[World]:
    made = World(shop)
    yield made
    made.close()


def test_each_outcome_is_one_event_by_opaque_ids(world: World) -> None:
    world.became(("alice", "attempted"), ("alice", "accepted"), ("bob", "attempted"), ("bob", "unknown"))
    world.became(("charlie", "suppressed"), reason="left_segment")
    assert world.tell() == 3
    alice, bob, charlie = (identify(each) for each in (ALICE, BOB, CHARLIE))
    sent = "message.sent"
    expected = [
        ("message.dropped", charlie, "suppressed"), (sent, alice, "accepted"), (sent, bob, "unknown"),
    ]  # fmt: skip
    assert world.told() == sorted(expected)
    (dropped,) = world.shop.rows("select data from events_event where type = 'message.dropped'")
    assert dropped["data"] == {
        "campaign": str(CAMPAIGN), "version": 1, "channel": "mail", "message_class": "marketing",
        "outcome": "suppressed", "variant": "a", "reason": "left_segment",
    }  # fmt: skip
    with world.shop.unchanged():
        assert world.tell() == 0
    world.became(("alice", "bounced"), ("alice", "complained"), ("bob", "delivered"))
    assert world.tell() == 3
    assert world.tell() == 0
    assert len(world.told()) == 6


def test_what_dies_in_between_is_told_once_all_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.became(("alice", "accepted"), ("bob", "accepted"), ("charlie", "accepted"))

    def dies(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(store, "note_told", dies)
        with pytest.raises(RuntimeError):
            world.tell()
    assert world.told() == [], "the place and the events are one transaction"
    assert world.tell() == 3
    # A shop that is restored on another server tells everything once more: the log knows it already.
    world.connection.execute("update messages_telling set transaction = 1000000000000000")
    world.tell()
    assert len(world.told()) == 3


def test_what_is_still_being_written_is_waited_for(world: World) -> None:
    with database.connect(VAULT.role) as vault, vault.transaction():
        store.insert_outcomes(vault.cursor(), [Outcome(decision=world.decisions["alice"], kind="accepted", at=HEARD)])
        world.became(("bob", "accepted"))
        assert telling.tell_outcomes(world.connection, now=HEARD) == 0
        assert world.told() == []
    assert world.tell() == 2


def test_about_whoever_is_forgotten_nothing_is_told_and_what_was_is_severed(world: World) -> None:
    world.became(("alice", "accepted"), ("bob", "accepted"))
    assert world.tell() == 2
    world.became(("alice", "bounced"))
    alice = identify(ALICE)
    Counter.tell(world, forget(ALICE))
    assert world.tell() == 0
    told = world.told()
    assert [each[0] for each in told] == ["message.sent", "message.sent"]
    assert alice not in {each[1] for each in told}


def test_messages_are_facts_and_a_rebuild_makes_the_same(world: World) -> None:
    world.became(("alice", "accepted"), ("bob", "accepted"), ("charlie", "suppressed"))
    world.became(("bob", "bounced"))
    world.tell()
    world.follow()
    later = HEARD + dt.timedelta(days=10)
    assert queries.count("messaged(30) = 1", at=later) == 2
    assert queries.count("messaged(10) = 1", at=later) == 0
    assert queries.count("bounced() > 0 AND did('message.sent', 30)", at=later) == 1
    assert queries.count("messaged() = 0", at=later) == 1
    assert rebuild(keep=False).changed == []
