"""What a campaign changed, in a sentence, a picture and a table that says the same, in the reader's language.

Not here: the figures (``office/campaigns/effects.py``).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

import msgspec
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comptoir.doors.console import charts, counting
from comptoir.doors.console.counting import Write
from comptoir.foundation.kernel import money as amounts
from comptoir.office.campaigns.effects import EVERYTHING, Measured
from comptoir.office.campaigns.grouping import NO_STORE, OTHER_STORES, By
from comptoir.office.experiments.contracts import ArmEffect, Effects
from comptoir.office.experiments.rules import MISMATCH_P_VALUE
from comptoir.office.journeys.rules import GO
from comptoir.office.recommendations.rules import SHOWN

#: The languages of messages, each by its own name.
LANGUAGES: Final = {"en": "English", "fr": "Français", "ja": "日本語"}
_SECONDS: Final = 60
_KEPT_MAX: Final = 100
#: Sizes of arms that chance gives less often than this are told as unusual.
_USUAL_P_VALUE: Final = 0.05

_kept: dict[Hashable, tuple[float, Measured]] = {}
_measuring = threading.Lock()


class Row(msgspec.Struct, frozen=True):
    """An arm in the table: its name, people, what they paid each, the effect and between what it lies, and money."""

    name: str
    people: str
    mean: str
    effect: str
    between: str
    profit: str


class GroupRow(msgspec.Struct, frozen=True):
    """An arm's effect in one group: how many got it and were held out, the effect, and between what it lies."""

    name: str
    people: str
    held_out: str
    effect: str
    between: str


class Groups(msgspec.Struct, frozen=True):
    """The effect by group: what is to be known before it is read, a picture, and a table."""

    said: str
    notes: list[str]
    drawing: SafeString | None
    rows: list[GroupRow]


class Report(msgspec.Struct, frozen=True):
    """A report: the verdict in one sentence, what there is to know about it, a picture, and a table.

    ``version`` is the one that it is about, where there are several; ``groups`` where the effect is looked at by group.
    """

    verdict: str
    tone: str
    notes: list[str]
    drawing: SafeString | None
    rows: list[Row]
    version: int = 0
    groups: Groups | None = None


def kept(key: Hashable, measure: Callable[[], Measured]) -> Measured:
    """Return what was measured, at most a minute old: it looks through all sales."""
    known = _kept.get(key)
    if known is not None and time.monotonic() - known[0] < _SECONDS:
        return known[1]
    with _measuring:
        known = _kept.get(key)
        if known is None or time.monotonic() - known[0] >= _SECONDS:
            if len(_kept) >= _KEPT_MAX:
                _kept.clear()
            try:
                known = (time.monotonic(), measure())
            except ModuleNotFoundError:
                # The statistics are an extra; everything else of a campaign works without.
                return _WITHOUT
            if known[1].effects is not None:
                _kept[key] = known
    return known[1]


_WITHOUT: Final = Measured(
    effects=None, problem="no_statistics", days=0, time_over=0.0, ends_at=None, people=0, left_out=0
)


def forget() -> None:
    """Measure anew at the next look, for tests."""
    _kept.clear()


def report(key: Hashable, measured: Measured, unheld: str, *, currency: str, write: Write = counting.exact) -> Report:
    """Return a report of what was measured; ``unheld`` is why nobody was held out, where that is so.

    ``write`` says how exactly numbers of people are told.
    """
    notes = _notes(measured, unheld, write, currency)
    found = measured.effects
    if found is None:
        return Report(_problem(measured), "attention", notes, None, [])
    if found.verdict == "mismatch":
        said = _(
            "Do not read the effects: the arms do not have the sizes that were drawn, so something went wrong in"
            " sending or recording."
        )
        return Report(said, "problem", notes, None, _rows(found, currency, write))
    arms = [_sentence(found, arm, measured, currency) for arm in found.arms]
    tone = {"paid": "good", "better": "good", "lost_money": "problem", "worse": "problem"}.get(
        found.verdict, "attention"
    )
    return Report(" ".join(arms), tone, notes, _drawing(key, found, currency), _rows(found, currency, write))


def _sentence(found: Effects, arm: ArmEffect, measured: Measured, currency: str) -> str:
    """Return an arm's verdict in a sentence: extend, stop, or not yet."""
    name = _name(found, arm.arm)
    if arm.money is not None and arm.verdict in {"paid", "lost_money"}:
        said = {
            "name": name, "profit": money(abs(arm.money.profit), currency), "cost": money(arm.money.cost, currency),
            "low": money(arm.money.profit_low, currency), "high": money(arm.money.profit_high, currency),
        }  # fmt: skip
        if arm.verdict == "paid":
            return (
                _("%(name)s paid: after its cost of %(cost)s, %(profit)s is left (between %(low)s and %(high)s).")
                % said
            )
        return (
            _("%(name)s lost money: after its cost of %(cost)s, %(profit)s is missing (between %(low)s and %(high)s).")
            % said
        )
    effect = {
        "name": name, "effect": money(abs(arm.effect), currency), "low": money(_interval(found, arm)[0], currency),
        "high": money(_interval(found, arm)[1], currency),
    }  # fmt: skip
    if arm.verdict == "better":
        return _("%(name)s worked: each person paid %(effect)s more (between %(low)s and %(high)s).") % effect
    if arm.verdict == "worse":
        return _("%(name)s did harm: each person paid %(effect)s less (between %(low)s and %(high)s).") % effect
    words = _("%(name)s: not yet. The effect lies between %(low)s and %(high)s for each person.") % effect
    if math.isinf(_interval(found, arm)[1]):
        words = _("%(name)s: not yet. There is too little to say anything.") % effect
    return f"{words} {_still(arm, measured, currency)}"


def _still(arm: ArmEffect, measured: Measured, currency: str) -> str:
    if measured.time_over < 1:
        days = math.ceil(measured.days * (1 - measured.time_over))
        return ngettext("%(days)s day is still to come.", "%(days)s days are still to come.", days) % {"days": days}
    return _("The time is over: with so many people an effect of %(amount)s is found in four of five cases.") % {
        "amount": money(arm.detectable, currency)
    }


def _interval(found: Effects, arm: ArmEffect) -> tuple[float, float]:
    """Return between what an effect lies, by the interval that decides; infinite where there is too little."""
    return found.interval(arm) or (-math.inf, math.inf)


def _name(found: Effects, arm: str) -> str:
    if arm == EVERYTHING:
        return _("Everything that was sent this year")
    if arm == GO:
        return _("The journey")
    if arm == SHOWN:
        return _("A selection of their own")
    return _("The message") if len(found.arms) == 1 else _("Text %(name)s") % {"name": arm.upper()}


def _notes(measured: Measured, unheld: str, write: Write, currency: str) -> list[str]:
    notes = []
    if unheld:
        notes.append(_("Nobody was held out: %(reason)s") % {"reason": unheld})
    if measured.ends_at is not None and measured.effects is not None:
        notes.append(
            _(
                "Counted is what everybody who was drawn paid at any channel, reached or not, less what came back,"
                " until %(day)s."
            )
            % {"day": date_format(measured.ends_at, "Y-m-d")}
        )
    if measured.left_out:
        notes.append(
            ngettext(
                "%(number)s person does not allow the shop to count what they buy, and is left out.",
                "%(number)s people do not allow the shop to count what they buy, and are left out.", measured.left_out,
            ) % {"number": write(measured.left_out)}
        )  # fmt: skip
    if measured.stores:
        notes.append(
            ngettext(
                "%(stores)s store was drawn, with everybody who buys there most; whoever buys at none was drawn alone.",
                "%(stores)s stores were drawn, each with everybody who buys there most; whoever buys at none was drawn"
                " alone.",
                measured.stores,
            ) % {"stores": counting.exact(measured.stores)}
        )  # fmt: skip
    found = measured.effects
    if found is None:
        return notes
    if measured.points:
        notes.append(_promised(measured, currency))
    notes.append(sizes(found.srm_p_value))
    removed = max((arm.variance_removed or 0.0 for arm in found.arms), default=0.0)
    if removed > 0:
        notes.append(
            _("What everybody paid before is taken out, and with it %(share)s of the noise.")
            % {"share": percent(removed)}
        )
    names = {each.name for each in found.notices}
    notes += [text for name, text in _notices().items() if name in names]
    if found.is_for_every_look:
        notes.append(_("The intervals hold with 95 %%, for all texts together and however often one looks.") % {})
    else:
        notes.append(_("The intervals hold with 95 %%, for all texts together, for the one look at the end.") % {})
    return notes


def _promised(measured: Measured, currency: str) -> str:
    """Return what the points of coupons and gifts cost, or that nobody said so beforehand."""
    points = counting.exact(measured.points)
    if measured.points_cost is None:
        said = _("It gave %(points)s points. What a point costs was not said beforehand: it is in no cost.")
        return said % {"points": points}
    said = _("It gave %(points)s points; that is %(cost)s of the cost.")
    return said % {"points": points, "cost": money(measured.points_cost, currency)}


def sizes(p_value: float | None) -> str:
    """Return whether the arms have the sizes that were drawn; short of the alarm, whether that is seldom."""
    if p_value is None:
        return _("Too few were drawn to tell whether the arms have the sizes that they should have.")
    if p_value < MISMATCH_P_VALUE:
        return _("The sizes of the arms are ones that chance gives in less than one of a thousand cases.")
    said = (
        _("The arms have the sizes that were drawn (p = %(p)s).")
        if p_value >= _USUAL_P_VALUE
        else _(
            "The sizes of the arms are off by more than chance usually does, and by less than the alarm asks for"
            " (p = %(p)s; the alarm is at %(alarm)s). Look again with more people before trusting a small effect."
        )
    )
    return said % {"p": number_format(p_value, 3), "alarm": number_format(MISMATCH_P_VALUE, 3)}


def _notices() -> dict[str, str]:
    return {
        "few_people": _("There are few people in an arm; the interval supposes more."),
        "few_clusters": _("Few stores were drawn: an unusual one can decide everything."),
        "skewed": _("A few large purchases weigh so much that the interval may be too short on one side."),
        "different_before": _(
            "The arms differed before anything was sent, more than chance does: look at how people were drawn."
        ),
    }  # fmt: skip


def _problem(measured: Measured) -> str:
    """Return why nothing can be compared."""
    if measured.problem == "waits" and measured.ends_at is not None:
        return _("Stores were drawn: its effect is looked at once, on %(day)s, when the days are over.") % {
            "day": date_format(measured.ends_at, "Y-m-d")
        }
    if measured.problem == "waits_for_people":
        said = _(
            "Stores were drawn: its effect is looked at once, when %(planned)s people have entered each arm and had"
            " their days. Whoever enters later changes nothing of it."
        )
        return said % {"planned": counting.exact(measured.planned)}
    return _problems().get(measured.problem, _problems()["too_few"])


def _problems() -> dict[str, str]:
    return {
        "no_holdout": _("Whether it paid, nobody can tell: nobody was held out."),
        "too_early": _("Nothing can be said yet: nobody could buy anything yet."),
        "too_few": _("Nothing can be said: there are too few people in an arm, or nobody bought anything."),
        "no_statistics": _("The statistics are not installed here: pip install comptoir[effects]."),
    }


def _rows(found: Effects, currency: str, write: Write) -> list[Row]:
    control = found.control
    rows = [Row(_("Held out"), write(control.n), money(control.mean, currency), "–", "–", "–")]
    for arm in found.arms:
        low_effect, high_effect = _interval(found, arm)
        between = "–" if math.isinf(high_effect) else _between(low_effect, high_effect, currency)
        profit = "–"
        if (made := arm.money) is not None:
            profit = f"{money(made.profit, currency)} ({_between(made.profit_low, made.profit_high, currency)})"
        mean, effect = money(arm.mean, currency), money(arm.effect, currency)
        rows.append(Row(_name(found, arm.arm), write(arm.n), mean, effect, between, profit))
    return rows


def _drawing(key: Hashable, found: Effects, currency: str) -> SafeString | None:
    rows = [
        (_name(found, arm.arm), arm.effect, *_interval(found, arm))
        for arm in found.arms
        if not math.isinf(_interval(found, arm)[1])
    ]
    if not rows:
        return None
    words = {
        "figure": _("more for each person than who was held out, in %(currency)s") % {"currency": currency},
        "label": _("The effect of each text, with its interval"),
    }
    return charts.cached((key, tuple(rows)), _SECONDS, lambda: charts.intervals(rows, words=words))


def _between(low: float, high: float, currency: str) -> str:
    return f"{money(low, currency)} … {money(high, currency)}"


# -- by group ---------------------------------------------------------------------------------------------------------


def bys() -> dict[By, str]:
    """Return by what an effect may be looked at, in words."""
    return {
        "visits": _("how often they came before"), "spend": _("what they paid before"),
        "store": _("the store where they buy most"),
    }  # fmt: skip


def reported(
    key: tuple[Hashable, ...],
    measure: Callable[[By | None], Measured],
    unheld: str,
    *,
    currency: str,
    by: str = "",
    write: Write = counting.exact,
) -> Report:
    """Return a report of what ``measure`` measures, with its groups where ``by`` asks for them."""
    said = report(key, kept(key, lambda: measure(None)), unheld, currency=currency, write=write)
    if not said.rows or (asked := next((each for each in bys() if each == by), None)) is None:
        return said
    deeper = (*key, asked)
    return msgspec.structs.replace(
        said, groups=groups(deeper, kept(deeper, lambda: measure(asked)), currency=currency, write=write)
    )


def groups(key: Hashable, measured: Measured, *, currency: str, write: Write = counting.exact) -> Groups:
    """Return the effect by group, with what has to be known of it first."""
    found = measured.effects
    if found is None:
        why = {
            "too_early": _("By group it is looked at once the days are over."), "no_holdout": _problem(measured),
            "no_statistics": _problem(measured),
        }  # fmt: skip
        return Groups(why.get(measured.problem, _problems()["too_few"]), [], None, [])
    called = _groups()
    shown = [
        (f"{called.get(each.group, each.group)} · {_name(found, arm.arm)}" if len(found.arms) > 1
         else called.get(each.group, each.group), each)
        for arm in found.arms
        for each in arm.groups
    ]  # fmt: skip
    notes = []
    if any(each.name == "groups_left_out" for each in found.notices):
        notes.append(_("Groups with fewer than 20 in an arm, or in which all are alike, are left out."))
    if not shown or found.verdict == "mismatch":
        return Groups(_("Of no group anything can be said."), notes, None, [])
    chance = 1 - found.level ** len(shown)
    said = _("A group that was not named beforehand is a question for the next campaign, and no answer.")
    if len(shown) > 1:
        fishing = _(
            "This is fishing: of %(groups)s groups chance alone makes one stand out in %(share)s of all cases. The"
            " intervals are wider for that."
        ) % {"groups": len(shown), "share": percent(round(chance, 2))}
        said = f"{fishing} {said}"
    apart = [arm.groups_differ_p_value for arm in found.arms if arm.groups_differ_p_value is not None]
    if apart and len(shown) > 1:
        notes.append(
            _("The groups differ by more than chance explains (p = %(p)s).") % {"p": number_format(min(apart), 3)}
            if min(apart) * len(apart) < 1 - found.level
            else _("The groups do not differ by more than chance explains.")
        )
    rows = [
        GroupRow(
            name, write(each.n), write(each.n_control), money(each.effect, currency),
            _between(each.low, each.high, currency),
        )
        for name, each in shown
    ]  # fmt: skip
    drawn = [(name, each.effect, each.low, each.high) for name, each in shown]
    words = {
        "figure": _("more for each person than who was held out, in %(currency)s") % {"currency": currency},
        "label": _("The effect in each group, with its interval"),
    }
    drawing = charts.cached((key, tuple(drawn)), _SECONDS, lambda: charts.intervals(drawn, words=words))
    return Groups(said, notes, drawing, rows)


def _groups() -> dict[str, str]:
    return {
        "none": _("had not come"), "one": _("had come once"), "two_to_four": _("had come 2 to 4 times"),
        "five_or_more": _("had come 5 times or more"), "nothing": _("had paid nothing"),
        "less": _("the half that had paid less"), "more": _("the half that had paid more"),
        OTHER_STORES: _("smaller stores"), NO_STORE: _("no store"),
    }  # fmt: skip


def channels() -> dict[str, str]:
    """Return the channels of messages, in words."""
    return {
        "mail": _("E-mail"), "message": _("Text message"), "app": _("Notification"),
        "web": _("The customer's own page"),
    }  # fmt: skip


def outcomes() -> dict[str, str]:
    """Return what may become of a message, in words; where the reason matters, with it behind the kind."""
    return {
        "waiting": _("waits to leave"),
        "waiting no_server": _("waits: the shop has no mail server"),
        "waiting no_provider": _("waits: the shop has no provider of text messages"),
        "attempted": _("on its way"), "accepted": _("handed over"),
        "refused": _("refused"), "unknown": _("nobody can say whether it arrived"),
        "suppressed": _("did not leave"), "suppressed consent": _("did not leave: no consent any more"),
        "suppressed same_address": _("did not leave: somebody else with this address gets it"),
        "suppressed bounced": _("did not leave: the address is dead"),
        "suppressed complained": _("did not leave: they had called one unwanted"),
        "suppressed forgotten": _("did not leave: they asked to be forgotten"),
        "suppressed left_segment": _("did not leave: not in the segment any more"),
        "suppressed left_journey": _("did not leave: they had left the journey"),
        "stopped": _("did not leave: stopped"), "missed": _("did not leave: its time was over"),
        "unreachable": _("no address"), "delivered": _("delivered"),
        "bounced mailbox_full": _("came back: the mailbox was full"),
        "bounced not_taken": _("came back: their server took nothing from this shop"),
        "bounced given_up": _("came back: their server was away for days"),
        "bounced held_back": _("came back: the mail provider did not pass it on"),
        "bounced": _("came back"), "complained": _("was called unwanted"), "unsubscribed": _("unsubscribed"),
    }  # fmt: skip


def money(value: float, currency: str) -> str:
    """Return an amount with its currency."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    digits = 0 if abs(value) >= 1_000 else amounts.exponent(currency)
    return f"{number_format(round(value, digits), digits, force_grouping=True)} {currency}"


def percent(value: float) -> str:
    """Return a share in hundredths."""
    shown = round(100 * value, 1)
    return _("%(number)s %%") % {"number": number_format(shown, 0 if shown == int(shown) else 1)}
