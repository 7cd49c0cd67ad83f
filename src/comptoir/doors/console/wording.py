"""Templates of messages: what they say, seen as each test person would get it, and sent to oneself as a test.

Not here: whom a message goes to (``campaigning.py``); what a template may do (``counter/messages``).
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
import nh3
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from comptoir.counter.messages import commands, queries, testing
from comptoir.counter.messages.contracts import LANGUAGES, TemplateText
from comptoir.counter.messages.errors import TemplateFailed, TemplateUnknown
from comptoir.doors.console import reporting
from comptoir.doors.console.acting import page
from comptoir.doors.console.refusals import told
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
    try:
        staff = uuid.UUID(visit.subject)
    except ValueError:
        raise Http404 from None  # a visit of nobody whose address the vault could know
    commands.ask_for_trial(
        trial=uuid.uuid4(), template=name, version=found.version, language=language, person=person, values={},
        staff=staff, at=timezone.now(),
    )  # fmt: skip
    return redirect(f"{request.path.removesuffix('/try')}?{urlencode({'asked': 1, **_for(request)})}")


def _take(request: HttpRequest, name: str) -> HttpResponse:
    form = {key: request.POST.get(key, "").replace("\r\n", "\n")[: _TEXT_MAX + 1] for key in _fields()}
    form["template"] = name
    visit = visit_of(request)
    assert visit is not None
    texts = {
        language: TemplateText(
            form[f"text_{language}"], form[f"subject_{language}"].strip(), form[f"html_{language}"].strip()
        )
        for language in LANGUAGES
        # HTML without a text is refused by its field, not dropped.
        if form[f"text_{language}"].strip() or form[f"html_{language}"].strip()
    }
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
    return redirect(f"{reverse('console:template', args=(name,))}?{urlencode({'kept': 1, **_for(request)})}")


def _for(request: HttpRequest) -> dict[str, str]:
    """Return for which segment a template is written: a campaign's form leads here with it, and back with both."""
    segment = request.GET.get("segment", "")[:36]
    return {"segment": segment} if segment else {}


def _page(
    request: HttpRequest,
    *,
    form: dict[str, str],
    found: queries.TemplateVersion | None = None,
    trouble: Trouble | None = None,
) -> HttpResponse:
    words = reporting.channels()
    context: dict[str, Any] = {
        "templates": [(each, words[each.channel]) for each in queries.templates()] if found is None else [],
        "found": found, "channel": "" if found is None else words[found.channel], "form": form, "problem": trouble,
        "channels": list(words.items()), "persons": [(key, _named(key)) for key in testing.PERSONS],
        "previews": [] if found is None else _previews(found), "languages": reporting.LANGUAGES,
        "fields": [
            (each, reporting.LANGUAGES[each], form[f"subject_{each}"], form[f"text_{each}"], form[f"html_{each}"])
            for each in LANGUAGES
        ],
        "is_asked": request.GET.get("asked") == "1", "is_kept": request.GET.get("kept") == "1",
        "onward": urlencode(_for(request) | ({"text": found.template} if found else {})),
        "for": urlencode(_for(request)),
    }  # fmt: skip
    status = (trouble.status or HTTPStatus.UNPROCESSABLE_ENTITY) if trouble else HTTPStatus.OK
    return page(request, "console/templates.html", "campaigns", context, status=status)


def _previews(found: queries.TemplateVersion) -> list[dict[str, Any]]:
    """Return each language as an ordinary person would get it, and with it all others, who go wrong sometimes."""
    shown = []
    for language, text in found.texts.items():
        made = []
        for key, person in testing.PERSONS.items():
            try:
                one = testing.preview(text, person=person, language=language, shop=shop_title(), values=found.examples)
            except TemplateFailed:
                continue
            made.append({"person": _named(key), "subject": one.subject, "text": one.text, "html": _harmless(one.html)})
        if made:
            title = reporting.LANGUAGES.get(language, language)
            shown.append({"code": language, "language": title, "first": made[0], "others": made[1:]})
    return shown


def _harmless(html: str) -> str:
    """Return HTML as a preview shows it: its text and its order, nothing that is loaded, runs, or is a style.

    It stands in a sandboxed frame all the same; what the mail holds is not changed.
    """
    return nh3.clean(html, tags=nh3.ALLOWED_TAGS - {"img"}, generic_attribute_prefixes=set()) if html else ""


def _named(key: str) -> str:
    """Return a test person's name, or what is wrong with it."""
    return testing.PERSONS[key].name or _("Somebody whose name is not known")


def _found(name: str) -> queries.TemplateVersion:
    try:
        return queries.template(name)
    except TemplateUnknown:
        raise Http404 from None


def _fields() -> tuple[str, ...]:
    return ("channel", "examples", *(f"{part}_{each}" for each in LANGUAGES for part in ("subject", "text", "html")))


def _form(found: queries.TemplateVersion | None) -> dict[str, str]:
    form = dict.fromkeys(("template", *_fields()), "")
    form["channel"] = "mail"
    language = (get_language() or "en")[:2]
    if found is None and language in LANGUAGES:
        # Something to begin with, in the words of whoever writes.
        form[f"text_{language}"] = _(
            "Hello {{ name | default: 'you' }},\n\n…\n\n{% if coupon %}Show this code at the till:"
            " {{ coupon.code }}{% endif %}\n"
        )
    if found is not None:
        form |= {"template": found.template, "channel": found.channel}
        form["examples"] = "\n".join(
            f"{name} = {value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
            for name, value in found.examples.items()
        )
        for language, text in found.texts.items():
            form |= {f"subject_{language}": text.subject, f"text_{language}": text.text, f"html_{language}": text.html}
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
