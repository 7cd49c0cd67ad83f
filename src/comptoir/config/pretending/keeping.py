"""What the simulator knows, in one small file (SQLite) that survives its own restart. It is not the shop's truth.

One process with one thread writes it. Not here: what changes when (``acting.py``).
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any, Final, Self

_TABLES: Final = """
create table if not exists session (
  id text primary key, key text not null unique, said text not null, state text not null,
  payment text not null default '',
  captured integer not null default 0, currency text not null, expires_at real not null, changed_at real not null,
  moods text
);
create table if not exists refund (
  id text primary key, key text not null unique, payment text not null, amount integer not null, currency text not null,
  state text not null, ours text, changed_at real not null
);
create table if not exists report (
  id text primary key, session text not null, body blob not null, due_at real not null, times integer not null,
  sent integer not null default 0, tries integer not null default 0, answers text not null default '',
  made_at real not null
);
create table if not exists setting (name text primary key, value text not null);
create table if not exists call (number integer primary key, what text not null, key text not null, at real not null);
create index if not exists report_due on report (due_at) where times > 0;
create index if not exists session_payment on session (payment);
"""
#: What is older is thrown away when the simulator starts.
_KEPT_SECONDS: Final = 30 * 86_400
_CALLS_KEPT: Final = 10_000


class Keeping:
    """The file: plain statements, each committed at once unless inside ``with keeping:``."""

    def __init__(self, path: Path) -> None:
        """Open the file, and make it if it is missing; only its owner may read it."""
        path.touch(mode=0o600)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("pragma journal_mode = wal")
        self._connection.executescript(_TABLES)
        before = time.time() - _KEPT_SECONDS
        self._connection.execute("delete from report where made_at < ?", (before,))
        self._connection.execute("delete from refund where changed_at < ?", (before,))
        self._connection.execute("delete from session where changed_at < ? and expires_at < ?", (before, before))
        self._connection.execute(
            "delete from call where number <= (select max(number) from call) - ?", (_CALLS_KEPT,)
        )  # fmt: skip

    def __enter__(self) -> Self:
        """Begin a transaction."""
        self._connection.execute("begin immediate")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Commit, or roll back."""
        self._connection.execute("commit" if kind is None else "rollback")

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Return the rows of a question."""
        return [dict(row) for row in self._connection.execute(statement, values)]

    def row(self, statement: str, *values: Any) -> dict[str, Any] | None:
        """Return the first row of a question."""
        return next(iter(self.rows(statement, *values)), None)

    def do(self, statement: str, *values: Any) -> None:
        """Change something."""
        self._connection.execute(statement, values)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
