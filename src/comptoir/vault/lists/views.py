"""The staff's pages in the vault: likely duplicates, two at a time, closed until somebody says why they open them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, get_args

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.credentials.adapters import STRONG_MEANS, means_of
from comptoir.vault.credentials.models import Kind
from comptoir.vault.lists import deciding, queries
from comptoir.vault.lists.contracts import ANSWERS, REASON_CHARACTERS_MAX, Answer, Details
from comptoir.vault.lists.errors import AnswerNotPossible, LinkNotMade, ProposalUnknown, ReasonMissing
from comptoir.vault.lists.rules import name_of

_PAGES_MAX = 1_000

#: What agrees and what differs, in words.
WORDS: dict[str, Promise] = {
    "row_same": _("one row of the list names both"),
    "name_same": _("the same name"),
    "name_reading": _("names that are read the same"),
    "name_swapped": _("the same name, given and family name swapped"),
    "name_similar": _("nearly the same name"),
    "name_initial": _("the same family name, and an initial"),
    "name_given_same": _("the same given name, another family name"),
    "name_family_only": _("the same family name, another given name"),
    "name_different": _("another name"),
    "email_same": _("the same e-mail address"),
    "email_similar": _("nearly the same e-mail address"),
    "email_different": _("another e-mail address"),
    "phone_same": _("the same telephone number"),
    "phone_different": _("another telephone number"),
    "address_same": _("the same address"),
    "address_near": _("the same house, another postcode or none"),
    "address_area": _("the same postcode"),
    "address_different": _("another address"),
}
PIECES: dict[str, Promise] = {
    "name": _("Name"),
    "email": _("E-mail address"),
    "phone": _("Telephone"),
    "addresses": _("Address"),
}
KINDS: dict[str, Promise] = {"card": _("card"), "account": _("account")}
_TROUBLES: dict[type[Problem], Promise] = {
    ReasonMissing: _("Say why, in three to 160 characters."),
    AnswerNotPossible: _("Somebody has decided on this meanwhile. Look at it again."),
    LinkNotMade: _("The counter refused this. Nothing was changed."),
}
_AWAY = _("This was noted, but the counter has not heard of it. Say it once more in a moment.")
_CLOSED = _("The vault could not be opened. Nothing was shown.")


def for_staff(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let staff in who have shown a second factor; for everybody else there is nothing here."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if getattr(request.user, "kind", None) != Kind.STAFF:
            raise Http404
        if not STRONG_MEANS & set(means_of(request)):
            return render(request, "credentials/factor_needed.html", status=HTTPStatus.FORBIDDEN)
        return view(request, *args, **kwargs)

    return in_room(VAULT)(guarded)


@for_staff
@require_GET
def proposals(request: HttpRequest) -> HttpResponse:
    """List the proposals that wait, that were put off, or that were decided."""
    state = request.GET.get("state", "open")
    if state not in get_args(queries.State):
        raise Http404
    page = _page(request)
    rows, has_more = queries.proposals(state, page=page)  # type: ignore[arg-type]
    facts = {
        "rows": [_shown(row) for row in rows],
        "counts": queries.counts(),
        "state": state,
        "previous": page - 1,
        "next": page + 1 if has_more else 0,
    }
    return render(request, "lists/proposals.html", facts)


@for_staff
@require_GET
def proposal(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponse:
    """Show one proposal, closed: what agrees, and which pieces there are on each side."""
    return _rendered(request, proposal_id)


@for_staff
@require_POST
def open_both(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponse:
    """Open both sides for once; both persons can see who did, and why."""
    reason = request.POST.get("reason", "")
    try:
        _row, one, other = deciding.open_both(proposal_id, reason=reason, staff=_staff(request), at=timezone.now())
    except ProposalUnknown:
        raise Http404 from None
    except ReasonMissing as problem:
        return _rendered(request, proposal_id, trouble=problem, reason=reason)
    except Problem as problem:
        return _rendered(request, proposal_id, trouble=problem, sentence=_CLOSED, reason=reason)
    return _rendered(request, proposal_id, opened=(one, other), reason=reason)


@for_staff
@require_POST
def decide(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponse:
    """Take the answer: one person, two persons, later, or that it was a mistake."""
    reason, said = request.POST.get("reason", ""), request.POST.get("answer", "")
    if said not in ANSWERS:
        raise Http404
    answer: Answer = said
    try:
        deciding.decide(proposal_id, answer=answer, reason=reason, staff=_staff(request), at=timezone.now())
    except ProposalUnknown:
        raise Http404 from None
    except Problem as problem:
        return _rendered(request, proposal_id, trouble=problem, reason=reason)
    return redirect("lists_proposal", proposal_id)


def _rendered(
    request: HttpRequest,
    proposal_id: uuid.UUID,
    *,
    opened: tuple[Details, Details] | None = None,
    trouble: Problem | None = None,
    sentence: Promise | None = None,
    reason: str = "",
) -> HttpResponse:
    try:
        row = queries.proposal(proposal_id)
    except ProposalUnknown:
        raise Http404 from None
    facts: dict[str, Any] = _shown(row) | {
        "opened": opened is not None,
        "pieces": _pieces(row, opened),
        "trouble": (sentence or _TROUBLES.get(type(trouble), _AWAY)) if trouble is not None else "",
        "reason": reason,
        "reason_characters_max": REASON_CHARACTERS_MAX,
    }
    return render(request, "lists/proposal.html", facts, status=trouble.status if trouble is not None else 200)


def _shown(row: queries.ProposalWords) -> dict[str, Any]:
    return {
        "proposal": row,
        "agreements": [WORDS[code] for code in row.agreements if code in WORDS],
        "differences": [WORDS[code] for code in row.differences if code in WORDS],
        "sides": [{"side": side, "kind": KINDS.get(side.kind, side.kind)} for side in (row.one, row.other)],
    }


def _pieces(row: queries.ProposalWords, opened: tuple[Details, Details] | None) -> list[dict[str, Any]]:
    """Return for each piece what stands on either side: its lines, nothing, or that it is closed (``None``)."""
    found = []
    for field, title in PIECES.items():
        sides: list[dict[str, Any]] = []
        for place, side in enumerate((row.one, row.other)):
            lines: list[str] | None = []
            if field in side.pieces:
                lines = _lines(opened[place], field) if opened is not None else None
            sides.append({"lines": lines, "whose": f"{side.list}, {KINDS.get(side.kind, side.kind)}"})
        found.append({"title": title, "sides": sides})
    return found


def _lines(details: Details, field: str) -> list[str]:
    if field == "addresses":
        town = " ".join(filter(None, (details.postcode, details.city, details.region)))
        return [line for line in (*details.lines, town, details.country) if line]
    return [{"name": name_of(details), "email": details.email, "phone": details.phone}[field]]


def _staff(request: HttpRequest) -> uuid.UUID:
    return uuid.UUID(str(request.user.pk))


def _page(request: HttpRequest) -> int:
    number = whole(request.GET.get("page", "1"), _PAGES_MAX, least=1)
    if number is None:
        raise Http404
    return number
