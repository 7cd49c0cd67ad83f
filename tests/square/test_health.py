"""The figures of the square: equal to a plain recount of what was said, and to a rebuild from the log."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import uuid
from collections import Counter as Count
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hypothesis.strategies as st
import psycopg
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings

from comptoir.config.command import main
from comptoir.config.rebuilding import rebuild
from comptoir.counter.assembly import derivers
from comptoir.foundation.kernel import database
from comptoir.square.health import figures, honesty, rules
from comptoir.square.health.figures import Health
from support import casting, talking
from support.casting import NOON, Counter, Reference
from support.forgotten import forget
from support.shop import Shop
from support.talking import post_of, wrote

DAY = dt.timedelta(days=1)
WEEK = dt.timedelta(weeks=1)
SECOND = dt.timedelta(seconds=1)


class Talk:
    """A square with four people, and beside it what a plain list of posts says about it."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.at = NOON
        self.posts: list[dict[str, Any]] = []
        self.cards: list[Reference] = [{"kind": "card", "value": str(uuid.uuid4())} for _ in range(4)]
        self.names = [self.named(f"Bird {letter}", card) for letter, card in zip("abcd", self.cards, strict=True)]
        self.gone: set[str] = set()
        self.carried: str | None = None
        self.decided: list[tuple[bool, bool]] = []

    def named(self, name: str, of: Reference) -> str:
        said = casting.persona(name, of=of)
        self.tell(said)
        return str(said["data"]["persona"])

    def tell(self, said: casting.Event, *, heard_at: dt.datetime | None = None) -> None:
        answer = self.counter.tell(said, received_at=(heard_at or self.at) + SECOND)
        assert answer.problem is None, answer.problem

    def threads(self) -> list[dict[str, Any]]:
        return [each for each in self.posts if each["id"] == each["thread"] and each["state"] == "public"]

    def say(self, who: int | None, kind: str, *, pick: int = 0, at: dt.datetime | None = None, **more: Any) -> None:
        """Somebody, or the shop, begins something or goes on with it; what cannot be is passed over."""
        place: dict[str, Any] = {}
        if kind in {"reply", "answer"}:
            open_ones = [each for each in self.threads() if kind == "reply" or each["kind"] == "question"]
            if not open_ones:
                return
            place["thread"] = open_ones[pick % len(open_ones)]["id"]
            said_there = [p for p in self.posts if p["thread"] == place["thread"] and p["state"] == "public"]
            parent = said_there[pick % len(said_there)]["id"]
            if pick % 3 and kind == "reply":
                place["parent"] = parent
        moment = at or self.at
        if who is None:
            title = {} if "thread" in place else {"title": "From the shop"}
            said = talking.staff_wrote("From the shop", kind=kind, at=moment, **place, **title, **more)
            origin, name = ("seeded" if more.get("seeded") else "staff"), "shop"
        else:
            name = self.names[who]
            if name in self.gone:
                return
            said = wrote(name, "Something to say", kind=kind, at=moment, **place, **more)
            origin = "member"
        self.tell(said)
        post = post_of(said)
        self.posts.append({
            "id": post, "thread": place.get("thread", post), "parent": place.get("parent"), "who": name,
            "origin": origin, "at": moment, "kind": kind, "state": "held" if more.get("held") else "public",
        })  # fmt: skip

    def bring(self, kind: str, *, pick: int, at: dt.datetime) -> None:
        """Something that was said elsewhere, by one and the same person."""
        if self.carried is None:
            self.carried = str(uuid.uuid4())
            member = {"persona": self.carried, "name": "Heron", "place": "example.org"}
            self.tell(talking.said("member.imported", member, source="/carried/example.org", at=self.at))
        elsewhere = [each for each in self.threads() if each["origin"] == "imported"]
        thread = elsewhere[pick % len(elsewhere)]["id"] if kind == "reply" and elsewhere else None
        data: dict[str, Any] = {
            "post": str(uuid.uuid4()), "kind": "reply" if thread else "question", "text": "Elsewhere", "language": "en",
            "place": "example.org", "persona": self.carried if pick % 2 else None, "thread": thread,
            "title": None if thread else "Elsewhere",
        }  # fmt: skip
        self.tell(talking.said("post.imported", data, source="/carried/example.org", at=at), heard_at=at)
        self.posts.append({
            "id": data["post"], "thread": thread or data["post"], "parent": None,
            "who": data["persona"] or data["post"], "author": data["persona"], "origin": "imported", "at": at,
            "kind": data["kind"], "state": "public",
        })  # fmt: skip

    def take_back(self, pick: int) -> None:
        mine = [p for p in self.posts if p["origin"] == "member" and p["state"] in {"public", "held"}]
        if mine:
            post = mine[pick % len(mine)]
            data = {"persona": post["who"], "post": post["id"]}
            self.tell(talking.said("post.withdrawn", data, at=self.at))
            post["state"] = "withdrawn"

    def write_anew(self, pick: int, *, held: str | None) -> None:
        mine = [p for p in self.posts if p["origin"] == "member" and p["state"] in {"public", "held"}]
        if mine:
            post = mine[pick % len(mine)]
            post["version"] = post.get("version", 1)
            title = "Anew" if post["id"] == post["thread"] else None
            data = {"persona": post["who"], "post": post["id"], "version": post["version"], "text": "Anew",
                    "title": title, "held": held}  # fmt: skip
            self.tell(talking.said("post.edited", data, at=self.at))
            post["version"] += 1
            if held:
                post["state"] = "held"

    def decide(self, pick: int, *, action: str) -> None:
        """Somebody of the shop hides a post, or shows it again."""
        ones = [p for p in self.posts if p["state"] in {"public", "held", "hidden"} and p["origin"] != "imported"]
        if not ones:
            return
        post = ones[pick % len(ones)]
        data: dict[str, Any] = {
            **talking.STAFF, "decision": talking.new(), "post": post["id"], "action": action, "facts": "A lottery.",
            "ground": "charter" if action == "hide" else "none",
            "persona": post["who"] if post["origin"] == "member" else None,
        }  # fmt: skip
        if action == "hide":
            data["rule"] = "No advertising"
        if post["state"] == "held":
            data["is_automated"] = True
        self.tell(talking.said("post.decided", data, source=talking.CONSOLE, at=self.at))
        self.decided.append((post["state"] == "held", action == "hide"))
        post["state"] = "hidden" if action == "hide" else "public"

    def forget(self, who: int) -> None:
        name = self.names[who]
        if name not in self.gone:
            self.gone.add(name)
            self.tell(forget(self.cards[who], at=self.at))
            for post in self.posts:
                if post["who"] == name:
                    post["state"] = "gone"

    def recount(self, *, until: dt.datetime, member: str = "member") -> dict[str, tuple[float, float]]:
        """Return numerators and denominators, counted the slow way."""
        seen = [p for p in self.posts if p["state"] == "public"]
        by_id = {p["id"]: p for p in seen}
        order = {p["id"]: place for place, p in enumerate(self.posts)}
        for p in seen:
            target = by_id.get(p["parent"] or p["thread"]) if p["id"] != p["thread"] else None
            p["is_self"] = target is not None and target["who"] == p["who"]
            p["answers"] = (
                target["who"] if target is not None and not p["is_self"] and target["origin"] == p["origin"]
                and p.get("author", p["who"]) and target.get("author", target["who"]) else None
            )  # fmt: skip
            replies = [
                (max(r["at"], p["at"]), order[r["id"]], r["origin"]) for r in seen
                if r["who"] != p["who"] and r["thread"] == p["thread"] and r["id"] != p["id"]
                and (r["parent"] == p["id"] or p["id"] == p["thread"])
            ]  # fmt: skip
            p["replied_at"], _, p["replied_by"] = min(replies, default=(None, 0, None))
        shop = {"staff", "seeded"} if member == "member" else set()
        since = until - 4 * WEEK
        said = [p for p in seen if not p["is_self"] and p["at"] < until]
        inside = [p for p in said if p["at"] >= since]
        mine = [p for p in inside if p["origin"] == member]
        opened = [p for p in seen if p["id"] == p["thread"] and p["origin"] == member and p["kind"] != "review"]
        recent = [p for p in opened if since <= p["at"] < until]
        answered = [p for p in recent if p["replied_at"] is not None and p["replied_at"] < until]
        ripe = [p for p in opened if since - WEEK <= p["at"] < until - WEEK]
        authored = [p for p in said if p["origin"] == member and p.get("author", p["who"])]
        persons: dict[str, list[dict[str, Any]]] = {}
        for p in sorted(authored, key=lambda p: (p["at"], p["id"])):
            persons.setdefault(p["who"], []).append(p)
        day = [f for f, *_ in persons.values() if since - DAY <= f["at"] < until - DAY]
        month = [p for p in persons.values() if since - 4 * WEEK <= p[0]["at"] < until - 4 * WEEK]
        recently = {
            (p["who"], p["answers"]) for p in seen
            if p["answers"] and p["origin"] == member and until - 12 * WEEK <= p["at"] < until
        }  # fmt: skip
        counts = Count(p["who"] for p in authored if p["at"] >= since)
        top = sum(sorted(counts.values(), reverse=True)[:10])
        staff_opened = [p for p in inside if p["id"] == p["thread"] and p["origin"] == "staff" and shop]
        member_opened = [p for p in inside if p["id"] == p["thread"] and p["origin"] == member]
        return {
            "participation": (len(mine), sum(p["origin"] in shop for p in inside)),
            "started_by_customers": (len(member_opened), len(member_opened) + len(staff_opened)),
            "first_reply_hours": (len(answered), len(recent)),
            "answered_within_7_days": (
                sum(p["replied_at"] is not None and p["replied_at"] - p["at"] <= WEEK for p in ripe), len(ripe)
            ),
            "answered_by_customers": (sum(p["replied_by"] == member for p in answered), len(answered)),
            "newcomers_answered_within_24_hours": (
                sum(f["replied_at"] is not None and f["replied_at"] - f["at"] <= DAY for f in day), len(day)
            ),
            "newcomers_again": (
                sum(len(p) > 1 and p[1]["at"] < p[0]["at"] + 4 * WEEK for p in month), len(month)
            ),
            "reciprocity": (sum((b, a) in recently for a, b in recently), len(recently)),
            "gini": (sum(counts.values()), len(counts)),
            "top_10_share": (top, sum(counts.values())),
        }  # fmt: skip

    def answers(self, since: dt.datetime | None, until: dt.datetime) -> tuple[int, int]:
        """Count the answers of a span that everybody sees: by customers, by the shop."""
        seen = [
            each["origin"]
            for each in self.posts
            if each["kind"] == "answer" and each["state"] == "public" and each["at"] < until
            and (since is None or each["at"] >= since)
        ]  # fmt: skip
        return seen.count("member"), len(seen) - seen.count("member")

    def look(self, until: dt.datetime) -> Health:
        return figures.health(self.counter.connection, until=until)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([
            "ask", "ask", "reply", "reply", "reply", "answer", "answer", "story", "review", "staff", "seed", "held",
            "take_back", "anew", "anew_held", "forget", "bring", "bring", "hide", "publish",
        ]),
        st.integers(0, 3), st.integers(0, 20), st.sampled_from([0.01, 3.0, 20.0, 90.0, 200.0]),
    ),
    max_size=25,
)  # fmt: skip


def act(talk: Talk, step: tuple[str, int, int, float]) -> None:
    action, who, pick, hours = step
    talk.at += dt.timedelta(hours=hours)
    if action in {"ask", "story"}:
        talk.say(who, "question" if action == "ask" else "story")
    elif action == "review":
        talk.say(who, "review", product="bread", rating=4)
    elif action in {"reply", "answer"}:
        talk.say(None if action == "answer" and who == 3 else who, action, pick=pick)
    elif action == "staff":
        talk.say(None, "reply" if pick % 2 else "story", pick=pick)
    elif action == "seed":
        talk.say(None, "question", seeded=True)
    elif action == "held":
        talk.say(who, "question", held="links")
    elif action == "take_back":
        talk.take_back(pick)
    elif action in {"anew", "anew_held"}:
        talk.write_anew(pick, held="links" if action == "anew_held" else None)
    elif action == "forget" and pick < 6:
        talk.forget(who)
    elif action in {"hide", "publish"}:
        talk.decide(pick, action=action)
    elif action == "bring":
        talk.bring("reply" if pick % 3 else "question", pick=pick, at=talk.at - dt.timedelta(days=pick))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, later=st.sampled_from([0.0, 2.0, 9.0, 33.0]))
def test_every_figure_is_what_a_recount_says_and_a_rebuild_makes_the_same_rows(
    shop: Shop, steps: list[tuple[str, int, int, float]], later: float
) -> None:
    tables = sorted({table for maker in derivers() for table in maker.tables} | {"events_event", "community_persona"})
    _empty(shop, tables)
    counter = Counter(shop)
    try:
        talk = Talk(counter)
        for step in steps:
            act(talk, step)
        until = talk.at + later * DAY + SECOND
        found = talk.look(until)
        told = {name: (f.numerator, f.denominator) for name, f in found.here.figures.items()}
        expected = talk.recount(until=until)
        assert {name: told[name] for name in expected} == expected
        if found.imported is not None:
            told = {name: (f.numerator, f.denominator) for name, f in found.imported.figures.items()}
            expected = talk.recount(until=until, member="imported")
            assert {name: told[name] for name in expected} == expected
        for moment in (until, until + 57 * DAY, until + 90 * DAY - SECOND):
            answered = honesty.honesty(counter.connection, until=moment)
            for span, since in ((answered.lately, moment - 90 * DAY), (answered.ever, None)):
                assert (span.by_customers.denominator, span.by_staff.denominator) == talk.answers(since, moment)
        assert rebuild(keep=False).changed == []
    finally:
        counter.close()


def test_two_batches_at_a_time_leave_the_sums_right(shop: Shop, counter: Counter) -> None:
    """The same names write in several conversations over two connections at a time; a rebuild finds the same sums."""
    talk = Talk(counter)
    for who in range(4):
        talk.say(who, "question")
    threads = [post["id"] for post in talk.posts]
    others = [Counter(shop), Counter(shop)]

    def write(number: int) -> list[str | None]:
        said = [
            wrote(
                talk.names[n % 4], f"{number} {n}", kind="reply", thread=threads[(n + number) % 4], at=NOON + n * SECOND
            )
            for n in range(12)
        ]
        return [others[number].tell(each, received_at=NOON + 20 * SECOND).problem for each in said]

    with ThreadPoolExecutor(2) as pool:
        answers = [answer for some in pool.map(write, range(2)) for answer in some]
    assert answers == [None] * 24
    for each in others:
        each.close()
    assert sum(row["posts"] for row in shop.rows("select posts from health_personweek")) == shop.value(
        "select count(*) from health_counted where not is_self"
    )


def test_what_was_counted_before_the_sums_has_them(shop: Shop, counter: Counter) -> None:
    """The migration's statement makes the same sums as the batches did."""
    talk = Talk(counter)
    for step in (
        ("ask", 0),
        ("reply", 1),
        ("answer", 1),
        ("answer", 0),
        ("reply", 0),
        ("story", 2),
        ("seed", 0),
        ("staff", 1),
    ):
        act(talk, (step[0], step[1], 0, 30.0))
    tables = ("health_day", "health_person", "health_personweek")
    kept = {table: shop.rows(f"select * from {table} order by 1, 2, 3") for table in tables}
    assert all(kept.values())
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        connection.execute(f"truncate {', '.join(tables)}".encode())
        for name, statement in (("0002_add_sums", "SUMS"), ("0003_add_answers", "FILL")):
            migration = importlib.import_module(f"comptoir.square.health.migrations.{name}")
            connection.execute(getattr(migration, statement).encode())
    assert {table: shop.rows(f"select * from {table} order by 1, 2, 3") for table in tables} == kept


def _empty(shop: Shop, tables: list[str]) -> None:
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        connection.execute(f"truncate {', '.join(tables)}".encode())


def test_the_command_line_says_the_same_and_silence_is_seen(shop: Shop, counter: Counter) -> None:
    talk = Talk(counter)
    for who in (0, 1, 2):
        talk.say(who, "question")
        talk.at += dt.timedelta(hours=2)
    talk.say(3, "reply", pick=0)
    talk.say(None, "question", seeded=True)
    until = (talk.at + 2 * DAY).replace(hour=0, minute=0)
    talk.at = until + WEEK
    talk.say(0, "reply", pick=1)
    ran = CliRunner().invoke(main, ["community", "health", "--until", f"{until:%Y-%m-%d}", "--json"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.output)
    here = told["here"]
    assert here["waiting"] == 1, "as of now one conversation still waits"
    assert here["figures"]["first_reply_hours"] == {"value": None, "numerator": 1, "denominator": 3, "interval": None}
    assert here["figures"]["participation"]["value"] == 4
    assert here["figures"]["started_by_customers"]["denominator"] == 3, "what the shop seeded is no conversation begun"
    assert here["figures"]["answered_by_customers"]["value"] == 1
    assert [week["contributors"] for week in here["weeks"]] == [4]
    assert told["imported"] is None
    assert "Said here" in CliRunner().invoke(main, ["community", "health"]).output


def test_imported_posts_count_by_their_own_dates_and_apart(shop: Shop, counter: Counter) -> None:
    talk = Talk(counter)
    talk.bring("question", pick=1, at=NOON - 30 * WEEK)
    talk.say(0, "question")
    found = talk.look(talk.at + DAY)
    assert found.imported is not None
    assert [(week.week, week.member_posts) for week in found.imported.weeks if week.member_posts] == [
        ((NOON - 30 * WEEK).date(), 1)
    ]
    assert found.here.figures["started_by_customers"] == rules.rate(1, 1)
    assert found.imported.figures["started_by_customers"].denominator == 0
    assert [cohort.people for cohort in found.here.cohorts] == [1]


def test_what_comes_back_is_seen_by_weeks(shop: Shop, counter: Counter) -> None:
    talk = Talk(counter)
    for week, whos in enumerate(((0, 1, 2), (0, 1), (0,), ())):
        talk.at = NOON + week * WEEK
        for who in whos:
            talk.say(who, "question")
    found = talk.look(NOON + 3 * WEEK)
    assert [(w.contributors, w.returning) for w in found.here.weeks] == [(3, 0), (2, 2), (1, 1), (0, 0)]
    assert found.here.figures["returning_weekly"] == rules.rate(1, 1)
    cohort = found.here.cohorts[0]
    assert (cohort.people, cohort.again["1"], cohort.again["4"].value) == (3, rules.rate(2, 3), None)


def test_what_was_held_and_flagged_is_measured_by_what_people_decided(shop: Shop, counter: Counter) -> None:
    talk = Talk(counter)
    for who in range(4):
        talk.say(who, "question", held="links")
    for pick, action in ((0, "hide"), (1, "publish"), (2, "hide")):
        talk.decide(pick, action=action)
    talk.say(0, "question")
    last = talk.posts[-1]["id"]
    for who in (1, 2):
        talk.tell(talking.said("post.flagged", {"persona": talk.names[who], "post": last, "reason": "spam"}))
    talk.at += 3 * dt.timedelta(hours=1)
    talk.decide(len(talk.posts) - 1, action="hide")
    found = figures.safety(counter.connection, until=talk.at + DAY)
    assert found.figures["held_upheld"] == rules.rate(2, 3)
    assert found.figures["flags_upheld"] == rules.rate(2, 2)
    assert found.figures["reporters_right"] == rules.rate(2, 2)
    assert (found.reporters, found.held) == (2, 1)
    waits = found.figures["decided_hours"]
    assert (waits.numerator, waits.denominator) == (5, 6), "one still waits, and is counted in"
    talk.decide(0, action="publish")
    assert figures.safety(counter.connection, until=talk.at + DAY).figures["held_upheld"] == rules.rate(1, 3)
    told = json.loads(
        CliRunner().invoke(main, ["community", "health", "--until", f"{talk.at + DAY:%Y-%m-%d}", "--json"]).output
    )
    assert told["safety"]["figures"]["flags_upheld"]["denominator"] == 2
    assert talk.names[1] not in json.dumps(told), "nobody who flags is named"
