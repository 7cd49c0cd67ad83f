"""Templates of messages: what they say, seen as each test person would get it, and sent to oneself as a test.

Not here: whom a message goes to (``campaigning.py``); what a template may do (``counter/messages``).
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from comptoir.counter.messages import commands, queries, testing
from comptoir.counter.messages.contracts import LANGUAGES, MESSAGE_CHANNELS, TemplateText
from comptoir.counter.messages.errors import TemplateFailed, TemplateUnknown
from comptoir.doors.console.acting import page, told
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints.house import Trouble, shop_title

_TEXT_MAX: Final = 50_000
_EXAMPLES_MAX: Final = 30


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def templates(request: HttpRequest) -> HttpResponse:
    """List the templates, or take a new one."""
    if request.method == "POST":
        return _take(request, request.POST.get("template", "").strip())
    return _page(request, form=_form(None))


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def template(request: HttpRequest, name: str) -> HttpResponse:
    """Show a template as each test person would get it, or take a new version of it."""
    if request.method == "POST":
        return _take(request, name)
    return _page(request, form=_form(_found(name)), found=_found(name))


@in_room(OFFICE)
@require_POST
def try_template(request: HttpRequest, name: str) -> HttpResponse:
    """Have a template sent to oneself, as a test person would get it."""
    found, visit = _found(name), visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not of the staff"
    language, person = request.POST.get("language", ""), request.POST.get("person", "")
    if language not in found.texts or person not in testing.PERSONS or found.channel != "mail":
        raise Http404
    commands.ask_for_trial(
        trial=uuid.uuid4(), template=name, version=found.version, language=language, person=person, values={},
        staff=uuid.UUID(visit.subject), at=timezone.now(),
    )  # fmt: skip
    return redirect(f"{request.path.removesuffix('/try')}?asked=1")


def _take(request: HttpRequest, name: str) -> HttpResponse:
    form = {key: request.POST.get(key, "").replace("\r\n", "\n")[:_TEXT_MAX] for key in _fields()}
    form["template"] = name
    visit = visit_of(request)
    assert visit is not None
    texts = {
        language: TemplateText(form[f"text_{language}"], form[f"subject_{language}"].strip())
        for language in LANGUAGES if form[f"text_{language}"].strip()
    }  # fmt: skip
    try:
        commands.write_template(
            name, channel=form["channel"], texts=texts, by=visit.subject, at=timezone.now(),
            examples=_examples(form["examples"]),
        )  # fmt: skip
    except Problem as problem:
        trouble = told(problem)
        found = None
        if request.resolver_match is not None and "name" in request.resolver_match.kwargs:
            found = _found(name)
        return _page(request, form=form, found=found, trouble=trouble)
    return redirect("console:template", name=name)


def _page(
    request: HttpRequest,
    *,
    form: dict[str, str],
    found: queries.TemplateVersion | None = None,
    trouble: Trouble | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "templates": queries.templates() if found is None else [], "found": found, "form": form, "problem": trouble,
        "channels": MESSAGE_CHANNELS, "previews": [] if found is None else _previews(found), "persons": testing.PERSONS,
        "fields": [(each, form[f"subject_{each}"], form[f"text_{each}"]) for each in LANGUAGES],
        "is_asked": request.GET.get("asked") == "1",
    }  # fmt: skip
    status = (trouble.status or HTTPStatus.UNPROCESSABLE_ENTITY) if trouble else HTTPStatus.OK
    return page(request, "console/templates.html", "campaigns", context, status=status)


def _previews(found: queries.TemplateVersion) -> list[dict[str, Any]]:
    shown = []
    for language, text in found.texts.items():
        for person in testing.PERSONS.values():
            try:
                made = testing.preview(text, person=person, language=language, shop=shop_title(), values=found.examples)
            except TemplateFailed:
                continue
            shown.append({"language": language, "person": person, "subject": made.subject, "text": made.text})
    return shown


def _found(name: str) -> queries.TemplateVersion:
    try:
        return queries.template(name)
    except TemplateUnknown:
        raise Http404 from None


def _fields() -> tuple[str, ...]:
    return ("channel", "examples", *(f"{part}_{each}" for each in LANGUAGES for part in ("subject", "text")))


def _form(found: queries.TemplateVersion | None) -> dict[str, str]:
    form = dict.fromkeys(("template", *_fields()), "")
    form["channel"] = "mail"
    if found is not None:
        form |= {"template": found.template, "channel": found.channel}
        form["examples"] = "\n".join(
            f"{name} = {value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
            for name, value in found.examples.items()
        )
        for language, text in found.texts.items():
            form |= {f"subject_{language}": text.subject, f"text_{language}": text.text}
    return form


def _examples(lines: str) -> dict[str, object]:
    """Read values, one a line: ``percent = 20``; what is no JSON is a text."""
    found: dict[str, object] = {}
    for line in lines.splitlines()[:_EXAMPLES_MAX]:
        name, _, value = (part.strip() for part in line.partition("="))
        if name.isidentifier():
            try:
                found[name] = msgspec.json.decode(value)
            except (msgspec.DecodeError, UnicodeError):
                found[name] = value
    return found
