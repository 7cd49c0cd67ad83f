"""The map as a picture in a terminal: what sends on the left, the counter in the middle, what needs on the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from comptoir.foundation.touchpoints.contracts import Timing, Touchpoint, TouchpointMap
from comptoir.foundation.touchpoints.picture import arm_pairs, delay, duration
from comptoir.foundation.touchpoints.queries import ArmFigures, MapFigures, StageFigures

#: Below this width the three parts stand one below the other.
COLUMNS_MIN: Final = 100

_STYLES: Final = {Timing.LIVE: "bold green", Timing.SOON: "cyan", Timing.DAILY: "blue"}


def render_terminal(
    declared: TouchpointMap, figures: MapFigures | None = None, *, columns: int = COLUMNS_MIN
) -> RenderableType:
    """Return the map as something that rich can print in ``columns`` columns."""
    senders = [_panel(each, figures, is_sender=True) for each in declared.touchpoints if each.sends]
    needers = [_panel(each, figures, is_sender=False) for each in declared.touchpoints if each.needs]
    counter = _counter(declared, figures)
    title = Text(declared.title, style="bold")
    if columns < COLUMNS_MIN:
        return Group(title, Text("sends", "dim"), *senders, counter, Text("needs", "dim"), *needers, _legend())
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(ratio=5)
    grid.add_column(ratio=2, vertical="middle")
    grid.add_column(ratio=5)
    grid.add_row(Text("sends", "dim"), "", Text("needs", "dim"))
    grid.add_row(Group(*senders), counter, Group(*needers))
    return Group(title, grid, _legend())


def _panel(touchpoint: Touchpoint, figures: MapFigures | None, *, is_sender: bool) -> Panel:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(justify="right")
    names: Sequence[tuple[str, Timing, list[str]]]
    if is_sender:
        names = [(send.type, send.timing, []) for send in touchpoint.sends]
    else:
        names = [
            (
                need.data,
                need.timing,
                [f"{source}: {timing}" for source, timing in need.slower.items()]
                + ([f"cut off: {need.meanwhile}"] if need.meanwhile else []),
            )
            for need in touchpoint.needs
        ]
    is_broken = False
    for name, timing, notes in names:
        table.add_row(Text(name), Text(timing, _STYLES[timing]))
        for note in notes:
            table.add_row(Text(f"  {note}", "dim"), "")
        if figures is not None:
            arm = figures.arm(touchpoint.name, name)
            stage = None if arm is None else arm.ours if is_sender else arm.visible
            table.add_row(_measured(arm, stage), "")
            for breach in arm.breaches if arm else ():
                table.add_row(Text(f"  {breach.kind.replace('_', ' ')} since {breach.since:%H:%M}", "bold red"), "")
                is_broken = True
    subtitle = touchpoint.system
    if is_sender and touchpoint.offline_seconds_max:
        subtitle = f"may be cut off for {duration(touchpoint.offline_seconds_max)}"
    return Panel(
        table,
        title=Text(touchpoint.title, "bold"),
        title_align="left",
        subtitle=Text(subtitle, "dim"),
        subtitle_align="left",
        border_style="red" if is_broken else "dim",
        box=box.ROUNDED,
    )


def _measured(arm: ArmFigures | None, stage: StageFigures | None) -> Text:
    if arm is None or stage is None:
        return Text("  nothing lately", "dim")
    return Text(f"  {arm.rate_per_minute:,.1f}/min, 99 % within {delay(stage.p99_seconds)}", "dim")


def _counter(declared: TouchpointMap, figures: MapFigures | None) -> Panel:
    lines = [Text("COUNTER", "bold", justify="center"), Text(f"{len(arm_pairs(declared))} links", justify="center")]
    if figures is not None:
        rate = sum(figures.rate(each.name) for each in declared.touchpoints)
        lines.append(Text(f"{rate:,.0f} events/min", "dim", justify="center"))
        refused = sum(refusal.count for refusal in figures.refusals)
        if refused:
            lines.append(Text(f"{refused:,} refused", "yellow", justify="center"))
    return Panel(Group(*lines), border_style="green", box=box.HEAVY)


def _legend() -> Text:
    return Text("live: within a second · soon: within a minute · daily: within a day", "dim")
