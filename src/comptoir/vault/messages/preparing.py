"""From a decision to what one reader gets: asked whether it may, found where, filled in. In the vault.

Everything that is asked of the database is asked for a whole portion at once, and in one transaction. What is filled in
has that behind it: a template that takes its time holds up nobody who wants to write to the audit chain. Not here:
handing it over (``sending.py``), and the last question before that.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
import uuid
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from django.db import connections

from comptoir.counter.customers import queries as customers
from comptoir.counter.customers.queries import Said
from comptoir.counter.messages import footing, leaving, rendering
from comptoir.counter.messages import queries as records
from comptoir.counter.messages.contracts import LANGUAGES, TemplateText
from comptoir.counter.messages.errors import TemplateFailed
from comptoir.counter.messages.models import Dispatch
from comptoir.counter.messages.testing import given
from comptoir.counter.offers.codes import code_of
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.contacts import many, queries, rules, sealing
from comptoir.vault.contacts.contracts import ContactValues, Field
from comptoir.vault.messages import store, zones
from comptoir.vault.messages.contracts import FIELD_OF, Back, Claim, Done, Ready
from comptoir.vault.messages.directory import Directory

_log = logging.getLogger("comptoir.messages")
PURPOSE: Final = "message of the shop"
#: The namespace of the numbers by which a message is known wherever it is tried again (UUIDv5 of the decision).
_KEYS: Final = uuid.UUID("6f0a3a3e-6d0c-5c0e-8b1e-6d657373616e")
_DISPATCHES_MAX: Final = 1_000


class Found(msgspec.Struct):
    """What was found of a portion: its readers, what is over already, what it is not yet the time for."""

    readers: list[Reader] = []
    done: list[Done] = []
    back: list[Back] = []


class _Plan(msgspec.Struct, frozen=True):
    """What all messages of a dispatch share, read once."""

    channel: str
    purpose: str
    message_class: str
    because: dict[str, str]
    values: dict[str, Any]
    hours: tuple[int, int] | None
    weekdays: tuple[int, ...]
    zone: str
    texts: dict[str, TemplateText]

    @property
    def is_service(self) -> bool:
        return self.message_class == "service"


class Reader(msgspec.Struct, frozen=True):
    """One reader of a portion: all that is known of them for this message."""

    claim: Claim
    plan: _Plan
    members: tuple[uuid.UUID, ...]
    user: uuid.UUID | None = None
    values: ContactValues = ContactValues()
    said: Said | None = None


class Preparer:
    """Prepares portions of one channel; remembers dispatches, and which user a customer is."""

    def __init__(self, channel: str) -> None:
        """Know nothing yet."""
        self._field: Field | None = FIELD_OF.get(channel)
        self._directory = None if self._field is None else Directory(self._field)
        self._plans: dict[uuid.UUID, _Plan] = {}
        self._shares: dict[tuple[uuid.UUID, str, bool, frozenset[str]], rendering.Shared] = {}
        self._shop = house.shop_title()

    def find(self, claims: Sequence[Claim], *, now: dt.datetime) -> Found:
        """Find who of a portion is reached and where, in a transaction of the vault's. Raises :class:`VaultClosed`."""
        found = Found()
        readers = [Reader(claim, self._plan(claim.dispatch), (claim.customer,)) for claim in claims]
        readers = [each for each in readers if _may(each, found, now=now)]
        if self._field is not None:
            readers = self._find(readers, found, now=now)
            readers = self._leave_out(readers, found, now=now)
        else:
            linked = customers.linked_with({each.claim.customer for each in readers})
            readers = [msgspec.structs.replace(each, members=linked[each.claim.customer]) for each in readers]
            readers = [each for each in readers if _is_hour(each, found, now=now)]
        said = self._said(readers)
        found.readers = [msgspec.structs.replace(each, said=said[each.claim.decision]) for each in readers]
        return found

    def fill(self, readers: Sequence[Reader], *, now: dt.datetime) -> tuple[list[Ready], list[Done]]:
        """Fill in what these readers get, with nothing asked of the database; returns also whose message cannot be."""
        ready: list[Ready] = []
        done: list[Done] = []
        urls = leaving.leave_urls([each.claim.decision for each in readers])
        for each, url in zip(readers, urls, strict=True):
            try:
                ready.append(self._fill(each, url))
            except TemplateFailed as problem:
                _log.warning("a template fails: %s", problem.detail)
                done.append(Done(each.claim.decision, "refused", now, "template"))
            except Exception:  # noqa: BLE001 - one reader costs no other anything, and none is tried for ever
                _log.exception("a message cannot be made")
                done.append(Done(each.claim.decision, "refused", now, "not_made"))
        return ready, done

    def _plan(self, number: uuid.UUID) -> _Plan:
        if number not in self._plans:
            if len(self._plans) >= _DISPATCHES_MAX:
                self._plans.clear()
            row = Dispatch.objects.get(id=number)
            hours = None if row.hour_from is None or row.hour_until is None else (row.hour_from, row.hour_until)
            texts = dict(records.template(row.template, row.template_version).texts)
            self._plans[number] = _Plan(
                row.channel,
                row.purpose,
                row.message_class,
                row.because,
                row.values,
                hours,
                tuple(row.weekdays),
                row.zone,
                texts,
            )
        return self._plans[number]

    def _find(self, readers: list[Reader], found: Found, *, now: dt.datetime) -> list[Reader]:
        """Find and open where each is reached."""
        assert self._directory is not None
        assert self._field is not None
        users = self._directory.users_of({each.claim.customer for each in readers})
        fields: list[Field] = ["name", self._field]
        if any(each.plan.hours or each.plan.weekdays for each in readers):
            fields.append("addresses")
        opened = many.read_all(
            {user for _, theirs in users.values() for user in theirs}, fields=fields, purpose=PURPOSE, actor="worker",
            at=now,
        )  # fmt: skip
        reached = []
        for each in readers:
            members, theirs = users[each.claim.customer]
            user = next((one for one in theirs if one in opened and self._field in opened[one].given()), None)
            if user is None:
                found.done.append(Done(each.claim.decision, "unreachable", now))
                continue
            values = opened[user]
            reader = msgspec.structs.replace(each, members=members, user=user, values=values)
            if _is_hour(reader, found, now=now):
                reached.append(reader)
        return reached

    def _leave_out(self, readers: list[Reader], found: Found, *, now: dt.datetime) -> list[Reader]:
        """Leave out whoever is blocked, and, of marketing, whoever shares an address with somebody who gets it."""
        if not readers:
            return []
        assert self._field is not None
        key = queries.index_keys([self._field])[self._field]
        digests = {each.claim.decision: sealing.blind_index(key, _index_of(each, self._field)) for each in readers}
        with connections[VAULT.name].cursor() as cursor:
            blocks = store.find_blocks(cursor, set(digests.values()))
            free = []
            for each in readers:
                why = blocks.get(digests[each.claim.decision], set())
                if "bounced" in why or (why and not each.plan.is_service):
                    found.done.append(Done(each.claim.decision, "suppressed", now, min(why)))
                else:
                    free.append(each)
            first = store.reach(
                cursor,
                [
                    (
                        each.claim.campaign,
                        # Of service everybody gets their own: what is noted is where it went, for bounces.
                        f"{each.claim.occurrence} {each.claim.decision}" if each.plan.is_service
                        else each.claim.occurrence,
                        digests[each.claim.decision], each.claim.decision, _user(each),
                    )
                    for each in _alone(free, digests)
                ],
                now=now,
            )  # fmt: skip
        for each in free:
            if each.claim.decision not in first:
                found.done.append(Done(each.claim.decision, "suppressed", now, "same_address"))
        return [each for each in free if each.claim.decision in first]

    def _shared(self, each: Reader, language: str, *, own: frozenset[str]) -> rendering.Shared:
        """Return a dispatch's template in one language, with all that its readers share filled in."""
        number, has_coupon = each.claim.dispatch, each.claim.coupon is not None
        key = (number, language, has_coupon, own)
        if key not in self._shares:
            if len(self._shares) >= _DISPATCHES_MAX:
                self._shares.clear()
            everybody = {**each.plan.values, **given("", None, language, self._shop)}
            for name in {"name", *own, *(["coupon"] if has_coupon else [])}:
                everybody.pop(name, None)
            template = rendering.template_of(each.plan.texts[language])
            self._shares[key] = rendering.Shared(template, everybody)
        return self._shares[key]

    def _said(self, readers: list[Reader]) -> dict[uuid.UUID, Said]:
        """Return what each has said on the purpose, and on the language."""
        found: dict[uuid.UUID, Said] = {}
        for purpose, channel in {(each.plan.purpose, each.plan.channel) for each in readers}:
            mine = [each for each in readers if (each.plan.purpose, each.plan.channel) == (purpose, channel)]
            linked = {each.claim.customer: each.members for each in mine}
            said = customers.said_by(linked, purpose=purpose, channel=channel)
            found.update({each.claim.decision: said[each.claim.customer] for each in mine})
        return found

    def _fill(self, each: Reader, url: str) -> Ready:
        """Fill in the template for one reader. Raises :class:`TemplateFailed`."""
        plan, claim, said = each.plan, each.claim, each.said
        assert said is not None
        own = claim.values or {}
        language = _language(plan.texts, said.language or str(own.get("language") or plan.values.get("language", "")))
        name = each.values.name.reveal() if each.values.name is not None else ""
        code = None if claim.coupon is None else code_of(claim.coupon)
        shared = self._shared(each, language, own=frozenset(own))
        # What belongs to the reader comes last: no value of a campaign takes its place.
        rendered = shared.render({**own, **given(name, code, language, self._shop)})
        because = plan.because.get(language) or plan.because.get("en", "")
        since = None if said.agreed_at is None else said.agreed_at.date()
        below = {"because": because, "since": since, "language": language, "message_class": plan.message_class}
        subject, text, html = rendered.subject, rendered.text, ""
        if plan.channel == "mail":
            whole = footing.with_footing(rendered, **below, url=url)  # type: ignore[arg-type]
            text, html = whole.text, whole.html
        elif plan.channel == "message":
            text = footing.short(rendered, **below, url=url)  # type: ignore[arg-type]
        why = footing.reason(**below) if plan.channel == "app" else ""  # type: ignore[arg-type]
        to = None if self._field is None else getattr(each.values, self._field)
        return Ready(
            decision=claim.decision, key=uuid.uuid5(_KEYS, str(claim.decision)), tries=claim.tries,
            is_service=plan.is_service, to=to, customers=each.members, subject=subject, text=text, html=html, url=url,
            reason=why, language=language, not_after=claim.not_after,
        )  # fmt: skip


def _may(each: Reader, found: Found, *, now: dt.datetime) -> bool:
    claim = each.claim
    if claim.is_stopped:
        found.done.append(Done(claim.decision, "stopped", now))
    elif not claim.is_permitted:
        found.done.append(Done(claim.decision, "suppressed", now, "consent"))
    elif claim.not_after is not None and claim.not_after < now:
        found.done.append(Done(claim.decision, "missed", now))
    else:
        return True
    return False


def _is_hour(each: Reader, found: Found, *, now: dt.datetime) -> bool:
    """Tell whether it is the hour for a reader; where it is not, the message goes back until it is."""
    due = _due(each.plan, each.values, now=now)
    if due > now:
        found.back.append(Back(each.claim.decision, due))
    return due <= now


def _due(plan: _Plan, values: ContactValues, *, now: dt.datetime) -> dt.datetime:
    if plan.hours is None and not plan.weekdays:
        return now
    places = values.addresses.reveal() if values.addresses is not None else ()
    zone = zones.zone_of(places[0].country if places else None, otherwise=plan.zone)
    return zones.next_within(plan.hours or (0, 24), zone, now=now, weekdays=plan.weekdays)


def _index_of(each: Reader, field: Field) -> str:
    value = each.values.given()[field].reveal()
    return rules.index_of_email(value) if field == "email" else rules.index_of_phone(value, country=None)


def _alone(readers: list[Reader], digests: dict[uuid.UUID, bytes]) -> list[Reader]:
    """Return one reader for each contact point of a portion: one statement cannot reach the same twice."""
    first: dict[tuple[object, ...], Reader] = {}
    for each in sorted(readers, key=lambda one: one.claim.decision):
        mine = each.claim.decision if each.plan.is_service else each.claim.occurrence
        first.setdefault((each.claim.campaign, mine, digests[each.claim.decision]), each)
    return list(first.values())


def _user(each: Reader) -> uuid.UUID:
    assert each.user is not None
    return each.user


@functools.lru_cache(maxsize=256)
def _preferred(known: tuple[str, ...], wanted: str) -> str:
    return next(each for each in (wanted, *LANGUAGES, *known) if each in known)


def _language(texts: dict[str, TemplateText], wanted: str) -> str:
    return _preferred(tuple(texts), wanted)
