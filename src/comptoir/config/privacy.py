"""The map of personal data held against the live database, and the search for birth dates. Changes nothing.

The map says what each table holds about people (``foundation/rooms/personal.py``); here every column of every table is
looked up in it, every class of data in the rooms that may read it, and every name and type in the list of what no shop
of this house may keep. Not here: what is done with the map (``vault/rights``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import psycopg
from django.apps import apps
from psycopg import sql

from comptoir.foundation.rooms import grants, personal
from comptoir.foundation.rooms.declaration import ROOMS
from comptoir.foundation.rooms.personal import COLUMN_CLASSES, Personal
from comptoir.foundation.touchpoints.classes import CLASSES, class_by_name
from comptoir.foundation.touchpoints.contracts import EventType
from comptoir.foundation.touchpoints.declared import FieldShape, shapes

#: What a column of the type ``date`` may be about: a day in the life of points or goods, never one in a person's.
_DAYS_OF: Final = frozenset({"mechanical", "time", "points", "sale", "public", "place"})
#: Words that give a birth date or an age away in the middle of a name too: ``customer_birth_date``, ``age_in_years``.
_GIVEN_AWAY: Final = re.compile(r"(?:^|_)(?:birth\w*|dob|born|age|ages|aged|years?_old)(?:_|$)", re.IGNORECASE)
#: An answer, as the EU's proof of age calls it: yes or no, and no age.
_ANSWER: Final = re.compile(r"(?:^|_)age_over(?:_|$)", re.IGNORECASE)

_COLUMNS: Final = """
select c.relname::text, a.attname::text, format_type(a.atttypid, null)
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and c.relnamespace = 'public'::regnamespace
order by 1, a.attnum
"""


def undeclared(connection: psycopg.Connection) -> list[str]:
    """Return every difference between the map and the database, one sentence each."""
    sentences = []
    declared = personal.declared_tables()
    tables = _tables(connection)
    for table, columns in tables.items():
        each = declared.get(table)
        if each is None:
            sentences.append(f"nobody has declared what {table} says about people (foundation/rooms/personal.py)")
            continue
        known = set(each.columns) if isinstance(each, Personal) else _columns_of_model(table, columns)
        sentences += [f"the column {table}.{column} is not in the map" for column in columns if column not in known]
        sentences += [f"the column {table}.{column} is in the map, and gone" for column in known - set(columns)]
    sentences += [f"the table {table} is in the map, and gone" for table in declared if table not in tables]
    for table, one in personal.personal_tables().items():
        sentences += _misplaced(table, one)
    return sorted(sentences)


def births(connection: psycopg.Connection, types: Mapping[str, EventType]) -> list[str]:
    """Return every column, field of JSON and field of an event that is somebody's birth date or age."""
    sentences = []
    declared = personal.declared_tables()
    for table, columns in _tables(connection).items():
        each = declared.get(table)
        classes = each.columns if isinstance(each, Personal) else {}
        for column, kind in columns.items():
            data_class = classes.get(column, "mechanical")
            if _is_birth(column, data_class):
                sentences.append(f"the column {table}.{column} is a birth date or an age")
            elif kind in ("date", "date[]") and data_class not in _DAYS_OF:
                sentences.append(f"the column {table}.{column} is a date of the class {data_class}")
            if kind in ("json", "jsonb") and table != "events_event":
                sentences += [
                    f"the field {field} in {table}.{column} is a birth date or an age"
                    for field in _fields_of_json(connection, table, column)
                    if _is_birth(field, data_class)
                ]
    for name, event_type in types.items():
        for shape in _flat(shapes(event_type)):
            if _is_birth(shape.path.rsplit(".", 1)[-1], shape.data_class):
                sentences.append(f"the field {shape.path} of {name} is a birth date or an age")
    return sorted(sentences)


def _is_birth(name: str, data_class: str | None) -> bool:
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    given_away = _GIVEN_AWAY.search(word) is not None and _ANSWER.search(word) is None
    return data_class == "birth" or class_by_name(name) == "birth" or given_away


def _flat(found: Iterable[FieldShape]) -> Iterator[FieldShape]:
    for shape in found:
        yield shape
        yield from _flat(shape.children)


def _tables(connection: psycopg.Connection) -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(_COLUMNS):
        tables.setdefault(table, {})[column] = kind
    return tables


def _columns_of_model(table: str, columns: Mapping[str, str]) -> set[str]:
    """Return the columns that the table's model has; a table without a model is taken as it is."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == table:
            return {field.column for field in model._meta.local_concrete_fields if field.column is not None}
    return set(columns)


def _misplaced(table: str, declared: Personal) -> list[str]:
    """Return which columns have a class that is none, or that a room may read which may not hold it."""
    sentences = []
    access = grants.declared_tables().get(table)
    rooms = [] if access is None else [room for room in ROOMS.values() if "SELECT" in access.of(room)]
    for column, data_class in declared.columns.items():
        if data_class in CLASSES:
            held_as = CLASSES[data_class].held_as
        elif data_class in COLUMN_CLASSES:
            held_as = COLUMN_CLASSES[data_class][1]
        else:
            sentences.append(f"the column {table}.{column} has the class {data_class}, which is none")
            continue
        if column in declared.sealed:
            held_as = "credential"  # whoever has the key reads it, and only the vault is near it
        sentences += [
            f"the {room.name} may read {table}.{column}, and may not hold data of the class {data_class}"
            for room in rooms
            if held_as not in room.data_classes
        ]
    return sentences


def _fields_of_json(connection: psycopg.Connection, table: str, column: str) -> list[str]:
    query = sql.SQL(
        "select distinct jsonb_path_query({column}::jsonb,"
        " 'strict $.** ? (@.type() == \"object\").keyvalue().key') #>> '{{}}' from {table} where {column} is not null"
    ).format(column=sql.Identifier(column), table=sql.Identifier(table))
    return [row[0] for row in connection.execute(query)]
