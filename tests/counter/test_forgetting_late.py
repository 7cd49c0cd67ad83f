"""Whoever is forgotten in the very moment in which another process writes them down is written down nowhere in the end.

A list and a trip do not wait for forgetting, and are swept behind it; members of a segment wait, or are waited for.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.campaigning import STAFF, templates, version
from support.casting import ALICE, BOB, HEARD, PLAIN, Counter, identify, sale
from support.forgotten import dump, forget, found_in
from support.processes import wait_until
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.assembly import sweep_forgotten
from comptoir.counter.audiences import following
from comptoir.counter.loyalty.store import insert_programme
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands
from comptoir.office.campaigns.segmenting import SEGMENTS
from comptoir.office.segments import commands as segments

#: Another process that freezes a list, or lets somebody set out, and ends once it is told to.
WRITING = """
import datetime as dt, pathlib, sys, time, uuid
from comptoir.foundation.rooms.commands import set_up_django
set_up_django()
from django.db import transaction
from comptoir.counter.trips.models import Trip
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands
from comptoir.office.campaigns.segmenting import OfTheOffice
what, folder, campaign, person = sys.argv[1:]

def pause():
    pathlib.Path(folder, "written").touch()
    until = time.monotonic() + 60
    while not pathlib.Path(folder, "go").exists() and time.monotonic() < until:
        time.sleep(0.02)

class Slow(OfTheOffice):
    def members(self, segment, /, *, at=None):
        yield from super().members(segment, at=at)
        pause()

now = dt.datetime.fromisoformat("2024-03-05T12:00:00+00:00")
with entered(OFFICE):
    if what == "list":
        commands.freeze(uuid.UUID(campaign), 1, now=now, segments=Slow(now))
    else:
        with transaction.atomic(using=OFFICE.name):
            Trip.objects.create(id=uuid.uuid4(), journey=uuid.uuid4(), version=1, customer=uuid.UUID(person),
                occurrence="", entered_at=now, arm="go", step=0, due_at=now)
            pause()
"""
#: Another process that lets somebody join a segment.
JOINING = """
import datetime as dt, sys
from comptoir.foundation.kernel import database
from comptoir.office.segments import jobs
folder, person = sys.argv[1:]
with database.connect("comptoir_office") as connection:
    print("ready", flush=True)
    sys.stdin.readline()
    print(jobs.follow(connection, [person], now=dt.datetime.fromisoformat("2024-03-05T12:00:00+00:00")), flush=True)
"""


class World(Counter):
    """A counter whose figures are followed, and a segment of everybody."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        insert_programme(self.connection, PLAIN, None)
        self.send(sale("1"), sale("2", of=BOB))
        positions = [row["position"] for row in shop.rows("select position::text from events_event")]
        with self.connection.transaction():
            following.bring(self.connection, positions, time_zone="UTC", now=HEARD)
        with database.connect(OFFICE.role) as connection:
            self.segment = segments.define(connection, name="All", expression="TRUE", by=STAFF, at=HEARD)

    def launch(self) -> uuid.UUID:
        with entered(OFFICE):
            templates("coffee")
            content = version(segment=str(self.segment.id), holdout=0.0, holdout_reason="Two people.")
            campaign = commands.write(content, campaign=None, after=0, by=STAFF, at=HEARD)
            commands.launch(campaign, 1, by=STAFF, at=HEARD)
        return campaign

    def leads_back(self) -> list[str]:
        """Return what in the whole database names Alice."""
        return [each for each in dump(self.shop).splitlines() if found_in(each, [identify(ALICE)])]


@pytest.fixture
def world(shop: Shop) -> Iterator[World]:
    made = World(shop)
    yield made
    made.close()


@contextlib.contextmanager
def process(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Have another process of the house."""
    running = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "comptoir.config.settings"},
    )  # fmt: skip
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize("what", ["list", "trip"])
def test_who_is_forgotten_while_they_are_written_down_is_swept_out(world: World, tmp_path: Path, what: str) -> None:
    campaign = world.launch() if what == "list" else uuid.uuid4()
    table = "messages_decision" if what == "list" else "trips_trip"
    with process(WRITING, what, str(tmp_path), str(campaign), identify(ALICE)) as writing:
        wait_until((tmp_path / "written").exists, what="a row that is not committed")
        assert world.tell(forget(ALICE)).is_accepted
        (tmp_path / "go").touch()
        assert writing.wait(timeout=60) == 0
    assert world.leads_back(), "the race is lost: somebody who is forgotten is written down"
    assert sweep_forgotten(world.connection) == 1
    assert world.leads_back() == []
    everybody = 2 if what == "list" else 1
    assert world.shop.value(f"select count(*) from {table}") == everybody, "what was decided stays, about nobody"
    with world.shop.unchanged():
        assert sweep_forgotten(world.connection) == 0


def test_nobody_else_is_swept_out(world: World) -> None:
    world.launch()
    with entered(OFFICE):
        assert commands.freeze_due(now=HEARD + dt.timedelta(days=1), segments=SEGMENTS) == 1
    with world.shop.unchanged():
        assert sweep_forgotten(world.connection) == 0


def test_who_counts_and_who_forgets_wait_for_each_other(world: World) -> None:
    with process(JOINING, "", identify(ALICE)) as joining, database.connect(OFFICE.role) as connection:
        assert joining.stdout is not None
        assert joining.stdin is not None
        assert joining.stdout.readline() == "ready\n"
        connection.execute("update audiences_segment set day = '2024-03-05'")
        # Somebody else is at this segment: the process has its lock against forgetting, and waits for that.
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(7209021, hashtext(%s))", (str(world.segment.id),))
            joining.stdin.write("\n")
            joining.stdin.flush()
            waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
            wait_until(lambda: world.shop.value(f"{waiting} and classid = 7209021") == 1, what="the other process")
            forgetting = threading.Thread(target=lambda: world.tell(forget(ALICE)))
            forgetting.start()
            wait_until(lambda: world.shop.value(f"{waiting} and objid = 7209001") == 1, what="forgetting, which waits")
        assert joining.stdout.readline() == "1\n"
        forgetting.join(timeout=60)
        assert not forgetting.is_alive()
    assert world.leads_back() == []
    assert world.shop.value("select count(*) from events_event where type = 'segment.joined'") == 1
