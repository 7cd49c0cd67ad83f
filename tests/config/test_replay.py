"""A recording goes through the gateway: whole, once, in spite of whatever happens on the way."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from comptoir.config import opening, registry
from comptoir.config.command import main
from comptoir.config.replaying import additions, journey, recordings, sending
from comptoir.config.replaying.bookmarks import Bookmark
from comptoir.config.replaying.keyring import Entry as Key
from comptoir.config.replaying.keyring import Keyring, KeyringError, keyring_path
from comptoir.config.replaying.phone import SHOWN, Phone
from comptoir.config.replaying.recordings import Entry, Event
from comptoir.counter.loyalty.codes import Codes
from comptoir.foundation.kernel.problem import TYPE_PREFIX
from support.gateway import Gateway
from support.processes import wait_until
from support.shop import Shop

T0 = dt.datetime(2026, 7, 3, 9, tzinfo=dt.UTC)
KEYRING = Keyring.of_one_key("a key")


def sold(number: int, *, source: str = "/stores/1/tills/1", type_: str = "sale.closed") -> Entry:
    time = T0 + dt.timedelta(seconds=number)
    return Event(id=f"e{number}", source=source, type=type_, time=time, data={"n": number}).encode()


class Counter:
    """A gateway of a few lines: remembers what it was sent, and answers as it is told to."""

    def __init__(self, *answers: int | Exception | dict[str, Any]) -> None:
        self.answers = list(answers)
        self.requests: list[list[str]] = []
        self.keys: list[str] = []
        self.known: set[str] = set()
        self.slept: list[float] = []
        self.seconds = 0.0

    def sender(self, keyring: Keyring = KEYRING, **settings: Any) -> sending.Sender:
        transport = httpx.MockTransport(self.answer)
        return sending.Sender(
            "http://gateway", keyring, transport=transport, sleep=self.sleep, now=lambda: self.seconds, **settings
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def answer(self, request: httpx.Request) -> httpx.Response:
        ids = [event["id"] for event in json.loads(request.content)]
        self.requests.append(ids)
        self.keys.append(request.headers["authorization"])
        refused: dict[str, Any] = {}
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, int):
                return httpx.Response(answer, headers={"retry-after": "7"} if answer == 503 else {}, json={})
            if "outcomes" in answer:
                return httpx.Response(200, json=answer)
            refused = answer
        outcomes = []
        for event in ids:
            outcome = {"id": event, "status": "accepted", "points": 2}
            if event in refused:
                outcome = {"id": event, "status": "refused", "problem": {"type": TYPE_PREFIX + refused[event][0],
                           "title": "No", "status": refused[event][1], "field": "data.total"}}  # fmt: skip
            outcomes.append(outcome)
        repeated = [index for index, event in enumerate(ids) if event in self.known]
        self.known |= {event for event in ids if event not in refused}
        return httpx.Response(200, json={"outcomes": outcomes, "repeated": repeated})


def run(sender: sending.Sender, entries: list[Entry], **settings: Any) -> dict[str, Any]:
    return asyncio.run(sender.send(iter(entries), **settings)).as_members()


def test_every_event_is_counted_once_as_what_it_became() -> None:
    counter = Counter({"e1": ("total_mismatch", 422)})
    counter.known = {"e0"}
    sender = counter.sender(batch=10)
    result = run(sender, [sold(n) for n in range(3)])
    assert (result["events"], result["accepted"], result["duplicates"], result["refused"]) == (3, 1, 1, 1)
    assert result["refused_by_reason"] == {"total_mismatch": 1}
    assert result["points"] == 2
    assert sender.tally.examples["total_mismatch"][0].field == "data.total"


def test_batches_are_no_larger_than_asked_for_and_each_touchpoint_uses_its_key() -> None:
    counter = Counter()
    keyring = Keyring([Key("till", "/stores/*/tills/*", "T"), Key("app", "/app/*", "A")])
    entries = [sold(n, source="/app/1" if n % 5 == 0 else "/stores/7/tills/2") for n in range(10)]
    run(counter.sender(keyring, batch=3), entries)
    assert sorted(map(len, counter.requests)) == [2, 2, 3, 3]
    used = {event: key for ids, key in zip(counter.requests, counter.keys, strict=True) for event in ids}
    assert {event for event, key in used.items() if key == "Bearer A"} == {"e0", "e5"}
    assert len(used) == 10


def test_a_source_without_a_key_stops_before_anything_of_its_window_is_sent() -> None:
    counter = Counter()
    keyring = Keyring([Key("till", "/stores/*/tills/*", "T")])
    with pytest.raises(sending.SendingError, match="no key for the source /stores/1/2/tills/1"):
        run(counter.sender(keyring), [sold(1), sold(2, source="/stores/1/2/tills/1")])
    assert counter.requests == []


def test_decisions_wait_for_the_facts_before_them() -> None:
    counter = Counter()
    entries = [sold(0), sold(1, type_="points.redeem"), sold(2), sold(3, type_="points.reserve"), sold(4)]
    run(counter.sender(batch=2, in_flight=4), entries)
    assert sorted(counter.requests[:2]) == [["e0", "e2"], ["e4"]]
    assert counter.requests[2:] == [["e1", "e3"]]


@pytest.mark.parametrize("trouble", [503, 502, 429, httpx.ConnectError("no"), httpx.ReadTimeout("slow")])
def test_a_gateway_in_trouble_is_asked_again_until_it_answers(trouble: int | Exception) -> None:
    counter = Counter(trouble, trouble, trouble)
    result = run(counter.sender(), [sold(1)])
    assert (result["accepted"], result["retries"]) == (1, 3)
    assert counter.requests == [["e1"]] * 4
    if trouble == 503:
        assert all(7 < seconds < 7.5 for seconds in counter.slept)
    else:
        assert 0 < counter.slept[0] <= 0.2
        assert counter.slept[2] <= 0.8


def test_a_gateway_that_never_answers_is_given_up_aloud() -> None:
    counter = Counter(*[httpx.ConnectError("no")] * 100)
    with pytest.raises(sending.SendingError, match=r"no answer from http://gateway \(ConnectError\), for \d+ seconds"):
        run(counter.sender(give_up_seconds=60), [sold(1)])
    assert 60 < counter.seconds < 60 + 15


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_sender_that_is_not_let_in_stops_at_once(status: int) -> None:
    counter = Counter(status)
    with pytest.raises(sending.SendingError, match="refuses the sender of /stores/1/tills/1"):
        run(counter.sender(), [sold(1)])
    assert counter.slept == []


def test_an_event_that_spoils_its_batch_is_found_and_the_others_get_through() -> None:
    counter = Counter()
    answer = counter.answer

    def choosy(request: httpx.Request) -> httpx.Response:
        if b'"e5"' in request.content:
            counter.requests.append([event["id"] for event in json.loads(request.content)])
            return httpx.Response(
                413, json={"type": TYPE_PREFIX + "body_too_large", "title": "Too large", "status": 413}
            )
        return answer(request)

    counter.answer = choosy  # type: ignore[method-assign]
    sender = counter.sender()
    result = run(sender, [sold(n) for n in range(8)])
    assert (result["events"], result["accepted"], result["refused_by_reason"]) == (8, 7, {"body_too_large": 1})
    assert sender.tally.examples["body_too_large"][0].id == "e5"


def test_an_event_that_is_put_off_is_sent_again_and_at_last_refused_by_name() -> None:
    put_off = {"e1": ("unexpected", 500)}
    counter = Counter(put_off, put_off)
    assert run(counter.sender(), [sold(1), sold(2)])["accepted"] == 2
    assert counter.requests == [["e1", "e2"], ["e1"], ["e1"]]
    result = run(Counter(*[put_off] * 50).sender(), [sold(1), sold(2)])
    assert (result["accepted"], result["refused_by_reason"], result["retries"]) == (1, {"unexpected": 1}, 5)


@pytest.mark.parametrize(
    "answer",
    [{"outcomes": []}, {"outcomes": [{"id": "other", "status": "accepted"}]}, {"outcomes": 7}],
)
def test_an_answer_that_does_not_fit_stops_the_sender(answer: dict[str, Any]) -> None:
    with pytest.raises(sending.SendingError):
        run(Counter(answer).sender(), [sold(1)])


def test_a_pace_keeps_the_distances_of_the_events() -> None:
    counter = Counter()
    pace = sending.Pace(60, now=lambda: counter.seconds)
    sent_at: dict[str, float] = {}

    def note(window: Any) -> None:
        sent_at.update({entry.id: counter.seconds for entry in window})

    run(counter.sender(), [sold(0), sold(60), sold(61), sold(600)], pace=pace, acknowledged=note)
    assert sent_at["e0"] == 0
    assert 1 <= sent_at["e60"] <= sent_at["e61"] <= 1.5
    assert 10 <= sent_at["e600"] < 10.5


def test_what_is_known_already_goes_by_without_a_pace() -> None:
    counter = Counter()
    counter.known = {f"e{n}" for n in range(0, 6000, 60)}
    pace = sending.Pace(60, catch_up=True, now=lambda: counter.seconds)
    run(counter.sender(batch=50), [sold(n) for n in range(0, 9000, 60)], pace=pace)
    known, new = counter.requests[:4], counter.requests[4:]
    # Windows of 20, 40 and 80 events, the last one in two batches; in it, the first new ones are met.
    assert [len(ids) for ids in known] == [20, 40, 50, 30]
    assert [len(ids) for ids in new] == [1] * 10
    assert 9 <= counter.seconds <= 10


class TestBookmark:
    """A bookmark saves time, and nothing depends on it."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COMPTOIR_DATA", str(tmp_path))

    def resume(self, counter: Counter, count: int = 10) -> dict[str, Any]:
        sender = counter.sender(batch=2, in_flight=1)
        entries: Callable[[], Iterator[Entry]] = lambda: iter([sold(n) for n in range(count)])  # noqa: E731
        return asyncio.run(sender.resume(entries, Bookmark("b"))).as_members()

    def test_what_was_answered_is_passed_over_after_a_check(self) -> None:
        counter = Counter()
        assert self.resume(counter)["accepted"] == 10
        counter.requests.clear()
        result = self.resume(counter, 13)
        assert (result["skipped"], result["accepted"], result["duplicates"]) == (10, 3, 0)
        assert counter.requests == [["e8", "e9"], ["e10", "e11"], ["e12"]]

    def test_a_bookmark_of_another_database_is_not_followed(self) -> None:
        self.resume(Counter())
        other = Counter()
        result = self.resume(other)
        assert result["skipped"] == 0
        assert result["events"] == 10
        assert other.known == {f"e{n}" for n in range(10)}

    def test_a_bookmark_of_another_recording_is_not_followed(self) -> None:
        counter = Counter()
        self.resume(counter)
        assert self.resume(counter, 7)["duplicates"] == 7

    def test_a_damaged_bookmark_counts_as_none(self) -> None:
        counter = Counter()
        self.resume(counter)
        (recordings.folder() / "b.bookmark").write_bytes(b"{")
        assert self.resume(counter)["duplicates"] == 10


def test_a_keyring_is_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPTOIR_DATA", str(tmp_path))
    assert Keyring.load() is None
    Keyring([Key("till", "/stores/*", "secret")]).save()
    assert keyring_path().stat().st_mode & 0o777 == 0o600
    loaded = Keyring.load()
    assert loaded is not None
    assert loaded.key_for("/stores/1") == "secret"
    assert loaded.key_for("/stores/1/tills/1") is None
    keyring_path().chmod(0o640)
    with pytest.raises(KeyringError, match="can be read by others"):
        Keyring.load()
    result = CliRunner().invoke(main, ["replay", __file__])
    assert result.exit_code == 1
    assert "can be read by others" in result.output


# -- through a real gateway ---------------------------------------------------------------------------------------


@pytest.fixture
def keyring(gateway: Gateway) -> Keyring:
    """Keys for the demo's channels."""
    channels = [each for each in registry.shop_map().touchpoints if each.name in opening.CHANNELS]
    return Keyring([Key(each.name, source, gateway.keys[each.name]) for each in channels for source in each.sources])


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first day's sales, with all that is added to them."""
    path = tmp_path_factory.mktemp("recording") / "day.jsonl.gz"
    events = additions.with_additions(journey.baskets(until=dt.date(2017, 1, 3)))
    recordings.write(path, (event.encode() for event in events))
    return path


TABLES = ("events_event", "events_identity", "sales_sale", "sales_return", "loyalty_transfer", "loyalty_account")


def test_a_second_replay_adds_nothing(shop: Shop, gateway: Gateway, keyring: Keyring, day: Path) -> None:
    entries = list(recordings.read(day))
    first = run(sending.Sender(gateway.url, keyring, phone=Phone.of_shop()), entries)
    assert first["events"] == first["accepted"] + first["refused"] == len(entries)
    assert set(first["refused_by_reason"]) <= {"currency_not_accepted", "insufficient_points", "proof_missing"}
    assert shop.value("SELECT count(*) FROM sales_sale") == 704
    figures = opening.figures()
    assert figures.ledger_ok
    assert figures.points_earned > 5_000
    with shop.unchanged(*TABLES):
        second = run(sending.Sender(gateway.url, keyring, phone=Phone.of_shop(), batch=77), entries)
    assert second["duplicates"] == len(entries)
    assert (second["accepted"], second["refused"]) == (0, 0)
    assert opening.figures() == figures


def test_a_replay_that_is_killed_goes_on_and_loses_nothing(
    shop: Shop, gateway: Gateway, keyring: Keyring, day: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.jsonl.gz"
    count = recordings.write(plain, (basket.event().encode() for basket in journey.baskets(until=dt.date(2017, 1, 2))))
    key = gateway.keys["till"]
    environment = {**os.environ, "COMPTOIR_KEY": key}
    command = [sys.executable, "-c", "from comptoir.config.command import main; main()", "replay", str(plain)]
    process = subprocess.Popen(
        [*command, "--gateway", gateway.url, "--batch", "1", "--in-flight", "1", "--speed", "3600"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: shop.value("SELECT count(*) FROM sales_sale") >= 5, what="the first sales")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = shop.value("SELECT count(*) FROM sales_sale")
    assert 5 <= before < count
    result = run(sending.Sender(gateway.url, keyring), list(recordings.read(plain)))
    # One request may still have been on its way when its sender was killed.
    assert result["duplicates"] in {before, before + 1}
    assert result["accepted"] == count - result["duplicates"]
    assert shop.value("SELECT count(*) FROM sales_sale") == count
    assert opening.figures().ledger_ok


def test_the_command_reports_what_was_refused(shop: Shop, gateway: Gateway, keyring: Keyring, tmp_path: Path) -> None:
    key = gateway.keys["till"]
    baskets = [basket.event() for basket in journey.baskets(until=dt.date(2017, 1, 2))][:5]
    wrong = json.loads(baskets[0].encode().raw)
    wrong |= {"id": "wrong"}
    wrong["data"] |= {"shoe_size": 38, "receipt": "other"}
    entries = [event.encode() for event in baskets]
    entries.insert(2, recordings.parse(json.dumps(wrong).encode(), line=1))
    recordings.write(tmp_path / "some.gz", entries)
    arguments = ["replay", str(tmp_path / "some.gz"), "--gateway", gateway.url, "--json"]
    arguments += ["--report", str(tmp_path / "refused.csv")]
    result = CliRunner().invoke(main, arguments, env={"COMPTOIR_KEY": key})
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["events"], told["accepted"], told["refused_by_reason"]) == (6, 5, {"undeclared_field": 1})
    assert told["finished"]
    with (tmp_path / "refused.csv").open(newline="") as file:
        refused = list(csv.DictReader(file))
    assert [(row["id"], row["reason"], row["field"]) for row in refused] == [
        ("wrong", "undeclared_field", "data.shoe_size")
    ]


def test_a_wrong_key_stops_the_command(shop: Shop, gateway: Gateway, day: Path) -> None:
    arguments = ["replay", str(day), "--gateway", gateway.url, "--json"]
    with shop.unchanged(*TABLES):
        result = CliRunner().invoke(main, arguments, env={"COMPTOIR_KEY": "comptoir_till_wrong"})
    assert result.exit_code == 1
    assert "refuses the sender" in result.stderr
    assert json.loads(result.stdout)["finished"] is False


def test_rows_that_the_gateway_refuses_stand_in_the_report_of_an_import(
    shop: Shop, gateway: Gateway, tmp_path: Path
) -> None:
    key = gateway.keys["till"]
    (tmp_path / "export.csv").write_text(
        "Receipt,Shop,Time,Article,Count,Worth,Money\n"
        "1,5,2026-07-03 10:00,A,1,2.00,USD\n"
        "2,5,2026-07-03 10:01,A,1,2.00,EUR\n"
        "2,5,2026-07-03 10:01,B,1,x,EUR\n"
        "2,5,2026-07-03 10:01,C,1,1.00,EUR\n"
    )
    (tmp_path / "mapping.toml").write_text(
        '[sale]\nsource = "/stores/{store}/tills/1"\nreceipt = "Receipt"\nstore = "Shop"\ncurrency_column = "Money"\n'
        '[time]\ncolumns = ["Time"]\n[line]\nproduct = "Article"\nquantity = "Count"\namount = "Worth"\n'
    )
    arguments = ["import", "csv", str(tmp_path / "export.csv"), "--mapping", str(tmp_path / "mapping.toml"), "--send"]
    arguments += ["--out", str(tmp_path / "out.gz"), "--report", str(tmp_path / "report.csv"), "--json"]
    result = CliRunner().invoke(main, [*arguments, "--gateway", gateway.url], env={"COMPTOIR_KEY": key})
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["rows"], told["rows_in_events"], told["rows_refused"]) == (4, 3, 1)
    assert (told["events"], told["accepted"], told["refused"]) == (2, 1, 1)
    with (tmp_path / "report.csv").open(newline="") as file:
        report = [(row["line"], row["refused_by"], row["reason"]) for row in csv.DictReader(file)]
    assert report == [
        ("3", "gateway", "currency_not_accepted"),
        ("4", "import", "not_a_number"),
        ("5", "gateway", "currency_not_accepted"),
    ]
    assert shop.value("SELECT count(*) FROM sales_sale") == 1


def test_a_recording_holds_no_code_and_each_attempt_shows_another_one() -> None:
    """The first answer does not come; the same request is sent again, and the code that was on its way is left."""
    phone = Phone(Codes(bytes(32)), identifier_key=bytes(32))
    spent = Event(
        id="r", source="/stores/1/tills/1", type="points.redeem", time=dt.datetime(2017, 1, 1, tzinfo=dt.UTC),
        data={"customer": {"kind": "card", "value": "1"}, "points": 50, "proof": SHOWN},
    ).encode()  # fmt: skip
    assert b'"proof":{"kind":"code"}' in spent.raw
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        if len(bodies) == 1:
            return httpx.Response(503)
        return httpx.Response(200, json={"outcomes": [{"id": "r", "status": "accepted"}], "repeated": []})

    async def at_once(_: float) -> None:
        return None

    sender = sending.Sender(
        "http://gateway", KEYRING, phone=phone, transport=httpx.MockTransport(answer), sleep=at_once
    )  # fmt: skip
    assert run(sender, [spent])["accepted"] == 1
    codes = [json.loads(body)[0]["data"]["proof"]["value"] for body in bodies]
    assert len(set(codes)) == 2
    digests = {Codes(bytes(32)).read(code).digest for code in codes}
    assert len(digests) == 2
