"""How Spark reads a lake in object storage, without a Spark: what is left unread, and what a reader has to have."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from typing import Any

import pytest
from pyspark import cloudpickle
from pyspark.sql.datasource import EqualTo, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual, Not
from pyspark.sql.types import BooleanType, DateType, LongType, StringType, StructField, StructType

from comptoir.counter.audiences import lake as lakes
from comptoir.office.segments.lake import spark_settings
from comptoir.office.segments.spark_source import source

LEAP_DAY = dt.date(2024, 2, 29)
ONE = dt.timedelta(days=1)
DAYS = [(dt.date(2024, 2, 20) + dt.timedelta(days=number)).isoformat() for number in range(20)]
LINES = StructType([
    StructField("customer", StringType()), StructField("store", StringType()), StructField("amount", LongType()),
    StructField("day", DateType()), StructField("added_later", BooleanType()),
])  # fmt: skip
DAY = ("day",)
#: Reads a partition in a process in which nothing of the house can be had.
ELSEWHERE = """
import pickle, sys
sys.modules["comptoir"] = None
reader, partition = pickle.load(sys.stdin.buffer)
for batch in reader.read(partition):
    print(batch.schema.names, batch.to_pylist())
"""


def reader_of(files: dict[str, list[str]], where: str = "s3://lakes/one") -> Any:
    named = [(day, name) for day, names in files.items() for name in names]
    return source()({"where": where, "files": json.dumps(named)}).reader(LINES)


def days_read(reader: Any) -> list[str]:
    return [day for partition in reader.partitions() for day, _ in partition.value]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ([], DAYS[0], DAYS[-1]),
        ([GreaterThan(DAY, LEAP_DAY - ONE), LessThanOrEqual(DAY, LEAP_DAY + ONE)], "2024-02-29", "2024-03-01"),
        ([GreaterThanOrEqual(DAY, LEAP_DAY), LessThan(DAY, LEAP_DAY + ONE)], "2024-02-29", "2024-02-29"),
        ([EqualTo(DAY, LEAP_DAY)], "2024-02-29", "2024-02-29"),
        ([EqualTo(("store",), "2024-02-29"), Not(EqualTo(DAY, LEAP_DAY))], DAYS[0], DAYS[-1]),
    ],
)  # fmt: skip
def test_days_that_nobody_asks_for_are_not_read(asked: list[Any], first: str, last: str) -> None:
    reader = reader_of({day: [f"lines/day={day}/a.parquet", f"lines/day={day}/b.parquet"] for day in DAYS})
    left = list(reader.pushFilters(asked))
    assert left == asked, "Spark asks everything again"
    assert days_read(reader) == [day for day in DAYS if first <= day <= last for _ in "ab"]
    assert all(len(partition.value) <= 8 for partition in reader.partitions())


def test_what_is_not_kept_by_day_is_read_whole_and_each_file_by_itself() -> None:
    reader = reader_of({"": ["redemptions/a.parquet", "redemptions/b.parquet"]})
    list(reader.pushFilters([EqualTo(DAY, LEAP_DAY)]))
    assert [partition.value for partition in reader.partitions()] == [
        [("", "redemptions/a.parquet")], [("", "redemptions/b.parquet")],
    ]  # fmt: skip


def test_machines_of_a_cluster_do_not_look_for_the_driver_at_themselves() -> None:
    for here in ("local", "local[2]", "local[*]"):
        assert spark_settings(here)["spark.driver.host"] == "127.0.0.1"
    for elsewhere in ("spark://cluster:7077", "local-cluster[2,1,1024]", "yarn"):
        assert not any(name.startswith("spark.driver") for name in spark_settings(elsewhere))
    assert spark_settings("yarn")["spark.sql.session.timeZone"] == "UTC"


def test_a_partition_is_read_where_nothing_of_the_house_is(bucket: str) -> None:
    lake = lakes.Lake(f"s3://{bucket}/elsewhere")
    rows = [("p", 1, "alice", "367", "COFFEE", "bread", 1, 250, 0, 1), ("q", 1, "bob", None, None, "tea", 1, 99, 0, 1)]
    name = lake.write("lines", "2024-02-29", lakes.table_of("lines", rows))
    reader = reader_of({"2024-02-29": [name]}, lake.where)
    travels = cloudpickle.dumps((reader, reader.partitions()[0]))  # type: ignore[no-untyped-call]
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], check=False, input=travels, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines() == [
        f"{LINES.names} "
        + str([
            {"customer": "alice", "store": "367", "amount": 250, "day": LEAP_DAY, "added_later": None},
            {"customer": "bob", "store": None, "amount": 99, "day": LEAP_DAY, "added_later": None},
        ])
    ]  # fmt: skip
