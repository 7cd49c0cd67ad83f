"""The audit chain: every room may append, nobody may change it, and whoever does all the same is found out."""

from __future__ import annotations

import base64
import datetime as dt
import json
import multiprocessing
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from comptoir.config.command import main
from comptoir.foundation.events import audit, checkpoints, jobs, merkle
from comptoir.foundation.events.errors import AuditEntryInvalid
from comptoir.foundation.events.merkle import Tree
from comptoir.foundation.events.verifying import Finding, verify
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.clock import FixedClock
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, ROOMS, SQUARE, VAULT, Room
from support.shop import Shop

set_up_django()

AT = dt.datetime(2026, 11, 3, 9, 30, tzinfo=dt.UTC)
ALICE = uuid.UUID("0198a7c2-5d1e-7b3a-9c4f-2e6d8f0a1b3c")
BOB = uuid.UUID("0198a7c2-5d1e-7b3a-9c4f-2e6d8f0a1b3d")


def note(connection: Any, number: int, *, room: Room = VAULT, subject: uuid.UUID | None = ALICE) -> int:
    return audit.append(
        connection,
        room=room,
        actor="staff:0198a7c2",
        action="contacts.read",
        subject=subject,
        purpose=f"to send parcel {number}",
        at=AT + dt.timedelta(minutes=number),
        detail={"fields": "address, name"},
    )


def written(shop: Shop, count: int) -> None:
    with shop.connect(VAULT.role) as connection:
        for number in range(count):
            note(connection, number)


def sign(shop: Shop) -> bool:
    with shop.connect(OFFICE.role) as connection:
        return jobs.sign_audit(connection, now=AT)


def check(against: str | None = None) -> Finding:
    with psycopg.connect(database.owner_conninfo()) as connection:
        return verify(connection, against=against)


def as_superuser(*statements: str) -> None:
    """Do something to the chain as nobody should be able to, with what guards it out of the way."""
    with psycopg.connect(database.administrator_conninfo()) as connection:
        connection.execute("set session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.encode())


def rewritten(first: int) -> None:
    """Write the chain's hashes anew from a number on, as whoever knows how they are made would."""
    with psycopg.connect(database.administrator_conninfo()) as connection:
        connection.execute("set session_replication_role = replica")
        head = audit.FIRST_LINK
        for number, content in connection.execute(
            "select number, content from events_audit order by number"
        ).fetchall():
            link = audit.link(head, number, content.encode())
            if number >= first:
                connection.execute("update events_audit set hash = %s where number = %s", (link, number))
            head = link


@pytest.fixture(autouse=True)
def clean_files(shop: Shop) -> Iterator[None]:
    yield
    checkpoints.forget_files()


# -- appending ----------------------------------------------------------------------------------------------------


def test_an_entry_is_kept_as_it_was_said(shop: Shop) -> None:
    with shop.connect(VAULT.role) as connection:
        assert [note(connection, number) for number in range(3)] == [0, 1, 2]
    (row,) = shop.rows("select * from events_audit where number = 1")
    assert json.loads(row["content"]) == {
        "at": "2026-11-03T09:31:00Z",
        "room": "vault",
        "actor": "staff:0198a7c2",
        "action": "contacts.read",
        "purpose": "to send parcel 1",
        "subject": str(ALICE),
        "detail": {"fields": "address, name"},
    }
    assert row["subject"] == ALICE
    assert check() == Finding(holds=True, entries=3, signed=0, checkpoints=0)


@pytest.mark.parametrize("room", ROOMS.values(), ids=lambda room: room.name)
def test_every_room_appends_in_its_own_name_only(shop: Shop, room: Room) -> None:
    with shop.connect(room.role) as connection:
        assert note(connection, 0, room=room) == 0
        with shop.unchanged(), pytest.raises(psycopg.errors.InsufficientPrivilege, match="another room"):
            note(connection, 1, room=OFFICE if room is SQUARE else SQUARE)
        for statement in ("update events_audit set content = ''", "delete from events_audit", "truncate events_audit"):
            with shop.unchanged(), pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        if room in (VAULT, OFFICE):
            assert connection.execute("select count(*) from events_audit").fetchone() == (1,)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select count(*) from events_audit")


def test_the_owner_is_kept_from_a_slip_of_the_hand(shop: Shop) -> None:
    written(shop, 2)
    sign(shop)
    for table, column in (("events_audit", "number"), ("events_checkpoint", "size")):
        for statement in (f"delete from {table}", f"truncate {table}", f"update {table} set {column} = 9"):
            with (
                shop.unchanged(),
                psycopg.connect(database.owner_conninfo()) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege, match="ever changed"),
            ):
                connection.execute(statement.encode())


def test_an_entry_goes_with_what_it_tells_of(shop: Shop) -> None:
    with shop.connect(VAULT.role) as connection:
        note(connection, 0)
        with shop.unchanged(), connection.transaction(force_rollback=True):
            assert note(connection, 1) == 1
        assert note(connection, 2) == 1
    assert check().holds


def test_djangos_connection_and_cursor_are_as_good(shop: Shop) -> None:
    from django.db import connection, transaction

    with entered(VAULT), transaction.atomic():
        assert note(connection, 0) == 0
        with connection.cursor() as cursor:
            assert note(cursor, 1) == 1
    assert check().entries == 2


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("actor", {"actor": "Somebody Else"}),
        ("actor", {"actor": "staff:" + "x" * 101}),
        ("action", {"action": "read"}),
        ("action", {"action": "contacts." + "x" * 80}),
        ("purpose", {"purpose": "  "}),
        ("purpose", {"purpose": "x" * 301}),
        ("purpose", {"purpose": "two\nlines"}),
        ("detail", {"detail": {str(n): "" for n in range(21)}}),
        ("detail", {"detail": {"Not a word": ""}}),
        ("detail.fields", {"detail": {"fields": "\x00"}}),
        ("at", {"at": AT.replace(tzinfo=None)}),
    ],
)
def test_what_cannot_stand_in_an_entry_is_refused(shop: Shop, field: str, wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {
        "room": VAULT, "actor": "worker", "action": "contacts.read", "subject": None, "purpose": "to see", "at": AT,
    }  # fmt: skip
    with shop.connect(VAULT.role) as connection, shop.unchanged(), pytest.raises(AuditEntryInvalid) as refused:
        audit.append(connection, **right | wrong)
    assert refused.value.field == field


@pytest.mark.parametrize("content", ["null", "{}", "[]", '{"at": 1}', '{"x": "' + "x" * 9000 + '"}'])
def test_the_database_takes_nothing_that_is_no_entry(shop: Shop, content: str) -> None:
    with shop.connect(SQUARE.role) as connection, shop.unchanged(), pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("select events_append_audit(%s)", (content,))


def test_a_person_sees_who_looked_and_why(shop: Shop) -> None:
    with shop.connect(VAULT.role) as connection:
        for number in range(5):
            note(connection, number, subject=BOB if number == 2 else ALICE)
    from comptoir.foundation.events import queries

    with entered(VAULT):
        found = queries.accesses_of(ALICE, limit=3)
        assert [each.number for each in found] == [4, 3, 1]
        assert [each.number for each in queries.accesses_of(ALICE, before=1)] == [0]
        assert found[0].entry.purpose == "to send parcel 4"
        assert [each.number for each in queries.latest_audited(limit=3)] == [4, 3, 2]


def _append_many(role: str, count: int) -> None:
    with database.connect(role) as connection:
        for number in range(count):
            with connection.transaction():
                note(connection, number, room=next(room for room in ROOMS.values() if room.role == role))


def test_many_processes_append_at_once_and_the_chain_is_whole(shop: Shop) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_append_many, args=(room.role, 40)) for room in ROOMS.values() for _copy in range(2)
    ]
    for process in processes:
        process.start()
    for _ in range(3):
        sign(shop)  # meanwhile
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0] * 8
    sign(shop)
    finding = check()
    assert (finding.holds, finding.entries, finding.signed) == (True, 320, 320)
    per_room = shop.rows("select content::json->>'room' as room, count(*) from events_audit group by 1")
    assert {row["room"]: row["count"] for row in per_room} == dict.fromkeys(ROOMS, 80)


# -- checkpoints --------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_a_signed_note_and_stands_in_two_places(shop: Shop) -> None:
    written(shop, 3)
    assert sign(shop)
    written(shop, 2)
    assert sign(shop)
    assert sign(shop)  # nothing new, nothing signed
    notes = list(checkpoints.kept_notes())
    assert [row["note"] for row in shop.rows("select note from events_checkpoint order by size")] == notes
    opened = [checkpoints.opened(note) for note in notes]
    assert [each.size for each in opened] == [3, 5]
    tree = Tree()
    for leaf in checkpoints.kept_leaves():
        tree.add(leaf)
    assert (tree.size, tree.root()) == (5, opened[1].root)
    origin, size, _root, empty, signature = notes[1].splitlines()
    assert (origin, size, empty) == (f"comptoir/{shop.database}/audit", "5", "")
    assert signature.startswith(f"— {origin} ")
    assert checkpoints.verifier_key().startswith(f"{origin}+")
    assert check() == Finding(holds=True, entries=5, signed=5, checkpoints=2)


def test_a_note_that_was_touched_is_worth_nothing(shop: Shop) -> None:
    written(shop, 1)
    sign(shop)
    (note,) = checkpoints.kept_notes()
    broken = [
        note.replace("\n1\n", "\n2\n"),
        note.replace("/audit\n", "/other\n", 1),
        note[:-9] + "AAAAAAA=\n",
        "",
        "\n",
    ]
    for each in broken:
        with pytest.raises(checkpoints.NoteInvalid):
            checkpoints.opened(each)
    witnessed = note + "— witness.example AAAAAAAA\n"
    assert checkpoints.opened(witnessed) == checkpoints.opened(note)


def test_a_checkpoint_that_was_broken_off_is_made_again(shop: Shop) -> None:
    written(shop, 2)
    sign(shop)
    written(shop, 2)
    with checkpoints.leaves_path().open("ab") as leaves, checkpoints.notes_path().open("ab") as notes:
        leaves.write(bytes(40))
        notes.write(b"comptoir/half a no")
    as_superuser("delete from events_checkpoint")  # as if it had been stopped before it stood there
    assert sign(shop)
    assert check() == Finding(holds=True, entries=4, signed=4, checkpoints=2)


def test_the_worker_signs_as_the_office_and_says_what_does_not_continue(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    from comptoir.config.worker import Jobs

    worker = Jobs(clock=FixedClock(AT))
    written(shop, 2)
    with shop.connect() as connection:
        worker.sign_audit(connection)
        assert [row["made_at"] for row in shop.rows("select made_at from events_checkpoint")] == [AT]
        as_superuser("delete from events_audit where number = 1")
        written(shop, 1)
        worker.sign_audit(connection)
        as_superuser("delete from events_audit")
        worker.sign_audit(connection)
    assert [checkpoints.opened(note).size for note in checkpoints.kept_notes()] == [2]
    assert caplog.messages == [
        f"the audit chain cannot be signed: {why}; comptoir audit verify says more"
        for why in ("entry 1 is not the one that was signed", "entry 1 is missing")
    ]


def test_hashes_that_are_gone_are_made_anew_from_entries_that_were_signed(shop: Shop) -> None:
    written(shop, 5)
    sign(shop)
    content = checkpoints.leaves_path().read_bytes()
    for damage in (b"", content[:40]):
        checkpoints.leaves_path().write_bytes(damage)
        assert not check().holds
        assert sign(shop)
        assert checkpoints.leaves_path().read_bytes() == content
        assert check().holds
    checkpoints.leaves_path().unlink()
    as_superuser(EDIT)
    rewritten(3)
    with shop.unchanged():
        assert not sign(shop)
    assert (check().first_bad, check().fault) == (0, "replaced")


def test_nothing_is_signed_that_does_not_continue(shop: Shop) -> None:
    written(shop, 3)
    sign(shop)
    written(shop, 2)
    as_superuser("update events_audit set content = replace(content, 'staff', 'worker') where number = 4")
    with shop.unchanged():
        assert not sign(shop)
    assert [checkpoints.opened(note).size for note in checkpoints.kept_notes()] == [3]


# -- tampering ----------------------------------------------------------------------------------------------------

EDIT = "update events_audit set content = replace(content, 'staff:', 'worker:') where number = 3"
DELETE = "delete from events_audit where number = 3"
CLOSE_UP = "update events_audit set number = number - 1 where number > 3"
SWAP = (
    "update events_audit set number = -1 where number = 3",
    "update events_audit set number = 3 where number = 6",
    "update events_audit set number = 6 where number = -1",
)
MAKE_ROOM = ("update events_audit set number = number + 100 where number >= 3",
             "update events_audit set number = number - 99 where number >= 100")  # fmt: skip
INSERT = (
    "insert into events_audit (number, subject, content, hash) "
    "select 3, subject, replace(content, 'parcel 0', 'parcel 77'), hash from events_audit where number = 0"
)


@pytest.mark.parametrize(
    ("fault", "statements"),
    [
        ("edited", [EDIT]),
        ("edited", ["update events_audit set hash = sha256(hash) where number = 3"]),
        ("edited", ["update events_audit set subject = null where number = 3"]),
        ("deleted", [DELETE]),
        ("deleted", [DELETE, CLOSE_UP]),
        ("inserted", [*MAKE_ROOM, INSERT]),
        ("moved", [*SWAP]),
        ("cut", ["delete from events_audit where number >= 3"]),
    ],
    ids=["edit", "hash", "subject", "delete", "delete and close up", "insert", "reorder", "truncate the end"],
)
@pytest.mark.parametrize("is_rewritten", [False, True], ids=["", "and the hashes anew"])
def test_a_superusers_tampering_is_named(
    shop: Shop, fault: str, statements: list[str], *, is_rewritten: bool
) -> None:  # fmt: skip
    written(shop, 10)
    assert sign(shop)
    as_superuser(*statements)
    if is_rewritten:
        rewritten(3)
    finding = check()
    if is_rewritten and fault == "edited":
        fault = {EDIT: "replaced"}.get(statements[0], fault)
        if "sha256" in statements[0]:
            assert finding.holds  # the true hash is back
            return
    assert (finding.holds, finding.first_bad, finding.fault) == (False, 3, fault)
    assert "3" in finding.sentences[0]


@pytest.mark.parametrize("statements", [[EDIT], [DELETE], [DELETE, CLOSE_UP], [*MAKE_ROOM, INSERT], [*SWAP]])
def test_what_no_checkpoint_covers_yet_is_held_by_the_chain(shop: Shop, statements: list[str]) -> None:
    written(shop, 2)
    sign(shop)
    written(shop, 8)
    as_superuser(*statements)
    finding = check()
    assert (finding.holds, finding.first_bad) == (False, 3)
    assert not sign(shop)


def test_a_truncated_log_is_noticed(shop: Shop) -> None:
    written(shop, 4)
    sign(shop)
    as_superuser("truncate events_audit, events_checkpoint")
    finding = check()
    assert (finding.first_bad, finding.fault, finding.entries, finding.signed) == (0, "cut", 0, 4)
    written(shop, 1)
    assert not sign(shop)


def test_a_log_replaced_as_a_whole_is_noticed(shop: Shop) -> None:
    written(shop, 4)
    sign(shop)
    as_superuser("truncate events_audit, events_checkpoint")
    with shop.connect(VAULT.role) as connection:
        for number in range(9):
            note(connection, number + (number >= 2), subject=ALICE)
    finding = check()
    assert (finding.holds, finding.first_bad) == (False, 2)
    assert finding.fault in {"deleted", "replaced"}


def test_files_that_are_gone_are_noticed_and_the_databases_own_copies_still_speak(shop: Shop) -> None:
    written(shop, 4)
    sign(shop)
    written(shop, 4)
    sign(shop)
    checkpoints.forget_files()
    finding = check()
    assert (finding.holds, finding.first_bad, finding.fault) == (False, None, "checkpoint")
    assert "missing in the file" in finding.sentences[0]
    as_superuser(EDIT.replace("= 3", "= 5"))
    rewritten(5)
    finding = check()
    # Without the hashes outside it can only be said between which checkpoints it lies.
    assert (finding.first_bad, finding.fault) == (4, "replaced")
    assert "one of the entries 4 to 7" in finding.sentences[0]


def test_a_file_that_was_touched_is_noticed(shop: Shop) -> None:
    written(shop, 4)
    sign(shop)
    leaves = checkpoints.leaves_path()
    content = leaves.read_bytes()
    leaves.write_bytes(bytes(32) + content[32:])
    finding = check()
    assert finding.sentences == ["the hashes that were kept outside the database are not those that were signed"]
    leaves.write_bytes(content)
    assert check().holds
    notes = checkpoints.notes_path()
    notes.write_text(notes.read_text().replace("\n4\n", "\n3\n"))
    finding = check()
    assert (finding.holds, finding.fault) == (False, "checkpoint")
    as_superuser("delete from events_checkpoint")
    assert "the log's key has not signed it" in check().sentences[0]


def test_a_checkpoint_kept_elsewhere_convicts_who_owns_the_machine(shop: Shop, tmp_path: Path) -> None:
    written(shop, 6)
    sign(shop)
    (kept,) = checkpoints.kept_notes()
    path = tmp_path / "kept.txt"
    path.write_text(kept)
    # Database, files and key are all in one hand here.
    as_superuser("truncate events_audit, events_checkpoint")
    checkpoints.forget_files()
    with shop.connect(VAULT.role) as connection:
        for number in range(8):
            note(connection, number * 2)
    sign(shop)
    assert check().holds
    finding = check(against=kept)
    assert (finding.holds, finding.first_bad, finding.fault) == (False, 0, "replaced")
    done = CliRunner().invoke(main, ["audit", "verify", "--against", str(path), "--json"])
    assert done.exit_code == 1


# -- after a restore ----------------------------------------------------------------------------------------------


def restored(to: int) -> None:
    """Have the database as a backup had it when the chain had so many entries."""
    as_superuser(f"delete from events_audit where number >= {to}", f"delete from events_checkpoint where size > {to}")


@pytest.mark.parametrize("to", [0, 2, 3, 5])
def test_after_a_restore_the_chain_goes_on_and_says_what_was_lost(shop: Shop, to: int) -> None:
    for count in (3, 2, 3):
        written(shop, count)
        sign(shop)
    root = list(checkpoints.kept_notes())[-1].splitlines()[2]
    restored(to)
    assert (check().first_bad, check().fault) == (to, "cut")
    done = CliRunner().invoke(main, ["audit", "resume", "--purpose", "backup of yesterday"])
    assert done.exit_code == 0, done.output
    assert f"behind {to} entries. {8 - to} signed ones were lost." in done.output
    written(shop, 2)
    assert sign(shop)
    finding = check()
    assert (finding.holds, finding.entries, finding.signed) == (True, to + 3, to + 3)
    entry = json.loads(shop.value("select content from events_audit where number = %s", to))
    assert (entry["action"], entry["purpose"]) == ("audit.resumed", "backup of yesterday")
    assert entry["detail"] == {"lost": str(8 - to), "size": "8", "root": root}
    aside = sorted(
        path.name.rpartition(".until-")[0] for path in checkpoints.notes_path().parent.glob(f"{shop.database}*until*")
    )
    assert aside == [f"{shop.database}.checkpoints", f"{shop.database}.leaves"]


def test_nothing_is_resumed_where_nothing_is_missing(shop: Shop) -> None:
    written(shop, 3)
    sign(shop)
    written(shop, 1)
    with shop.unchanged():
        done = CliRunner().invoke(main, ["audit", "resume", "--purpose", "to be sure"])
    assert "Nothing that was signed is missing." in done.output


def test_what_was_tampered_with_is_not_resumed(shop: Shop) -> None:
    written(shop, 5)
    sign(shop)
    restored(4)
    as_superuser(EDIT.replace("= 3", "= 2"))
    rewritten(2)
    before = checkpoints.notes_path().read_bytes(), checkpoints.leaves_path().read_bytes()
    with shop.unchanged():
        done = CliRunner().invoke(main, ["audit", "resume", "--purpose", "let it pass"])
    assert done.exit_code == 1
    assert "entry 2 is not the one that was signed" in done.output
    assert before == (checkpoints.notes_path().read_bytes(), checkpoints.leaves_path().read_bytes())


# -- the verb -----------------------------------------------------------------------------------------------------


def test_the_verb_names_the_first_bad_entry_and_ends_with_1(shop: Shop) -> None:
    written(shop, 5)
    sign(shop)
    good = CliRunner().invoke(main, ["audit", "verify", "--json"])
    assert (good.exit_code, json.loads(good.stdout)["holds"]) == (0, True)
    as_superuser(EDIT)
    bad = CliRunner().invoke(main, ["audit", "verify", "--json"])
    finding = json.loads(bad.stdout)
    assert (bad.exit_code, finding["first_bad"], finding["fault"]) == (1, 3, "edited")
    told = CliRunner().invoke(main, ["audit", "verify"])
    assert told.exit_code == 1
    assert "Entry 3 was edited." in told.stdout


def test_the_verb_proves_an_entry_to_whoever_has_the_public_key(shop: Shop) -> None:
    written(shop, 7)
    sign(shop)
    written(shop, 1)
    done = CliRunner().invoke(main, ["audit", "prove", "4"])
    proven = json.loads(done.stdout)
    # With nothing but the public key, the RFC and the note: no file and no key of the shop.
    name, _, rest = checkpoints.verifier_key().partition("+")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(rest.partition("+")[2])[1:])
    body, signatures = proven["checkpoint"].split("\n\n")
    key.verify(base64.b64decode(signatures.split(" ")[2])[4:], f"{body}\n".encode())
    origin, size, root = body.split("\n")
    assert (origin, size) == (name, "7")
    assert merkle.includes(
        leaf=merkle.leaf_hash(proven["entry"].encode()),
        index=4,
        size=7,
        proof=[bytes.fromhex(each) for each in proven["proof"]],
        root=base64.b64decode(root),
    )
    for number in ("7", "8"):  # not signed yet; not there
        assert CliRunner().invoke(main, ["audit", "prove", number]).exit_code == 1


def test_the_verb_shows_whom_it_concerns(shop: Shop) -> None:
    with shop.connect(VAULT.role) as connection:
        note(connection, 0)
        note(connection, 1, subject=BOB)
        audit.append(
            connection, room=VAULT, actor="worker", action="rights.tidied", subject=None, purpose="by the clock", at=AT
        )
    shown = CliRunner().invoke(main, ["audit", "show", "--subject", str(BOB), "--json"])
    assert [json.loads(line)["number"] for line in shown.stdout.splitlines()] == [1]
    everything = CliRunner().invoke(main, ["audit", "show"])
    assert everything.exit_code == 0
    assert "rights.tidied" in everything.stdout
    assert CliRunner().invoke(main, ["audit", "key"]).stdout.strip() == checkpoints.verifier_key()
