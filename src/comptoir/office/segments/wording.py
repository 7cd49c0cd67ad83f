"""Conditions of an expression in words, in the reader's language: for staff who build it, and for whoever it is about.

Not here: the language (``language.py``), how conditions are clicked together (``doors/console``).
"""

from __future__ import annotations

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from comptoir.office.segments import contracts
from comptoir.office.segments.contracts import All, Compare, Leaf, Not, Number, Tree, Value, Within
from comptoir.office.segments.facts import FACTS
from comptoir.office.segments.writing import write, write_value


def comparisons() -> list[tuple[str, str]]:
    """Return how two numbers are compared: as it is written, and in words."""
    return [
        (">", _("more than")), (">=", _("at least")), ("<", _("less than")), ("<=", _("at most")), ("=", _("exactly")),
        ("<>", _("anything but")),
    ]  # fmt: skip


def titles() -> dict[str, str]:
    """Return what each fact is called."""
    return {
        "spend": _("Money spent"),
        "spend_days": _("Money spent within days"),
        "spend_ever": _("Money spent, ever"),
        "saved": _("Money saved by promotions"),
        "purchases": _("Purchases"),
        "purchases_ever": _("Purchases, ever"),
        "items": _("Units bought"),
        "bought": _("Has bought a product or from a category"),
        "visited": _("Has bought at a store"),
        "categories": _("Different categories"),
        "products": _("Different products"),
        "stores": _("Different stores"),
        "days_since_purchase": _("Days since the last purchase"),
        "days_since_first_purchase": _("Days since the first purchase"),
        "days_known": _("Days since the shop first heard of them"),
        "points": _("Points that can be spent"),
        "asked": _("Questions asked on the square"),
        "answered": _("Answers given on the square"),
        "trust": _("Trust on the square"),
        "did": _("Has done something"),
        "times": _("How often something was done"),
        "coupons_open": _("Coupons that can be used"),
        "has_coupon": _("Has a coupon that can be used"),
        "redeemed": _("Has redeemed a promotion"),
        "redemptions": _("Promotions redeemed"),
        "messaged": _("Messages sent to them"),
        "bounced": _("Messages that came back"),
    }


def title_of(leaf: Leaf) -> str:
    """Return a fact in words, with what it is asked about."""
    asked = []
    for parameter, argument in zip(FACTS[leaf.fact].parameters, leaf.arguments, strict=True):
        if argument is None:
            continue
        if parameter == "days":
            asked.append(_("last %(days)s days") % {"days": argument})
        elif parameter == "store":
            asked.append(_("store %(store)s") % {"store": argument})
        else:
            asked.append(str(argument))
    title = titles().get(leaf.fact, leaf.fact)
    return f"{title}: {', '.join(asked)}" if asked else title


def in_words(tree: Tree) -> list[tuple[str, str]]:
    """Return the conditions of a tree, each with the word that joins it to the one before."""
    if isinstance(tree, All | contracts.Any):
        joint = _("and") if isinstance(tree, All) else _("or")
        return [(joint if place else "", _said(part)) for place, part in enumerate(tree.parts)]
    return [("", _said(tree))]


def _said(tree: Tree) -> str:
    match tree:
        case Leaf():
            return title_of(tree)
        case Within(name, _part):
            return _("is in the segment %(name)s") % {"name": name}
        case Not(part):
            return _("not: %(condition)s") % {"condition": _said(part)}
        case Compare(comparison, left, right):
            return f"{_value(left)} · {dict(comparisons())[comparison]} {_value(right)}"
        case All(parts):
            return "(" + f" {_('and')} ".join(_said(part) for part in parts) + ")"
        case contracts.Any(parts):
            return "(" + f" {_('or')} ".join(_said(part) for part in parts) + ")"
        case _:
            return write(tree)


def _value(value: Value) -> str:
    if isinstance(value, Leaf):
        return title_of(value)
    if isinstance(value, Number):
        exact = value.value
        return number_format(int(exact) if exact.denominator == 1 else float(exact), force_grouping=True)
    return write_value(value)
