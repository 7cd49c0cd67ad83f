"""The effects as a picture: an SVG with each arm's interval around its effect, and a line where there is none.

It stands alone, with a title and a description for whoever does not see it. Not here: the console's charts.
"""

from __future__ import annotations

import re
from typing import Any, Final
from xml.sax.saxutils import escape

from comptoir.office.experiments import telling
from comptoir.office.experiments.contracts import Effects

_ACCENT: Final = "#0d5c53"
_QUIET: Final = "#8fb8b1"
_SOFT: Final = "#5a5750"
_LINE: Final = "#e2dfd6"
_OWN_WORDS: Final = re.compile(r'\s(?:aria-label|aria-roledescription|aria-hidden|role)="[^"]*"')


def draw(said: Effects, *, outcome: str) -> str:
    """Return the picture as an SVG document."""
    import altair as alt  # noqa: PLC0415 - slow to load
    import vl_convert  # noqa: PLC0415 - slow to load

    scale = 100 if said.kind == "binary" else 1
    # At most as much of a name as has room; the description has all of it.
    values = [
        {
            "arm": f"{each.arm} (n = {each.n:,})",
            "effect": each.effect * scale,
            "low": each.low * scale,
            "high": each.high * scale,
        }
        for each in said.arms
    ]
    data = alt.Chart(alt.Data(values=values))
    title = f"Effect on {outcome} for each person" + (", in points of a hundred" if scale == 100 else "")
    y = alt.Y("arm:N", title=None, sort=None, axis=alt.Axis(labelLimit=260, ticks=False, domain=False))
    spans = data.mark_rule(color=_QUIET, strokeWidth=7, strokeCap="round").encode(
        y=y, x=alt.X("low:Q", title=title, axis=alt.Axis(tickCount=6), scale=alt.Scale(zero=True)), x2="high:Q"
    )
    points = data.mark_point(color=_ACCENT, filled=True, size=90, opacity=1).encode(y=y, x="effect:Q")
    zero = alt.Chart(alt.Data(values=[{"at": 0}])).mark_rule(color=_SOFT, strokeDash=[4, 3]).encode(x="at:Q")
    chart: Any = zero + spans + points
    specification = (
        chart.properties(width=560, height=36 + 38 * len(values))
        .configure(background="#ffffff", font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_SOFT, titleColor=_SOFT, domainColor=_LINE, tickColor=_LINE, gridColor=_LINE, labelFontSize=12,
            titleFontSize=12, titleFontWeight="normal", labelPadding=6,
        )
        .to_dict()
    )  # fmt: skip
    return _described(vl_convert.vegalite_to_svg(specification), title=title, description=description(said))


def description(said: Effects) -> str:
    """Return in words what the picture shows."""
    arms = "; ".join(
        f"{each.arm}: {telling.difference(said, each.effect)}, between {telling.difference(said, each.low)} and"
        f" {telling.difference(said, each.high)}"
        for each in said.arms
    )
    return f"{said.sentence} Against {said.control.arm}, with 95 % for all arms together: {arms}."


def _described(drawing: str, *, title: str, description: str) -> str:
    """Say the whole once, in place of a description of every single mark."""
    head, tag, rest = _OWN_WORDS.sub("", drawing).partition("<svg ")
    attributes, end, body = rest.partition(">")
    words = (
        f'<title id="effects-title">{escape(title)}</title><desc id="effects-description">{escape(description)}</desc>'
    )
    return f'{head}{tag}role="img" aria-labelledby="effects-title effects-description" {attributes}{end}{words}{body}'
