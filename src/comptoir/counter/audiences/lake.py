"""The lake: what happened, as Parquet by the shop's day, for engines that read a year of everybody at once.

Six parts: ``events`` as the log tells them, ``lines``, ``acts`` and ``figures`` as the tables beside this say,
``coupons`` and ``redemptions`` as those of offers do. The
file ``manifest.json`` names the files that count, and the place in the outbox up to which they tell: it is put in place
in one step, so what was written twice, or half, counts once or not at all. Nobody but opaque customers is in it; of
what was said in words nothing is; and whoever is forgotten is taken out with the next writing. Needs the extra
``analysis``. Not here: who reads it (``office/segments``).
"""

from __future__ import annotations

import collections
import datetime as dt
import os
import posixpath
import re
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from comptoir.counter.audiences import following, rebuilding, store
from comptoir.counter.audiences.errors import EngineMissing, LakePlaceTaken
from comptoir.counter.audiences.rules import is_act
from comptoir.foundation.events import store as events
from comptoir.foundation.events.following import positions_of
from comptoir.foundation.events.rules import is_severed
from comptoir.foundation.events.store import OutboxPlace
from comptoir.foundation.kernel import database, shop
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.rooms.declaration import COUNTER

_SQL = load_statements(__package__)
#: What the lake is called among those who read the outbox.
FOLLOWER: Final = "house.lake"
MANIFEST: Final = "manifest.json"
#: From so many files on, those of one day are written as one.
FILES_A_DAY_MAX: Final = 8
#: So long a file that counts no more is left to whoever is reading it.
LEFT_FOR: Final = dt.timedelta(hours=1)
_ROWS_MAX: Final = 2_000
_READ_ROWS: Final = 100_000
_LOOK_SECONDS: Final = 0.05
_NOBODY_TYPES: Final = frozenset({"customer.forgotten", "identifier.forget", "sale.forget"})
#: Of these types the lake knows that there was something, and not what: words, names, choices.
_SILENT: Final = (
    "^(post|member|vote|answer|idea|topic|follow|news|decision|notice|filter|charter|programme|experiment|invitation|persona"
    "|terms|consent|objection|letters|notifications|closeness|identifier|link|customer|spending)[.]"
)
#: What files a lake is made of, below its place.
_OWN: Final = re.compile(
    r"manifest\.json(?:\.[0-9a-f]{32})?|(?:events|lines|acts)/day=\d{4}-\d\d-\d\d/[0-9a-f]{32}\.parquet"
    r"|(?:figures|coupons|redemptions)/[0-9a-f]{32}\.parquet"
)
_PARTS: Final[Mapping[str, str]] = {"events": "lake_events", "lines": "lake_lines", "acts": "lake_acts"}
#: What is not kept by day is written as a whole: figures each time, the others when something was heard of coupons.
_WHOLE: Final[Mapping[str, str]] = {"coupons": "lake_coupons", "redemptions": "lake_redemptions"}
_OF_COUPONS: Final = ("coupon.", "promotion.")


class Manifest(msgspec.Struct):
    """Which files count: for each part its files by day (some have none), up to which place they tell.

    ``beyond`` are positions behind the place that the first writing has found already. ``left`` are files that count
    no more and since when: whoever asked before may still be reading them.
    """

    transaction: int = -1
    outbox: int = -1
    written_at: dt.datetime | None = None
    files: dict[str, dict[str, list[str]]] = msgspec.field(default_factory=dict)
    beyond: set[str] = msgspec.field(default_factory=set)
    left: dict[str, dt.datetime] = msgspec.field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Return the files that count."""
        return {name for days in self.files.values() for names in days.values() for name in names}

    @property
    def place(self) -> OutboxPlace:
        """Return the place up to which the files tell."""
        return OutboxPlace(self.transaction, self.outbox)


def location() -> str:
    """Return where the lake is: ``COMPTOIR_LAKE``, a folder or an address of object storage, or the shop's folder."""
    return os.environ.get("COMPTOIR_LAKE") or str(shop.folder() / "lake")


class Lake:
    """The files of a lake, wherever they are."""

    def __init__(self, where: str | None = None) -> None:
        """Open the lake at an address; nothing is made before something is written."""
        try:
            from pyarrow import fs  # noqa: PLC0415 - an extra
        except ImportError:
            raise EngineMissing('Install the extra "analysis".') from None
        self.where = where or location()
        if "://" in self.where:
            self.files, self.root = fs.FileSystem.from_uri(self.where)
        else:
            self.files, self.root = fs.LocalFileSystem(), os.path.abspath(self.where)  # noqa: PTH100 - an address too

    @property
    def is_local(self) -> bool:
        """Tell whether it lies in a folder of this machine."""
        return self.files.type_name == "local"  # type: ignore[no-any-return]

    def path(self, name: str) -> str:
        """Return a file's path for the lake's file system."""
        return posixpath.join(self.root, name)

    def address(self, name: str) -> str:
        """Return what an engine calls a file or a folder."""
        return posixpath.join(self.where, name) if "://" in self.where else self.path(name)

    def manifest(self) -> Manifest | None:
        """Return which files count, or ``None`` where there is no lake."""
        from pyarrow import fs  # noqa: PLC0415 - an extra

        path = self.path(MANIFEST)
        if self.files.get_file_info(path).type == fs.FileType.NotFound:
            return None
        with self.files.open_input_stream(path) as stream:
            return msgspec.json.decode(stream.read(), type=Manifest)

    def commit(self, manifest: Manifest) -> None:
        """Let a manifest count in place of the one before, in one step, then drop the files that nobody needs."""
        path, fresh = self.path(MANIFEST), self.path(f"{MANIFEST}.{uuid.uuid4().hex}")
        self.files.create_dir(self.root, recursive=True)
        with self.files.open_output_stream(fresh) as stream:
            stream.write(msgspec.json.encode(manifest))
        self.files.move(fresh, path)
        self._drop_others(manifest)

    def is_free(self) -> bool:
        """Tell whether a lake can begin here: there is nothing, or nothing but what a lake has left behind."""
        from pyarrow import fs  # noqa: PLC0415 - an extra

        selected = fs.FileSelector(self.root, allow_not_found=True, recursive=True)
        return all(
            info.type == fs.FileType.Directory or self._is_own(info.path) for info in self.files.get_file_info(selected)
        )

    def _is_own(self, path: str) -> bool:
        """Tell whether a file can only be one of a lake's: what else lies here is nobody's business."""
        return _OWN.fullmatch(posixpath.relpath(path, self.root)) is not None

    def _drop_others(self, manifest: Manifest) -> None:
        from pyarrow import fs  # noqa: PLC0415 - an extra

        needed = {self.path(name) for name in (*manifest.names, *manifest.left, MANIFEST)}
        for info in self.files.get_file_info(fs.FileSelector(self.root, recursive=True)):
            if info.type == fs.FileType.File and info.path not in needed and self._is_own(info.path):
                self.files.delete_file(info.path)

    def write(self, part: str, day: str, table: Any) -> str:
        """Write a file of one day, which does not count yet; returns its name."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

        folder = f"{part}/day={day}" if day else part
        name = f"{folder}/{uuid.uuid4().hex}.parquet"
        self.files.create_dir(self.path(folder), recursive=True)
        pq.write_table(table, self.path(name), filesystem=self.files, compression="zstd")
        return name

    def read(self, names: Sequence[str], columns: Sequence[str] | None = None) -> Any:
        """Return what stands in some files of one part."""
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

        read = [
            pq.ParquetFile(self.path(name), filesystem=self.files).read(columns=None if columns is None else [*columns])
            for name in names
        ]
        return pa.concat_tables(read)


def schema_of(part: str) -> Any:
    """Return the columns of a part's files, as Arrow has them; the day of all but figures is in the folder's name."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    text, whole, day, yes = pa.string(), pa.int64(), pa.date32(), pa.bool_()
    columns = {
        "events": {
            "position": text, "customer": text, "occurred_at": pa.timestamp("us", "UTC"), "source": text, "type": text,
            "touchpoint": text, "data": text,
        },
        "lines": {
            "position": text, "number": whole, "customer": text, "store": text, "category": text, "product": text,
            "quantity": whole, "amount": whole, "discount": whole, "opens": whole,
        },
        "acts": {"position": text, "customer": text, "type": text},
        "figures": {
            "customer": text, "person": text, "since": day, "allows_store": yes, "allows_web": yes, "first_day": day,
            "last_day": day, "purchases": whole, "spend": whole, "points": whole, "asked": whole, "answered": whole,
            "trust": whole,
        },
        "coupons": {
            "customer": text, "promotion": text, "title": text, "since": day, "until": day, "uses": whole,
        },
        "redemptions": {"customer": text, "promotion": text, "title": text, "day": day},
    }[part]  # fmt: skip
    return pa.schema(list(columns.items()))


# -- writing ------------------------------------------------------------------------------------------------------


def write(lake: Lake, *, now: dt.datetime) -> int:
    """Bring the lake up to date with everything that was recorded; returns how many events that were.

    What is told to the lake is told by the tables, so these are brought up to date first.
    """
    with database.connect(COUNTER.role) as connection:
        # Until the connection ends, and before what the transaction sees is fixed.
        connection.execute(_SQL["lock_lake"])
        make_current(connection)
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read")
            manifest = lake.manifest()
            writing = _Writing(lake, connection, now)
            if manifest is None and not lake.is_free():
                raise LakePlaceTaken(f"Something else lies at {lake.where}; name an empty folder of its own.")
            if manifest is None or not _is_of_this_server(connection, manifest):
                count = writing.everything()
            else:
                count = writing.portions(manifest)
        return count


def keep(*, now: dt.datetime) -> None:
    """Write what is new where there is a lake: one that was asked for, or written before."""
    where = location()
    if os.environ.get("COMPTOIR_LAKE") or (Path(where) / MANIFEST).exists():
        write(Lake(where), now=now)


def write_all(lake: Lake, *, now: dt.datetime, seconds_max: float) -> int:
    """Write until nothing waits behind a transaction that is still open somewhere, for so long; returns how many."""
    until = time.monotonic() + seconds_max
    count = write(lake, now=now)
    while time.monotonic() < until and _waits(lake):
        time.sleep(_LOOK_SECONDS)
        count += write(lake, now=now)
    return count


def _waits(lake: Lake) -> bool:
    manifest = lake.manifest()
    assert manifest is not None
    with database.connect(COUNTER.role) as connection:
        beyond = set(events.read_beyond(connection, manifest.place))
    return bool(beyond - manifest.beyond)


def make_current(connection: Connection) -> None:
    """Bring figures up to date where the worker has not; make them from the log where nobody ever followed it."""
    with connection.transaction():
        store.lock_following(connection)
        if following.catch_up(connection):
            return
        events.register_follower(connection, following.FOLLOWER)
        for name in ("empty_lines", "empty_acts", "empty_figures"):
            connection.execute(_SQL[name])
        with database.connect(COUNTER.role) as reader, reader.transaction():
            rebuilding.derive(connection, reader)


def _is_of_this_server(connection: Connection, manifest: Manifest) -> bool:
    """Tell whether the place is one of this server's: a restored shop has another, and begins anew."""
    place = events.find_follower(connection, FOLLOWER)
    return place is not None and place <= manifest.place


class _Writing:
    """One writing, in one transaction's view of the shop."""

    def __init__(self, lake: Lake, connection: Connection, now: dt.datetime) -> None:
        self._lake = lake
        self._connection = connection
        self._now = now
        self._time_zone = following.time_zone_of(connection)
        self._has_swept = False
        self._has_coupons = False

    def everything(self) -> int:
        """Write the lake from the beginning."""
        connection = self._connection
        place = events.register_follower(connection, FOLLOWER)
        manifest = Manifest(*place, self._now, {part: {} for part in (*_PARTS, "figures")})
        self._has_coupons = True
        manifest.beyond = set(events.read_beyond(connection, place))
        count = 0
        for part in _PARTS:
            for rows in self._read(part, None):
                count += len(rows) if part == "events" else 0
                self._append(manifest, part, rows)
            self._compact(manifest, part, limit=1)
        self._figures(manifest)
        self._lake.commit(manifest)
        return count

    def portions(self, manifest: Manifest) -> int:
        """Write what came behind the manifest's place."""
        count, before = 0, manifest.names
        while rows := events.read_following(self._connection, manifest.place, limit=_ROWS_MAX):
            positions = positions_of(rows)
            count += self._portion(manifest, positions)
            manifest.transaction, manifest.outbox = rows[-1].place
            manifest.beyond.difference_update(positions)
        manifest.written_at = self._now
        self._figures(manifest)
        self._leave(manifest, before)
        self._lake.commit(manifest)
        events.advance_follower(self._connection, FOLLOWER, manifest.place)
        return count

    def _leave(self, manifest: Manifest, before: Collection[str]) -> None:
        """Leave what counts no more for a while, unless it says something of somebody who is forgotten."""
        if self._has_swept:
            manifest.left.clear()
            return
        manifest.left = {name: at for name, at in manifest.left.items() if self._now - at < LEFT_FOR}
        manifest.left |= dict.fromkeys(set(before) - manifest.names, self._now)

    def _portion(self, manifest: Manifest, positions: Sequence[Id]) -> int:
        heard = [each for each in store.read_heard(self._connection, positions) if each.is_accepted]
        fresh = [each.position for each in heard if each.position not in manifest.beyond]
        for rows in self._read("events", (fresh, None)):
            self._append(manifest, "events", rows)
        sales = following.sales_of(self._connection, heard)
        self._replace_lines(manifest, sales)
        acts = {
            each.position: each.customer
            for each in heard
            if each.customer is not None and is_act(each.type) and each.position not in manifest.beyond
        }
        for rows in self._read("acts", (list(acts), list(acts.values()))):
            self._append(manifest, "acts", rows)
        self._has_coupons |= any(each.type.startswith(_OF_COUPONS) for each in heard)
        if any(each.type in _NOBODY_TYPES for each in heard):
            self._sweep(manifest, {each.customer for each in heard if each.type in _NOBODY_TYPES and each.customer})
        for part in _PARTS:
            self._compact(manifest, part, limit=FILES_A_DAY_MAX)
        return len(fresh)

    def _read(self, part: str, asked: tuple[list[Id], list[Id] | None] | None) -> Iterator[list[tuple[Any, ...]]]:
        values = {
            "silent": _SILENT,
            "time_zone": self._time_zone,
            "positions": None if asked is None else value_array(asked[0]),
            "customers": None if asked is None or asked[1] is None else value_array(asked[1]),
        }
        with self._connection.cursor(f"lake_{part}") as cursor:
            cursor.execute(_SQL[_PARTS[part]], values)
            while rows := cursor.fetchmany(_READ_ROWS):
                yield rows

    def _append(self, manifest: Manifest, part: str, rows: Iterable[tuple[Any, ...]]) -> None:
        by_day: dict[str, list[tuple[Any, ...]]] = collections.defaultdict(list)
        for day, *row in rows:
            by_day[day.isoformat()].append(tuple(row))
        for day, theirs in by_day.items():
            name = self._lake.write(part, day, table_of(part, theirs))
            manifest.files[part].setdefault(day, []).append(name)

    def _replace_lines(self, manifest: Manifest, sales: Mapping[Id, Id]) -> None:
        """Write the lines of sales anew, and take out what stood there of them: goods may have come back."""
        if not sales:
            return
        asked = [*sales]
        fresh = [row for rows in self._read("lines", (asked, [sales[each] for each in asked])) for row in rows]
        days = {row[0].isoformat() for row in fresh} | self._days_of(asked)
        self._filter(manifest, "lines", days, lambda row: row["position"] not in sales)
        self._append(manifest, "lines", fresh)

    def _days_of(self, positions: Sequence[Id]) -> set[str]:
        """Return the days of these events."""
        return {row[0].isoformat() for rows in self._read("events", (list(positions), None)) for row in rows}

    def _filter(self, manifest: Manifest, part: str, days: Collection[str], keeps: Any) -> None:
        """Write those files of some days anew in which something is that is not kept."""
        for day in days:
            names = []
            for name in manifest.files[part].get(day, ()):
                table = self._lake.read([name])
                rows = table.to_pylist()
                kept = [row for row in rows if keeps(row)]
                if len(kept) == len(rows):
                    names.append(name)
                elif kept:
                    import pyarrow as pa  # noqa: PLC0415 - an extra

                    names.append(self._lake.write(part, day, pa.Table.from_pylist(kept, schema=schema_of(part))))
            if names:
                manifest.files[part][day] = names
            else:
                manifest.files[part].pop(day, None)

    def _compact(self, manifest: Manifest, part: str, *, limit: int) -> None:
        """Write the files of a day as one, ordered by customer, where there are too many."""
        for day, names in manifest.files[part].items():
            if len(names) > limit:
                table = self._lake.read(names).sort_by([("customer", "ascending"), ("position", "ascending")])
                manifest.files[part][day] = [self._lake.write(part, day, table)]

    def _figures(self, manifest: Manifest) -> None:
        """Write anew what is not kept by day, where it may have changed."""
        self._whole(manifest, "figures", "lake_figures")
        for part, statement in _WHOLE.items():
            if self._has_coupons or self._has_swept or part not in manifest.files:
                self._whole(manifest, part, statement)

    def _whole(self, manifest: Manifest, part: str, statement: str) -> None:
        with self._connection.cursor(statement) as cursor:
            cursor.execute(_SQL[statement], {"time_zone": self._time_zone})
            names = []
            while rows := cursor.fetchmany(_READ_ROWS * 10):
                names.append(self._lake.write(part, "", table_of(part, rows)))
        manifest.files[part] = {"": names}

    def _sweep(self, manifest: Manifest, concerned: Collection[Id]) -> None:
        """Take out whoever was forgotten: customers that are no more, and of those ``concerned`` what is not theirs."""
        self._has_swept = True
        for part, days in manifest.files.items():
            if part not in _PARTS:
                continue
            for day in list(days):
                table = self._lake.read(days[day], ["position", "customer"])
                rows = [row for row in table.to_pylist() if row["customer"] and not is_severed(row["customer"])]
                gone = self._gone(rows, concerned)
                if gone:
                    self._filter(manifest, part, [day], lambda row, gone=gone: row["position"] not in gone)
                if gone and part == "events":
                    for fresh in self._read("events", (sorted(gone), None)):
                        self._append(manifest, "events", fresh)

    def _gone(self, rows: Sequence[Mapping[str, str]], concerned: Collection[Id]) -> set[str]:
        """Return the positions of rows that say what is true of nobody any more."""
        customers = sorted({row["customer"] for row in rows})
        nobody = {row[0] for row in self._connection.execute(_SQL["find_gone"], (text_array(customers),))}
        gone = {row["position"] for row in rows if row["customer"] in nobody}
        doubtful = [row for row in rows if row["customer"] in concerned]
        if doubtful:
            asked = text_array([row["customer"] for row in doubtful]), text_array([row["position"] for row in doubtful])
            gone |= {row[0] for row in self._connection.execute(_SQL["find_not_theirs"], asked)}
        return gone


def table_of(part: str, rows: Sequence[tuple[Any, ...]]) -> Any:
    """Return rows as a table of Arrow."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    schema = schema_of(part)
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)], schema)
