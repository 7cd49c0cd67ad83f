"""Charts, drawn on the server to SVG: no chart code in the browser, and no style that a strict policy would refuse.

Every drawing comes twice, for a telephone and for a desk; the style sheet shows one of them. The colours are
sentinels for which the style sheet puts the page's own, light or dark. Slow parts are loaded when they are needed.
Not here: where the figures come from.
"""

from __future__ import annotations

import datetime as dt
import re
import textwrap
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

ACCENT: Final = "#0d5c53"
QUIET: Final = "#8fb8b1"
SOFT: Final = "#5a5750"
INK: Final = "#1c1b18"
LINE: Final = "#e2dfd6"
STRONG: Final = "#8d897e"
_WIDTHS: Final = {"wide": 1064, "phone": 316}
_AUTOSIZE: Final = {"type": "fit", "contains": "padding"}
_PADDING: Final = {"left": 8, "right": 4, "top": 2, "bottom": 2}
#: Left out of drawings: style attributes, which the page's policy forbids; fonts, which the style sheet decides;
#: a description of every single mark, since the whole has a label and its figures stand in a table.
_LEFT_OUT: Final = re.compile(r'\s(?:style|font-family|aria-label|aria-roledescription|aria-hidden|role)="[^"]*"')

_KEPT_MAX: Final = 500
#: Below this, counts are written out.
_FEW: Final = 1_000
#: What an axis is called stands in lines of so many characters, which fit a telephone.
_LINE_CHARACTERS: Final = 42
#: So much room a mark's number takes.
_NUMBER_POINTS: Final = 18

_cached: dict[Hashable, tuple[float, SafeString]] = {}
_drawing = threading.Lock()


def cached(key: Hashable, seconds: float, draw: Callable[[], SafeString]) -> SafeString:
    """Return a drawing that is at most ``seconds`` old, one for each language; one thread draws at a time."""
    full_key = (key, translation.get_language())
    kept = _cached.get(full_key)
    if kept is not None and time.monotonic() - kept[0] < seconds:
        return kept[1]
    with _drawing:
        kept = _cached.get(full_key)
        if kept is None or time.monotonic() - kept[0] >= seconds:
            kept = (time.monotonic(), draw())
            if len(_cached) >= _KEPT_MAX:
                _cached.clear()
            _cached[full_key] = kept
    return kept[1]


def events_by_minute(
    rows: Sequence[tuple[dt.datetime, str, int]], *, titles: Mapping[str, str], since: dt.datetime, until: dt.datetime,
    words: Mapping[str, str],
) -> SafeString:  # fmt: skip
    """Draw (minute, touchpoint, events) as stacked bars, one for each minute from ``since`` to ``until``.

    The busiest touchpoint has the accent; the others are told apart by lightness and by the legend.
    """
    import altair as alt  # noqa: PLC0415 - slow to load

    totals: dict[str, int] = {}
    for _minute, touchpoint, count in rows:
        totals[touchpoint] = totals.get(touchpoint, 0) + count
    order = sorted(totals, key=lambda name: -totals[name])
    values = [
        {
            "minute": minute.isoformat(),
            "touchpoint": titles.get(name, name),
            "events": count,
            "order": order.index(name),
        }
        for minute, name, count in rows
    ]
    domain = [titles.get(name, name) for name in order]
    colours = [ACCENT, QUIET, SOFT, STRONG, INK]
    chart = (
        alt.Chart(alt.Data(values=values))
        .mark_bar(width={"band": 0.86})
        .encode(
            x=alt.X(
                "minute:T",
                title=None,
                timeUnit="utcyearmonthdatehoursminutes",
                scale=alt.Scale(domain=[_utc(since), _utc(until)], type="utc"),
                axis=alt.Axis(format="%H:%M", labelOverlap=True, grid=False),
            ),
            y=alt.Y("sum(events):Q", title=words["events"], axis=alt.Axis(tickCount=4, format="~s")),
            color=alt.Color(
                "touchpoint:N",
                title=None,
                scale=alt.Scale(domain=domain, range=[colours[i % len(colours)] for i in range(len(domain))]),
                legend=alt.Legend(orient="top", symbolType="square", labelLimit=260) if len(domain) > 1 else None,
            ),
            order=alt.Order("order:Q"),
        )
    )
    return _draw(chart, height=160, label=words["label"])


def points_by_month(rows: Sequence[Any], *, words: Mapping[str, str]) -> SafeString:
    """Draw months (``counter.loyalty.queries.MonthTotals``): issued above the line, redeemed and expired below."""
    import altair as alt  # noqa: PLC0415 - slow to load

    values = []
    for row in rows:
        month = row.month.isoformat()
        values.append({"month": month, "kind": words["issued"], "points": row.issued})
        values.append({"month": month, "kind": words["redeemed"], "points": -row.redeemed})
        values.append({"month": month, "kind": words["expired"], "points": -row.expired})
    chart = (
        alt.Chart(alt.Data(values=values))
        .mark_bar(width={"band": 0.7})
        .encode(
            x=alt.X(
                "month:T",
                title=None,
                timeUnit="utcyearmonth",
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(format="%Y-%m", labelOverlap=True, grid=False),
            ),
            y=alt.Y("points:Q", title=words["points"], axis=alt.Axis(tickCount=5, format="~s")),
            color=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(
                    domain=[words["issued"], words["redeemed"], words["expired"]], range=[ACCENT, QUIET, SOFT]
                ),
                legend=alt.Legend(orient="top", symbolType="square"),
            ),
        )
    )
    return _draw(chart, height=200, label=words["label"])


def by_week(
    series: Sequence[tuple[str, Sequence[tuple[dt.date, float | None]]]],
    *,
    changes: Mapping[dt.date, int],
    words: Mapping[str, str],
    is_stacked: bool = True,
) -> SafeString:
    """Draw series (title, (Monday, figure)) over weeks: stacked bars, or lines.

    Rules mark the days of ``changes``, with their numbers where there is room.
    """
    import altair as alt  # noqa: PLC0415 - slow to load

    values = [
        {"week": week.isoformat(), "series": title, "figure": figure, "order": order}
        for order, (title, figures) in enumerate(series)
        for week, figure in figures
    ]
    titles = [title for title, _ in series]
    mondays = [week for week, _ in series[0][1]]
    x = alt.X(
        "week:T", title=None, timeUnit="utcyearmonthdate", scale=alt.Scale(type="utc"),
        axis=alt.Axis(
            format="%m-%d", labelOverlap=True, labelSeparation=10, grid=False,
            values=[alt.DateTime(year=day.year, month=day.month, date=day.day, utc=True) for day in mondays],
        ),
    )  # fmt: skip
    y = alt.Y("figure:Q", title=words["figure"], axis=alt.Axis(tickCount=4, format="~s"))
    colour = alt.Color(
        "series:N", title=None, scale=alt.Scale(domain=titles, range=[ACCENT, QUIET, SOFT][: len(titles)]),
        legend=alt.Legend(orient="top", symbolType="square", labelLimit=260) if len(titles) > 1 else None,
    )  # fmt: skip
    data = alt.Chart(alt.Data(values=values))
    if is_stacked:
        chart: Any = data.mark_bar(size=9).encode(x=x, y=y, color=colour, order=alt.Order("order:Q"))
    else:
        chart = data.mark_line(point={"size": 36}, strokeWidth=2).encode(x=x, y=y, color=colour)
    over: dict[str, Any] = {}
    if changes:
        day = alt.X("day:T", timeUnit="utcyearmonthdate", scale=alt.Scale(type="utc"))
        marks = alt.Chart(alt.Data(values=[{"day": each.isoformat()} for each in changes]))
        chart = chart + marks.mark_rule(color=STRONG, strokeDash=[3, 3]).encode(x=day)
        for name, width in _WIDTHS.items():
            shown = _numbered(changes, apart=_NUMBER_POINTS * (mondays[-1] - mondays[0]) / width)
            numbers = alt.Chart(alt.Data(values=shown))
            over[name] = numbers.mark_text(color=SOFT, fontSize=11, align="left", baseline="top", dx=2).encode(
                x=day, y=alt.value(0), text="number:N"
            )
    return _draw(chart, height=170, label=words["label"], over=over)


def _numbered(changes: Mapping[dt.date, int], *, apart: dt.timedelta) -> list[dict[str, str]]:
    """Return the marks whose numbers are drawn: those that do not lie on the one before."""
    shown: list[dict[str, str]] = []
    free = dt.date.min
    for day, number in sorted(changes.items()):
        if day >= free:
            shown.append({"day": day.isoformat(), "number": str(number)})
            free = day + apart
    return shown


def interval_by_week(
    rows: Sequence[tuple[dt.date, float, float, float]], *, smallest: float, words: Mapping[str, str]
) -> SafeString:
    """Draw (day, difference, low, high) over weeks; dashed lines bound what does not matter, around a line at 0."""
    import altair as alt  # noqa: PLC0415 - slow to load

    values = [{"week": day.isoformat(), "figure": value, "low": low, "high": high} for day, value, low, high in rows]
    data = alt.Chart(alt.Data(values=values))
    x = alt.X(
        "week:T", title=None, timeUnit="utcyearmonthdate", scale=alt.Scale(type="utc"),
        axis=alt.Axis(format="%m-%d", labelOverlap=True, labelSeparation=10, grid=False),
    )  # fmt: skip
    y = alt.Y("figure:Q", title=words["figure"], axis=alt.Axis(tickCount=5))
    spans = data.mark_rule(color=QUIET, strokeWidth=5, strokeCap="round").encode(
        x=x, y=alt.Y("low:Q", title=words["figure"]), y2="high:Q"
    )
    line = data.mark_line(color=ACCENT, point={"size": 36, "color": ACCENT}, strokeWidth=2).encode(x=x, y=y)
    zero = alt.Chart(alt.Data(values=[{"at": 0}])).mark_rule(color=SOFT).encode(y="at:Q")
    bounds = alt.Chart(alt.Data(values=[{"at": -smallest}, {"at": smallest}]))
    dashed = bounds.mark_rule(color=STRONG, strokeDash=[3, 3]).encode(y="at:Q")
    return _draw(zero + dashed + spans + line, height=190, label=words["label"])


def parts(rows: Sequence[tuple[str, int]], *, words: Mapping[str, str], is_even: bool = False) -> SafeString:
    """Draw parts of a whole (title, how many) as bars, in their order; the first has the accent, or all of them."""
    import altair as alt  # noqa: PLC0415 - slow to load

    values = [
        {"title": title, "count": count, "is_first": is_even or not place} for place, (title, count) in enumerate(rows)
    ]
    data = alt.Chart(alt.Data(values=values))
    y = alt.Y("title:N", title=None, sort=None, axis=alt.Axis(labelLimit=220, ticks=False, domain=False))
    # Counts of people are whole: no tick says a part of one, or the same twice.
    few = max((count for _title, count in rows), default=0) < _FEW
    ticks = alt.Axis(tickCount=3, tickMinStep=1, format="d" if few else "~s", labelOverlap=True)
    bars = data.mark_bar(size=16).encode(
        y=y, x=alt.X("count:Q", title=words["figure"], axis=ticks),
        color=alt.Color(
            "is_first:N", legend=None, scale=alt.Scale(domain=[True, False], range=[ACCENT, QUIET])
        ),
    )  # fmt: skip
    return _draw(bars, height=52 + 34 * len(rows), label=words["label"], widths={"wide": 520, "phone": 300})


def intervals(rows: Sequence[tuple[str, float, float | None, float | None]], *, words: Mapping[str, str]) -> SafeString:
    """Draw (title, effect, low, high), each with its interval around it, beside a line where there is no effect."""
    import altair as alt  # noqa: PLC0415 - slow to load

    values = [{"title": title, "figure": value, "low": low, "high": high} for title, value, low, high in rows]
    data = alt.Chart(alt.Data(values=values))
    y = alt.Y("title:N", title=None, sort=None, axis=alt.Axis(labelLimit=180, ticks=False, domain=False))
    spans = data.mark_rule(color=QUIET, strokeWidth=7, strokeCap="round").encode(
        y=y,
        x=alt.X(
            "low:Q",
            title=textwrap.wrap(words["figure"], _LINE_CHARACTERS),
            # On a telephone every other number stands where all would touch each other.
            axis=alt.Axis(tickCount=5, labelOverlap=True, labelSeparation=10),
            scale=alt.Scale(zero=True),
        ),
        x2="high:Q",
    )
    points = data.mark_point(color=ACCENT, filled=True, size=90, opacity=1).encode(y=y, x=alt.X("figure:Q"))
    zero = alt.Chart(alt.Data(values=[{"at": 0}])).mark_rule(color=SOFT, strokeDash=[4, 3]).encode(x="at:Q")
    return _draw(
        zero + spans + points, height=72 + 38 * len(rows), label=words["label"], widths={"wide": 760, "phone": 316}
    )


def lots(rows: Sequence[tuple[str, int]], *, words: Mapping[str, str]) -> SafeString:
    """Draw lots (last day in words, points) as bars, in their order."""
    import altair as alt  # noqa: PLC0415 - slow to load

    values = [{"day": day, "points": points} for day, points in rows]
    chart = (
        alt.Chart(alt.Data(values=values))
        .mark_bar(color=ACCENT, size=16)
        .encode(
            y=alt.Y("day:N", title=None, sort=None, axis=alt.Axis(labelLimit=160, ticks=False, domain=False)),
            x=alt.X("points:Q", title=words["points"], axis=alt.Axis(tickCount=4, format="~s")),
        )
    )
    return _draw(chart, height=52 + 34 * len(rows), label=words["label"], widths={"wide": 420, "phone": 290})


def _draw(
    chart: Any, *, height: int, label: str, widths: Mapping[str, int] = _WIDTHS, over: Mapping[str, Any] | None = None
) -> SafeString:
    """Return a drawing in each width; ``over`` is what is drawn over it in that width alone."""
    import vl_convert  # noqa: PLC0415 - slow to load

    parts = []
    for name, width in widths.items():
        specification = (
            (chart + over[name] if over else chart)
            .properties(width=width, height=height, autosize=_AUTOSIZE, padding=_PADDING)
            .configure(background="transparent", font="system-ui, sans-serif")
            .configure_view(stroke=None)
            .configure_axis(
                labelColor=SOFT, titleColor=SOFT, domainColor=LINE, tickColor=LINE, gridColor=LINE, labelFontSize=12,
                titleFontSize=12, titleFontWeight="normal", labelPadding=6,
            )
            .configure_legend(
                labelColor=SOFT, labelFontSize=12, padding=0, offset=8, symbolSize=80,
                columns=2 if name == "phone" else 0,
            )
        ).to_dict()  # fmt: skip
        drawing = vl_convert.vegalite_to_svg(specification)
        parts.append((name, mark_safe(_clean(drawing))))  # noqa: S308 - drawn here, from figures and escaped words
    return mark_safe(  # noqa: S308
        "".join(
            format_html('<div class="{}" role="img" aria-label="{}">{}</div>', name, label, drawing)
            for name, drawing in parts
        )
    )


def _clean(drawing: str) -> str:
    return _LEFT_OUT.sub("", drawing).replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _utc(moment: dt.datetime) -> Any:
    import altair as alt  # noqa: PLC0415 - slow to load

    return alt.DateTime(
        year=moment.year, month=moment.month, date=moment.day, hours=moment.hour, minutes=moment.minute, utc=True
    )
