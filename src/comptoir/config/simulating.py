"""Tills that are cut off, crash, lose their clocks or are never seen again, and whether points were overspent.

A deterministic simulation, from a seed: several tills and customers over some weeks. What is sent arrives late, twice
and in any order; answers are lost. With a line, a till does as the web till does (``till-leases.js``): it asks for a
lease's time anew every six hours, gives it back when its day is over, and staff give some back before. The centre
decides by the ledger's own rules (:class:`Pure`), or is a counter on a real database (tests). After every step the
books are compared with what the tills really did, which the centre cannot know: for each customer, free points, what is
truly left of the leases, and what was handed out are what was earned, and what was written off because staff gave a
lease up as lost. Not here: the rules (``counter/loyalty``).
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec

from comptoir.counter.loyalty import leases
from comptoir.counter.loyalty.contracts import (
    LEASE,
    LEASE_RECONCILE,
    LEASE_RENEW,
    LEASE_RETURN,
    LEASE_SPEND,
    REDEEM,
)
from comptoir.counter.loyalty.leases import Lease
from comptoir.counter.loyalty.programme import NEVER, Earning
from comptoir.counter.loyalty.rules import Ledger
from comptoir.foundation.kernel.problem import Problem

BEGINNING: Final = dt.datetime(2025, 1, 6, 8, tzinfo=dt.UTC)
STEP: Final = dt.timedelta(minutes=15)
_LASTS: Final = dt.timedelta(days=2)
#: How often a till asks for a lease's time anew, and how far its clock may show less than before.
_RENEWED: Final = dt.timedelta(hours=6)
_BACK: Final = dt.timedelta(seconds=5)
#: A late evening belongs to its day; something is set aside for this day, the next one, or a week.
_DAY_ENDS: Final = 4
_DAYS: Final = (0, 1, 1, 1, 7)
#: A till's clock may run so much faster or slower; it stops this share of a lease's time before the end.
_DRIFT: Final = 0.01
_TODAY: Final = BEGINNING.date()


class Settings(msgspec.Struct, frozen=True):
    """What is simulated; chances are for one till and one step of 15 minutes."""

    lease_points: int = 200
    tills: int = 4
    customers: int = 12
    days: int = 28
    cut_off: float = 0.02
    back: float = 0.10
    crash: float = 0.005
    lost: float = 0.0001
    answer_lost: float = 0.1
    mistaken: float = 0.0005
    #: That staff give a lease back before its day is over.
    given_back: float = 0.002
    #: That a customer asks for points off a purchase.
    asks: float = 0.01


class Result(msgspec.Struct):
    """What came of it. ``overspent`` is what the proof is about; ``written_off`` is what staff gave up, knowingly."""

    lease_points: int
    wanted: int = 0
    redeemed: int = 0
    redeemed_cut_off: int = 0
    #: Refused though the customer had the points: for want of a line, or because they were leased elsewhere.
    refused_cut_off: int = 0
    refused_leased: int = 0
    wanted_cut_off: int = 0
    beyond_balance: int = 0
    lost_tills: int = 0
    #: Leases that were granted, those whose time was granted anew, and those that went back.
    leased: int = 0
    renewed: int = 0
    returned: int = 0
    overspent: int = 0
    written_off: int = 0
    steps: int = 0

    @property
    def refused_share(self) -> float:
        """The price: the share of affordable redemptions that were refused."""
        affordable = self.wanted - self.beyond_balance
        return (self.refused_cut_off + self.refused_leased) / affordable if affordable else 0.0


class Centre(Protocol):
    """What tills talk to. Something that was sent twice counts once."""

    def earn(self, customer: int, points: int, at: dt.datetime) -> None:
        """Give points."""
        ...

    def figures(self, customer: int) -> tuple[int, int]:
        """Return what is free, and what leases hold."""
        ...

    def settled(self, lease: str) -> int:
        """Return how many points of a lease are known to be spent."""
        ...

    def send(self, sent: Sent, *, till: int, at: dt.datetime) -> str | None:
        """Return the name of the refusal, or ``None``."""
        ...


class Pure:
    """The centre as its rules alone: the ledger and the leases, without a database."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._ledger = Ledger({})
        self._leases: dict[str, Lease] = {}
        self._answers: dict[str, str | None] = {}

    def earn(self, customer: int, points: int, at: dt.datetime) -> None:  # noqa: ARG002 - points never expire here
        """Give points."""
        self._ledger.earn(str(customer), Earning("base", points, NEVER))

    def figures(self, customer: int) -> tuple[int, int]:
        """Return what is free, and what is held."""
        return self._ledger.balance([str(customer)])[:2]

    def settled(self, lease: str) -> int:
        """Return what is known to be spent."""
        return self._leases[lease].spent

    def send(self, sent: Sent, *, till: int, at: dt.datetime) -> str | None:
        """Decide once, and answer the same ever after."""
        if sent.id not in self._answers:
            problem = self._decide(sent.kind, sent.data, f"/tills/{till}", sent.occurred_at, at)
            self._answers[sent.id] = None if problem is None else problem.name
        return self._answers[sent.id]

    def _decide(
        self, kind: str, data: Mapping[str, Any], holder: str, occurred_at: dt.datetime, at: dt.datetime
    ) -> Problem | None:
        if kind == REDEEM:
            return self._ledger.spend([str(data["customer"])], data["points"], today=_TODAY)
        name = data["lease"]
        if kind == LEASE:
            who = str(data["customer"])
            draws = self._ledger.hold([who], data["points"], today=_TODAY, reason="leased")
            if isinstance(draws, Problem):
                return draws
            until = at + dt.timedelta(seconds=data["expires_in"])
            self._leases[name] = Lease("till", name, holder, who, name, data["points"], draws, until)
            return None
        lease, after = self._leases[name], None
        if kind == LEASE_RENEW:
            until = at + dt.timedelta(seconds=data["expires_in"])
            after = leases.renew(lease, holder=holder, at=at, until=until)
        elif kind == LEASE_SPEND:
            points, number = data["points"], data["sequence"]
            after = leases.spend(self._ledger, lease, holder=holder, points=points, sequence=number, at=occurred_at)
        elif kind == LEASE_RETURN:
            after = leases.give_back(self._ledger, lease, holder=holder, spends=data["spends"])
        else:
            assert kind == LEASE_RECONCILE
            after = leases.reconcile(self._ledger, lease, spends=data.get("spends"), at=at)
        if isinstance(after, Problem):
            return after
        self._leases[name] = after
        return None


@dataclass
class _Held:
    """A lease as its till has it on its disk, and what nobody but the simulation knows of it."""

    name: str
    customer: int
    points: int
    #: When it was asked for last, the till's own reckoning of the time at which it stops, and when its day is over.
    asked_at: dt.datetime
    stops_at: dt.datetime
    day_ends: dt.datetime
    spends: list[int] = field(default_factory=list)
    is_granted: bool = False
    is_returned: bool = False
    is_given_up: bool = False

    @property
    def ends_at(self) -> dt.datetime:
        return min(self.stops_at, self.day_ends)

    @property
    def left(self) -> int:
        return self.points - sum(self.spends)

    @property
    def is_usable(self) -> bool:
        return self.is_granted and not self.is_returned


@dataclass
class Sent:
    """What a till says, with an id of its own, and keeps until it is answered."""

    kind: str
    id: str
    data: dict[str, Any]
    occurred_at: dt.datetime
    about: _Held | None = None


@dataclass
class _Till:
    number: int
    #: How fast its clock runs; and what it takes for the centre's time, less that.
    rate: float
    ahead: dt.timedelta = dt.timedelta(0)
    is_online: bool = True
    is_lost: bool = False
    #: After a restart it trusts no clock that shows less than before.
    is_stopped: bool = False
    leases: dict[int, _Held] = field(default_factory=dict)
    queue: list[Sent] = field(default_factory=list)


class Simulation:
    """One run, from a seed."""

    def __init__(self, settings: Settings, *, seed: int, centre: Centre | None = None) -> None:
        """Open the shop."""
        self._settings = settings
        self._chance = random.Random(seed)  # noqa: S311 - nobody has to be kept from guessing it
        self._centre = centre or Pure()
        self._tills = [_Till(n, 1 + self._chance.uniform(-_DRIFT, _DRIFT)) for n in range(settings.tills)]
        self._leases: list[tuple[_Till, _Held]] = []
        self._earned = dict.fromkeys(range(settings.customers), 0)
        self._handed_out = dict.fromkeys(range(settings.customers), 0)
        self._written_off = dict.fromkeys(range(settings.customers), 0)
        self._last = 0
        self.result = Result(settings.lease_points)

    def run(self) -> Result:
        """Let the days pass, then let everybody who is left come back and tell."""
        now = BEGINNING
        for _ in range(int(dt.timedelta(days=self._settings.days) / STEP)):
            self._step(now)
            self.prove()
            now += STEP
        for till in self._tills:
            till.is_online = not till.is_lost
        while any(till.queue for till in self._tills if till.is_online):
            for till in self._tills:
                if till.is_online:
                    self._flush(till, now)
            now += STEP
        self.prove(is_told=True)
        self.result.written_off = sum(self._written_off.values())
        return self.result

    def prove(self, *, is_told: bool = False) -> None:
        """Compare the books with what was really done; once all is told, to the point."""
        self.result.steps += 1
        for customer, earned in self._earned.items():
            mine = [(till, each) for till, each in self._leases if each.customer == customer]
            assert all(each.left >= 0 for _, each in mine)
            spendable = sum(
                each.left for till, each in mine if each.is_usable and not each.is_given_up and not till.is_lost
            )
            free, held = self._centre.figures(customer)
            owned = earned + self._written_off[customer]
            handed_out = self._handed_out[customer]
            self.result.overspent += max(0, free + spendable + handed_out - owned) + max(0, -free)
            if is_told:
                untold = sum(
                    sum(each.spends) - self._centre.settled(each.name)
                    for till, each in mine
                    if till.is_lost and each.is_granted and not each.is_given_up
                )
                assert free + held + handed_out - untold == owned, "points were lost or made"

    def _step(self, now: dt.datetime) -> None:
        chance = self._chance
        for customer in self._earned:
            if chance.random() < 0.02:
                points = chance.randrange(20, 120)
                self._centre.earn(customer, points, now)
                self._earned[customer] += points
        for till in self._tills:
            if not till.is_lost:
                self._happen(till, now)
        for customer in self._earned:
            home = self._tills[customer % len(self._tills)]
            till = home if chance.random() < 0.8 else chance.choice(self._tills)
            if chance.random() < self._settings.asks and not till.is_lost:
                self._serve(till, customer, now)
        self._reconcile(now)

    def _happen(self, till: _Till, now: dt.datetime) -> None:
        """Let fate have a go at a till: clock, crash, loss, line."""
        chance, settings = self._chance, self._settings
        till.ahead += STEP * (till.rate - 1)
        if chance.random() < settings.lost:
            till.is_lost = True
            self.result.lost_tills += 1
            return
        if chance.random() < settings.crash:
            jump = dt.timedelta(minutes=chance.randrange(-300, 300))
            till.ahead += jump
            # It stops if its clock shows less than before; a jump back of less than the time it was off is not seen.
            till.is_stopped = jump < dt.timedelta(0) and chance.random() < 0.5
        changes = settings.cut_off if till.is_online else settings.back
        till.is_online ^= chance.random() < changes
        if till.is_online:
            till.is_stopped, till.ahead = False, dt.timedelta(0)
            self._flush(till, now)
            self._tend(till, now)

    def _serve(self, till: _Till, customer: int, now: dt.datetime) -> None:
        """Let a customer ask for points off a purchase."""
        result, points = self.result, self._chance.randrange(10, 150)
        mine = [each for _, each in self._leases if each.customer == customer]
        free, held = self._centre.figures(customer)
        untold = sum(
            sum(each.spends) - self._centre.settled(each.name)
            for each in mine
            if each.is_granted and not each.is_given_up
        )
        has = free + held - untold
        result.wanted += 1
        result.wanted_cut_off += not till.is_online
        lease = till.leases.get(customer)
        if till.is_online:
            sent = self._say(till, REDEEM, {"customer": customer, "points": points}, now)
            if self._centre.send(sent, till=till.number, at=now) is None:
                result.redeemed += 1
                self._handed_out[customer] += points
            elif not self._spend(till, lease, points, now):
                self._refuse(points <= has, is_online=True)
            self._ask_for_lease(till, customer, now)
            self._flush(till, now)
        elif self._spend(till, lease, points, now):
            result.redeemed_cut_off += 1
        else:
            self._refuse(points <= has, is_online=False)

    def _refuse(self, is_affordable: bool, *, is_online: bool) -> None:
        if not is_affordable:
            self.result.beyond_balance += 1
        elif is_online:
            self.result.refused_leased += 1
        else:
            self.result.refused_cut_off += 1

    def _spend(self, till: _Till, lease: _Held | None, points: int, now: dt.datetime) -> bool:
        """Let points be spent out of a lease, if the till's own clock and count allow it."""
        believed = now + till.ahead
        if lease is None or not lease.is_usable or till.is_stopped or points > lease.left:
            return False
        # A time before it was asked for is no time of which anybody could tell the end.
        if believed >= lease.ends_at or believed < lease.asked_at - _BACK:
            return False
        lease.spends.append(points)  # to the disk first, with its number; then the goods
        data = {"lease": lease.name, "points": points, "sequence": len(lease.spends)}
        till.queue.append(self._say(till, LEASE_SPEND, data, believed, lease))
        self.result.redeemed += 1
        self._handed_out[lease.customer] += points
        if lease.is_given_up:
            self._written_off[lease.customer] += points
        return True

    def _ask_for_lease(self, till: _Till, customer: int, now: dt.datetime) -> None:
        points = min(self._settings.lease_points, self._centre.figures(customer)[0] // 2)
        if customer in till.leases or points < 10:
            return
        self._last += 1
        # Its time is counted from before it was asked for, less what the clock may drift.
        lease = _Held(
            f"l{self._last}", customer, points, now, now + _LASTS * (1 - 2 * _DRIFT),
            _end_of_day(now, self._chance.choice(_DAYS)),
        )  # fmt: skip
        till.leases[customer] = lease
        data = {"customer": customer, "points": points, "lease": lease.name, "expires_in": int(_LASTS.total_seconds())}
        till.queue.append(self._say(till, LEASE, data, now, lease))
        self._leases.append((till, lease))

    def _tend(self, till: _Till, now: dt.datetime) -> None:
        """Keep up what is set aside, give back what is over, and what staff give back before."""
        for lease in list(till.leases.values()):
            if not lease.is_granted:
                continue
            if now >= lease.ends_at or self._chance.random() < self._settings.given_back:
                self._give_back(till, lease, now)
            elif now >= lease.asked_at + _RENEWED and not any(
                each.kind == LEASE_RENEW and each.about is lease for each in till.queue
            ):
                data = {"lease": lease.name, "expires_in": int(_LASTS.total_seconds())}
                till.queue.append(self._say(till, LEASE_RENEW, data, now, lease))

    def _give_back(self, till: _Till, lease: _Held, now: dt.datetime) -> None:
        lease.is_returned = True
        data = {"lease": lease.name, "spends": len(lease.spends)}
        till.queue.append(self._say(till, LEASE_RETURN, data, now, lease))
        if till.leases.get(lease.customer) is lease:
            del till.leases[lease.customer]

    def _flush(self, till: _Till, now: dt.datetime) -> None:
        """Send what waits, in any order; some of it is lost, some of the answers are."""
        waiting, till.queue = till.queue, []
        self._chance.shuffle(waiting)
        for sent in waiting:
            if self._chance.random() < self._settings.answer_lost:
                till.queue.append(sent)  # it has not even arrived
                continue
            refusal = self._centre.send(sent, till=till.number, at=now)
            if self._chance.random() < self._settings.answer_lost:
                till.queue.append(sent)
                continue
            self._hear(till, sent, refusal, now)

    def _hear(self, till: _Till, sent: Sent, refusal: str | None, now: dt.datetime) -> None:
        lease = sent.about
        assert lease is not None
        if sent.kind == LEASE:
            lease.is_granted = refusal is None
            self.result.leased += refusal is None
            if refusal is not None:
                del till.leases[lease.customer]
                self._leases.remove((till, lease))
        elif sent.kind == LEASE_RETURN:
            self.result.returned += refusal is None
        elif sent.kind == LEASE_RENEW:
            self._hear_renewal(till, lease, sent, refusal, now)

    def _hear_renewal(self, till: _Till, lease: _Held, sent: Sent, refusal: str | None, now: dt.datetime) -> None:
        self.result.renewed += refusal is None
        if lease.is_returned:
            return
        if refusal is None:
            # From before it was asked for; and where a clock was set back meanwhile, from then.
            lease.asked_at = sent.occurred_at
            lease.stops_at = sent.occurred_at + _LASTS * (1 - 2 * _DRIFT)
        elif refusal == "lease_expired":
            self._give_back(till, lease, now)
        elif till.leases.get(lease.customer) is lease:
            del till.leases[lease.customer]  # closed, or given up by staff: nothing more can be done with it
            lease.is_returned = True

    def _reconcile(self, now: dt.datetime) -> None:
        """Staff give up what a lost till has leased; now and then by mistake, of one that is only cut off."""
        for till, lease in self._leases:
            if lease.is_given_up or lease.is_returned or not lease.is_granted or now < lease.stops_at + _LASTS / 20:
                continue
            is_mistaken = self._chance.random() < self._settings.mistaken
            if not is_mistaken and not (till.is_lost and now >= lease.stops_at + 2 * _LASTS):
                continue
            settled = self._centre.settled(lease.name)
            data = {"touchpoint": "till", "lease": lease.name, "reason": "lost"}
            if self._centre.send(self._say(till, LEASE_RECONCILE, data, now), till=-1, at=now) is None:
                lease.is_given_up = True
                self._written_off[lease.customer] += sum(lease.spends) - settled

    def _say(self, till: _Till, kind: str, data: dict[str, Any], at: dt.datetime, about: _Held | None = None) -> Sent:
        self._last += 1
        return Sent(kind, f"t{till.number}-{self._last}", data, at, about)


def _end_of_day(now: dt.datetime, days: int) -> dt.datetime:
    """Return when the day is over for which something is set aside: this one, or that of so many days later."""
    later = days + (now.hour >= _DAY_ENDS)
    return now.replace(hour=_DAY_ENDS, minute=0) + dt.timedelta(days=later)


def simulate(settings: Settings, *, seed: int, runs: int) -> Result:
    """Run several times, with seeds of their own, and add up."""
    total = Result(settings.lease_points)
    for number in range(runs):
        one = Simulation(settings, seed=seed * 1_000_003 + number).run()
        for name in total.__struct_fields__:
            if name != "lease_points":
                setattr(total, name, getattr(total, name) + getattr(one, name))
    return total
