"""The charter on the square: what holds, how it came to be, and how members amend it."""

from __future__ import annotations

import os
import re
import uuid
from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from comptoir.doors.storefront.community.speaking import page, persona_of, prefix, spoken
from comptoir.doors.storefront.community.writing import as_member, send, text_of
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.square.charter import queries
from comptoir.square.charter.comparing import compare
from comptoir.square.charter.contracts import (
    CHARTER_PROPOSED,
    CHARTER_VOTED,
    DAYS_MAX,
    LANGUAGES,
    QUORUM_MAX,
    REASON_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    TITLE_CHARACTERS_MAX,
)
from comptoir.square.charter.rules import PROPOSING_LEVEL, VOTING_LEVEL
from comptoir.square.community.contracts import POST_PUBLISHED
from comptoir.square.stewardship import queries as stewardship
from comptoir.square.stewardship import trust

_SETTINGS: Final = {
    "DAYS": "COMPTOIR_CHARTER_DAYS", "VETO_DAYS": "COMPTOIR_CHARTER_VETO_DAYS", "QUORUM": "COMPTOIR_CHARTER_QUORUM",
}  # fmt: skip
_UNFIT: Final = re.compile(r"[^a-z0-9]+")


@spoken
@require_safe
def read(request: HttpRequest) -> HttpResponseBase:
    """Answer with the charter as it holds now, and with what is voted on."""
    context = {
        "section": "charter", "sections": queries.charter(), "proposals": queries.proposals(), "now": timezone.now(),
    }  # fmt: skip
    return page(request, "community/charter.html", context)


@spoken
@require_safe
def history(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Answer with every version of a section, and what each changed in the one before."""
    versions = queries.versions(slug)
    if not versions:
        raise Http404
    language = translation.get_language() or "en"
    changes = []
    for number, each in enumerate(versions):
        words = queries.words_of(each.wording, language=language)
        before = versions[number + 1].wording if number + 1 < len(versions) else None
        former = queries.words_of(before, language=words.language) if before else None
        pieces = compare(former.text, words.text) if former else []
        changes.append((each, words, pieces, former is not None and former.title != words.title and former.title))
    return page(request, "community/charter_section.html", {"slug": slug, "changes": changes})


@spoken
@require_http_methods(["GET", "HEAD", "POST"])
@as_member
def propose(request: HttpRequest) -> HttpResponseBase:
    """Propose the whole new text of a section, or a new section: show the form, or take what was written in it."""
    said = request.POST if request.method == "POST" else request.GET
    slug = said.get("section", "")[:60]
    found = queries.versions(slug)
    if slug and not found and request.method != "POST":
        raise Http404
    current = found[0] if found else None
    draft: dict[str, Any] = {"section": slug, "reason": said.get("reason", "")[: 2 * REASON_CHARACTERS_MAX]}
    draft["proposal"] = said.get("proposal", "") or str(uuid.uuid4())
    draft["base"] = said.get("base", "") or str(current.version if current else 0)
    languages = []
    for language in LANGUAGES:
        words = current.wording.get(language, {}) if current and request.method != "POST" else {}
        languages.append({
            "code": language, "name": str(translation.get_language_info(language)["name_local"]).capitalize(),
            "title": said.get(f"title-{language}", words.get("title", ""))[:TITLE_CHARACTERS_MAX],
            "text": said.get(f"text-{language}", words.get("text", ""))[: 2 * TEXT_CHARACTERS_MAX],
        })  # fmt: skip
    trouble = None
    if request.method == "POST":
        trouble = _propose(request, draft, languages)
        if trouble is None:
            return redirect(f"{prefix()}charter/proposals/{draft['proposal']}")
        if trouble.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            draft["proposal"] = str(uuid.uuid4())
    here = translation.get_language() or "en"
    languages.sort(key=lambda each: each["code"] != here)
    context = {
        "draft": draft, "wordings": languages, "current": current, "problem": trouble, "days": _number("DAYS", 14),
        "quorum": _number("QUORUM", 5), "title_max": TITLE_CHARACTERS_MAX, "text_max": TEXT_CHARACTERS_MAX,
        "reason_max": REASON_CHARACTERS_MAX, "needed": PROPOSING_LEVEL, "level": _level(request),
    }  # fmt: skip
    return page(request, "community/charter_propose.html", context, status=(trouble.status or 422) if trouble else 200)


def _propose(request: HttpRequest, draft: dict[str, Any], languages: list[dict[str, str]]) -> Trouble | None:
    try:
        proposal = uuid.UUID(draft["proposal"])
    except ValueError:
        raise Http404 from None
    wording = {
        each["code"]: {"title": each["title"].strip(), "text": text_of(each["text"])}
        for each in languages
        if each["title"].strip() or each["text"].strip()
    }
    base = whole(draft["base"], 99_999) or 0
    reason = text_of(draft["reason"])
    titled = next(iter(wording.values()), {"title": ""})["title"]
    draft["section"] = draft["section"] or _slug(titled)
    thread = uuid.uuid5(proposal, "thread")
    data = {
        "proposal": str(proposal), "section": draft["section"], "base": base, "reason": reason,
        "days": _number("DAYS", 14), "veto_days": _number("VETO_DAYS", 7), "quorum": _number("QUORUM", 5),
        "thread": str(thread), **wording,
    }  # fmt: skip
    trouble = send(request, CHARTER_PROPOSED, data, name=proposal)
    if trouble is None:
        # Where it is talked over; without it the proposal stands all the same.
        language = translation.get_language() or "en"
        address = f"{prefix()}charter/proposals/{proposal}"
        story = {
            "post": str(thread), "kind": "story", "language": language, "text": f"{reason}\n\n{address}",
            "title": _("Charter: %(title)s") % {"title": titled},
        }  # fmt: skip
        send(request, POST_PUBLISHED, story, name=thread)
    return trouble


@spoken
@require_safe
def proposal(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponseBase:
    """Answer with a proposal: what it changes, why, and how the vote stands."""
    return _proposal(request, proposal_id)


@spoken
@require_POST
@as_member
def vote(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponseBase:
    """Vote on a proposal, or take the vote back."""
    value = request.POST.get("value", "")
    if value not in {"1", "0", "-1"}:
        raise Http404
    trouble = send(request, CHARTER_VOTED, {"proposal": str(proposal_id), "value": int(value)})
    if trouble is None:
        return redirect(request.path.removesuffix("/vote"))
    return _proposal(request, proposal_id, problem=trouble, status=trouble.status or 422)


def _proposal(
    request: HttpRequest, proposal_id: uuid.UUID, *, problem: Trouble | None = None, status: int = 200
) -> HttpResponseBase:
    found = queries.proposal(proposal_id, reader=persona_of(request))
    if found is None:
        raise Http404
    before = next((each for each in queries.versions(found.section) if each.version == found.base), None)
    texts = []
    for language in LANGUAGES:
        if language in found.wording:
            words = queries.words_of(found.wording, language=language)
            former = (before.wording.get(language) if before else None) or {"title": "", "text": ""}
            texts.append((words, compare(former["text"], words.text), former["title"]))
    here = translation.get_language() or "en"
    texts.sort(key=lambda each: each[0].language != here)
    now = timezone.now()
    context = {
        "proposal": found, "before": before, "texts": texts, "problem": problem,
        "is_open": found.state == "open" and now < found.votes_until,
        "is_waiting": found.state == "open" and now >= found.votes_until,
        "level": _level(request), "needed": VOTING_LEVEL,
    }  # fmt: skip
    return page(request, "community/charter_proposal.html", context, status=status)


def _level(request: HttpRequest) -> int:
    persona = persona_of(request)
    return trust.level_of(stewardship.standing(persona)).number if persona else 0


def _number(name: str, default: int) -> int:
    """Return a setting of the charter, within bounds."""
    most = QUORUM_MAX if name == "QUORUM" else DAYS_MAX
    said = whole(os.environ.get(_SETTINGS[name], ""), 99_999)
    return default if said is None else min(max(said, 1), most)


def _slug(title: str) -> str:
    """Return the id of a new section: of its title, or a random one where that has no Latin letter."""
    slug = _UNFIT.sub("-", title.casefold()).strip("-")[:60].strip("-")
    return slug or f"section-{uuid.uuid4().hex[:8]}"
