"""What a terminal shows while events are written, read or sent: bars on standard error, a summary at the end.

Standard output is kept for what another program reads. Where standard error is no terminal, a line now and then
takes the place of the bars. Not here: the work itself.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Iterable, Iterator
from typing import Self, TypeVar

import rich.console
import rich.progress
import rich.table

from comptoir.config.replaying.sending import Tally

T = TypeVar("T")

_LINE_EVERY_SECONDS = 10.0


def console() -> rich.console.Console:
    """Return the console for people: standard error, without colours where that is a file."""
    return rich.console.Console(stderr=True, highlight=False)


class Bar:
    """One piece of long work. Use it as a context manager and tell it how far the work is."""

    def __init__(self, title: str, *, total: int | None, output: rich.console.Console | None = None) -> None:
        """Prepare a bar for ``total`` steps; ``None`` where nobody knows how many there are."""
        self._title = title
        self._output = output or console()
        # Where nobody knows the end, a bar says nothing.
        bar = [rich.progress.BarColumn(24), rich.progress.TaskProgressColumn()] if total is not None else []
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            *bar,
            rich.progress.TextColumn("{task.fields[note]}"),
            console=self._output,
            disable=not self._output.is_terminal,
        )
        self._task = self._bars.add_task(title, total=total, note="")
        self._said_at = time.monotonic()

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._bars.stop()

    def at(self, count: int, note: str = "") -> None:
        """Say that ``count`` steps are done, with a few words beside the bar."""
        self._bars.update(self._task, completed=count, note=note or f"{count:,}")
        if not self._output.is_terminal and time.monotonic() - self._said_at > _LINE_EVERY_SECONDS:
            self._said_at = time.monotonic()
            self._output.print(f"{self._title}: {note or f'{count:,}'}")

    def counted(self, items: Iterable[T], *, every: int = 500) -> Iterator[T]:
        """Pass the items on, and count them on the bar."""
        count = 0
        for item in items:
            yield item
            count += 1
            if count % every == 0:
                self.at(count)
        self.at(count)


class SendingBar:
    """A bar for a sender: how many events, up to which day, how fast, and what it waits for."""

    def __init__(self, bar: Bar, start: dt.datetime | None) -> None:
        """Show on ``bar``, which goes by recorded seconds after ``start``, or else by events."""
        self._bar = bar
        self._start = start
        self._done = 0

    def sent(self, tally: Tally, at: dt.datetime) -> None:
        """Show the count, the recorded time, the speed and the refusals."""
        count = tally.skipped + tally.events
        self._done = count if self._start is None else int((at - self._start).total_seconds())
        refused = f", {tally.refused_total:,} refused" if tally.refused_total else ""
        self._bar.at(self._done, f"{at:%Y-%m-%d %H:%M}, {count:,} events, {tally.events_per_second:,.0f}/s{refused}")

    def waiting(self, reason: str, seconds: float) -> None:
        """Show why nothing moves, and when the sender tries again."""
        self._bar.at(self._done, f"[yellow]{reason}; again in {seconds:.1f} s[/]")


@contextlib.contextmanager
def sending_bar(
    title: str, total: int | None = None, *, span: tuple[dt.datetime, dt.datetime] | None = None
) -> Iterator[SendingBar]:
    """Show a bar for a sender while the block runs.

    The bar goes by the ``total`` of events, or by recorded time within ``span``, whichever is known.
    """
    start = None
    if span is not None:
        start, total = span[0], int((span[1] - span[0]).total_seconds())
    with Bar(title, total=total) as bar:
        yield SendingBar(bar, start)


def summary(tally: Tally) -> rich.table.Table:
    """Return what became of the events as a table: the counts, and every reason of a refusal with an example."""
    table = rich.table.Table(show_header=False, box=None, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{tally.events:,}", f"events in {tally.seconds:.1f} s, {tally.events_per_second:,.0f} a second")
    table.add_row(f"{tally.accepted:,}", "accepted")
    table.add_row(f"{tally.duplicates:,}", "known already, answered with the first outcome")
    table.add_row(f"{tally.refused_total:,}", "refused")
    for reason, count in tally.refused.most_common():
        example = tally.examples[reason][0]
        where = f" at {example.field}" if example.field else ""
        table.add_row(f"{count:,}", f"  {reason}: {example.id}{where}: {example.detail}")
    if tally.skipped:
        table.add_row(f"{tally.skipped:,}", "skipped, since a bookmark says they were answered")
    if tally.retries:
        table.add_row(f"{tally.retries:,}", "times a request was sent again")
    return table
