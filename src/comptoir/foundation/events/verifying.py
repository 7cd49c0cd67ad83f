"""The check of the audit chain: whether every entry is as it was written, and if not, which is the first that is not.

Four things are held against each other: the entries, the chain of hashes beside them, the hashes that were kept
outside the database, and the signed checkpoints. Whoever owns the database can write a chain anew; the hashes
outside then say exactly where it begins to differ. Reads in portions. Not here: how a checkpoint is made
(``checkpoints.py``).
"""

from __future__ import annotations

import contextlib
import mmap
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import psycopg

from comptoir.foundation.events import audit, checkpoints
from comptoir.foundation.events.checkpoints import Checkpoint, NoteInvalid
from comptoir.foundation.events.merkle import HASH_BYTES, Tree, leaf_hash

_ROWS_AT_ONCE: Final = 2_000


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the check.

    ``entries`` is how many the log has, ``signed`` how many the last checkpoint covers. ``first_bad`` is the number of
    the first entry that is not as it was written, ``fault`` what was done to it (``edited``, ``deleted``, ``inserted``,
    ``moved``, ``cut``, ``replaced``) or ``checkpoint`` where the entries hold and a checkpoint does not; ``sentences``
    say it in words, the most important first.
    """

    holds: bool
    entries: int
    signed: int
    checkpoints: int
    first_bad: int | None = None
    fault: str | None = None
    sentences: list[str] = []


class _Row(NamedTuple):
    number: int
    subject: uuid.UUID | None
    content: str
    hash: bytes

    @property
    def leaf(self) -> bytes:
        return leaf_hash(self.content.encode())


class _Bad(NamedTuple):
    number: int
    fault: str
    sentence: str


class _Witnesses:
    """What was kept outside: signed roots by size, and the hashes of the entries as far as a signature covers them."""

    def __init__(self) -> None:
        self.roots: dict[int, list[tuple[bytes, str]]] = {}
        self.outside: set[int] = set()
        self.complaints: list[str] = []
        self.leaves: mmap.mmap | bytes = b""
        self.trusted = 0

    @property
    def size(self) -> int:
        """The largest number of entries that any checkpoint covers."""
        return max(self.roots, default=0)

    def add(self, note: str, where: str) -> Checkpoint | None:
        """Take in a note; a note that says nothing is a complaint."""
        try:
            checkpoint = checkpoints.opened(note)
        except NoteInvalid as error:
            self.complaints.append(f"a checkpoint {where} is worth nothing: {error}")
            return None
        roots = self.roots.setdefault(checkpoint.size, [])
        if checkpoint.root not in {root for root, _ in roots}:
            roots.append((checkpoint.root, where))
        return checkpoint

    def take_file(self) -> None:
        """Take in the checkpoints that were kept outside."""
        last = 0
        for note in checkpoints.kept_notes():
            checkpoint = self.add(note, "in the file")
            if checkpoint is not None:
                if checkpoint.size <= last:
                    self.complaints.append(f"in the file, the checkpoint of {checkpoint.size} entries follows {last}")
                last = checkpoint.size
                self.outside.add(last)

    def take_table(self, connection: psycopg.Connection) -> None:
        """Take in the checkpoints of the database, and say which stand in one place only."""
        inside = set()
        for size, note in connection.execute("select size, note from events_checkpoint order by size"):
            checkpoint = self.add(note, "in the database")
            if checkpoint is not None and checkpoint.size != size:
                self.complaints.append(f"the checkpoint of {size} entries in the database is that of {checkpoint.size}")
            inside.add(size)
        # The newest may stand in the file alone for a moment: it is written there first.
        if missing := sorted(self.outside - inside - {max(self.outside, default=0)}):
            self.complaints.append(f"the checkpoint of {missing[0]} entries was taken out of the database")
        if inside - self.outside:
            self.take_again()
        if missing := sorted(inside - self.outside):
            self.complaints.append(f"the checkpoint of {missing[0]} entries is missing in the file")

    def take_again(self) -> None:
        """Look into the file once more, for what was written since."""
        for note in checkpoints.kept_notes():
            with contextlib.suppress(NoteInvalid):
                self.outside.add(checkpoints.opened(note).size)

    def take_leaves(self, path: Path) -> None:
        """Take in the hashes that were kept, as far as they are those that were signed."""
        if not path.exists() or not path.stat().st_size:
            if self.size:
                self.complaints.append("the hashes that were kept outside the database are gone")
            return
        with path.open("rb") as file:
            self.leaves = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        tree = Tree()
        for index in range(min(len(self.leaves) // HASH_BYTES, self.size)):
            tree.add(self.leaf(index))
            if tree.size in self.roots:
                if any(tree.root() != root for root, _ in self.roots[tree.size]):
                    self.complaints.append(
                        "the hashes that were kept outside the database are not those that were signed"
                    )
                    return
                self.trusted = tree.size
        if self.trusted < max(self.outside, default=0):
            self.complaints.append("some of the hashes that were kept outside the database are gone")

    def leaf(self, index: int) -> bytes:
        return self.leaves[index * HASH_BYTES : (index + 1) * HASH_BYTES]

    def knows(self, leaf: bytes) -> bool:
        """Tell whether a hash stands anywhere among those that are trusted."""
        found = self.leaves.find(leaf, 0, self.trusted * HASH_BYTES)
        while found > 0 and found % HASH_BYTES:
            found = self.leaves.find(leaf, found + 1, self.trusted * HASH_BYTES)
        return found >= 0


def verify(
    connection: psycopg.Connection,
    *,
    against: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Finding:
    """Check the whole chain, in a snapshot of the caller's transaction. As a role that may read it.

    ``against`` is a checkpoint that somebody keeps elsewhere. ``progress`` hears how many of how many entries are done.
    """
    witnesses = _Witnesses()
    witnesses.take_file()  # before the snapshot, which then has everything that the file tells of
    entries, total = _bounds(connection)
    witnesses.take_table(connection)
    if against is not None:
        witnesses.add(against, "kept elsewhere")
    witnesses.take_leaves(checkpoints.leaves_path())
    bad = _first_bad(connection, witnesses, lambda done: progress(done, max(entries, total)))
    sentences = list(dict.fromkeys(([bad.sentence] if bad else []) + witnesses.complaints))
    return Finding(
        holds=not sentences,
        entries=entries,
        signed=witnesses.size,
        checkpoints=len(witnesses.roots),
        first_bad=bad.number if bad else None,
        fault=bad.fault if bad else "checkpoint" if sentences else None,
        sentences=sentences,
    )


def _bounds(connection: psycopg.Connection) -> tuple[int, int]:
    row = connection.execute("select count(*), coalesce(max(number) + 1, 0) from events_audit").fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _rows(connection: psycopg.Connection) -> Iterator[_Row]:
    with connection.cursor(name="audit") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        for row in cursor.execute("select number, subject, content, hash from events_audit order by number"):
            yield _Row(*row)


def _first_bad(connection: psycopg.Connection, witnesses: _Witnesses, done: Callable[[int], None]) -> _Bad | None:
    tree, head, signed = Tree(), audit.FIRST_LINK, 0
    rows = _rows(connection)
    row = next(rows, None)
    while row is not None:
        following = next(rows, None)
        if (bad := _judge(row, following, tree.size, head, witnesses)) is not None:
            return bad
        head = row.hash
        tree.add(row.leaf)
        for root, where in witnesses.roots.get(tree.size, ()):
            if root != tree.root():
                which = (
                    f"entry {signed}" if tree.size == signed + 1 else f"one of the entries {signed} to {tree.size - 1}"
                )
                return _Bad(signed, "replaced", f"{which} is not the one that was signed in the checkpoint {where}")
            signed = tree.size
        if not tree.size % _ROWS_AT_ONCE:
            done(tree.size)
        row = following
    done(tree.size)
    if tree.size < witnesses.size:
        sentence = f"entry {tree.size} is missing, with all that followed: {witnesses.size} were signed"
        return _Bad(tree.size, "cut", sentence)
    return None


def _judge(row: _Row, following: _Row | None, number: int, head: bytes, witnesses: _Witnesses) -> _Bad | None:
    """Return what is wrong with the entry that stands at a place, if anything."""
    is_chained = row.number == number and audit.link(head, number, row.content.encode()) == row.hash
    if number < witnesses.trusted:
        known = witnesses.leaf(number)
        if row.number == number and row.leaf == known:
            if not is_chained:
                return _Bad(number, "edited", f"the hash of entry {number} was edited")
            return _misfiled(row)
        return _compared(row, following, number, witnesses, is_chained=is_chained)
    if row.number > number:
        return _Bad(number, "deleted", f"entry {number} is missing")
    if row.number < number:
        return _Bad(row.number, "inserted", f"entry {row.number} was never appended")
    if not is_chained:
        return _Bad(
            number,
            "edited",
            f"entry {number} does not follow from the one before it: it was edited or moved, or others beside it were",
        )
    return _misfiled(row)


def _compared(row: _Row, following: _Row | None, number: int, witnesses: _Witnesses, *, is_chained: bool) -> _Bad:
    """Name what was done at the first place where the log differs from the hashes that were kept."""
    known = witnesses.leaf(number)
    follows = following is not None and following.leaf == known
    if row.number < number or (follows and not witnesses.knows(row.leaf)):
        return _Bad(number, "inserted", f"entry {number} was inserted: it was never appended")
    if not follows and (row.number > number or row.leaf == witnesses.leaf(number + 1)):
        return _Bad(number, "deleted", f"entry {number} is missing: it was deleted")
    if witnesses.knows(row.leaf):
        return _Bad(number, "moved", f"entry {number} was moved: another one stands in its place")
    if is_chained:
        return _Bad(number, "replaced", f"entry {number} was replaced, and the chain after it written anew")
    return _Bad(number, "edited", f"entry {number} was edited")


def _misfiled(row: _Row) -> _Bad | None:
    try:
        entry = audit.read(row.content)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return _Bad(row.number, "edited", f"entry {row.number} is none")
    if entry.subject != row.subject:
        return _Bad(row.number, "edited", f"the subject of entry {row.number} was edited")
    return None
