"""The customer's own pages at the counter: terms and consents, and who they are here.

What they decide goes through the gateway as an event of the touchpoint ``storefront``. Not here: what it means
(``counter/customers``), the card (``views.py``).
"""

from __future__ import annotations

import datetime as dt
import functools
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from comptoir.counter.customers import contracts, matters, permissions, records
from comptoir.counter.customers import queries as customers
from comptoir.counter.customers.policy import load_policy
from comptoir.counter.customers.purposes import CHOSEN, PURPOSES, TERMS
from comptoir.counter.customers.rules import PERSONAS_MAX, UNDO_DAYS, Choice
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE, Assurance
from comptoir.foundation.rooms.visits import Visit, outing, visit_of
from comptoir.foundation.rooms.web import carrying_ticket, in_room, ticket_form
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import STOREFRONT, Trouble, shop_title

_SENT_MAX: Final = 50
#: Since when the pages do what GPC asks for.
_GPC_SINCE: Final = "2026-11-26"
_LATER: Final = dt.timedelta(microseconds=1)
#: So long before a consent is over the page offers to give it anew.
_RENEWED_WITHIN: Final = dt.timedelta(days=30)


class Refused(Exception):  # noqa: N818 - a refusal, carried to the page that shows it
    """What was asked for was refused; ``trouble`` says why."""

    def __init__(self, trouble: Trouble) -> None:
        """Keep the reason."""
        super().__init__(trouble.title)
        self.trouble = trouble


# Terms and consents.


@in_room(COUNTER)
@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    """Answer with the terms in force, the roster, and every consent with what it allows at present."""
    return _terms_page(request)


def _answering(page: Callable[..., HttpResponse], name: str) -> Callable[[Any], Any]:
    """Let a view send something: it leads back to its page, or shows there why it was refused."""

    def decorate(view: Callable[[HttpRequest], HttpResponse | None]) -> Any:
        @in_room(COUNTER)
        @require_POST
        @functools.wraps(view)
        def answer(request: HttpRequest) -> HttpResponse:
            try:
                return view(request) or redirect(f"storefront:{name}")
            except Refused as refused:
                status = refused.trouble.status or HTTPStatus.UNPROCESSABLE_ENTITY
                return page(request, problem=refused.trouble, status=status)
            except Problem as problem:
                told = Trouble(title=problem.title(), detail=problem.detail, type=problem.name)
                return page(request, problem=told, status=problem.status)

        return answer

    return decorate


def _terms_page(request: HttpRequest, *, status: int = HTTPStatus.OK, **context: Any) -> HttpResponse:
    person = _person(request)
    words = {} if person is None else customers.choices_of(person)
    in_force, now = words.get(matters.TERMS), timezone.now()
    uses = [_use(words, name, now) for name in CHOSEN]
    shown = {
        "person": person,
        "is_signed": bool(person is not None and (own := customers.agreed_by(person)) and own.signed),
        "roster": TERMS.values(),
        "agreed": in_force if in_force is not None and in_force.value in TERMS else None,
        "term": TERMS.get(in_force.value) if in_force is not None else None,
        "answer": _open_answer(words),
        "objection": _made(words.get(matters.OBJECTION)),
        "uses": uses,
        "ends_soon": any(row["ends_soon"] for use in uses for row in use["channels"]),
        "always": [each for each in PURPOSES.values() if each.basis == "contract"],
        "request_id": uuid.uuid4(),
        "section": "terms",
    }
    return render(request, "storefront/terms.html", {**shown, **context}, status=status)


def _over_since(word: Choice | None) -> dt.datetime | None:
    return None if word is None or word.value != matters.EXPIRED else matters.over_since(word.said.evidence)


def _made(word: Choice | None) -> Choice | None:
    return word if word is not None and word.value == matters.MADE else None


def _use(words: Mapping[str, Choice], purpose: str, now: dt.datetime) -> dict[str, Any]:
    rows = []
    for channel in PURPOSES[purpose].asked:
        is_allowed, by = permissions.decide(words, purpose, channel)
        consent = words.get(matters.consent(purpose, channel))
        given = consent if consent is not None and consent.value == matters.GIVEN else None
        ends_at = None if given is None else given.ends_at
        rows.append(
            {
                "channel": channel,
                "allowed": is_allowed,
                "by": by,
                "given": given,
                "over_since": _over_since(consent),
                "ends_at": ends_at,
                "ends_soon": ends_at is not None and by is given and ends_at - now < _RENEWED_WITHIN,
            }
        )
    return {"purpose": PURPOSES[purpose], "channels": rows}


def _open_answer(words: Mapping[str, Choice]) -> dict[str, str] | None:
    """Return what the shop has answered to the last proffer, if nothing was agreed since."""
    proffer, agreed = words.get(matters.PROFFER), words.get(matters.TERMS)
    if proffer is None or " " not in proffer.value or (agreed is not None and agreed.said > proffer.said):
        return None
    wanted, _, offered = proffer.value.partition(" ")
    return {"wanted": wanted, "offered": "" if offered == "-" else offered}


@_answering(_terms_page, "terms")
def proffer(request: HttpRequest) -> HttpResponse | None:
    """Proffer terms. The shop answers at once, by its policy: it agrees, offers one alternative, or refuses."""
    term = request.POST.get("term", "")
    if term not in TERMS:
        raise Http404
    policy = load_policy()
    name, at = _request(request)
    _send(request, contracts.TERMS_PROFFERED, {"proffer": str(name), "term": term}, name=name, at=at)
    answer = policy.answer(term)
    if answer == term:
        record = records.agreement(name=name, term=term, at=at + _LATER, by=_means(request))
        data = {"proffer": str(name), "term": term, "record": record}
        _send(request, contracts.TERMS_AGREED, data, name=_second(name), at=at + _LATER)
    else:
        said = {"proffer": str(name), "term": term} | ({"alternative": answer} if answer else {})
        _send(request, contracts.TERMS_ANSWERED, said, name=_second(name), at=at + _LATER)
    return None


@_answering(_terms_page, "terms")
def end_terms(request: HttpRequest) -> HttpResponse | None:
    """End the agreement in force."""
    _send(request, contracts.TERMS_ENDED, {})
    return None


@in_room(COUNTER)
@require_safe
def record(request: HttpRequest) -> HttpResponse:
    """Answer with the record of the terms in force, as a file: with the one that both have signed, if there is one."""
    person = _person(request)
    agreed = None if person is None else customers.agreed_by(person)
    if agreed is None:
        raise Http404
    return _file(agreed.signed or agreed.record, f"terms-{agreed.term}.jws")


@_answering(_terms_page, "terms")
def check(request: HttpRequest) -> HttpResponse | None:
    """Check a record or a receipt that somebody has kept, and show what it says."""
    said = records.verify(request.POST.get("record", ""))
    shown = records.agreement_in(said) or said
    by_both = isinstance(said, records.SignedAgreement)
    return _terms_page(request, checked=msgspec.to_builtins(shown), checked_by_both=by_both)


@in_room(COUNTER, is_open=True)
@require_safe
def key(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - a view's shape
    """Answer with the public key, by which anybody can check a record without us."""
    return JsonResponse({"keys": [dict(records.public_key()) | {"alg": "Ed25519", "use": "sig"}]})


@_answering(_terms_page, "terms")
def consent(request: HttpRequest) -> HttpResponse | None:
    """Give or withdraw a consent, for one purpose on one channel."""
    purpose, channel = request.POST.get("purpose", ""), request.POST.get("channel", "")
    if purpose not in CHOSEN or channel not in contracts.CHANNELS:
        raise Http404
    data = {"purpose": purpose, "channel": channel}
    if request.POST.get("give") != "1":
        _send(request, contracts.CONSENT_WITHDRAWN, data)
        return None
    name, at = _request(request)
    policy = load_policy()
    holds = {"days": policy.days(purpose), "quiet_days": policy.quiet_days(purpose)}
    text = records.receipt(name=name, purpose=purpose, channel=channel, controller=shop_title(), at=at, **holds)
    _send(request, contracts.CONSENT_GIVEN, {**data, **holds, "receipt": records.hash_of(text)}, name=name, at=at)
    return None


@in_room(COUNTER)
@require_safe
def receipt(request: HttpRequest, purpose: str, channel: str) -> HttpResponse:
    """Answer with the receipt of a consent, as a file. The shop keeps its hash only, and makes the same text again."""
    person = _person(request)
    words = {} if person is None else customers.choices_of(person)
    word = words.get(matters.consent(purpose, channel))
    if word is None or word.value != matters.GIVEN:
        raise Http404
    text = _receipt_of(word, purpose, channel)
    if records.hash_of(text) != word.said.evidence:
        raise Http404  # given elsewhere, or before the words changed: only the customer has it
    return _file(text, f"consent-{purpose}-{channel}.jws")


def _receipt_of(word: Choice, purpose: str, channel: str) -> str:
    """Return the receipt of a consent as these pages have made it; one that was given elsewhere has none here."""
    try:
        name = uuid.UUID(word.said.id)
    except ValueError:
        raise Http404 from None
    if word.ends_at is None or word.quiet_days is None:
        raise Http404
    at = word.said.occurred_at
    return records.receipt(
        name=name,
        purpose=purpose,
        channel=channel,
        controller=shop_title(),
        at=at,
        days=(word.ends_at - at).days,
        quiet_days=word.quiet_days,
    )


@_answering(_terms_page, "terms")
def objection(request: HttpRequest) -> HttpResponse | None:
    """Object to every use beyond the contract, or withdraw the objection."""
    if request.POST.get("make") == "1":
        _send(request, contracts.OBJECTION_MADE, {"means": "page"})
    else:
        _send(request, contracts.OBJECTION_WITHDRAWN, {})
    return None


@in_room(COUNTER, is_open=True)
@require_safe
def privacy_control(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - a view's shape
    """Say that this house does what Global Privacy Control asks for (https://www.w3.org/TR/gpc/)."""
    return JsonResponse({"gpc": True, "lastUpdate": _GPC_SINCE})


# Who I am here.


@in_room(COUNTER)
@require_safe
def who(request: HttpRequest) -> HttpResponse:
    """Answer with how close the customer is, what they are known by, their public names, and their links."""
    return _who_page(request)


def _who_page(request: HttpRequest, *, status: int = HTTPStatus.OK, **context: Any) -> HttpResponse:
    person, now = _person(request), timezone.now()
    links: list[dict[str, Any]] = []
    if person is not None:
        kinds = {member.customer: member.kind for member in person.members}
        links = [
            {
                "low": link.low,
                "high": link.high,
                "kinds": (kinds.get(link.low, ""), kinds.get(link.high, "")),
                "since": link.said_at,
                "until": link.said_at + dt.timedelta(days=UNDO_DAYS),
                "can_undo": now <= link.said_at + dt.timedelta(days=UNDO_DAYS),
                "request": uuid.uuid4(),
            }
            for link in customers.links_of(person)
            if link.is_active
        ]
    shown = {
        "person": person,
        "closeness": None if person is None else customers.closeness_of(person),
        "personas": [] if person is None else customers.personas_of(person),
        "personas_max": PERSONAS_MAX,
        "links": links,
        "request_id": uuid.uuid4(),
        "section": "who",
    }
    return render(request, "storefront/who.html", {**shown, **context}, status=status)


@_answering(lambda request, **context: _who_page(request, name=request.POST.get("name", ""), **context), "who")
def choose_name(request: HttpRequest) -> HttpResponse | None:
    """Choose a public name. Its id is random, and made here."""
    data = {"persona": str(uuid.uuid4()), "name": request.POST.get("name", "").strip()[:200]}
    if not data["name"]:
        raise Http404
    _send(request, contracts.PERSONA_CHOOSE, data)
    return None


@in_room(COUNTER)
@require_POST
def take_part(request: HttpRequest) -> HttpResponse:
    """Lead onto the square under one of the customer's own public names. The ticket says the name and nothing else."""
    person, wanted = _person(request), _uuid(request, "persona")
    own = {} if person is None else {each.persona: each.name for each in customers.personas_of(person)}
    if wanted not in own:
        raise Http404
    here = visit_of(request)
    assert here is not None, "in_room lets nobody in who is not recognised"
    visit = Visit(
        str(wanted), Assurance.RECOGNISED, ("persona",), timezone.now(), name=own[wanted], sign_in=outing(here)
    )
    ticket = ticket_form(request, destination=SQUARE, path="/", visit=visit)
    return carrying_ticket(render(request, "storefront/take_part.html", {"ticket": ticket, "name": own[wanted]}))


@_answering(_who_page, "who")
def give_up_name(request: HttpRequest) -> HttpResponse | None:
    """Give up a public name."""
    _send(request, contracts.PERSONA_GIVE_UP, {"persona": str(_uuid(request, "persona"))})
    return None


@_answering(_who_page, "who")
def undo_link(request: HttpRequest) -> HttpResponse | None:
    """Undo a link between two of the customer's own identifiers that was made by mistake."""
    low, high = _uuid(request, "low"), _uuid(request, "high")
    person = _person(request)
    if person is None or not {low, high} <= set(person.customers):
        raise Http404
    data = {"identifier": _reference(high), "evidence": "undone on the customer's own page"}
    _send(request, contracts.LINK_UNDO, data, customer=low)
    return None


# What the views share.


def _customer(request: HttpRequest) -> uuid.UUID:
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    return uuid.UUID(visit.subject)


def _person(request: HttpRequest) -> customers.Person | None:
    return customers.person_of(_customer(request))


def _reference(customer: uuid.UUID) -> dict[str, str]:
    return {"kind": contracts.CUSTOMER_KIND, "value": str(customer)}


def _uuid(request: HttpRequest, name: str) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get(name, ""))
    except ValueError:
        raise Http404 from None


def _request(request: HttpRequest) -> tuple[uuid.UUID, dt.datetime]:
    """Return the form's identity and when it was first sent: sent again, it has to be the same event."""
    name = _uuid(request, "request")
    sent: dict[str, str] = request.session.get("sent", {})
    at = sent.setdefault(str(name), timezone.now().isoformat())
    request.session["sent"] = dict(list(sent.items())[-_SENT_MAX:])
    return name, dt.datetime.fromisoformat(at)


def _means(request: HttpRequest) -> str:
    """Return how the customer is known here: by a card link, or by what they signed in with."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    return "+".join(visit.means)


def _second(name: uuid.UUID) -> uuid.UUID:
    """Return the identity of what follows from a request: the same in every repeat."""
    return uuid.uuid5(name, "answer")


def _send(
    request: HttpRequest,
    event_type: str,
    data: Mapping[str, Any],
    *,
    customer: uuid.UUID | None = None,
    name: uuid.UUID | None = None,
    at: dt.datetime | None = None,
) -> None:
    if name is None or at is None:
        name, at = _request(request)
    said = {"customer": _reference(customer or _customer(request)), **data}
    answer = house.send(event_type, said, touchpoint=STOREFRONT, request=name, at=at)
    if answer.problem is not None:
        raise Refused(answer.problem)


def _file(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="application/jose")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
