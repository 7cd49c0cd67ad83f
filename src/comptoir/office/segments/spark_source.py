"""How Spark reads a lake in object storage: each partition some of its files, by Arrow, where the partition runs.

Spark's own way needs a connector for Java that Python's packages do not bring; Arrow's needs nothing else, and reads by
the same credentials as the rest of the house (docs/adr/0032). Not here: a lake in a folder, which Spark reads itself.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_NAME: Final = "comptoir_lake"
#: A day has few lines, so the files of some days are read one after the other.
_FILES_A_PARTITION: Final = 8


def register(session: Any) -> None:
    """Have a session of Spark know the source, and leave days that nobody asks for unread."""
    session.dataSource.register(source())
    session.conf.set("spark.sql.python.filterPushdown.enabled", "true")


def frame(session: Any, schema: str, where: str, files: Mapping[str, Sequence[str]]) -> Any:
    """Return what stands in the files of one part of the lake at an address, by their days."""
    named = json.dumps([(day, name) for day, names in sorted(files.items()) for name in names])
    return session.read.format(_NAME).schema(schema).options(where=where, files=named).load()


@functools.cache
def source() -> Any:
    """Return the source, a class.

    It is made in here, so that it travels as a whole: whoever reads a partition needs Arrow, and nothing of this house.
    """
    from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition  # noqa: PLC0415 - an extra

    some = _FILES_A_PARTITION
    called = _NAME

    class LakeReader(DataSourceReader):
        def __init__(self, schema: Any, options: Any) -> None:
            self.columns = [(field.name, field.dataType.simpleString()) for field in schema.fields]
            self.where: str = options["where"]
            self.files: list[tuple[str, str]] = [(day, name) for day, name in json.loads(options["files"])]

        def pushFilters(self, filters: list[Any]) -> Iterator[Any]:  # noqa: N802 - so Spark calls it
            """Leave out the files of other days; Spark asks everything again of what is left."""
            for each in filters:
                wanted = self._days_of(each)
                self.files = [(day, name) for day, name in self.files if not day or wanted(day)]
                yield each

        def _days_of(self, asked: Any) -> Any:
            """Return which days can be meant; what is not understood means all."""
            at = str(getattr(asked, "value", ""))
            if getattr(asked, "attribute", None) != ("day",):
                return lambda _: True
            return {
                "EqualTo": lambda day: day == at,
                "GreaterThan": lambda day: day > at,
                "GreaterThanOrEqual": lambda day: day >= at,
                "LessThan": lambda day: day < at,
                "LessThanOrEqual": lambda day: day <= at,
            }.get(type(asked).__name__, lambda _: True)

        def partitions(self) -> list[Any]:
            """Return neighbouring days' files together, and each of what has no day by itself."""
            step = some if all(day for day, _ in self.files) else 1
            return [InputPartition(self.files[at : at + step]) for at in range(0, len(self.files), step)]

        def read(self, partition: Any) -> Iterator[Any]:
            """Return what stands in a partition's files, as Arrow has it."""
            import datetime as dt  # noqa: PLC0415 - where it is read

            import pyarrow as pa  # noqa: PLC0415 - where it is read
            import pyarrow.parquet as pq  # noqa: PLC0415 - where it is read
            from pyarrow import fs  # noqa: PLC0415 - where it is read

            types = {"string": pa.string(), "bigint": pa.int64(), "date": pa.date32(), "boolean": pa.bool_()}
            schema = pa.schema([(name, types[kind]) for name, kind in self.columns])
            files, root = fs.FileSystem.from_uri(self.where)
            for day, name in partition.value or ():
                with files.open_input_file(f"{root}/{name}") as opened:
                    file = pq.ParquetFile(opened, pre_buffer=True)
                    there = [each for each in schema.names if each in file.schema_arrow.names]
                    for batch in file.iter_batches(columns=there):
                        yield pa.RecordBatch.from_arrays(
                            [
                                batch.column(field.name).cast(field.type)
                                if field.name in there
                                else pa.repeat(pa.scalar(dt.date.fromisoformat(day), field.type), len(batch))
                                if field.name == "day"
                                else pa.nulls(len(batch), field.type)
                                for field in schema
                            ],
                            schema=schema,
                        )

    class LakeSource(DataSource):
        @classmethod
        def name(cls) -> str:
            """Return what it is called in a session."""
            return called

        def reader(self, schema: Any) -> Any:
            """Return what reads the columns that are asked for."""
            return LakeReader(schema, self.options)

    return LakeSource
