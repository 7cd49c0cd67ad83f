"""Taking messages up costs what those few cost, however many wait, and holds up nobody else."""

from __future__ import annotations

import threading
import time

from comptoir.foundation.rooms.commands import set_up_django
from support.casting import Counter
from support.mailbox import Mailbox
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402

from django.db import connections, transaction

from comptoir.counter.messages.contracts import TemplateText
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.messages import store
from comptoir.vault.messages.contracts import Back, Done
from support.mailing import NOW, decide, dispatched, final, send, settle

#: The lock of whoever appends to the audit chain.
CHAIN = 7209020
#: Takes some hundredths of a second for each reader.
SLOW = """{% for i in (1..900) %}{% assign x = name | append: i | upcase | split: "" | sort | join: "" %}{% endfor %}
Hello {{ name }}"""


def test_a_template_that_takes_its_time_keeps_nobody_from_the_audit_chain(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    decide(dispatched(texts={"en": TemplateText(SLOW, "Hi")}), [settle(counter, number) for number in range(40)])
    looked: list[bool] = []
    is_over = threading.Event()

    def look() -> None:
        with database.connect("comptoir_counter") as other:
            while not is_over.is_set():
                row = other.execute(
                    "select count(*) from pg_locks where locktype = 'advisory' and objid = %s and granted", (CHAIN,)
                ).fetchone()
                looked.append(bool(row and row[0]))
                other.rollback()
                time.sleep(0.005)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        send()
    finally:
        is_over.set()
        looking.join()
    assert set(final(shop).values()) == {"accepted"}
    assert len(mailbox.letters) == 40
    assert len(looked) > 50, "a template that takes no time shows nothing"
    assert sum(looked) < len(looked) / 3, "the chain is held while templates are filled in"


def test_what_becomes_of_a_few_is_written_down_without_going_through_the_rest(shop: Shop, counter: Counter) -> None:
    """A sender has five hundred in hand and asks about a few at a time: by sender, all were read each time."""
    decisions = decide(dispatched(), [settle(counter, number) for number in range(300)])
    with transaction.atomic(using=VAULT.name), connections[VAULT.name].cursor() as cursor:
        assert len(store.claim(cursor, "mail", me=7, limit=500, now=NOW)) == 300

    lane = database.connect_lane(VAULT.role)
    try:
        with lane.unit():
            before = _read(lane)
            answers = store.mark_attempted(lane, decisions[:5], me=7, now=NOW)
            store.tell_finished(lane, [Done(each, "accepted", NOW) for each in decisions[5:10]], me=7)
            store.tell_given_back(lane, [Back(each, NOW) for each in decisions[10:15]], me=7)
            after = _read(lane)
        assert len(answers()) == 5
        assert after - before < 100, "each of fifteen is looked up, and nobody else"
    finally:
        lane.close()
        connections.close_all()


def _read(lane: Connection) -> int:
    ((count,),) = lane.ask(
        "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'messages_waiting'"
    )
    return int(count or 0)
