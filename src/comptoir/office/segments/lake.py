"""The lake as engines see it: views named ``figures``, ``lines`` and ``acts`` over the files that count.

DuckDB is in this process; Spark is wherever its session is, by default on this machine. Both are extras. Not here: how
a lake is written (``counter/audiences/lake.py``), how Spark reads one in object storage (``spark_source.py``), what is
asked of it (``compiling.py``).
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from comptoir.counter.audiences.errors import EngineMissing, LakeEmpty
from comptoir.counter.audiences.lake import Lake, Manifest, schema_of
from comptoir.office.segments import spark_source
from comptoir.office.segments.compiling import COLUMNS

_DAYS: Final = ("lines", "acts")
_PARTS: Final = ("figures", *_DAYS, "coupons", "redemptions")
_SPARK: Final[Mapping[str, str]] = {
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.ansi.enabled": "true",
    # Many days have few lines: their files are listed here, and read together.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
    "spark.sql.files.openCostInBytes": "16384",
    "spark.log.level": "ERROR",
}
#: Where everything runs on this machine, nobody else has to find the driver.
_SPARK_HERE: Final[Mapping[str, str]] = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
#: What DuckDB and Spark call the types of Arrow.
_TYPES: Final = {
    "string": ("VARCHAR", "string"), "int64": ("BIGINT", "bigint"), "date32[day]": ("DATE", "date"),
    "bool": ("BOOLEAN", "boolean"),
}  # fmt: skip


@contextlib.contextmanager
def duckdb_over(lake: Lake, *, threads: int | None = None, memory: str | None = None) -> Iterator[Any]:
    """Have DuckDB with the lake's views while the block runs."""
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError:
        raise EngineMissing('Install the extra "analysis".') from None
    manifest = _manifest(lake)
    with duckdb.connect() as connection:
        if threads is not None:
            connection.execute(f"set threads = {int(threads)}")
        if memory is not None:
            connection.execute("set memory_limit = $memory", {"memory": memory})
        if not lake.is_local:
            connection.register_filesystem(_seen_by_duckdb(lake))
        for part in _PARTS:
            connection.execute(_duckdb_view(part, _files(lake, manifest, part)))
        yield connection


def _seen_by_duckdb(lake: Lake) -> Any:
    """Return the lake's own file system as DuckDB reads it: with the same credentials, and no extension to fetch."""
    from fsspec.implementations.arrow import ArrowFSWrapper  # noqa: PLC0415 - an extra

    class Seen(ArrowFSWrapper):  # type: ignore[misc] # it has no types
        protocol = lake.where.partition("://")[0]

    return Seen(lake.files)


def _duckdb_view(part: str, files: Sequence[str]) -> str:
    if not files:
        columns = ", ".join(f"null::{duck} as {name}" for name, duck, _ in _columns(part))
        return f"create view {part} as select {columns} where false"
    listed = ", ".join("'" + each.replace("'", "''") + "'" for each in files)
    days = ", hive_partitioning = true, hive_types = {'day': DATE}" if part in _DAYS else ", hive_partitioning = false"
    return f"create view {part} as select * from read_parquet([{listed}]{days})"  # noqa: S608 - our own files


@contextlib.contextmanager
def spark_over(lake: Lake) -> Iterator[Any]:
    """Have Spark with the lake's views while the block runs: on this machine, or where ``SPARK_REMOTE`` says."""
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra
    except ImportError:
        raise EngineMissing('Install the extra "spark".') from None
    manifest = _manifest(lake)
    builder = SparkSession.builder.appName("comptoir")
    if "SPARK_REMOTE" not in os.environ:
        master = os.environ.get("SPARK_MASTER", "local[2]")
        if _is_here(master):
            # What runs in Python runs in this one, which has what it needs.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.master(master)
        for name, value in spark_settings(master).items():
            builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise EngineMissing(f"Spark does not start; it needs a Java 17 or newer ({type(error).__name__}).") from error
    if not lake.is_local:
        spark_source.register(session)
    for part in _PARTS:
        _spark_frame(session, lake, manifest, part).createOrReplaceTempView(part)
    yield session


def spark_settings(master: str) -> dict[str, str]:
    """Return how a session is set that this process drives: on a cluster others have to find it."""
    return {**_SPARK, **(_SPARK_HERE if _is_here(master) else {})}


def _is_here(master: str) -> bool:
    return master == "local" or master.startswith("local[")


def _spark_frame(session: Any, lake: Lake, manifest: Manifest, part: str) -> Any:
    """Return a part as Spark reads it: a folder by itself, object storage by the house's own source."""
    columns = _columns(part)
    files = _files(lake, manifest, part)
    if files and not lake.is_local:
        # What no expression asks for is not carried over.
        schema = _spark_schema(each for each in columns if each[0] in COLUMNS[part])
        return spark_source.frame(session, schema, lake.where, manifest.files[part])
    if files:
        reader = session.read.schema(_spark_schema(columns)).option("basePath", lake.address(part))
        return reader.parquet(*files)
    return session.createDataFrame([], _spark_schema(columns))


def _spark_schema(columns: Iterable[tuple[str, str, str]]) -> str:
    return ", ".join(f"{name} {spark}" for name, _, spark in columns)


def _manifest(lake: Lake) -> Manifest:
    manifest = lake.manifest()
    if manifest is None:
        raise LakeEmpty("It fills as events arrive.")
    return manifest


def _files(lake: Lake, manifest: Manifest, part: str) -> list[str]:
    return [lake.address(name) for names in manifest.files.get(part, {}).values() for name in names]


def _columns(part: str) -> list[tuple[str, str, str]]:
    columns = [(field.name, *_TYPES[str(field.type)]) for field in schema_of(part)]
    return [*columns, ("day", "DATE", "date")] if part in _DAYS else columns
