"""The data set becomes events: exact to the cent, in the order of time, the same bytes every time."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from comptoir.config.command import main
from comptoir.config.replaying import additions, journey, recordings
from comptoir.foundation.kernel import codec

UNTIL = dt.date(2017, 1, 3)


@pytest.fixture(scope="module")
def baskets() -> list[journey.Basket]:
    return list(journey.baskets(until=UNTIL))


def test_the_first_basket_is_the_first_row_of_the_data_set(baskets: list[journey.Basket]) -> None:
    first = baskets[0]
    assert first.time == dt.datetime(2017, 1, 1, 11, 53, 26, tzinfo=dt.UTC)
    assert first.source == "/stores/330/tills/1"
    assert codec.encode(first.event().data) == (
        b'{"receipt":"31198570044","store":"330","customer":{"kind":"card","value":"2017-0000900"},"currency":"USD",'
        b'"total":50,"lines":[{"product":"1095275","category":"PASTRY","quantity":1,"amount":50}]}'
    )


def test_two_days_are_whole_and_in_order(baskets: list[journey.Basket]) -> None:
    assert len(baskets) == 298 + 406
    assert all(earlier.time <= later.time for earlier, later in itertools.pairwise(baskets))
    assert len({basket.event().id for basket in baskets}) == len(baskets)
    assert all(basket.sale.total == sum(line.amount for line in basket.sale.lines) for basket in baskets)
    assert any(line.quantity == 0 for basket in baskets for line in basket.sale.lines)


def test_days_can_be_cut_out() -> None:
    cut = list(journey.baskets(start=dt.date(2017, 1, 2), until=UNTIL))
    assert len(cut) == 406
    assert {basket.time.date() for basket in cut} == {dt.date(2017, 1, 2)}


@pytest.mark.parametrize(
    ("dollars", "cents"),
    [(0.0, 0), (0.29, 29), (1.15, 115), (2.675 - 0.005, 267), (840.0, 84_000), (4.35, 435), (1.1 + 2.2, 330)],
)
def test_dollars_become_cents_without_noise(dollars: float, cents: int) -> None:
    assert journey.cents(dollars) == cents


def test_an_amount_that_is_not_in_cents_is_refused() -> None:
    with pytest.raises(journey.JourneyError, match="not in whole cents"):
        journey.cents(0.125)


def test_the_whole_year_has_the_known_counts_and_the_known_sum() -> None:
    # Reading to the end also checks the known sum of the year.
    lines = baskets = 0
    for basket in journey.baskets():
        baskets += 1
        lines += len(basket.sale.lines)
    assert (baskets, lines) == (journey.BASKETS, journey.LINES)


def test_the_command_writes_a_recording_that_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one.gz", "two.gz"):
        result = CliRunner().invoke(
            main, ["import", "completejourney", "--until", str(UNTIL), "--out", str(tmp_path / name)]
        )
        assert result.exit_code == 0, result.output
        assert "704 sales with" in result.stderr
        assert result.stdout.strip() == str(tmp_path / name)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
    assert sum(1 for _ in recordings.read(tmp_path / "one.gz")) == 704


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    result = CliRunner().invoke(main, ["import", "completejourney", "--from", "2017-02-01", "--until", "2017-01-01"])
    assert result.exit_code == 2
    assert "--from has to be before --until" in result.output


def test_what_is_added_is_in_order_and_the_same_each_time() -> None:
    until = dt.date(2017, 1, 9)
    events = [list(additions.with_additions(journey.baskets(until=until))) for _ in range(2)]
    assert events[0] == events[1]
    assert all(earlier.time <= later.time for earlier, later in itertools.pairwise(events[0]))
    assert len({(event.source, event.id) for event in events[0]}) == len(events[0])
    real = [event for event in events[0] if not event.id.startswith("added-")]
    assert real == [basket.event() for basket in journey.baskets(until=until)]
    kinds = Counter(event.type for event in events[0] if event.id.startswith("added-"))
    assert set(kinds) == {
        "identifier.linked", "newsletter.subscribed", "points.post", "points.redeem", "points.reserve", "points.void",
        "review.published", "sale.closed", "sale.returned",
    }  # fmt: skip


def test_only_an_open_house_is_sent_what_its_door_refuses() -> None:
    until = dt.date(2017, 1, 9)
    opened = dt.datetime(2017, 1, 4, tzinfo=dt.UTC)
    at_the_door = [
        event
        for event in additions.with_additions(journey.baskets(until=until), open_from=opened)
        if event.id.startswith("added-undeclared-")
    ]
    assert at_the_door
    assert all(event.time >= opened for event in at_the_door)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"id":"1"}\n', "line 1 is not an event"),
        (b"nothing\n", "line 1 is not an event"),
        (b'{"id":"1","source":"/a","type":"t","time":"2017-01-01T00:00:00"}\n', "no time zone"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03K", "breaks off after line 0"),
        (b" " * (recordings.LINE_BYTES_MAX + 2), "longer than"),
    ],
)
def test_what_is_no_recording_is_refused_by_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "recording"
    path.write_bytes(content)
    with pytest.raises(recordings.RecordingError, match=message):
        list(recordings.read(path))


def test_a_recording_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def entries() -> recordings.Entries:
        yield recordings.parse(b'{"id":"1","source":"/a","type":"t","time":"2017-01-01T00:00:00Z"}', line=1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recordings.write(tmp_path / "recording", entries())
    assert list(tmp_path.iterdir()) == []
