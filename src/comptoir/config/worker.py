"""The worker: one process that brings what was decided to other systems, and does what is due by the clock.

``python -m comptoir.config.worker``; ``comptoir serve`` runs it as a part of the house. A second worker may run beside
it: it stands by for each destination, and each job is done by one of them. SIGTERM ends it within seconds.

The relay has a lock for each destination, since it is one endless delivery in order. The jobs are procrastinate's,
which keeps in the database when what was last due. Not here: what is done (each package's ``jobs.py``).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import logging
import signal
import sys
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

import procrastinate
import procrastinate.exceptions
import procrastinate.jobs
import psycopg

from comptoir.config import following, lending, recommending, registry, relaying, tending
from comptoir.config.messaging import keep_sending
from comptoir.counter.assembly import handlers_for, sweep_forgotten
from comptoir.counter.audiences import jobs as audiences
from comptoir.counter.audiences import lake
from comptoir.counter.audiences.errors import EngineMissing
from comptoir.counter.baskets import jobs as baskets
from comptoir.counter.contributions import jobs as contributions
from comptoir.counter.customers import jobs as customers
from comptoir.counter.customers.errors import TermsPolicyInvalid
from comptoir.counter.customers.policy import load_policy
from comptoir.counter.customers.store import count_forgotten
from comptoir.counter.giftcards import jobs as giftcards
from comptoir.counter.letters.rules import ShopTime
from comptoir.counter.loyalty import jobs as loyalty
from comptoir.counter.loyalty import store as loyalty_store
from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.messages.store import has_ended
from comptoir.counter.messages.telling import tell_outcomes
from comptoir.counter.offers import jobs as offers
from comptoir.counter.sales import jobs as sales
from comptoir.foundation.events import jobs as events
from comptoir.foundation.events import store as events_store
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK, Clock
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.rooms.commands import clear_expired_sessions
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, VAULT
from comptoir.foundation.touchpoints import jobs as touchpoints
from comptoir.foundation.touchpoints.errors import MapContradictsItself
from comptoir.foundation.touchpoints.freshness import Recorder
from comptoir.office.segments import jobs as segments
from comptoir.square.catalog import jobs as catalog
from comptoir.square.charter import jobs as charter
from comptoir.square.community import jobs as community
from comptoir.square.stewardship import jobs as stewardship
from comptoir.square.stock import jobs as stock

if TYPE_CHECKING:
    from comptoir.vault.contacts.letters import Addresses
    from comptoir.vault.contacts.notifications import Devices

_log = logging.getLogger("comptoir.worker")

_AGAIN_SECONDS: Final = (0.5, 2.0, 5.0, 15.0)
_RESCUE_SECONDS: Final = 30.0
_FAILED_JOBS_KEPT_HOURS: Final = 7 * 24
_LATE_SECONDS_MAX: Final = 3_600
_END_SECONDS_MAX: Final = 6.0
_THREADS: Final = 2
#: A list that was being frozen when somebody was forgotten is written by then.
_SWEEPING: Final = dt.timedelta(minutes=10)
_CONNECTION_SECONDS_MAX: Final = 60.0


class Jobs:
    """The house's jobs, as procrastinate runs them: each by one worker at a time, each on a connection of its own."""

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Declare the jobs; nothing is opened yet."""
        self._clock, self._stopping = clock, threading.Event()
        self._addresses: Addresses | None = None
        self._devices: Devices | None = None
        self._marks, self._sweeping_until = -1, clock.now()
        self.app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=database.conninfo(COUNTER.role),
                min_size=1,
                max_size=4,
                # On a busy machine, everything that is due when one begins waits for these few.
                timeout=_CONNECTION_SECONDS_MAX,
                kwargs={"application_name": "comptoir jobs"},
            ),
            periodic_defaults={"max_delay": _LATE_SECONDS_MAX},
        )
        # A month's end, a time zone's midnight: all lie on quarters of an hour. The cheap ones run oftener.
        self._add("loyalty.expire_points", "*/15 * * * *", self.expire_points)
        self._add("contributions.confirm_reviews", "17 3 * * *", self.confirm_reviews)
        self._add("contributions.thank", "32 3 * * *", self.thank)
        self._add("loyalty.void_overdue", "* * * * *", self.void_overdue)
        self._add("offers.release_overdue", "* * * * *", self.release_coupons)
        self._add("giftcards.end_what_is_over", "* * * * *", self.end_gift_cards)
        self._add("baskets.tend", "*/5 * * * *", self.tend_baskets)
        self._add("stock.release_overdue", "* * * * *", self.release_stock)
        self._add("events.make_partitions", "3,33 * * * *", self.make_partitions)
        self._add("events.prune_outbox", "* * * * *", self.prune_outbox)
        self._add("community.drop_unused_pictures", "27 * * * *", self.drop_unused_pictures)
        self._add("community.fetch_previews", "* * * * *", self.fetch_previews)
        self._add("stewardship.note_filter", "* * * * *", self.note_filter)
        self._add("charter.settle", "* * * * *", self.settle_charter)
        self._add("touchpoints.judge_freshness", "* * * * *", self.judge_freshness)
        self._add("touchpoints.thin_counts", "11 * * * *", self.thin_counts)
        self._add("contacts.end_treats", "6,21,36,51 * * * *", self.end_treats)
        self._add("contacts.tell_treats", "*/15 * * * *", self.tell_treats)
        self._add("letters.send", "*/15 * * * *", self.send_letters)
        self._add("notifications.send", "*/15 * * * *", self.send_notifications)
        self._add("invitations.send", "*/5 * * * *", self.send_invitations)
        self._add("messages.send_trials", "* * * * *", self.send_trials)
        self._add("messages.tell_ended", "* * * * *", self.tell_ended)
        self._add("messages.tell_outcomes", "* * * * *", self.tell_outcomes)
        self._add("customers.end_consents", "*/15 * * * *", self.end_consents)
        self._add("customers.end_quiet_consents", "47 2 * * *", self.end_quiet_consents)
        self._add("sales.report_waiting_returns", "20 4 * * *", self.report_waiting_returns)
        self._add("announcements.send_waiting", "* * * * *", self.send_announcements)
        self._add("payments.tend", "* * * * *", self.tend_payments)
        self._add("checkout.look", "* * * * *", self.look_at_checkouts)
        self._add("rooms.clear_expired_sessions", "41 * * * *", self.clear_expired_sessions)
        self._add("rights.finish_forgetting", "* * * * *", self.finish_forgetting)
        self._add("campaigns.freeze_due", "* * * * *", self.freeze_lists)
        self._add("campaigns.withdraw_left", "* * * * *", self.withdraw_left)
        self._add("journeys.travel", "* * * * *", self.travel)
        self._add("events.sign_audit", "* * * * *", self.sign_audit)
        self._add("audiences.refresh_trust", "52 2 * * *", self.refresh_trust)
        self._add("lake.write", "* * * * *", self.write_lake)
        self._add("segments.refresh", "* * * * *", self.refresh_segments)
        for name, (cron, job) in recommending.JOBS.items():
            self._add(name, cron, job)
        self._add("customers.sweep_forgotten", "* * * * *", self.sweep_forgotten)
        self._add("rights.drop_expired", "23 * * * *", self.drop_expired)
        self._add("rights.end_unused_contacts", "37 3 * * *", self.end_unused_contacts)

    def stop(self) -> None:
        """Let running jobs end after their present portion."""
        self._stopping.set()

    def expire_points(self, connection: Connection) -> None:
        """Let points expire whose last day is over in the shop."""
        if (programmes := find_programmes(connection)) is not None:
            loyalty.expire_points(
                connection,
                now=self._clock.now(),
                programmes=programmes,
                handlers=handlers_for(programmes),
                should_stop=self._stopping.is_set,
            )

    def confirm_reviews(self, connection: Connection) -> None:
        """Say of which reviews it is known that whoever wrote them had bought the product here."""
        if (programmes := find_programmes(connection)) is not None:
            contributions.confirm_reviews(
                connection,
                now=self._clock.now(),
                handlers=handlers_for(programmes),
                should_stop=self._stopping.is_set,
            )

    def thank(self, connection: Connection) -> None:
        """Give the points that were promised for what was contributed to the square."""
        if (programmes := find_programmes(connection)) is not None:
            contributions.thank(
                connection, now=self._clock.now(), programmes=programmes, handlers=handlers_for(programmes)
            )

    def void_overdue(self, connection: Connection) -> None:
        """Give back what was held too long."""
        if (programmes := find_programmes(connection)) is not None:
            handlers = handlers_for(programmes)
            loyalty.void_overdue(
                connection, now=self._clock.now(), handlers=handlers, should_stop=self._stopping.is_set
            )

    def release_coupons(self, connection: Connection) -> None:
        """Release coupons that were held too long."""
        if (programmes := find_programmes(connection)) is not None:
            handlers = handlers_for(programmes)
            offers.release_overdue(
                connection, now=self._clock.now(), handlers=handlers, should_stop=self._stopping.is_set
            )

    def end_gift_cards(self, connection: Connection) -> None:
        """Free what was held too long of gift cards, and end those that have run out."""
        if (programmes := find_programmes(connection)) is not None:
            handlers = handlers_for(programmes)
            giftcards.end_what_is_over(
                connection, now=self._clock.now(), handlers=handlers, should_stop=self._stopping.is_set
            )

    def tend_baskets(self, connection: Connection) -> None:
        """End baskets that nobody has touched for long, and say which were left."""
        if (programmes := find_programmes(connection)) is not None:
            for job in (baskets.expire, baskets.tell_left):
                handlers = handlers_for(programmes)
                job(connection, now=self._clock.now(), handlers=handlers, should_stop=self._stopping.is_set)

    def release_stock(self, connection: Connection) -> None:
        """Release articles that were held too long."""
        stock.release_overdue(connection, now=self._clock.now(), should_stop=self._stopping.is_set)

    def make_partitions(self, connection: Connection) -> None:
        """Have the log's partitions three months ahead, and nothing outside of them."""
        events.make_partitions(connection, now=self._clock.now())
        events.check_rest(connection)

    def prune_outbox(self, connection: Connection) -> None:
        """Drop what every destination has passed."""
        events.prune_outbox(connection, now=self._clock.now())

    def drop_unused_pictures(self, connection: Connection) -> None:
        """Drop pictures that were left behind in forms, and those of goods that nothing shows."""
        catalog.drop_unused_pictures(connection, now=self._clock.now(), should_stop=self._stopping.is_set)
        community.drop_unused_pictures(connection, now=self._clock.now(), should_stop=self._stopping.is_set)

    def fetch_previews(self, connection: Connection) -> None:
        """Ask pages to which posts link what they say of themselves; fetch pictures of goods that listings name."""
        stewardship.fetch_previews(connection, now=self._clock.now(), should_stop=self._stopping.is_set)
        catalog.fetch_pictures(connection, now=self._clock.now(), should_stop=self._stopping.is_set)

    def note_filter(self, connection: Connection) -> None:
        """Say that the filter for spam was switched, or has learned anew."""
        if (programmes := find_programmes(connection)) is not None:
            stewardship.note_filter(connection, now=self._clock.now(), handlers=handlers_for(programmes))

    def settle_charter(self, connection: Connection) -> None:
        """Adopt and reject amendments of the charter whose time is over."""
        if (programmes := find_programmes(connection)) is not None:
            charter.settle(connection, now=self._clock.now(), handlers=handlers_for(programmes))

    def judge_freshness(self, connection: Connection) -> None:
        """See whether the map's promises are kept."""
        try:
            declared = registry.shop_map()
        except (MapContradictsItself, OSError) as error:
            _log.warning("no promise can be judged: the map cannot be read (%s)", type(error).__name__)
            return
        touchpoints.judge_freshness(connection, declared=declared, now=self._clock.now())

    def thin_counts(self, connection: Connection) -> None:
        """Keep the counts of the map small."""
        touchpoints.thin_counts(connection, now=self._clock.now())

    def report_waiting_returns(self, connection: Connection) -> None:
        """Say which returns have waited too long."""
        sales.report_waiting_returns(connection, now=self._clock.now())

    def end_consents(self, connection: Connection) -> None:
        """End the consents whose own days are over."""
        if (programmes := find_programmes(connection)) is not None:
            customers.end_consents(
                connection,
                now=self._clock.now(),
                handlers=handlers_for(programmes),
                should_stop=self._stopping.is_set,
            )

    def end_quiet_consents(self, connection: Connection) -> None:
        """End the consents of whoever was not heard of for too long."""
        if (programmes := find_programmes(connection)) is None:
            return
        try:
            policy = load_policy()
        except TermsPolicyInvalid as problem:
            _log.warning("no consent of somebody quiet can end: %s", problem.detail)
            return
        customers.end_quiet_consents(
            connection,
            now=self._clock.now(),
            policy=policy,
            heard=_heard,
            handlers=handlers_for(programmes),
            should_stop=self._stopping.is_set,
        )

    def end_treats(self, connection: Connection) -> None:  # noqa: ARG002 - the vault has its own
        """Remove the birthdays of whoever does not want a treat any more."""
        with lending.django():
            from comptoir.vault.contacts.treats import end_treats  # noqa: PLC0415

            end_treats(now=self._clock.now(), should_stop=self._stopping.is_set)

    def tell_treats(self, connection: Connection) -> None:
        """Tell the counter for whom a treat is due in the shop's month, as the vault."""
        if (programmes := find_programmes(connection)) is None:
            return
        now = self._clock.now()
        version = programmes.at(now)
        month = version.local_day(now).replace(day=1)
        until = version.midnight((month + dt.timedelta(days=31)).replace(day=1))
        with lending.django():
            from comptoir.vault.contacts.errors import VaultClosed  # noqa: PLC0415
            from comptoir.vault.contacts.treats import tell_treats  # noqa: PLC0415

            try:
                tell_treats(month=month, until=until, now=now, should_stop=self._stopping.is_set)
            except VaultClosed as problem:
                _log.warning("no treat can be told of: %s", problem.detail)

    def send_letters(self, connection: Connection) -> None:
        """Send the letters that are due: the counter makes them, the vault knows where they go."""
        shop_time = self._shop_time(connection)
        if shop_time is not None:
            with lending.django():
                from comptoir.vault.contacts.letters import Addresses, send_due  # noqa: PLC0415 - its models want Django

                self._addresses = self._addresses or Addresses()
                send_due(shop_time, addresses=self._addresses, should_stop=self._stopping.is_set)

    def send_notifications(self, connection: Connection) -> None:
        """Send the notifications that are due to devices, and end the devices that nobody wants or that are gone."""
        shop_time = self._shop_time(connection)
        if shop_time is not None:
            with lending.django():
                from comptoir.vault.contacts.notifications import Devices, send_due  # noqa: PLC0415

                self._devices = self._devices or Devices()
                send_due(shop_time, devices=self._devices, should_stop=self._stopping.is_set)

    def _shop_time(self, connection: Connection) -> ShopTime | None:
        programmes = find_programmes(connection)
        if programmes is None:
            return None
        now = self._clock.now()
        version = programmes.at(now)
        return ShopTime(now, version.local_day(now), version.midnight)

    def send_invitations(self, connection: Connection) -> None:
        """Send the invitations that staff wrote, as the vault; most of the time there is none."""
        if connection.execute("select from programme_invitation limit 1").fetchone() is None:
            return
        with lending.django():
            from comptoir.vault.contacts.errors import VaultClosed  # noqa: PLC0415
            from comptoir.vault.invitations.jobs import send_invitations  # noqa: PLC0415

            try:
                send_invitations(now=self._clock.now(), should_stop=self._stopping.is_set)
            except VaultClosed as problem:
                _log.warning("no invitation can be sent: %s", problem.detail)

    def send_trials(self, connection: Connection) -> None:
        """Send the tests that staff asked for, to themselves."""
        if connection.execute("select from messages_trial where outcome = '' limit 1").fetchone() is None:
            return
        with lending.django():
            from comptoir.vault.messages.trials import send_trials  # noqa: PLC0415

            send_trials(now=self._clock.now())

    def tell_ended(self, connection: Connection) -> None:
        """Tell the counter who wants no more of something, where it was away when they said so."""
        if not has_ended(connection, now=self._clock.now()):
            return
        with lending.django():
            from comptoir.counter.messages.ending import tell_ended  # noqa: PLC0415 - its pages want Django

            tell_ended(now=self._clock.now())

    def tell_outcomes(self, connection: Connection) -> None:
        """Tell the log what became of messages."""
        tell_outcomes(connection, now=self._clock.now(), should_stop=self._stopping.is_set)

    def clear_expired_sessions(self, connection: Connection) -> None:  # noqa: ARG002 - it has its own, by room
        """Drop sessions that are over, as each room by itself."""
        with lending.django():
            clear_expired_sessions(now=self._clock.now())

    def refresh_trust(self, connection: Connection) -> None:
        """Look how far whoever has a public name is trusted: that changes with what others do, and with time."""
        audiences.refresh_holders(connection, now=self._clock.now(), should_stop=self._stopping.is_set)

    def write_lake(self, connection: Connection) -> None:  # noqa: ARG002 - it has its own
        """Write what is new to the lake, where the shop has one."""
        try:
            lake.keep(now=self._clock.now())
        except EngineMissing as problem:
            _log.warning("the lake cannot be written: %s", problem.detail)

    def refresh_segments(self, connection: Connection) -> None:  # noqa: ARG002 - members are the office's
        """Count the segments that have changed, and all of them when the shop's day has."""
        with database.connect(OFFICE.role) as office:
            segments.refresh(office, now=self._clock.now(), should_stop=self._stopping.is_set)

    def sweep_forgotten(self, connection: Connection) -> None:
        """Look for whoever was forgotten while somebody wrote them down: for some minutes after each, and hourly."""
        marks, now = count_forgotten(connection), self._clock.now()
        if marks != self._marks:
            self._marks, self._sweeping_until = marks, now + _SWEEPING
        if marks and (now <= self._sweeping_until or not now.minute):
            gone = sweep_forgotten(connection)
            if gone:
                _log.info("%d customers who were forgotten were still written down somewhere", gone)

    def drop_expired(self, connection: Connection) -> None:  # noqa: ARG002
        """Drop what the map of personal data gives so many days, as a room that may."""
        with lending.django():
            from comptoir.vault.rights import jobs as rights  # noqa: PLC0415 - its models want Django

            rights.drop_expired(now=self._clock.now(), should_stop=self._stopping.is_set)

    def end_unused_contacts(self, connection: Connection) -> None:  # noqa: ARG002
        """Destroy contact data that nobody has needed for long, as the vault."""
        with lending.django():
            from comptoir.vault.rights import jobs as rights  # noqa: PLC0415

            rights.end_unused_contacts(now=self._clock.now(), should_stop=self._stopping.is_set)

    def finish_forgetting(self, connection: Connection) -> None:  # noqa: ARG002 - it has its own, by room
        """Finish forgetting whoever asked for it while a part of the house was away."""
        with lending.django():
            from comptoir.vault.rights import forgetting, pieces  # noqa: PLC0415

            pieces.finish_all(at=self._clock.now())
            forgetting.finish_all(at=self._clock.now())

    def send_announcements(self, connection: Connection) -> None:  # noqa: ARG002 - it has its own, as the vault
        """Tell the counter what the vault could not tell it at once; most of the time there is nothing."""
        with database.connect(VAULT.role) as vault:
            waits = vault.execute("select exists (select from announcements_announcement)").fetchone()
        if waits is None or not waits[0]:
            return
        with lending.django():
            from comptoir.vault.announcements.commands import send_waiting  # noqa: PLC0415

            send_waiting()

    def tend_payments(self, connection: Connection) -> None:  # noqa: ARG002 - it has its own, as the vault
        """Ask payment providers what they have not told, and have money given back."""
        tending.tend_payments(now=self._clock.now(), should_stop=self._stopping.is_set)

    def look_at_checkouts(self, connection: Connection) -> None:  # noqa: ARG002 - it has its own, as the vault
        """Go on with checkouts that were left in the middle."""
        tending.look_at_checkouts(now=self._clock.now(), should_stop=self._stopping.is_set)

    def sign_audit(self, connection: Connection) -> None:  # noqa: ARG002 - the counter may not read the audit chain
        """Sign what was appended to the audit chain, as the office."""
        with database.connect(OFFICE.role) as office:
            events.sign_audit(office, now=self._clock.now())

    def freeze_lists(self, connection: Connection) -> None:
        """Freeze the target lists of campaigns that are due, as the office; most of the time there is none."""
        programmes = find_programmes(connection)
        if programmes is None or not lending.has_any("campaigns_launch"):
            return
        with lending.django():
            from comptoir.config.hands import CounterHands  # noqa: PLC0415
            from comptoir.office.campaigns import jobs as campaigns  # noqa: PLC0415

            with database.connect(COUNTER.role) as counter:
                campaigns.freeze_due(
                    now=self._clock.now(), coupons=CounterHands(counter, programmes).issue_all,
                    should_stop=self._stopping.is_set,
                )  # fmt: skip

    def withdraw_left(self, connection: Connection) -> None:
        """Take back what waits for whoever has left it, as the office; most of the time nothing waits."""
        if connection.execute("select from messages_waiting limit 1").fetchone() is None:
            return
        with lending.django():
            from comptoir.config import withdrawing  # noqa: PLC0415

            withdrawing.withdraw_left(now=self._clock.now(), should_stop=self._stopping.is_set)

    def travel(self, connection: Connection) -> None:
        """Let people enter journeys, and do what is due on them, as the office; most of the time there are none."""
        programmes = find_programmes(connection)
        if programmes is None or not lending.has_any("journeys_switched"):
            return
        with lending.django():
            from comptoir.config.hands import CounterHands  # noqa: PLC0415
            from comptoir.office.journeys import jobs as journeys  # noqa: PLC0415

            with database.connect(COUNTER.role) as counter:
                hands = CounterHands(counter, programmes)
                journeys.travel(now=self._clock.now(), hands=hands, should_stop=self._stopping.is_set)

    async def run(self) -> None:
        """Do what is due, until cancelled. Begins anew when the database was away."""
        failures = 0
        while not self._stopping.is_set():
            try:
                async with self.app.open_async():
                    rescuing = asyncio.create_task(self._rescue(), name="rescue")
                    try:
                        failures = 0
                        await self.app.run_worker_async(
                            install_signal_handlers=False,
                            concurrency=_THREADS,
                            delete_jobs="successful",
                            shutdown_graceful_timeout=8.0,
                        )
                    finally:
                        rescuing.cancel()
                        await asyncio.gather(rescuing, return_exceptions=True)
            except (psycopg.Error, procrastinate.exceptions.ProcrastinateException, OSError) as error:
                _log.warning("jobs: the database is away (%s)", type(error).__name__)
            except Exception:  # noqa: BLE001 - the relay goes on, and the jobs are tried again
                _log.exception("jobs")
            failures += 1
            await asyncio.sleep(_AGAIN_SECONDS[min(failures, len(_AGAIN_SECONDS)) - 1])

    async def _rescue(self) -> None:
        """Free jobs whose worker was killed while it did them; they are due again. Forget old failed ones."""
        while True:
            try:
                for job in await self.app.job_manager.get_stalled_jobs():
                    await self._rescue_one(job)
                await self.app.job_manager.delete_old_jobs(nb_hours=_FAILED_JOBS_KEPT_HOURS, include_failed=True)
            except procrastinate.exceptions.ProcrastinateException as error:
                _log.warning("jobs: %s", type(error).__name__)
            await asyncio.sleep(_RESCUE_SECONDS)

    async def _rescue_one(self, job: procrastinate.jobs.Job) -> None:
        manager = self.app.job_manager
        _log.info("%s was broken off and is done again", job.task_name)
        try:
            await manager.retry_job(job)
        except (procrastinate.exceptions.UniqueViolation, procrastinate.exceptions.AlreadyEnqueued):
            # Its successor waits already and does the same; the lock must not be kept by somebody who is dead.
            await manager.finish_job(job, status=procrastinate.jobs.Status.FAILED, delete_job=True)

    def _add(self, name: str, cron: str, job: Callable[[Connection], None]) -> None:
        """Have a job done whenever a pattern of minutes, hours and days comes round, by one worker at a time."""

        @functools.wraps(job)
        def once(timestamp: int) -> None:  # noqa: ARG001 - when it was due; what is due is decided by the clock
            with database.connect(COUNTER.role) as connection:
                job(connection)

        task = self.app.task(name=name, queueing_lock=name, lock=name)(once)
        self.app.periodic(cron=cron)(task)


def _heard(connection: Connection, asked: Collection[Id], since: dt.datetime) -> set[Id]:
    """Return those customers of whom the log has anything since a moment: sales that moved points lie in the ledger."""
    return events_store.find_heard(connection, asked, since) | loyalty_store.find_moved(connection, asked, since)


async def work(*, stop: asyncio.Event, clock: Clock = SYSTEM_CLOCK) -> None:
    """Relay and do jobs until ``stop`` is set."""
    recorder = Recorder()
    jobs = Jobs(clock=clock)
    sending = asyncio.create_task(keep_sending(stop), name="messages")
    tasks = [
        asyncio.create_task(jobs.run(), name="jobs"),
        asyncio.create_task(relaying.flush(recorder), name="flush"),
    ]
    telling = asyncio.create_task(relaying.relay(stop, recorder, clock), name="relay")
    followers = following.followers(clock)
    followed = [asyncio.create_task(each.run(), name="follower") for each in followers]
    try:
        await stop.wait()
    finally:
        jobs.stop()
        for follower in followers:
            follower.stop()
        await telling
        await sending
        await asyncio.wait(followed, timeout=_END_SECONDS_MAX)
        tasks += followed
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_told() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    _log.info("at work")
    await work(stop=stop)
    _log.info("ended")


def main() -> None:
    """Run the worker until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    for library in ("procrastinate", "httpx", "httpcore", "nats", "psycopg.pool"):
        logging.getLogger(library).setLevel(logging.WARNING)
    with database.server():
        asyncio.run(_until_told())


if __name__ == "__main__":
    main()
