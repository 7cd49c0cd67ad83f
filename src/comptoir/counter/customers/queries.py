"""Reads for pages: who is one person, through which links, and whom a beginning of an opaque id can mean.

Every function runs in the current room. Not here: anything that leads from an id back to an identifier; nothing can.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Collection, Mapping
from typing import Final

import msgspec
from django.db import connections, router
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet, Value

from comptoir.counter.customers import matters, permissions, records, rules
from comptoir.counter.customers.contracts import USER_KIND, Closeness
from comptoir.counter.customers.models import Choice, Customer, Link, Membership, Permission, PersonaHolder
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.database import id_array, value_array
from comptoir.square.community import queries as community

#: Shorter beginnings would list strangers, not find somebody.
PREFIX_DIGITS_MIN: Final = 4
_CUSTOMERS_A_TIME: Final = 10_000
#: Asked for many at a time, where what stands around a statement would cost as much as the statement.
_SAID: Final = """
select coalesce(json_agg(json_build_array(customer, matter, value, said_at) order by said_at), '[]')::text
from customers_choice where customer = any(%s::uuid[]) and matter = any(%s::text[])
"""
_LINKED: Final = """
select coalesce(json_object_agg(a.customer, (
  select json_agg(o.customer order by o.customer) from customers_membership o where o.person = m.person
)), '{}')::text
from (select distinct unnest(%s::uuid[])) as a(customer) join customers_membership m on m.customer = a.customer
"""
_CHOICES: Final = list[tuple[uuid.UUID, str, str, dt.datetime]]
_HEXADECIMAL = re.compile(r"[0-9a-f]{1,32}")


class Member(msgspec.Struct, frozen=True):
    """One opaque customer of a person, and the kind of identifier it was derived from (``card``, ``web_account``)."""

    customer: uuid.UUID
    kind: str


class Person(msgspec.Struct, frozen=True):
    """The customers that are one person; ``person`` is the smallest of their ids."""

    person: uuid.UUID
    members: tuple[Member, ...]

    @property
    def customers(self) -> tuple[uuid.UUID, ...]:
        """Return the members' ids."""
        return tuple(member.customer for member in self.members)


class LinkWords(msgspec.Struct, frozen=True):
    """What was last said about two customers being one person; times are in UTC, ``None`` was never said."""

    low: uuid.UUID
    high: uuid.UUID
    is_active: bool
    said_at: dt.datetime
    source: str
    evidence: str


class Persona(msgspec.Struct, frozen=True):
    """A public name of somebody's."""

    persona: uuid.UUID
    name: str


class Agreed(msgspec.Struct, frozen=True):
    """An agreement in force: its name and terms, since when, the shop's record, and the one that both have signed."""

    name: str
    term: str
    since: dt.datetime
    record: str
    signed: str


def customer_of_user(user: uuid.UUID) -> uuid.UUID:
    """Return the opaque customer that a user of the vault is; nothing keeps the one beside the other."""
    return uuid.UUID(rules.customer_id(shop.secret("identifiers"), USER_KIND, str(user)))


def person_of(customer: uuid.UUID) -> Person | None:
    """Return the person that a customer belongs to, or ``None`` for an id that nobody has."""
    if not Customer.objects.filter(customer=customer).exists():
        return None
    row = Membership.objects.filter(customer=customer).first()
    if row is None:
        members = [customer]
    else:
        members = list(Membership.objects.filter(person=row.person).values_list("customer", flat=True))
    kinds = dict(Customer.objects.filter(customer__in=members).values_list("customer", "kind"))
    return Person(
        person=row.person if row else customer,
        members=tuple(Member(each, kinds.get(each, "")) for each in sorted(members)),
    )


def closeness_of(person: Person) -> Closeness:
    """Return how close a person is: *known* if one of its customers has contact data in the vault, else *recognised*.

    Who is *unknown* has no customer here: :func:`person_of` finds nobody.
    """
    known = Choice.objects.filter(customer__in=person.customers, matter=matters.CLOSENESS, value="known")
    return "known" if known.exists() else "recognised"


def persons_of(customers: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Return for each of these customers the person that it belongs to: itself, where it is linked with nobody."""
    persons = {customer: customer for customer in customers}
    for start in range(0, len(persons), _CUSTOMERS_A_TIME):
        some = list(persons)[start : start + _CUSTOMERS_A_TIME]
        persons.update(Membership.objects.filter(customer__in=some).values_list("customer", "person"))
    return persons


def members_of(persons: Collection[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Return for each of these persons their customers: themselves, and whoever is linked with them."""
    members = {person: [person] for person in persons}
    for start in range(0, len(members), _CUSTOMERS_A_TIME):
        some = list(members)[start : start + _CUSTOMERS_A_TIME]
        for customer, person in Membership.objects.filter(person__in=some).values_list("customer", "person"):
            if customer != person:
                members[person].append(customer)
    return members


def signing_in(customers: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of these customers whose person has a sign-in in the vault."""
    persons = persons_of(customers)
    linked = Membership.objects.filter(person__in=set(persons.values()))
    members = dict(linked.values_list("customer", "person"))
    users = Customer.objects.filter(customer__in=[*members, *customers], kind=USER_KIND)
    theirs = {members.get(user, user) for user in users.values_list("customer", flat=True)}
    return {customer for customer, person in persons.items() if person in theirs}


def are_one(one: str, other: str) -> Exists:
    """Return the condition, for a query of another table, that its two columns of customers are one person."""
    of_other = Membership.objects.filter(customer=OuterRef(OuterRef(other))).values("person")
    return Exists(Membership.objects.filter(customer=OuterRef(one), person__in=of_other))


def choices_of(person: Person) -> dict[str, rules.Choice]:
    """Return what a person last said on each matter (``matters.py``), through whichever of its customers."""
    return permissions.latest(
        rules.Choice(
            str(each.customer),
            each.matter,
            each.value,
            rules.Statement(each.said_at, each.said_source, each.said_id, each.record),
            each.ends_at,
            each.quiet_days,
        )
        for each in Choice.objects.filter(customer__in=person.customers)
    )


def agreed_by(person: Person) -> Agreed | None:
    """Return the agreement in force, or ``None``."""
    words = choices_of(person)
    terms, signature = words.get(matters.TERMS), words.get(matters.SIGNATURE)
    if terms is None or not terms.said.evidence:
        return None
    said = msgspec.json.decode(records.text_of(terms.said.evidence), type=records.Agreement)
    signed = signature.said.evidence if signature is not None and signature.value == said.agreement else ""
    return Agreed(said.agreement, said.term, terms.said.occurred_at, terms.said.evidence, signed)


def all_personas_of(customers: Collection[uuid.UUID]) -> tuple[uuid.UUID, ...]:
    """Return the public names of these customers, those that were given up as well."""
    return tuple(PersonaHolder.objects.filter(customer__in=customers).values_list("persona", flat=True))


def personas_of(person: Person) -> list[Persona]:
    """Return the public names that a person has at present, by name."""
    held = PersonaHolder.objects.filter(customer__in=person.customers, is_given_up=False)
    names = community.names_of(list(held.values_list("persona", flat=True)))
    return sorted((Persona(persona, name) for persona, name in names.items()), key=lambda each: each.name)


def permits(customer: uuid.UUID, *, purpose: str, channel: str) -> bool:
    """Tell whether a customer's data may be used for a purpose on a channel, as the database answers it."""
    with connections[router.db_for_read(Permission)].cursor() as cursor:
        cursor.execute("select customers_permits(%s, %s, %s)", [customer, purpose, channel])
        (answer,) = cursor.fetchone()
    return bool(answer)


class Said(msgspec.Struct, frozen=True):
    """What a message to somebody has to know: since when they agree, if they said so, and which language they read."""

    agreed_at: dt.datetime | None = None
    language: str = ""


def said_by(linked: Mapping[uuid.UUID, tuple[uuid.UUID, ...]], *, purpose: str, channel: str) -> dict[uuid.UUID, Said]:
    """Return of customers what the person said last on a purpose on a channel, and on letters; see linked_with()."""
    persons = {each: members[0] for each, members in linked.items()}
    of = {member: members[0] for members in linked.values() for member in members}
    consent = matters.consent(purpose, channel)
    agreed: dict[uuid.UUID, dt.datetime] = {}
    languages: dict[uuid.UUID, str] = {}
    with connections[router.db_for_read(Choice)].cursor() as cursor:
        cursor.execute(_SAID, [id_array(of), value_array([consent, matters.LETTERS])])
        rows = msgspec.json.decode(cursor.fetchone()[0], type=_CHOICES)
    for customer, matter, value, at in rows:
        if matter == matters.LETTERS:
            languages[of[customer]] = value.partition(" ")[2]
        elif value == matters.GIVEN:
            agreed[of[customer]] = at
        else:
            agreed.pop(of[customer], None)
    return {each: Said(agreed.get(person), languages.get(person, "")) for each, person in persons.items()}


def linked_with(asked: Collection[uuid.UUID]) -> dict[uuid.UUID, tuple[uuid.UUID, ...]]:
    """Return for each of these customers all that are one person with it, itself among them, in the order of ids."""
    with connections[router.db_for_read(Membership)].cursor() as cursor:
        cursor.execute(_LINKED, [id_array(asked)])
        linked = msgspec.json.decode(cursor.fetchone()[0], type=dict[uuid.UUID, tuple[uuid.UUID, ...]])
    # Hardly anybody is linked with anybody; whoever is not is not asked for.
    return {customer: linked.get(customer, (customer,)) for customer in asked}


def permitting(asked: Collection[uuid.UUID], *, purpose: str) -> set[uuid.UUID]:
    """Return those of these customers who allow a purpose that needs consent on any channel."""
    allowed = Permission.objects.filter(customer__in=asked, purpose=purpose).exclude(channels=[])
    return set(allowed.values_list("customer", flat=True))


def permitted(*, purpose: str, channel: str) -> QuerySet[Customer]:
    """Return the customers whose data may be used for a purpose on a channel; whoever is not in it was held back.

    Narrow it further, never widen it: every list of customers that leaves the counter begins here.
    """
    return Customer.objects.filter(_permits(purpose, channel))


def held_back(*, purpose: str, channel: str) -> int:
    """Return how many customers :func:`permitted` leaves out."""
    return Customer.objects.exclude(_permits(purpose, channel)).count()


def _permits(purpose: str, channel: str) -> Func:
    asked = (F("customer"), Value(purpose), Value(channel))
    return Func(*asked, function="customers_permits", output_field=BooleanField())


def links_of(person: Person) -> list[LinkWords]:
    """Return every link that touches a person's customers, those that were undone too, the latest first."""
    touching = Link.objects.filter(Q(low__in=person.customers) | Q(high__in=person.customers))
    words = []
    for link in touching:
        is_active = link.linked_at is not None and (link.unlinked_at is None or link.linked_at > link.unlinked_at)
        said_at = link.linked_at if is_active else link.unlinked_at or link.linked_at
        assert said_at is not None, "a link of which nothing was ever said"
        words.append(
            LinkWords(
                low=link.low,
                high=link.high,
                is_active=is_active,
                said_at=said_at,
                source=(link.linked_source if is_active else link.unlinked_source) or "",
                evidence=(link.linked_evidence if is_active else link.unlinked_evidence) or "",
            )
        )
    return sorted(words, key=lambda each: each.said_at, reverse=True)


def find_by_beginning(text: str, *, limit: int = 20) -> list[Member]:
    """Return the customers whose id begins with ``text`` (hexadecimal digits, hyphens ignored), at most ``limit``.

    Fewer than four digits, or anything that is no beginning of an id, finds nobody.
    """
    digits = text.strip().lower().replace("-", "")
    if len(digits) < PREFIX_DIGITS_MIN or not _HEXADECIMAL.fullmatch(digits):
        return []
    low, high = uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))
    found = Customer.objects.filter(customer__gte=low, customer__lte=high).order_by("customer")[:limit]
    return [Member(each.customer, each.kind) for each in found]


def count() -> int:
    """Return how many customers there are: exact up to 10,000, beyond that the server's estimate."""
    exact_up_to = 10_000
    few = Customer.objects.all()[: exact_up_to + 1].count()
    return few if few <= exact_up_to else max(few, _estimate())


def _estimate() -> int:
    with connections[router.db_for_read(Customer)].cursor() as cursor:
        cursor.execute("select reltuples::bigint from pg_class where oid = %s::regclass", [Customer._meta.db_table])
        (rows,) = cursor.fetchone()
    return int(rows)
