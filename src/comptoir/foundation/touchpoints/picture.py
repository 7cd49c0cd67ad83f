"""The map as a picture: what sends on the left, the counter in the middle, what needs on the right; as SVG.

Colours stand in presentation attributes, so a strict content security policy is content. They are the house's own,
which a style sheet may replace by the reader's (``.chart`` in ``house.css``); no meaning rests on colour alone. Every
shape that carries one has a text. Not here: the picture in a terminal (``terminal.py``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

import msgspec

from comptoir.foundation.touchpoints.contracts import Need, Send, Timing, Touchpoint, TouchpointMap
from comptoir.foundation.touchpoints.queries import ArmFigures, MapFigures, StageFigures

WIDE: Final = 1180
NARROW: Final = 390
#: Both stand in one page, so what they refer to has names of its own.
_WIDE_NAME: Final = "map-wide"
_NARROW_NAME: Final = "map-narrow"

_INK: Final = "#1c1b18"
_SOFT: Final = "#5a5750"
_LINE: Final = "#e2dfd6"
_ACCENT: Final = "#0d5c53"
_QUIET: Final = "#8fb8b1"
_PROBLEM: Final = "#97291c"
_PAPER: Final = "#f6f5f1"
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK JP', sans-serif"

_TITLE_SIZE: Final = 16
_TEXT_SIZE: Final = 13
_SMALL_SIZE: Final = 11.5
_PAD: Final = 14
_GAP: Final = 18
_ROW: Final = 24
_NOTE: Final = 17
_HEAD: Final = 46
_PILL: Final = 58
#: The average width of a letter in parts of its height; East Asian letters are as wide as they are high.
_LETTER: Final = 0.52

#: How a line is drawn, so that the timing can also be told without colour.
_DASHES: Final = {Timing.LIVE: "", Timing.SOON: "7 4", Timing.DAILY: "2 4"}

_WORDS: Final = {
    "en": {
        "counter": "Counter", "sends": "Sends", "needs": "Needs", "live": "live", "soon": "soon", "daily": "daily",
        "offline": "may be cut off for {duration}", "rate": "{rate}/min", "half": "half within {time}",
        "p99": "99 % within {time}", "late": "late", "silent": "silent", "nothing": "nothing lately",
        "meanwhile": "cut off: {text}", "slower": "{source}: {timing}", "hours": "{n} h", "minutes": "{n} min",
        "seconds": "{n} s", "days": "{n} days", "links": "{n} links", "kept": "{share} % in time",
        "description": "{senders} touchpoints send to the counter, {needers} need something from it.",
        "legend": "live: 1 second · soon: 1 minute · daily",
    },
    "ja": {
        "counter": "カウンター", "sends": "送る側", "needs": "必要とする側", "live": "即時", "soon": "まもなく",
        "daily": "毎日", "offline": "切断は{duration}まで可", "rate": "{rate}件/分", "half": "半数が{time}以内",
        "p99": "99%が{time}以内", "late": "遅延", "silent": "無通信", "nothing": "最近なし",
        "meanwhile": "切断中：{text}",
        "slower": "{source}：{timing}", "hours": "{n}時間", "minutes": "{n}分", "seconds": "{n}秒", "days": "{n}日",
        "links": "{n}本のリンク", "kept": "{share}%が期限内",
        "description": "{senders}個のタッチポイントがカウンターに送り、{needers}個がカウンターから受け取ります。",
        "legend": "即時：1秒以内 · まもなく：1分以内 · 毎日",
    },
    "fr": {
        "counter": "Comptoir", "sends": "Envoient", "needs": "Attendent", "live": "direct", "soon": "bientôt",
        "daily": "par jour", "offline": "peut être coupé {duration}", "rate": "{rate}/min",
        "half": "la moitié en {time}",
        "p99": "99 % en {time}", "late": "en retard", "silent": "muet", "nothing": "rien récemment",
        "meanwhile": "coupé : {text}", "slower": "{source} : {timing}", "hours": "{n} h", "minutes": "{n} min",
        "seconds": "{n} s", "days": "{n} jours", "links": "{n} liens", "kept": "{share} % à temps",
        "description": "{senders} points de contact envoient au comptoir, {needers} en attendent quelque chose.",
        "legend": "direct : 1 seconde · bientôt : 1 minute · par jour",
    },
}  # fmt: skip


class _Row(msgspec.Struct, frozen=True):
    """One line of a card: what is sent or needed, its timing, notes below it, and whether the promise is broken."""

    text: str
    timing: Timing
    notes: tuple[str, ...]
    broken: str  # a word, or nothing

    @property
    def height(self) -> float:
        return _ROW + _NOTE * len(self.notes)


class _Card(msgspec.Struct, frozen=True):
    """A touchpoint on one side of the counter."""

    title: str
    below: str
    rows: tuple[_Row, ...]

    @property
    def height(self) -> float:
        return _HEAD + sum(row.height for row in self.rows) + _PAD - 4


def render_svg(
    declared: TouchpointMap,
    figures: MapFigures | None = None,
    language: str = "en",
    *,
    is_narrow: bool = False,
    is_standalone: bool = False,
) -> str:
    """Draw the map; with ``figures``, what is measured stands below what is promised.

    ``language`` is ``en``, ``ja`` or ``fr`` (another is drawn in English). ``is_narrow`` stacks the parts for a
    screen of 390 points. ``is_standalone`` adds a background, for a file of its own.
    """
    words = _WORDS.get(language.split("-", maxsplit=1)[0], _WORDS["en"])
    senders = [_sender(each, figures, words) for each in declared.touchpoints if each.sends]
    needers = [_needer(each, declared, figures, words) for each in declared.touchpoints if each.needs]
    width = NARROW if is_narrow else WIDE
    draw = _stacked if is_narrow else _side_by_side
    shapes, height = draw(declared, senders, needers, figures, words)
    name = _NARROW_NAME if is_narrow else _WIDE_NAME
    description = words["description"].format(senders=len(senders), needers=len(needers))
    attributes = (
        f'class="touchpoint-map" role="img" width="{width}" height="{height:g}" viewBox="0 0 {width} {height:g}" '
        f'font-family={quoteattr(_FONT)} aria-labelledby="{name}-title {name}-desc"'
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>',
        f'<title id="{name}-title">{escape(declared.title)}</title>',
        f'<desc id="{name}-desc">{escape(description)} {escape(" ".join(_in_words(senders, needers, words)))}</desc>',
    ]
    parts += _pills(name, words)
    if is_standalone:
        parts.append(f'<rect width="{width}" height="{height:g}" fill="{_PAPER}"/>')
    parts += [*shapes, "</svg>"]
    return "\n".join(parts) + "\n"


def duration(seconds: float, language: str = "en") -> str:
    """Write a duration in the largest unit that keeps it a small whole number: ``72 h``, ``5 min``."""
    words = _WORDS.get(language.split("-", maxsplit=1)[0], _WORDS["en"])
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= unit and seconds % unit == 0 and (name != "days" or seconds > 4 * unit):
            return words[name].format(n=f"{seconds / unit:g}")
    return words["seconds"].format(n=f"{seconds:g}")


def delay(seconds: float) -> str:
    """Write a measured delay with two digits that count: ``85 ms``, ``1.2 s``, ``3.4 min``, ``26 h``."""
    for unit, name in ((86_400 * 4, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= unit:
            number = seconds / (86_400 if name == "d" else unit)
            return f"{number:.0f} {name}" if number >= 10 else f"{number:.2g} {name}"
    return f"{max(1, round(seconds * 1000))} ms"


# What stands in the cards.


def _sender(touchpoint: Touchpoint, figures: MapFigures | None, words: dict[str, str]) -> _Card:
    below = touchpoint.system
    if touchpoint.offline_seconds_max:
        below = words["offline"].format(duration=_duration(touchpoint.offline_seconds_max, words))
    rows = tuple(_sent(touchpoint, send, figures, words) for send in touchpoint.sends)
    return _Card(touchpoint.title, below, rows)


def _sent(touchpoint: Touchpoint, send: Send, figures: MapFigures | None, words: dict[str, str]) -> _Row:
    arm = None if figures is None else figures.arm(touchpoint.name, send.type)
    notes = () if figures is None else (_measured(arm, arm.ours if arm else None, words),)
    return _Row(send.type, send.timing, notes, _broken(arm, words))


def _needer(
    touchpoint: Touchpoint, declared: TouchpointMap, figures: MapFigures | None, words: dict[str, str]
) -> _Card:
    rows = tuple(_needed(touchpoint, need, declared, figures, words) for need in touchpoint.needs)
    return _Card(touchpoint.title, touchpoint.system, rows)


def _needed(
    touchpoint: Touchpoint, need: Need, declared: TouchpointMap, figures: MapFigures | None, words: dict[str, str]
) -> _Row:
    arm = None if figures is None else figures.arm(touchpoint.name, need.data)
    titles = {each.name: each.title for each in declared.touchpoints}
    notes = [
        words["slower"].format(source=titles[source], timing=words[timing]) for source, timing in need.slower.items()
    ]
    if need.meanwhile:
        notes.append(words["meanwhile"].format(text=need.meanwhile))
    if figures is not None:
        notes.append(_measured(arm, arm.visible if arm else None, words))
    return _Row(need.data, need.timing, tuple(notes), _broken(arm, words))


def _measured(arm: ArmFigures | None, stage: StageFigures | None, words: dict[str, str]) -> str:
    if arm is None or stage is None:
        return words["nothing"]
    rate = words["rate"].format(rate=f"{arm.rate_per_minute:,.0f}" if arm.rate_per_minute >= 1 else "< 1")
    return f"{rate} · {words['p99'].format(time=delay(stage.p99_seconds))}"


def _broken(arm: ArmFigures | None, words: dict[str, str]) -> str:
    if arm is None or not arm.breaches:
        return ""
    return words["silent"] if all(breach.kind == "silence" for breach in arm.breaches) else words["late"]


def _duration(seconds: float, words: dict[str, str]) -> str:
    language = next(language for language, each in _WORDS.items() if each is words)
    return duration(seconds, language)


def _in_words(senders: Sequence[_Card], needers: Sequence[_Card], words: dict[str, str]) -> Iterator[str]:
    """Yield the picture in sentences, for whoever listens to it."""
    for heading, cards in ((words["sends"], senders), (words["needs"], needers)):
        for card in cards:
            rows = "; ".join(
                f"{row.text} ({words[row.timing]}{', ' + row.broken if row.broken else ''})" for row in card.rows
            )
            yield f"{heading}: {card.title}: {rows}."


# How the cards are laid out.


def _side_by_side(
    declared: TouchpointMap,
    senders: Sequence[_Card],
    needers: Sequence[_Card],
    figures: MapFigures | None,
    words: dict[str, str],
) -> tuple[list[str], float]:
    card, bar = 370.0, 170.0
    left, middle, right = 24.0, (WIDE - bar) / 2, WIDE - 24 - card
    top = 92.0
    height = top + max(_column_height(senders), _column_height(needers), 220) + 24
    shapes = [
        _text(left, 34, declared.title, 22, weight=600, width=WIDE - 48),
        _text(left, 70, words["sends"], _TEXT_SIZE, fill=_SOFT, weight=600),
        _text(WIDE / 2, 70, words["legend"], _SMALL_SIZE, fill=_SOFT, anchor="middle"),
        _text(right, 70, words["needs"], _TEXT_SIZE, fill=_SOFT, weight=600),
    ]
    for cards, x, is_sender in ((senders, left, True), (needers, right, False)):
        y = top
        for each in cards:
            shapes += _card(each, x, y, card, _WIDE_NAME)
            for row, row_y in _row_places(each, y):
                ends = (x + card, middle) if is_sender else (middle + bar, x)
                shapes += _arrow(ends[0] + 2, ends[1] - 3, row_y + 11.5, row)
            y += each.height + _GAP
    shapes += _counter(declared, figures, words, middle, top, bar, height - top - 24)
    return shapes, height


def _stacked(
    declared: TouchpointMap,
    senders: Sequence[_Card],
    needers: Sequence[_Card],
    figures: MapFigures | None,
    words: dict[str, str],
) -> tuple[list[str], float]:
    card, x = NARROW - 24.0, 12.0
    shapes = [
        _text(x, 28, declared.title, 19, weight=600, width=card),
        _text(x, 50, words["legend"], _SMALL_SIZE, fill=_SOFT, width=card),
    ]
    y = 80.0
    for heading, cards in ((words["sends"], senders), ("", ()), (words["needs"], needers)):
        if not heading:
            shapes.append(_downwards(NARROW / 2, y - _GAP + 4))
            shapes += _counter(declared, figures, words, x, y + 24, card, 84)
            shapes.append(_downwards(NARROW / 2, y + 24 + 84 + 4))
            y += 24 + 84 + 56
            continue
        shapes.append(_text(x, y, heading, _TEXT_SIZE, fill=_SOFT, weight=600))
        y += 12
        for each in cards:
            shapes += _card(each, x, y, card, _NARROW_NAME)
            y += each.height + _GAP
    return shapes, y


def _column_height(cards: Sequence[_Card]) -> float:
    return sum(card.height + _GAP for card in cards) - _GAP


def _row_places(card: _Card, y: float) -> Iterator[tuple[_Row, float]]:
    y += _HEAD
    for row in card.rows:
        yield row, y
        y += row.height


def _pills(name: str, words: dict[str, str]) -> Iterable[str]:
    """Yield what says a timing, once each: a map has hundreds of rows."""
    yield "<defs>"
    for timing in Timing:
        dashes = f' stroke-dasharray="{_DASHES[timing]}"' if _DASHES[timing] else ""
        yield (
            f'<g id="{name}-{timing}"><rect y="2" width="{_PILL}" height="19" rx="9.5" fill="none" stroke="{_QUIET}" '
            f'stroke-width="1.2"{dashes}/>'
        )
        yield _text(_PILL / 2, 15.5, words[timing], _SMALL_SIZE, fill=_ACCENT, anchor="middle", width=_PILL)
        yield "</g>"
    yield "</defs>"


def _card(card: _Card, x: float, y: float, width: float, name: str) -> Iterable[str]:
    is_broken = any(row.broken for row in card.rows)
    stroke = _PROBLEM if is_broken else _LINE
    yield (
        f'<rect class="map-card" x="{x:g}" y="{y:g}" width="{width:g}" height="{card.height:g}" rx="12" fill="none" '
        f'stroke="{stroke}" stroke-width="1.5"/>'
    )
    yield _text(x + _PAD, y + 22, card.title, _TITLE_SIZE, weight=600, width=width - 2 * _PAD)
    yield _text(x + _PAD, y + 38, card.below, _SMALL_SIZE, fill=_SOFT, width=width - 2 * _PAD)
    for row, row_y in _row_places(card, y):
        yield from _row(row, x, row_y, width, name)


def _row(row: _Row, x: float, y: float, width: float, name: str) -> Iterable[str]:
    text_width = width - 3 * _PAD - _PILL - (60 if row.broken else 0)
    yield _text(x + _PAD, y + 16, row.text, _TEXT_SIZE, width=text_width)
    pill = x + width - _PAD - _PILL
    yield f'<use href="#{name}-{row.timing}" x="{pill:g}" y="{y:g}"/>'
    if row.broken:
        yield _text(pill - 8, y + 16, f"▲ {row.broken}", _SMALL_SIZE, fill=_PROBLEM, anchor="end", weight=600)
    for number, note in enumerate(row.notes):
        place = y + _ROW + 9 + _NOTE * number
        yield _text(x + _PAD, place, note, _SMALL_SIZE, fill=_SOFT, width=width - 2 * _PAD)


def _counter(
    declared: TouchpointMap,
    figures: MapFigures | None,
    words: dict[str, str],
    x: float,
    y: float,
    width: float,
    height: float,
) -> Iterable[str]:
    yield (
        f'<rect class="map-counter" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="14" fill="none" '
        f'stroke="{_ACCENT}" stroke-width="2.5"/>'
    )
    middle, center = x + width / 2, y + min(height / 2, 260)
    yield _text(middle, center - 4, words["counter"], 20, fill=_ACCENT, weight=600, anchor="middle", width=width - 20)
    below = words["links"].format(n=len(arm_pairs(declared)))
    if figures is not None:
        rate = sum(figures.rate(touchpoint.name) for touchpoint in declared.touchpoints)
        below = words["rate"].format(rate=f"{rate:,.0f}")
    yield _text(middle, center + 18, below, _TEXT_SIZE, fill=_SOFT, anchor="middle", width=width - 20)


def arm_pairs(declared: TouchpointMap) -> set[tuple[str, str, str]]:
    """Return the links as people count them: from a touchpoint, to a touchpoint, for some data."""
    return {(link.source, link.touchpoint, link.data) for link in declared.links}


def _arrow(start: float, end: float, y: float, row: _Row) -> Iterable[str]:
    color = _PROBLEM if row.broken else _QUIET
    dashes = f' stroke-dasharray="{_DASHES[row.timing]}"' if _DASHES[row.timing] else ""
    yield f'<path d="M{start:g} {y:g}H{end - 7:g}" fill="none" stroke="{color}" stroke-width="2"{dashes}/>'
    yield f'<path d="M{end:g} {y:g}l-9 -4.5v9z" fill="{color}"/>'


def _downwards(x: float, y: float) -> str:
    return f'<path d="M{x:g} {y + 20:g}l-5 -9h10zM{x - 1:g} {y:g}h2v12h-2z" fill="{_QUIET}"/>'


def _text(
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    fill: str = _INK,
    weight: int = 400,
    anchor: str = "start",
    width: float | None = None,
) -> str:
    shown = text if width is None else _fitted(text, width, size)
    attributes = f'x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}"'
    if weight != 400:
        attributes += f' font-weight="{weight}"'
    if anchor != "start":
        attributes += f' text-anchor="{anchor}"'
    hint = "" if shown == text else f"<title>{escape(text)}</title>"
    return f"<text {attributes}>{hint}{escape(shown)}</text>"


def _fitted(text: str, width: float, size: float) -> str:
    """Cut a text to a width, by the average width of its letters; nothing here can measure a font."""
    room = width
    for place, letter in enumerate(text):
        room -= size * (1.0 if unicodedata.east_asian_width(letter) in {"W", "F"} else _LETTER)
        if room < 0:
            return text[: max(1, place - 1)].rstrip() + "…"
    return text
