"""What members do on the square: write, vote, say what helped, change and take back. Each goes through the gateway.

Whatever was typed comes back with the page that says why it was not taken; a form's hidden number makes a second
sending of the same form do nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.views.decorators.http import require_http_methods, require_POST

from comptoir.doors.storefront.community import picturing, unsent
from comptoir.doors.storefront.community.speaking import page, persona_of, spoken
from comptoir.doors.storefront.community.views import page_number, place_in, thread_page
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import SQUARE, Trouble
from comptoir.square.community import contracts, queries
from comptoir.square.community.contracts import (
    ANSWER_ACCEPTED,
    OPENING,
    POST_EDITED,
    POST_PUBLISHED,
    POST_WITHDRAWN,
    PRODUCT_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    TITLE_CHARACTERS_MAX,
    VOTE_CAST,
)
from comptoir.square.community.errors import ProductUnknown
from comptoir.square.hearing import queries as hearing
from comptoir.square.hearing.contracts import MEMBER_MENTIONED
from comptoir.square.stewardship import queries as stewardship
from comptoir.square.stewardship import trust
from comptoir.square.stewardship.screening import reason_to_hold

_log = logging.getLogger("comptoir.square")
_KINDS_TO_BEGIN = tuple(kind for kind in contracts.KINDS if kind in OPENING)
#: A form suggests so many products; of what comes near to a name that nothing has, it shows so many.
_PRODUCTS_MAX = 200
_NEAR_MAX = 10
_NEEDS_A_NAME = HTTPStatus.UNAUTHORIZED
#: A form of the square brings no more than its room takes at once.
_TYPED_CHARACTERS_MAX = 64 << 10


def as_member(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let members through; a reader gets the page that says how one becomes one, with what was typed."""

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if persona_of(request) is None:
            typed = request.POST.get("text") or request.POST.get("words") or ""
            kept = {"title": request.POST.get("title", ""), "text": typed}
            waits = unsent.read(request) if request.method == "POST" else None
            context = {"kept": kept, "is_waiting": waits is not None}
            response = page(request, "community/join.html", context, status=_NEEDS_A_NAME)
            return response if waits is None else unsent.keep(response, waits, is_secure=request.is_secure())
        return view(request, *args, **kwargs)

    return answer


@spoken
@require_http_methods(["GET", "HEAD", "POST"])
@as_member
def write(request: HttpRequest) -> HttpResponseBase:
    """Begin a conversation: show the form, or take what was written in it."""
    waiting = unsent.typed(request, persona_of(request))
    said: Mapping[str, Any] = request.POST if request.method == "POST" else waiting or request.GET
    kind = said.get("kind", "question")
    draft: dict[str, Any] = {
        "kind": kind if kind in OPENING else "question",
        # Not cut to what may stand: what is too long comes back whole, to be made shorter.
        "title": said.get("title", "")[:_TYPED_CHARACTERS_MAX],
        "text": said.get("text", "")[:_TYPED_CHARACTERS_MAX],
        "topic": said.get("topic", ""),
        "rating": said.get("rating", ""),
        "product": said.get("product", "").strip()[:PRODUCT_CHARACTERS_MAX],
        "wanted": said.get("wanted", "").strip()[:TITLE_CHARACTERS_MAX],
        "post": said.get("post", "") or str(uuid.uuid4()),
    }
    trouble: Trouble | None = None
    slots = picturing.slots_of()
    if request.method == "POST":
        post = _uuid(draft["post"])
        gathered = picturing.gather(request)
        slots = gathered.slots
        data: dict[str, Any] = {
            "post": str(post), "kind": draft["kind"], "title": draft["title"].strip(), "text": text_of(draft["text"]),
            "language": _language(),
        }  # fmt: skip
        if draft["topic"]:
            data["topic"] = draft["topic"]
        if product := draft["product"] or (draft["wanted"] and queries.product_named(draft["wanted"])):
            data["product"] = product
        elif draft["wanted"]:
            unknown = ProductUnknown(field="product")
            trouble = Trouble(title=unknown.title(), field="wanted", type=unknown.name, status=unknown.status)
        if draft["kind"] == "review" and (rating := whole(draft["rating"], 99)) is not None:
            data["rating"] = rating
        trouble = trouble or gathered.trouble or send(request, POST_PUBLISHED, data, name=post, pictures=gathered)
        if trouble is None:
            return unsent.taken(request, redirect("square:thread", thread_id=data["post"]), "new")
        draft["post"] = str(_next_id(post, trouble))
        draft["has_pictures"] = gathered.is_begun
    status = trouble.status if trouble else HTTPStatus.OK
    context = {
        "draft": draft, "problem": trouble, "slots": slots, "kinds": _KINDS_TO_BEGIN, "topics": queries.topics(),
        "text_max": TEXT_CHARACTERS_MAX, "title_max": TITLE_CHARACTERS_MAX, **_products(draft["wanted"], trouble),
    }  # fmt: skip
    return page(request, "community/write.html", context, status=status or HTTPStatus.UNPROCESSABLE_ENTITY)


def _products(wanted: str, trouble: Trouble | None) -> dict[str, Any]:
    """Return the products that the form suggests, and those that what was typed comes near to, if none was meant."""
    is_unknown = trouble is not None and trouble.name == "product_unknown"
    return {
        "products": queries.products(limit=_PRODUCTS_MAX),
        "near": queries.products(wanted, limit=_NEAR_MAX) if is_unknown else [],
    }


@spoken
@require_POST
@as_member
def reply(request: HttpRequest, thread_id: uuid.UUID) -> HttpResponseBase:
    """Answer or reply in a conversation."""
    post = _uuid(request.POST.get("post", ""))
    kind = "answer" if request.POST.get("kind") == "answer" else "reply"
    text = request.POST.get("text", "")[:_TYPED_CHARACTERS_MAX]
    elsewhere = request.POST.get("elsewhere", "").strip()[:_TYPED_CHARACTERS_MAX]
    data: dict[str, Any] = {
        "post": str(post), "kind": kind, "thread": str(thread_id), "text": text_of(text), "language": _language(),
    }  # fmt: skip
    if parent := request.POST.get("parent", ""):
        data["parent"] = str(_uuid(parent))
    if elsewhere and request.POST.get("is_elsewhere"):
        data["elsewhere"] = elsewhere
    gathered = picturing.gather(request)
    trouble = gathered.trouble or send(request, POST_PUBLISHED, data, name=post, pictures=gathered)
    if trouble is None:
        return unsent.taken(request, redirect(_to(uuid.UUID(data["post"]))), f"reply.{thread_id}")
    draft = {
        "text": text, "kind": kind, "elsewhere": elsewhere, "parent": request.POST.get("parent", ""),
        "has_pictures": gathered.is_begun,
    }  # fmt: skip
    return thread_page(
        request, thread_id, number=page_number(request.POST.get("page", "")), status=trouble.status or 422,
        problem=trouble, draft=draft, fresh=_next_id(post, trouble), slots=gathered.slots,
    )  # fmt: skip


@spoken
@require_POST
@as_member
def vote(request: HttpRequest, post_id: uuid.UUID) -> HttpResponseBase:
    """Vote for a post, or take the vote back."""
    value = request.POST.get("value", "")
    if value not in {"1", "0", "-1"}:
        raise Http404
    return _done(request, send(request, VOTE_CAST, {"post": str(post_id), "value": int(value)}), post_id)


@spoken
@require_POST
@as_member
def accept(request: HttpRequest, thread_id: uuid.UUID) -> HttpResponseBase:
    """Say which answer helped, or take that back."""
    data: dict[str, Any] = {"thread": str(thread_id)}
    if answer := request.POST.get("answer", ""):
        data["answer"] = str(_uuid(answer))
    return _done(request, send(request, ANSWER_ACCEPTED, data), thread_id)


@spoken
@require_http_methods(["GET", "HEAD", "POST"])
@as_member
def edit(request: HttpRequest, post_id: uuid.UUID) -> HttpResponseBase:
    """Write a post of one's own anew."""
    found = queries.own_post(post_id, author=persona_of(request))
    if found is None:
        raise Http404
    draft: Mapping[str, Any] = {
        "text": found.text, "title": found.title, "version": found.version,
        **unsent.typed(request, persona_of(request)),
    }  # fmt: skip
    trouble = None
    slots = picturing.slots_of(found.pictures)
    if request.method == "POST":
        gathered = picturing.gather(request, before=found.pictures)
        slots = gathered.slots
        draft = {name: request.POST.get(name, "")[:_TYPED_CHARACTERS_MAX] for name in ("text", "title", "version")}
        version = whole(draft["version"], 99_999, least=1) or 1
        data: dict[str, Any] = {"post": str(post_id), "version": version, "text": text_of(draft["text"])}
        if found.is_first:
            data["title"] = draft["title"].strip()
        trouble = gathered.trouble or send(request, POST_EDITED, data, pictures=gathered, before=found.pictures)
        if trouble is None:
            return unsent.taken(request, redirect(_to(post_id)), f"edit.{post_id}.{version}")
    context: dict[str, Any] = {
        "draft": draft, "problem": trouble, "post": found, "text_max": TEXT_CHARACTERS_MAX, "slots": slots,
    }  # fmt: skip
    if trouble is not None and trouble.name == "post_changed_meanwhile":
        # What stands there now is shown beside what was typed; whoever sends again has seen both.
        now = queries.own_post(post_id, author=persona_of(request)) or found
        context |= {"draft": {**draft, "version": now.version}, "meanwhile": now}
    context["title_max"] = TITLE_CHARACTERS_MAX
    return page(request, "community/edit.html", context, status=(trouble.status or 422) if trouble else 200)


@spoken
@require_POST
@as_member
def withdraw(request: HttpRequest, post_id: uuid.UUID) -> HttpResponseBase:
    """Take a post of one's own back."""
    return _done(request, send(request, POST_WITHDRAWN, {"post": str(post_id)}), post_id)


def _done(request: HttpRequest, trouble: Trouble | None, post_id: uuid.UUID) -> HttpResponseBase:
    place = queries.place_of(post_id)
    if place is None:
        raise Http404
    if trouble is not None:
        number = queries.page_of(place[1])
        return thread_page(request, place[0], number=number, status=trouble.status or 422, problem=trouble)
    return redirect(_to(post_id))


def _to(post_id: uuid.UUID) -> str:
    """Return the address of a post on the page of its thread."""
    return place_in(*(queries.place_of(post_id) or (post_id, 1)))


def send(
    request: HttpRequest,
    event_type: str,
    data: dict[str, Any],
    *,
    name: uuid.UUID | None = None,
    pictures: picturing.Gathered | None = None,
    before: Sequence[queries.PictureShown] = (),
) -> Trouble | None:
    """Send what a member does; return why it was refused, or ``None``. ``before`` are the pictures that a post has.

    A new post whose number was used up by a refusal gets another one, which ``data`` says afterwards.
    """
    persona = persona_of(request)
    assert persona is not None, "only members send anything"
    said = {"persona": str(persona), **data}
    if pictures is not None and tuple(pictures.pictures) != tuple(before):
        said["pictures"] = pictures.data()
    if event_type in {POST_PUBLISHED, POST_EDITED}:
        shown = pictures.words if pictures else ""
        held = reason_to_hold(
            f"{data['text']}\n{shown}", title=data.get("title", ""), persona=persona,
            has_pictures=bool(said.get("pictures")),
        )  # fmt: skip
        if held is not None:
            said["held"] = held
    try:
        # The same form sent twice is the same event: its id and its time come with it.
        answer = house.send(
            event_type, said, touchpoint=SQUARE, request=name or uuid.uuid4(), at=timezone.now(),
        )  # fmt: skip
    except Problem as problem:
        return Trouble(title=problem.title(), detail=problem.detail, type=problem.name, status=problem.status)
    trouble = answer.problem
    if trouble is not None and trouble.name == "id_reused":
        trouble = None  # the same form came a second time
        if event_type == POST_PUBLISHED:
            post = uuid.UUID(data["post"])
            stands = queries.own_post(post, author=persona)
            if stands is None and queries.place_of(post) is None:
                # It was refused under this number, which is used up by that.
                again = uuid.uuid4()
                data["post"] = str(again)
                return send(request, event_type, data, name=again, pictures=pictures, before=before)
            if stands is not None and stands.text != data["text"]:
                # It was taken when nobody heard of it, and written on since: that would be lost.
                return Trouble(type="published_already", status=HTTPStatus.CONFLICT)
    if trouble is None and event_type in {POST_PUBLISHED, POST_EDITED}:
        _mention(persona, uuid.UUID(data["post"]), f"{data.get('title', '')}\n{data['text']}")
    return trouble


def _mention(persona: uuid.UUID, post: uuid.UUID, text: str) -> None:
    """Say whom a post names, so that they hear of it. The post stands, whatever becomes of this."""
    if "@" not in text and "＠" not in text:
        return
    level = trust.level_of(stewardship.standing(persona))
    for each in hearing.named_in(text, limit=level.mentions_max):
        if each == str(persona):
            continue
        said = {"persona": each, "post": str(post)}
        name = uuid.uuid5(post, each)
        try:
            house.send(MEMBER_MENTIONED, said, touchpoint=SQUARE, request=name, at=timezone.now())
        except Problem as problem:
            _log.warning("a mention was not told", extra={"problem": problem.name})
            return


def text_of(text: str) -> str:
    """Return what was typed, with one kind of line end."""
    return text.replace("\r\n", "\n").strip()


def _next_id(post: uuid.UUID, trouble: Trouble) -> uuid.UUID:
    """Return the id for the next attempt: what was refused is decided, what nobody answered may have been taken."""
    return post if trouble.status >= HTTPStatus.INTERNAL_SERVER_ERROR else uuid.uuid4()


def _language() -> str:
    language = translation.get_language() or "en"
    return language if language in {"en", "ja", "fr"} else "en"


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Http404 from None
