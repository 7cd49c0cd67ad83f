"""What the counter does about contributions by the clock: confirms reviews, and gives the points that were promised.

Events of the house's own clock, whose ids and times are the same in every run: whatever runs twice happens once. Times
are midnights, the order is random, and what is chosen is chosen by ``rules.py``.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import msgspec

from comptoir.counter.contributions import purchases, rules
from comptoir.counter.contributions.rules import WAIT, Buyers, Candidate, Chance, Contribution, Review
from comptoir.counter.customers.contracts import CUSTOMER_KIND, Identifier
from comptoir.counter.customers.store import find_holders, find_members
from comptoir.counter.loyalty.contracts import THANKED, ContributionThanked, Earned
from comptoir.counter.loyalty.programme import IDEA_DONE, REVIEWED, Programmes
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import HandlerMaker
from comptoir.foundation.events.rules import is_severed
from comptoir.foundation.events.store import find_said_of
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.clock import count_fresh, said_by_clock
from comptoir.square.community import store as community
from comptoir.square.community.contracts import POST_CONFIRMED, PostConfirmed

_log = logging.getLogger(__name__)

#: A review is looked at for so long after it was published. Only purchases from before it count, so what comes later
#: is a sale that a till sent late, or another card of the same person.
LOOKED_AT: Final = dt.timedelta(days=31)
BATCH_EVENTS: Final = 500
_REVIEWS_MAX: Final = 20_000
_CONTRIBUTIONS_MAX: Final = 500_000
_CHANCE: Final = random.SystemRandom()


def confirm_reviews(
    connection: Connection,
    *,
    now: dt.datetime,
    handlers: HandlerMaker,
    looked_at: dt.timedelta = LOOKED_AT,
    chance: Chance = _CHANCE,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Say of which reviews it is known that whoever wrote them had bought the product here; returns of how many.

    For once a day. Reads sales from the latest on, until everybody has company enough or two million were read.
    """
    until = _midnight(now) - WAIT
    found = community.find_reviews(connection, since=until - looked_at, until=until, limit=_REVIEWS_MAX)
    reviews = [Review(*row) for row in found]
    candidates = _bought_by_writers(connection, reviews) if reviews else []
    if not candidates:
        return 0
    confirmed: dict[Id, list[Review]] = {}
    for row in community.find_confirmed(connection, {each.persona for each in candidates}):
        confirmed.setdefault(row[1], []).append(Review(*row))
    buyers = _buyers(connection, candidates, confirmed, should_stop=should_stop)
    chosen = rules.confirmable(candidates, confirmed, buyers)
    chance.shuffle(chosen)
    count = 0
    for start in range(0, len(chosen), BATCH_EVENTS):
        arrivals = [
            said_by_clock(
                POST_CONFIRMED,
                f"confirm/{each.post}",
                PostConfirmed(each.post),
                at=_midnight(each.at) + WAIT,
                now=now,
            )
            for each in chosen[start : start + BATCH_EVENTS]
        ]
        record(connection, arrivals, handlers=handlers)
        count += count_fresh(arrivals)
    if count:
        _log.info("%d reviews are by people who had bought the product here", count)
    return count


def thank(
    connection: Connection,
    *,
    now: dt.datetime,
    programmes: Programmes,
    handlers: HandlerMaker,
    chance: Chance = _CHANCE,
) -> int:
    """Give points that were promised for reviews, and for votes for ideas that were done; returns to how many."""
    count = 0
    at = _midnight(now)
    for activity, find in ((REVIEWED, community.find_rewarded), (IDEA_DONE, community.find_fulfilled)):
        done = find(connection, until=at - WAIT, limit=_CONTRIBUTIONS_MAX)
        candidates, names = _waiting(connection, done, activity, at=at, programmes=programmes)
        chosen = rules.thanked(candidates, names, at=at, chance=chance)
        for start in range(0, len(chosen), BATCH_EVENTS):
            arrivals = [
                said_by_clock(
                    THANKED,
                    f"thanks/{at.date().isoformat()}/{activity}/{each.customer}",
                    ContributionThanked(
                        Identifier(CUSTOMER_KIND, each.customer),
                        activity,  # type: ignore[arg-type]
                        tuple(Earned(*pair) for pair in each.earned),
                    ),
                    at=at,
                    now=now,
                    customer=each.customer,
                )
                for each in chosen[start : start + BATCH_EVENTS]
            ]
            record(connection, arrivals, handlers=handlers)
            count += count_fresh(arrivals)
    if count:
        _log.info("%d customers have got points for what they contributed to the square", count)
    return count


def _waiting(
    connection: Connection,
    done: Sequence[tuple[Id, dt.datetime]],
    activity: str,
    *,
    at: dt.datetime,
    programmes: Programmes,
) -> tuple[list[Candidate], list[tuple[Id, tuple[dt.datetime, ...]]]]:
    """Return who has points coming for contributions of one kind, and what is public of everybody who contributed."""

    def promised(moment: dt.datetime) -> tuple[tuple[str, int], ...]:
        earned = programmes.at(moment).for_event(moment, activity)
        return tuple((each.rule, each.points) for each in earned)

    done = [(persona, moment) for persona, moment in done if promised(moment)]
    if not done:
        return [], []
    behind = _behind(connection, {persona for persona, _ in done})
    persons = _persons(connection, set(behind.values()))
    contributions = rules.under_ceiling(
        Contribution(persona, behind[persona], persons[behind[persona]], moment)
        for persona, moment in done
        if persona in behind
    )
    own: dict[Id, list[Contribution]] = {}
    for each in contributions:
        own.setdefault(each.customer, []).append(each)
    before = _thanked(connection, own.keys(), activity) if own else {}
    candidates = []
    for customer, mine in own.items():
        thanks = before.get(customer, [])
        # The next one that is not thanked for yet: one contribution counts once, whatever was taken back since.
        if len(thanks) < len(mine) and at not in thanks:
            due = promised(mine[len(thanks)].at)
            candidates.append(Candidate(customer, mine[0].person, due, tuple(thanks)))
    return candidates, rules.public_times(contributions)


class _Thanks(msgspec.Struct):
    """What the log keeps of a thank-you, as far as it is looked at."""

    activity: str = ""


_thanks = msgspec.json.Decoder(_Thanks)


def _thanked(connection: Connection, customers: Collection[Id], activity: str) -> dict[Id, list[dt.datetime]]:
    """Return when each of these customers was thanked for one kind of contribution, oldest first."""
    found: dict[Id, list[dt.datetime]] = {}
    for each in find_said_of(connection, customers, THANKED):
        if _thanks.decode(each.data).activity == activity:
            found.setdefault(each.customer, []).append(each.occurred_at)
    return found


def _behind(connection: Connection, personas: Collection[Id]) -> dict[Id, Id]:
    """Return the customer behind each of these names; of one that was given up, or is nobody's, nothing."""
    holders = find_holders(connection, personas=personas, skeletons=(), customers=())
    return {holder.persona: holder.customer for holder in holders if not holder.is_given_up}


def _bought_by_writers(connection: Connection, reviews: Sequence[Review]) -> list[Review]:
    """Return the reviews whose writers had bought the product before."""
    behind = _behind(connection, {each.persona for each in reviews})
    members = find_members(connection, set(behind.values()))
    everybody = {one for customer in behind.values() for one in members.get(customer, (customer,))}
    first: dict[tuple[Id, str], dt.datetime] = {}
    for one in purchases.bought_by(connection, everybody, {each.product for each in reviews}):
        key = (one.customer, one.product)
        first[key] = min(one.at, first.get(key, one.at))
    found = []
    for each in reviews:
        writer = behind.get(each.persona)
        if writer is None:
            continue
        times = [first.get((one, each.product)) for one in members.get(writer, (writer,))]
        if any(at is not None and at < each.at for at in times):
            found.append(each)
    return found


def _buyers(
    connection: Connection,
    candidates: Sequence[Review],
    confirmed: Mapping[Id, Sequence[Review]],
    *,
    should_stop: Callable[[], bool],
) -> Buyers:
    """Read who has bought what these names are, or would be, confirmed for, until everybody has company enough."""
    wanted: dict[Id, list[Review]] = {}
    for each in candidates:
        wanted.setdefault(each.persona, list(confirmed.get(each.persona, ()))).append(each)
    open_yet = list(wanted.values())
    products = {each.product for together in open_yet for each in together}
    buyers = Buyers()
    for portion in purchases.bought_lately(connection, products):
        known = [one for one in portion if not is_severed(one.customer)]
        persons = _persons(connection, {one.customer for one in known})
        for one in known:
            buyers.note(persons[one.customer], one.product, one.at)
        open_yet = [together for together in open_yet if buyers.company(together) < rules.COMPANY_MIN]
        if not open_yet or should_stop():
            break
    return buyers


def _persons(connection: Connection, customers: Collection[Id]) -> dict[Id, Id]:
    """Return one customer that stands for the person of each of these."""
    members = find_members(connection, customers) if customers else {}
    return {customer: members.get(customer, (customer,))[0] for customer in customers}


def _midnight(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
