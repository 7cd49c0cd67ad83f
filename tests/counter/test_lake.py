"""The lake says what the tables say, each event once, through crashes, returns and forgetting."""

from __future__ import annotations

import json
import os
import random
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comptoir.config.command import main
from comptoir.counter.audiences import lake as lakes
from comptoir.counter.audiences.errors import LakeEmpty, LakePlaceTaken
from comptoir.counter.audiences.lake import Lake
from comptoir.counter.loyalty.store import insert_programme
from comptoir.counter.orders.codes import number_of
from comptoir.office.segments.lake import duckdb_over
from support.casting import (
    ALICE,
    BOB,
    HEARD,
    NOON,
    PLAIN,
    TILL,
    VAULT,
    Counter,
    goods_back,
    identify,
    line,
    ordered,
    sale,
    subscribed,
)
from support.forgotten import forget, forget_sale
from support.processes import wait_until
from support.shop import Shop, environment

TABLES = {"lines": "audiences_line", "acts": "audiences_act", "figures": "audiences_figures"}


class Shore(Counter):
    """A counter beside a lake."""

    def __init__(self, shop: Shop, lake: Lake) -> None:
        super().__init__(shop)
        self.lake = lake
        insert_programme(self.connection, PLAIN, None)

    def write(self) -> int:
        # Other tests' transactions are open on the same server, and what is recorded beside them waits.
        return lakes.write_all(self.lake, now=HEARD, seconds_max=20)

    def settle(self) -> None:
        """Wait until nothing that was recorded waits behind another test's open transaction."""
        oldest = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
        waits = f"select exists (select from events_outbox where transaction >= {oldest})"
        wait_until(lambda: not self.shop.value(waits), what="older transactions")

    def rows(self, query: str) -> list[Any]:
        with duckdb_over(self.lake) as connection:
            return list(connection.execute(query).fetchall())

    def assert_it_says_what_the_tables_say(self) -> None:
        for part, table in TABLES.items():
            columns = [each["column_name"] for each in self.shop.rows(
                "select column_name from information_schema.columns where table_name = %s order by 1", table
            )]  # fmt: skip
            listed = ", ".join(columns)
            kept = [[str(each) for each in row.values()] for row in self.shop.rows(f"select {listed} from {table}")]
            told = [[str(each) for each in row] for row in self.rows(f"select {listed} from {part}")]
            assert sorted(told) == sorted(kept), part
        positions = [row["position"] for row in self.shop.rows(
            "select position::text from events_event where status = 'accepted'"
        )]  # fmt: skip
        assert sorted(self.positions()) == sorted(positions), "each event once"

    def positions(self) -> list[str]:
        manifest = self.lake.manifest()
        assert manifest is not None
        names = [name for names in manifest.files["events"].values() for name in names]
        return list(self.lake.read(names, ["position"])["position"].to_pylist())

    def listed(self) -> list[str]:
        """Return the names of all files that lie at the lake's place, whosever they are."""
        from pyarrow import fs

        found = self.lake.files.get_file_info(fs.FileSelector(self.lake.root, allow_not_found=True, recursive=True))
        return sorted(each.path[len(self.lake.root) + 1 :] for each in found if each.type == fs.FileType.File)

    def everything(self) -> bytes:
        """Return the contents of all files, read and as they lie there."""
        import pyarrow.parquet as pq

        found = b""
        for name in self.listed():
            with self.lake.files.open_input_file(self.lake.path(name)) as file:
                found += file.read()
                if name.endswith(".parquet"):
                    found += str(pq.ParquetFile(file).read().to_pylist()).encode()
        return found

    def put(self, name: str, said: str) -> None:
        """Put somebody else's file beside the lake's."""
        path = self.lake.path(name)
        self.lake.files.create_dir(path.rpartition("/")[0], recursive=True)
        with self.lake.files.open_output_stream(path) as file:
            file.write(said.encode())


@pytest.fixture(params=["path", "address", "object storage"])
def shore(shop: Shop, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shore]:
    match request.param:
        case "path":
            where = str(tmp_path / "lake")
        case "address":
            where = (tmp_path / "lake").as_uri()
        case _:
            where = f"s3://{request.getfixturevalue('bucket')}/{uuid.uuid4()}"
    made = Shore(shop, Lake(where))
    yield made
    made.close()


def test_it_is_written_once_and_goes_on_where_it_was(shore: Shore) -> None:
    with pytest.raises(LakeEmpty):
        shore.rows("select 1")
    shore.send(sale("1", 100), sale("2", 250, of=BOB), subscribed())
    assert shore.write() == 3
    shore.assert_it_says_what_the_tables_say()
    assert shore.write() == 0
    shore.send(sale("3", 70), goods_back("4", sale="2", lines=[(1, 1, 100)]))
    assert shore.write() == 2
    shore.assert_it_says_what_the_tables_say()
    assert shore.rows("select day::text, sum(amount) from lines group by all") == [("2024-03-04", 320)]
    assert shore.rows("select count(*) from acts where type = 'newsletter.subscribed'") == [(1,)]


def test_a_crash_before_or_after_the_manifest_repeats_nothing(shore: Shore, monkeypatch: pytest.MonkeyPatch) -> None:
    shore.tell(sale("1", 100))
    shore.write()
    commit = Lake.commit
    for step in ("before", "after"):
        shore.send(sale(f"{step} a", 10), sale(f"{step} b", 20, of=BOB))
        shore.settle()

        def broken(self: Lake, manifest: lakes.Manifest, step: str = step) -> None:
            if step == "after":
                commit(self, manifest)
            raise RuntimeError(step)

        with monkeypatch.context() as patch:
            patch.setattr(Lake, "commit", broken)
            with pytest.raises(RuntimeError):
                shore.write()
        assert len(shore.positions()) == len(set(shore.positions())) == {"before": 1, "after": 5}[step]
        assert shore.write() == {"before": 2, "after": 0}[step]
        shore.assert_it_says_what_the_tables_say()


def test_what_was_open_when_it_began_comes_once(shore: Shore) -> None:
    shore.tell(sale("1", 100))
    with shore.shop.connect() as other, other.transaction():
        other.execute("select pg_current_xact_id()")
        # A transaction is open: what is recorded beside it stands behind the place at which the lake begins.
        shore.tell(sale("2", 100))
        assert lakes.write(shore.lake, now=HEARD) == 2
    shore.tell(sale("3", 100))
    assert shore.write() == 1
    shore.assert_it_says_what_the_tables_say()


def test_many_small_files_become_one(shore: Shore) -> None:
    for number in range(lakes.FILES_A_DAY_MAX + 3):
        shore.tell(sale(f"{number}", 100))
        shore.write()
    manifest = shore.lake.manifest()
    assert manifest is not None
    assert all(len(names) <= lakes.FILES_A_DAY_MAX for days in manifest.files.values() for names in days.values())
    shore.assert_it_says_what_the_tables_say()


def test_who_reads_while_it_is_written_anew_reads_to_the_end(shore: Shore) -> None:
    shore.tell(sale("1", 100))
    shore.write()
    manifest = shore.lake.manifest()
    assert manifest is not None
    with duckdb_over(shore.lake) as connection:
        shore.send(goods_back("2", sale="1", lines=[(1, 1, 100)]))
        shore.write()
        assert connection.execute("select sum(amount) from lines").fetchall() == [(100,)]
    # What nobody can be reading any more is dropped, though nothing else has happened.
    replaced = manifest.files["lines"]["2024-03-04"]
    assert replaced[0] in shore.listed()
    lakes.write(shore.lake, now=HEARD + lakes.LEFT_FOR)
    assert replaced[0] not in shore.listed()
    shore.assert_it_says_what_the_tables_say()


def test_nothing_but_a_lakes_own_files_is_ever_dropped(shore: Shore) -> None:
    shore.tell(sale("1", 100))
    shore.put("photos/cat.parquet", "a cat")
    with pytest.raises(LakePlaceTaken):
        shore.write()
    assert shore.listed() == ["photos/cat.parquet"]
    shore.lake.files.delete_file(shore.lake.path("photos/cat.parquet"))
    shore.write()
    shore.put("notes.txt", "somebody's")
    shore.put("lines/mine.parquet", "somebody's")
    shore.tell(sale("2", 100))
    shore.write()
    assert {"notes.txt", "lines/mine.parquet"} < set(shore.listed())
    shore.assert_it_says_what_the_tables_say()


def test_who_is_forgotten_is_in_no_file(shore: Shore) -> None:
    shore.send(sale("1", lines=[line(100, product="only hers")]), subscribed(), sale("2", 100, of=BOB))
    shore.write()
    assert identify(ALICE).encode() in shore.everything()
    assert shore.tell(forget(ALICE)).is_accepted
    shore.write()
    assert identify(ALICE).encode() not in shore.everything()
    assert identify(BOB).encode() in shore.everything()
    shore.assert_it_says_what_the_tables_say()
    assert shore.rows("select count(*) from lines") == [(1,)]


def test_a_sale_that_is_nobodys_is_nobodys_there_too(shore: Shore) -> None:
    order = str(uuid.uuid4())
    shore.send(sale("1", 100), sale("2", 250), *ordered(order), subscribed())
    shore.write()
    assert sorted(shore.rows("select type from acts")) == [
        ("newsletter.subscribed",),
        ("order.paid",),
        ("order.placed",),
    ]
    for receipt, source in (("1", TILL), (number_of(order), VAULT)):
        assert shore.tell(forget_sale(receipt, of=ALICE, source=source)).is_accepted
    shore.write()
    shore.assert_it_says_what_the_tables_say()
    assert shore.rows("select amount from lines") == [(250,)]
    assert shore.rows("select type from acts") == [("newsletter.subscribed",)]


#: Spark needs a Java, which is there where it counts.
ENGINES = ("postgres", "duckdb", *(("spark",) if shutil.which("java") or "CI" in os.environ else ()))


def test_the_verb_counts_the_same_on_every_engine(shore: Shore) -> None:
    chance = random.Random(3)
    for number in range(20):
        of = {"kind": "card", "value": f"{number % 7}"}
        lines = [line(chance.randrange(1, 900), category=chance.choice(("COFFEE", "TEA")))]
        shore.tell(sale(f"{number}", of=of, lines=lines, at=NOON))
    counts = {}
    with environment(COMPTOIR_LAKE=shore.lake.where):
        for engine in ENGINES:
            asked = ["segments", "count", "bought('COFFEE') AND spend() > 5", "--on", engine, "--json"]
            done = CliRunner().invoke(main, asked)
            assert done.exit_code == 0, done.output
            counts[engine] = json.loads(done.output)["count"]
        rough = [
            CliRunner().invoke(main, ["segments", "count", "spend() > 0 OR asked() = 37", *how]).output
            for how in ([], ["--json"], ["--on", "duckdb", "--json"])
        ]
        done = CliRunner().invoke(main, ["segments", "count", "bougt('COFFEE')"])
    # Who asked something on the square everybody sees under their name: nobody counts them one by one.
    assert rough[0].startswith("fewer than 20 (postgres, ")
    for said in rough[1:]:
        assert {key: json.loads(said)[key] for key in ("count", "is_rough")} == {"count": 0, "is_rough": True}
    assert 0 < counts["postgres"] < 7
    assert set(counts.values()) == {counts["postgres"]}, counts
    assert done.exit_code == 2
    assert "bought is meant" in done.output or "Is bought meant?" in done.output
    assert "\n^" in done.output
