"""What staff do with campaigns: write a version, launch it, stop it, set the caps; and the freezing of a list.

Every function runs in the office. A list is frozen in one transaction, in which everything is decided and handed over,
or nothing: one at a time in the whole shop, since what one campaign decides counts against the caps of the next one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, Protocol

import msgspec
from django.db import connections, router, transaction

from comptoir.counter.customers import queries as customers
from comptoir.counter.messages import commands as messages
from comptoir.counter.messages import queries as messaging
from comptoir.counter.messages.contracts import Decision, Dispatch
from comptoir.counter.sales import queries as sales
from comptoir.foundation.kernel import codec, shop
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.problem import Problem
from comptoir.office.campaigns import queries, rules, windows
from comptoir.office.campaigns.contracts import Cap, Counts, Drawn, Sent, Version
from comptoir.office.campaigns.errors import CampaignChanged, CampaignInvalid, CampaignStopped, ListFrozen
from comptoir.office.campaigns.models import CampaignVersion, CapsSet, Launch, TargetList

_log = logging.getLogger(__name__)

_LOCK: Final = "select pg_advisory_xact_lock(hashtextextended('campaigns_freeze', 0))"
_PERSONS_A_TIME: Final = 5_000
_CAPS_MAX: Final = 10
_REASON_CHARACTERS_MAX: Final = 500


class Segments(Protocol):
    """What a list is frozen from (``office/segments``)."""

    def hash_of(self, segment: uuid.UUID, /) -> str:
        """Return the hash of a segment's definition as it stands. Raises a problem for one that nobody has."""
        ...

    def members(self, segment: uuid.UUID, /, *, at: dt.datetime | None = None) -> Iterator[Sequence[uuid.UUID]]:
        """Give everybody who is in it now, or was at a moment, in batches."""
        ...

    def is_in(self, segment: uuid.UUID, person: uuid.UUID, at: dt.datetime, /) -> bool:
        """Tell whether somebody is in it, or was at a moment."""
        ...

    def still_in(
        self,
        segment: uuid.UUID,
        persons: Collection[uuid.UUID],
        /,
        *,
        definition: str,
        at: dt.datetime,
        until: dt.datetime,
    ) -> set[uuid.UUID] | None:
        """Return those who are in it now by a definition that it had; ``None`` if that cannot be asked any more."""
        ...


def salt() -> bytes:
    """Return the shop's secret by which everybody is drawn: without it nobody can tell who will be held out."""
    return shop.secret("holdouts")


class Coupons(Protocol):
    """Has a coupon of a promotion for each of some customers: what only the counter can do."""

    def __call__(
        self, promotion: uuid.UUID, customers: Collection[uuid.UUID], /, *, campaign: uuid.UUID, at: dt.datetime
    ) -> dict[uuid.UUID, uuid.UUID]:
        """Return the coupons, by customer."""
        ...


def write(version: Version, *, campaign: uuid.UUID | None, after: int, by: str, at: dt.datetime) -> uuid.UUID:
    """Write a campaign's next version and return the campaign; ``after`` is the version that was read, 0 for none.

    Raises :class:`CampaignInvalid`, :class:`CampaignChanged` when somebody else was faster, :class:`CampaignStopped`.
    """
    rules.judge(version)
    windows.zone_of(version.window.zone)
    campaign = campaign or uuid.UUID(IDS.reserve(1)[0])
    content = msgspec.to_builtins(version)
    with transaction.atomic(using=_alias()):
        if messaging.is_stopped(campaign):
            raise CampaignStopped
        if queries.last_number(campaign) != after:
            raise CampaignChanged
        CampaignVersion.objects.bulk_create(
            [
                CampaignVersion(
                    campaign=campaign, number=after + 1, definition=content, written_at=at, written_by=by,
                    hash=hashlib.sha256(codec.canonical(content)).hexdigest(),
                )
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        written = CampaignVersion.objects.get(campaign=campaign, number=after + 1)
        if (written.written_at, written.written_by) != (at, by):
            raise CampaignChanged
    return campaign


def launch(campaign: uuid.UUID, number: int, *, by: str, at: dt.datetime, starts_at: dt.datetime | None = None) -> None:
    """Say that a version is to be sent, at once or at a moment; it replaces a launch of an earlier version that waits.

    Raises :class:`CampaignChanged` if it is not the latest version or was launched already, :class:`CampaignStopped`,
    :class:`ListFrozen`.
    """
    with transaction.atomic(using=_alias()):
        if messaging.is_stopped(campaign):
            raise CampaignStopped
        if queries.last_number(campaign) != number:
            raise CampaignChanged
        if TargetList.objects.filter(campaign=campaign, version=number).exists():
            raise ListFrozen
        Launch.objects.bulk_create(
            [
                Launch(
                    campaign=campaign, version=number, starts_at=max(at, starts_at or at), launched_at=at,
                    launched_by=by,
                )
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        launched = Launch.objects.get(campaign=campaign, version=number)
        if (launched.launched_at, launched.launched_by) != (at, by):
            raise CampaignChanged("It was launched already.")


def stop(campaign: uuid.UUID, *, by: str, reason: str, at: dt.datetime) -> None:
    """Stop a campaign at once and for good: what has not left by now never leaves, and nothing is decided any more."""
    if not 0 < len(reason.strip()) <= _REASON_CHARACTERS_MAX:
        raise CampaignInvalid("Say why, in a sentence.", field="reason")
    queries.latest(campaign)
    messages.stop(campaign, by=by, reason=reason.strip(), at=at)


def set_caps(caps: Sequence[Cap], *, by: str, at: dt.datetime) -> None:
    """Set what all campaigns together may send to one person, from now on."""
    if len(caps) > _CAPS_MAX:
        raise CampaignInvalid(f"At most {_CAPS_MAX} caps.", field="caps")
    CapsSet.objects.create(caps=msgspec.to_builtins(list(caps)), set_by=by, set_at=at)


def freeze_due(
    *,
    now: dt.datetime,
    segments: Segments,
    coupons: Coupons | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Freeze the list of every launch that is due; returns how many. As many as like may do so at once."""
    count = 0
    for waiting in queries.due(now):
        if should_stop():
            break
        try:
            frozen = freeze(waiting.campaign, waiting.version, now=now, segments=segments, coupons=coupons)
            count += frozen is not None
        except Problem as problem:
            # Its segment or its promotion has ended; the next campaign is another matter.
            _log.warning("campaign %s cannot be sent: %s", waiting.campaign, problem)
    return count


def freeze(
    campaign: uuid.UUID, number: int, *, now: dt.datetime, segments: Segments, coupons: Coupons | None = None
) -> Counts | None:
    """Freeze the target list of a version and decide about everybody on it, in one transaction.

    Returns how it came about; ``None`` if that was done before, the launch was replaced, the campaign was stopped, or
    it has a promotion and there is nobody who could issue its ``coupons``: then the worker freezes it. About whom this
    campaign has decided before, it does not decide again. A transaction that fails may leave coupons behind; they are
    the same ones next time.
    """
    found = queries.version(campaign, number)
    promotion = None if found.content.promotion is None else uuid.UUID(found.content.promotion)
    if promotion is not None and coupons is None:
        return None
    segment = uuid.UUID(found.content.segment)
    alias = _alias()
    with transaction.atomic(using=alias):
        one_at_a_time()
        if TargetList.objects.filter(campaign=campaign, version=number).exists() or messaging.is_stopped(campaign):
            return None
        if queries.launched(campaign) != number:
            return None
        dispatches = {each.variant: each for each in _dispatches(campaign, number, found.content)}
        for each in dispatches.values():
            messages.begin_dispatch(each, at=now)
        drawing = _Drawing(campaign, found.content, now=now)
        not_before = (
            windows.leaves_at(found.content.window, now) if found.content.window.weekdays != windows.EVERY_DAY else None
        )
        # Read before and after: where somebody changed the definition in between, the list is frozen at the next look.
        segment_hash = segments.hash_of(segment)
        drawn: dict[str, Drawn] = {}
        for asked in drawing.portions(segments.members(segment)):
            portion, held = asked, dict[uuid.UUID, uuid.UUID]()
            if promotion is not None and coupons is not None:
                going = [person for person, each in asked if each.verdict == "send"]
                held = coupons(promotion, going, campaign=campaign, at=now)
                portion = rules.only_with_coupon(asked, held)
            drawn |= {str(person): each for person, each in portion}
            new = messages.decide(
                Decision(
                    id=uuid.UUID(identity), campaign=campaign, campaign_version=number, customer=person,
                    verdict=each.verdict, reason=each.reason, variant=each.arm, cluster=each.cluster,
                    coupon=held.get(person),
                    dispatch=dispatches[each.arm].id if each.verdict == "send" else None,
                    decided_at=now, not_before=not_before if each.verdict == "send" else None,
                )
                for identity, (person, each) in zip(IDS.reserve(len(portion)), portion, strict=True)
            )  # fmt: skip
            assert new == len(portion), "somebody was decided about twice, under the lock"
        if segments.hash_of(segment) != segment_hash:
            raise CampaignChanged("The segment was changed while its list was frozen.")
        counts = rules.count(drawn.values(), decided_before=drawing.decided_before)
        TargetList.objects.create(
            campaign=campaign, version=number, segment=found.content.segment, segment_hash=segment_hash,
            frozen_at=now, members=len(drawn), members_hash=rules.members_hash(drawn),
            counts=msgspec.to_builtins(counts),
        )  # fmt: skip
    return counts


def preview(
    version: Version, *, campaign: uuid.UUID | None, now: dt.datetime, segments: Segments
) -> tuple[Counts, dict[uuid.UUID, str]]:
    """Return how the list would come about if it were frozen now, and who could be drawn; nothing is written.

    Beside each of them stands the store that they would be drawn with, where stores are drawn.
    """
    drawing = _Drawing(campaign or uuid.UUID(int=0), version, now=now)
    drawn: list[Drawn] = []
    open_to: dict[uuid.UUID, str] = {}
    for portion in drawing.portions(segments.members(uuid.UUID(version.segment))):
        drawn += [each for _, each in portion]
        open_to |= {person: each.cluster for person, each in portion if each.arm}
    return rules.count(drawn, decided_before=drawing.decided_before), open_to


class _Drawing:
    """Decides about the members of a segment, portion by portion."""

    def __init__(self, campaign: uuid.UUID, version: Version, *, now: dt.datetime) -> None:
        self._campaign, self._version, self._now = campaign, version, now
        self._caps, self._salt = queries.caps(), salt()
        self._leaves_at = windows.leaves_at(version.window, now)
        self.decided_before = 0

    def portions(self, members: Iterable[Sequence[uuid.UUID]]) -> Iterator[list[tuple[uuid.UUID, Drawn]]]:
        # Somebody whose cards were linked since was decided about under another of their ids.
        decided = customers.persons_of({each.customer for each in messaging.decisions_of(self._campaign)})
        before = set(decided) | set(decided.values())
        seen: set[uuid.UUID] = set()
        for batch in members:
            persons = set(customers.persons_of(batch).values()) - seen
            seen |= persons
            self.decided_before += len(persons & before)
            fresh = sorted(persons - before)
            for start in range(0, len(fresh), _PERSONS_A_TIME):
                yield self._decided(fresh[start : start + _PERSONS_A_TIME])

    def _decided(self, persons: Collection[uuid.UUID]) -> list[tuple[uuid.UUID, Drawn]]:
        version = self._version
        is_marketing = version.message_class == "marketing"
        allowed: set[uuid.UUID] = set()
        sent: dict[uuid.UUID, list[Sent]] = {}
        if is_marketing:
            permitted = customers.permitted(purpose="marketing", channel=version.channel)
            allowed = set(permitted.filter(customer__in=persons).values_list("customer", flat=True))
            sent = sent_to_persons(allowed, caps=self._caps, now=self._now)
        stores = stores_of(allowed if is_marketing else persons, now=self._now) if version.drawn_by == "store" else {}
        return [
            (
                person,
                rules.decide(
                    str(person), campaign=str(self._campaign), version=version, has_consent=person in allowed,
                    sent=sent.get(person, ()), caps=self._caps, at=self._now, leaves_at=self._leaves_at,
                    salt=self._salt, store=stores.get(person, ""),
                ),
            )
            for person in persons
        ]  # fmt: skip


def stores_of(persons: Collection[uuid.UUID], *, now: dt.datetime) -> dict[uuid.UUID, str]:
    """Return the store at which each of these persons bought most often in the past year, with whichever card.

    Whoever bought at none, or does not allow the shop to count what they buy, is left out.
    """
    counted = customers.permitted(purpose="analysis", channel="store").filter(customer__in=persons)
    cards = customers.members_of(set(counted.values_list("customer", flat=True)))
    habits = sales.habits(
        since=now - rules.HOME_SPAN, until=now, customers=[each for those in cards.values() for each in those]
    )
    found = {}
    for person, those in cards.items():
        by_store: Counter[str] = Counter()
        for each in those:
            by_store.update(habits[each].by_store if each in habits else {})
        if store := rules.home(by_store):
            found[person] = store
    return found


def sent_to_persons(
    persons: Collection[uuid.UUID], *, caps: Sequence[Cap], now: dt.datetime
) -> dict[uuid.UUID, list[Sent]]:
    """Return what left or is to leave to persons, with whichever of their cards, as far back as the caps look."""
    called = {each: person for person, those in customers.members_of(persons).items() for each in those}
    sent: dict[uuid.UUID, list[Sent]] = {}
    for each in messaging.sent_to(called, since=now - rules.longest(caps)):
        sent.setdefault(called[each.customer], []).append(Sent(each.at, each.channel))
    return sent


def one_at_a_time() -> None:
    """Wait, within a transaction, until nobody else decides whom to write to: what they decide counts for the caps."""
    with connections[_alias()].cursor() as cursor:
        cursor.execute(_LOCK)


def _dispatches(campaign: uuid.UUID, number: int, content: Version) -> Iterator[Dispatch]:
    window = content.window
    because: dict[str, str] = {language: text for language, text in content.why.items() if text.strip()}
    for each in content.variants:
        yield Dispatch(
            id=uuid.uuid5(campaign, f"{number} {each.name}"), campaign=campaign, campaign_version=number,
            channel=content.channel, template=each.template, template_version=each.template_version, variant=each.name,
            message_class=content.message_class, purpose=content.message_class, because=because,
            promotion=None if content.promotion is None else uuid.UUID(content.promotion),
            hours=(window.from_hour, window.until_hour), weekdays=tuple(window.weekdays),
            zone=window.zone,
            # What a template says of its own belongs to the version of it: what was tried out is what is sent.
            values=messaging.template(each.template, each.template_version).examples,
        )  # fmt: skip


def _alias() -> str:
    return router.db_for_write(CampaignVersion)
