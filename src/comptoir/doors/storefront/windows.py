"""A customer composes their own shop window: sentence by sentence, without JavaScript; and answers what is guessed.

Each change says the whole window to the gateway, as an event of the touchpoint ``storefront``, and then leads over the
square, so that this browser carries it there (``shop/windows.py``). Not here: what rules mean.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from comptoir.counter.customers.contracts import CUSTOMER_KIND
from comptoir.counter.windows import guessing, models, queries
from comptoir.counter.windows.contracts import ANSWERED, COMPOSED
from comptoir.counter.windows.rules import CORRECTIONS, Correction, Guess
from comptoir.doors.storefront import refused
from comptoir.doors.storefront.baskets import request_of
from comptoir.doors.storefront.cards import members_of
from comptoir.doors.storefront.shop import windows as shop
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.borrowing import borrowed
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Said
from comptoir.square.catalog import composing
from comptoir.square.catalog import queries as catalog
from comptoir.square.catalog.composing import ADDRESS_BYTES_MAX, EVERY_MAX, EVERY_MIN, RULES_MAX, Rule
from comptoir.square.catalog.contracts import NAME_CHARACTERS_MAX

_MAKERS_MAX: Final = 300
_CATEGORIES_MAX: Final = 500
_SHARES: Final = (2, 3, 4, 5, 7, 10, EVERY_MAX)


class Line(msgspec.Struct, frozen=True):
    """A rule as the page shows it: in words, and how a form names it."""

    words: str
    said: str


class CorrectionShown(msgspec.Struct, frozen=True):
    """What can be true instead of a guess, and the sentences that come of it."""

    correction: Correction
    words: str


class GuessShown(msgspec.Struct, frozen=True):
    """A guess as the page shows it: what is thought, and why, and what each answer makes of it."""

    guess: Guess
    name: str
    rule: str
    corrections: tuple[CorrectionShown, ...]


class Typed(msgspec.Struct, frozen=True):
    """What a refused form named instead of a guess, so that nobody chooses it again."""

    guess: str = ""
    category: str = ""
    maker: str = ""


@in_room(COUNTER)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Answer with the window of whoever is recognised; ``?take=`` shows rules that somebody else has shared."""
    return _page(request)


@in_room(COUNTER)
@require_POST
def change(request: HttpRequest) -> HttpResponse:
    """Add a rule, take one out, take over somebody else's, or have no window any more."""
    subject, rules = _mine(request)
    what = request.POST.get("what", "")
    trouble = ""
    if what == "drop":
        gone = composing.read(request.POST.get("rule", ""))
        rules = tuple(each for each in rules if each not in gone)
    elif what == "take":
        rules = _joined(rules, composing.read(request.POST.get("take", "")))
    elif what == "clear":
        rules = ()
    elif what == "carry":
        return redirect(shop.carrying(rules))
    else:
        rule, trouble = _asked(request, what)
        if rule is not None:
            rules = _joined(rules, (rule,))
    return _say(request, subject, rules, trouble=trouble)


@in_room(COUNTER)
@require_POST
def answer(request: HttpRequest) -> HttpResponse:
    """Keep a guess as a rule, say what is true instead, or have it forgotten; it does not come back."""
    subject, rules = _mine(request)
    key, said = request.POST.get("guess", ""), request.POST.get("answer", "")
    shown = next((each for each in _guesses(subject, rules) if each.guess.key == key), None)
    if shown is None:  # answered already, or by a form that was sent twice
        return redirect("storefront:window")
    event = {"customer": _customer(subject), "guess": key, "answer": said}
    number, at = request_of(request)
    sent = [Said(ANSWERED, event, number, at)]
    more, trouble = _answered(request, shown, said)
    after = _joined(rules, more)
    trouble = trouble or _no_window(after)
    if after != rules:
        sent.append(Said(COMPOSED, _composed(subject, after), uuid.uuid5(number, "window"), at))
    if trouble := trouble or _send(sent):
        typed = Typed(key, request.POST.get("category", ""), _maker(request))
        return _page(request, trouble=trouble, typed=typed, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect(shop.carrying(after)) if after != rules else redirect("storefront:window")


def _answered(request: HttpRequest, shown: GuessShown, said: str) -> tuple[tuple[Rule, ...], str]:
    """Return the rules that an answer to a guess adds, or why it is none."""
    if said == "keep":
        return (shown.guess.rule,), ""
    if said == "forget":
        return (), ""
    if said != "correct":
        return (), _("A guess is kept, corrected or forgotten.")
    correction = request.POST.get("correction", "")
    if correction == "instead":
        rule, trouble = _asked(request, "first")
        if rule == shown.guess.rule:
            return (), _("“%(name)s” is what we thought. Keep the guess, or name something else.") % {
                "name": shown.name
            }
        return () if rule is None else (rule,), trouble
    known = next((each for each in CORRECTIONS if each == correction), None)
    return ((), _("Say what is true instead.")) if known is None else (shown.guess.corrected(known), "")


def _say(request: HttpRequest, subject: str, rules: tuple[Rule, ...], *, trouble: str) -> HttpResponse:
    trouble = trouble or _no_window(rules)
    number, at = request_of(request)
    trouble = trouble or _send([Said(COMPOSED, _composed(subject, rules), number, at)])
    if trouble:
        return _page(request, trouble=trouble, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect(shop.carrying(rules))


def _no_window(rules: tuple[Rule, ...]) -> str:
    """Return why sentences make no window, in the reader's language, or nothing."""
    if composing.judge(rules) is None:
        return ""
    if len(rules) > RULES_MAX:
        return _("A window has at most %(count)s rules.") % {"count": RULES_MAX}
    if len(composing.written(rules)) > ADDRESS_BYTES_MAX:
        return _("So many long names do not fit into an address.")
    return _("These sentences make no shop window.")


def _send(sent: list[Said]) -> str:
    """Send what was said; return why it was refused, in words, or nothing."""
    try:
        answers = house.send_all(sent, touchpoint=house.STOREFRONT)
    except Problem as problem:
        return refused.words(problem)
    return next((refused.words(each.problem) for each in answers if each.problem is not None), "")


def _asked(request: HttpRequest, what: str) -> tuple[Rule | None, str]:
    """Return the rule that a form asks for, or why it is none."""
    rule: Rule | None = None
    if what in {"first", "never", "only"}:
        category, maker = request.POST.get("category", ""), _maker(request)
        if maker:
            called = catalog.maker_called(maker)
            if called is None:
                return None, _("Nothing in the shop is made by “%(name)s”.") % {"name": maker}
            rule = Rule(what, "maker", called)  # type: ignore[arg-type]
        elif category in catalog.categories():
            rule = Rule(what, "category", category)  # type: ignore[arg-type]
    elif what == "adults":
        rule = Rule("never", "adults")
    elif what == "product":
        number = request.POST.get("product", "").replace("\x00", "").strip()[:64]
        known = number if catalog.product(number) is not None else catalog.product_of(number)
        if known is None:
            return None, _("The shop sells nothing under this number.")
        rule = Rule("never", "product", known)
    elif what == "new":
        every = whole(request.POST.get("every", ""), EVERY_MAX, least=EVERY_MIN)
        if every is not None:
            rule = Rule("new", every=every)
    elif what == "order" and (by := request.POST.get("by", "")) in {"newest", "cheapest"}:
        rule = Rule("order", by=by)  # type: ignore[arg-type]
    return rule, "" if rule is not None else _("Choose what the sentence is to speak of.")


def _maker(request: HttpRequest) -> str:
    """Return the maker that a form names, however it is written."""
    return request.POST.get("maker", "").replace("\x00", "").strip()[:NAME_CHARACTERS_MAX]


def _joined(rules: tuple[Rule, ...], more: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return rules with further ones: what can be said once is said anew, what was said already stays where it is."""
    for each in more:
        if each.rule in {"new", "order"}:
            rules = tuple(rule for rule in rules if rule.rule != each.rule)
        if each not in rules:
            rules = (*rules, each)
    return rules


def _mine(request: HttpRequest) -> tuple[str, tuple[Rule, ...]]:
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    found = queries.of(borrowed(models.Window), [visit.subject]).get(visit.subject)
    return visit.subject, () if found is None else found.rules


def _guesses(subject: str, rules: tuple[Rule, ...]) -> list[GuessShown]:
    connection = borrowed(models.Window)
    composed = composing.compose(rules, queries.below_of(connection))
    customer = uuid.UUID(subject)
    found = guessing.guesses_of(customer, members_of(customer), window=composed, now=timezone.now())
    among = catalog.categories() if found else {}
    said: list[tuple[Rule, ...]] = [(each.rule,) for each in found]
    said += [each.corrected(correction) for each in found for correction in CORRECTIONS]
    words = _words(connection, said)
    shown = []
    for place, each in enumerate(found):
        category = among.get(each.value) if each.of == "category" else None
        start = len(found) + place * len(CORRECTIONS)
        corrections = tuple(map(CorrectionShown, CORRECTIONS, words[start:]))
        name = category.name.text if category else each.value
        shown.append(GuessShown(each, name, words[place], corrections))
    return shown


def _customer(subject: str) -> dict[str, str]:
    return {"kind": CUSTOMER_KIND, "value": subject}


def _composed(subject: str, rules: tuple[Rule, ...]) -> dict[str, Any]:
    return {"customer": _customer(subject), "rules": [msgspec.to_builtins(each) for each in rules]}


def _words(connection: Any, said: Sequence[tuple[Rule, ...]]) -> list[str]:
    """Return what each of these says together, in the language of the page; read once for all of them."""
    told = iter(queries.sentences(connection, [rule for some in said for rule in some]))
    space = "" if _language() == "ja" else " "
    return [space.join(next(told)[_language()] for _rule in some) for some in said]


def _lines(rules: tuple[Rule, ...]) -> list[Line]:
    told = queries.sentences(borrowed(models.Window), rules)
    return [Line(words[_language()], composing.written([rule])) for rule, words in zip(rules, told, strict=True)]


def _language() -> str:
    return (translation.get_language() or "en").split("-")[0]


def _page(
    request: HttpRequest, *, trouble: str = "", typed: Typed | None = None, status: int = HTTPStatus.OK
) -> HttpResponse:
    subject, rules = _mine(request)
    among = catalog.categories()
    taken = composing.read(request.GET.get("take", ""))
    categories = [
        (each.category, " › ".join(step.name.text for step in catalog.path_to(each.category, among)))
        for each in list(among.values())[:_CATEGORIES_MAX]
    ]
    context = {
        "rules": _lines(rules), "taken": _lines(taken), "take": composing.written(taken), "trouble": trouble,
        "guesses": _guesses(subject, rules), "typed": typed or Typed(),
        "may_guess": guessing.is_allowed(uuid.UUID(subject)),
        "categories": sorted(categories, key=lambda each: each[1].casefold()),
        "makers": catalog.all_makers(limit=_MAKERS_MAX), "shares": _SHARES, "rules_max": RULES_MAX,
        "link": addresses.url_of(SQUARE, f"/window?{composing.written(rules)}") if rules else "",
        "shop_url": addresses.url_of(SQUARE, f"/{_language()}/shop"), "is_carried": "carried" in request.GET,
        "has_first": any(each.rule == "first" for each in rules), "request_id": str(IDS.new()), "section": "window",
    }  # fmt: skip
    return render(request, "storefront/window.html", context, status=status)
