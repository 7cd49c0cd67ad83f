"""Signed checkpoints of the audit chain: what the whole log says, in three lines, kept outside the database too.

A checkpoint is a signed note (C2SP tlog-checkpoint and signed-note): the log's name, its number of entries, the root of
its Merkle tree, and an Ed25519 signature with the key ``keys/audit.key``, which the database never sees. It is appended
to ``audit/NAME.checkpoints`` in the shop's folder, and the hashes of the entries to ``audit/NAME.leaves``; so whoever
owns the database, and nothing more, cannot change or cut the log unnoticed. Knows no Django.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime as dt
import fcntl
import hashlib
import itertools
import logging
import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from comptoir.foundation.events import audit, store
from comptoir.foundation.events.merkle import EMPTY_ROOT, HASH_BYTES, Tree, inclusion_proof, leaf_hash, root_of
from comptoir.foundation.kernel import database, shop
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.rooms.declaration import OFFICE

_log = logging.getLogger("comptoir.audit")

RESUMED: Final = "audit.resumed"

_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_NOTE: Final = re.compile(r"(?P<body>[^\n]+\n(?:[^\n]+\n)*)\n(?P<signatures>(?:— [^\n]+\n)+)")
_NOTE_BYTES_MAX: Final = 4_096
_ROWS_AT_ONCE: Final = 1_000
_LEAVES_AT_ONCE: Final = 4_096


class Checkpoint(msgspec.Struct, frozen=True):
    """What a note says: the log's name, how many entries it covers, and the root over them."""

    origin: str
    size: int
    root: bytes


class NoteInvalid(Exception):  # noqa: N818 - a note is invalid
    """A note that is not a checkpoint of this log, or that its key has not signed."""


class OutOfStep(Exception):  # noqa: N818 - the log and what was kept outside are
    """The log does not go on where the last checkpoint ended."""


# -- notes --------------------------------------------------------------------------------------------------------


def origin() -> str:
    """Return the name of this shop's log, which its checkpoints and its key carry."""
    return f"comptoir/{urllib.parse.quote(database.database_name(), safe='')}/audit"


def verifier_key() -> str:
    """Return the public key in the form of C2SP signed-note: whoever has it can check a checkpoint anywhere."""
    public = _public_bytes(_private_key().public_key())
    written = base64.b64encode(_ED25519 + public).decode()
    return f"{origin()}+{_key_id(origin(), public).hex()}+{written}"


def signed(checkpoint: Checkpoint) -> str:
    """Return the signed note of a checkpoint."""
    body = f"{checkpoint.origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n"
    key = _private_key()
    signature = _key_id(checkpoint.origin, _public_bytes(key.public_key())) + key.sign(body.encode())
    return f"{body}\n— {checkpoint.origin} {base64.b64encode(signature).decode()}\n"


def opened(note: str) -> Checkpoint:
    """Return what a note says, if this shop's key has signed it. Raises :class:`NoteInvalid`.

    Further lines of the note and signatures of others, a witness's for example, are allowed.
    """
    match = _NOTE.fullmatch(note)
    if match is None:
        raise NoteInvalid("it is not a signed note")
    lines = match["body"].splitlines()
    public = _private_key().public_key()
    expected = _key_id(origin(), _public_bytes(public))
    if not any(_is_signed(line, match["body"], public, expected) for line in match["signatures"].splitlines()):
        raise NoteInvalid("the log's key has not signed it")
    try:
        name, size, root = lines[0], lines[1], base64.b64decode(lines[2], validate=True)
    except (IndexError, binascii.Error):
        raise NoteInvalid("it is not a checkpoint") from None
    if name != origin():
        raise NoteInvalid("it is a checkpoint of another log")
    if not re.fullmatch(r"0|[1-9]\d{0,18}", size) or len(root) != HASH_BYTES:
        raise NoteInvalid("it is not a checkpoint")
    return Checkpoint(name, int(size), root)


def _is_signed(line: str, body: str, public: Ed25519PublicKey, expected: bytes) -> bool:
    _, name, written = [*line.split(" "), "", ""][:3]
    try:
        signature = base64.b64decode(written, validate=True)
    except binascii.Error:
        return False
    if name != origin() or signature[:_KEY_ID_BYTES] != expected:
        return False
    try:
        public.verify(signature[_KEY_ID_BYTES:], body.encode())
    except InvalidSignature:
        return False
    return True


def _private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(shop.secret("audit"))


def _public_bytes(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes_raw()


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_KEY_ID_BYTES]


# -- the files outside --------------------------------------------------------------------------------------------


def notes_path() -> Path:
    """Return the file that checkpoints are appended to."""
    return _folder() / f"{_file_name()}.checkpoints"


def leaves_path() -> Path:
    """Return the file of the hashes of all entries that a checkpoint covers, 32 bytes each, in order."""
    return _folder() / f"{_file_name()}.leaves"


def kept_notes() -> Iterator[str]:
    """Give every note of the file, the oldest first; what is no note comes as it stands."""
    with contextlib.suppress(FileNotFoundError), notes_path().open(encoding="utf-8", errors="replace") as file:
        lines: list[str] = []
        for line in file:
            # A note has one empty line inside; the one after its signatures ends it.
            if line == "\n" and any(kept.startswith("— ") for kept in lines):
                yield "".join(lines)
                lines = []
            else:
                lines.append(line)
        if lines:
            yield "".join(lines)


def kept_leaves() -> Iterator[bytes]:
    """Give the hash of every entry that was kept outside, in order."""
    with contextlib.suppress(FileNotFoundError), leaves_path().open("rb") as file:
        while block := file.read(HASH_BYTES * _LEAVES_AT_ONCE):
            for start in range(0, len(block) - HASH_BYTES + 1, HASH_BYTES):
                yield block[start : start + HASH_BYTES]


def forget_files() -> None:
    """Remove what is kept outside: for a shop whose whole database is thrown away."""
    for path in (notes_path(), leaves_path()):
        path.unlink(missing_ok=True)


def _folder() -> Path:
    return shop.folder() / "audit"


def _file_name() -> str:
    return urllib.parse.quote(database.database_name(), safe="")


def _append(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Be the only process that writes these files."""
    _folder().mkdir(mode=0o700, exist_ok=True)
    with (_folder() / f"{_file_name()}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prove(number: int) -> tuple[str, list[bytes]] | None:
    """Return the newest checkpoint's note and what proves that it covers an entry; ``None`` if it does not.

    Raises :class:`NoteInvalid` and :class:`OutOfStep` where the files are not as they were signed.
    """
    last, note = _last_kept()
    if number >= last.size:
        return None
    leaves = list(itertools.islice(kept_leaves(), last.size))
    if root_of(leaves) != last.root:
        raise OutOfStep("the hashes that were kept are not those that were signed")
    return note, inclusion_proof(leaves, number)


# -- making one ---------------------------------------------------------------------------------------------------


def make(connection: Connection, *, at: dt.datetime) -> Checkpoint | None:
    """Sign what was appended since the last checkpoint; ``None`` if nothing was. As the office's role.

    Signs nothing that does not continue what was signed before. Raises :class:`OutOfStep` then, and
    :class:`NoteInvalid` for a file of checkpoints that was tampered with: ``comptoir audit verify`` says more.
    """
    with _alone():
        last, note = _last_kept()
        tree, head = _continued(connection, last)
        if note:  # whoever wrote it may have been stopped before it stood in the database
            store.insert_checkpoint(connection, size=last.size, note=note, edge=b"".join(tree.edge), made_at=at)
        _cut_leaves(last.size)
        while rows := store.read_audit(connection, start=tree.size, limit=_ROWS_AT_ONCE):
            fresh = []
            for number, content, link in rows:
                if number != tree.size or audit.link(head, number, content.encode()) != link:
                    raise OutOfStep(f"entry {tree.size} does not follow the one before it")
                head = link
                fresh.append(leaf_hash(content.encode()))
                tree.add(fresh[-1])
            _append(leaves_path(), b"".join(fresh))
        if tree.size == last.size:
            return None
        checkpoint = Checkpoint(origin(), tree.size, tree.root())
        note = signed(checkpoint)
        _append(notes_path(), f"{note}\n".encode())
        store.insert_checkpoint(connection, size=tree.size, note=note, edge=b"".join(tree.edge), made_at=at)
    return checkpoint


class Resumed(msgspec.Struct, frozen=True):
    """What a restore has lost of the chain: how many signed entries, and where the files about them lie now."""

    entries: int
    lost: int
    kept_aside: list[str]


def resume(connection: Connection, *, actor: str, purpose: str, at: dt.datetime) -> Resumed | None:
    """Let the chain go on after an older backup was restored; ``None`` if nothing that was signed is missing.

    What is there has to be the beginning of what was signed, entry by entry: raises :class:`OutOfStep` otherwise, and
    nothing is changed. The files that know more are set aside, as evidence of what was lost, and an entry says so. As
    the office's role.
    """
    with _alone():
        last, _ = _last_kept()
        notes = {opened(note).size: note for note in kept_notes()}
        size = _compared(connection, last, notes, at=at)
        if size >= last.size:
            return None
        covered = max((each for each in notes if each <= size), default=0)
        aside = [_set_aside(path, at) for path in (notes_path(), leaves_path())]
        with leaves_path().open("rb") as file:
            _replace(leaves_path(), file.read(covered * HASH_BYTES))
        _replace(notes_path(), "".join(f"{note}\n" for each, note in notes.items() if each <= covered).encode())
    lost = last.size - size
    detail = {"lost": str(lost), "size": str(last.size), "root": base64.b64encode(last.root).decode()}
    audit.append(
        connection, room=OFFICE, actor=actor, action=RESUMED, subject=None, purpose=purpose, at=at, detail=detail
    )
    make(connection, at=at)
    return Resumed(size, lost, [path.name for path in aside])


@contextlib.contextmanager
def unless_it_fails() -> Iterator[None]:
    """Have the files as they were before if the block fails: what was resumed in it is a database that nobody has."""
    before = {path: path.with_name(f"{path.name}.before") for path in (notes_path(), leaves_path())}
    with _alone():
        for path, kept in before.items():
            kept.unlink(missing_ok=True)
            if path.exists():
                kept.hardlink_to(path)
    try:
        yield
    except BaseException:
        for path, kept in before.items():
            if kept.exists():
                kept.replace(path)
        raise
    finally:
        for kept in before.values():
            kept.unlink(missing_ok=True)


def _compared(connection: Connection, last: Checkpoint, notes: Mapping[int, str], *, at: dt.datetime) -> int:
    """Return how many entries there are, all of them those that were signed; complete the table of checkpoints."""
    tree, head = Tree(), audit.FIRST_LINK
    signed = kept_leaves()
    while rows := store.read_audit(connection, start=tree.size, limit=_ROWS_AT_ONCE):
        for number, content, link in rows:
            leaf = leaf_hash(content.encode())
            if number != tree.size or audit.link(head, number, content.encode()) != link:
                raise OutOfStep(f"entry {tree.size} does not follow the one before it")
            if tree.size < last.size and next(signed, None) != leaf:
                raise OutOfStep(f"entry {tree.size} is not the one that was signed")
            head = link
            tree.add(leaf)
            if tree.size in notes:
                edge = b"".join(tree.edge)
                store.insert_checkpoint(connection, size=tree.size, note=notes[tree.size], edge=edge, made_at=at)
    return tree.size


def _set_aside(path: Path, at: dt.datetime) -> Path:
    """Give a file a second name under which it stays, whatever takes its place."""
    aside = path.with_name(f"{path.name}.until-{at.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}")
    aside.unlink(missing_ok=True)
    aside.hardlink_to(path)
    return aside


def _replace(path: Path, data: bytes) -> None:
    if not data:
        path.unlink(missing_ok=True)
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    _append(fresh, data)
    fresh.replace(path)


def _last_kept() -> tuple[Checkpoint, str]:
    """Return the last checkpoint of the file with its note, after dropping what was broken off while it was written."""
    path = notes_path()
    if not path.exists():
        return Checkpoint(origin(), 0, EMPTY_ROOT), ""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _NOTE_BYTES_MAX))
        tail = file.read()
    ends = [match.end() for match in re.finditer("— [^\n]+\n\n".encode(), tail)]
    if not ends:
        raise NoteInvalid("the file of checkpoints holds none")
    if ends[-1] < len(tail):
        os.truncate(path, size - len(tail) + ends[-1])
    note = tail[ends[-2] if len(ends) > 1 else 0 : ends[-1] - 1].decode(errors="replace")
    return opened(note), note


def _continued(connection: Connection, last: Checkpoint) -> tuple[Tree, bytes]:
    """Return the tree where the last checkpoint ended, and the chain's hash there; both held against the signature."""
    _complete_leaves(connection, last)
    edge = _parts(store.find_edge(connection, size=last.size))
    tree = Tree(last.size, edge if len(edge) == last.size.bit_count() else _edge_of_leaves(last.size))
    if tree.root() != last.root:
        tree = Tree(last.size, _edge_of_leaves(last.size))
    if tree.root() != last.root:
        raise OutOfStep("the hashes that were kept are not those that were signed")
    if last.size == 0:
        return tree, audit.FIRST_LINK
    rows = store.read_audit(connection, start=last.size - 1, limit=1)
    if not rows or rows[0][0] != last.size - 1:
        raise OutOfStep(f"entry {last.size - 1} is missing")
    if leaf_hash(rows[0][1].encode()) != next(itertools.islice(kept_leaves(), last.size - 1, None)):
        raise OutOfStep(f"entry {last.size - 1} is not the one that was signed")
    return tree, rows[0][2]


def _complete_leaves(connection: Connection, last: Checkpoint) -> None:
    """Write the file of hashes anew if it is gone or too short, and the entries are those that were signed."""
    path = leaves_path()
    if last.size * HASH_BYTES <= (path.stat().st_size if path.exists() else 0):
        return
    leaves: list[bytes] = []
    while len(leaves) < last.size and (rows := store.read_audit(connection, start=len(leaves), limit=_ROWS_AT_ONCE)):
        leaves += [leaf_hash(content.encode()) for _, content, _ in rows]
    if root_of(leaves[: last.size]) != last.root:
        raise OutOfStep("the hashes that were kept are gone, and the entries are not those that were signed")
    _replace(path, b"".join(leaves[: last.size]))
    _log.warning("the hashes of the audit chain were gone; they were made anew, and are those that were signed")


def _parts(edge: bytes | None) -> list[bytes]:
    return [edge[start : start + HASH_BYTES] for start in range(0, len(edge), HASH_BYTES)] if edge else []


def _edge_of_leaves(size: int) -> Iterable[bytes]:
    tree = Tree()
    for leaf in kept_leaves():
        if tree.size == size:
            break
        tree.add(leaf)
    if tree.size != size:
        raise OutOfStep(f"the hashes of {size - tree.size} entries are missing")
    return tree.edge


def _cut_leaves(size: int) -> None:
    """Drop hashes that no checkpoint covers: whoever wrote them was stopped before it was signed."""
    path = leaves_path()
    if path.exists() and path.stat().st_size > size * HASH_BYTES:
        os.truncate(path, size * HASH_BYTES)
