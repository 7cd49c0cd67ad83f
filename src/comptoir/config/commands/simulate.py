"""``comptoir simulate``: what nobody can wait for, in a simulation from a seed: leases, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

SIZES = (0, 50, 100, 200, 400)


@click.group()
def command() -> None:
    """Simulate tills that are cut off, crash and get lost, and count what comes of it."""


@command.command("leases", epilog="Example: comptoir simulate leases --seed 7 --runs 40")
@click.option(
    "--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="The same seed, the same run."
)
@click.option(
    "--runs", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many runs for each size."
)
@click.option("--days", type=click.IntRange(1, 365), default=28, show_default=True, help="How long each of them lasts.")
@click.option(
    "--size", "sizes", type=click.IntRange(0, 10_000), multiple=True, help="Points of a lease; several may be given."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def leases(ctx: click.Context, *, seed: int, runs: int, days: int, sizes: tuple[int, ...], as_json: bool) -> None:
    """Prove that leased points are never overspent, and say what that costs in refusals.

    Four tills and twelve customers, on the ledger's own rules, without a database. Ends with 1 if
    anything was overspent.
    """
    from comptoir.config.simulating import Settings, simulate

    console = Console(stderr=True)
    results = [
        simulate(Settings(lease_points=size, days=days), seed=seed, runs=runs)
        for size in track(sizes or SIZES, description="Simulating", console=console, disable=as_json, transient=True)
    ]
    if as_json:
        said = [{**msgspec.to_builtins(each), "refused_share": round(each.refused_share, 4)} for each in results]
        click.echo(msgspec.json.encode({"seed": seed, "runs": runs, "days": days, "sizes": said}).decode())
    else:
        title = f"{runs} runs of {days} days for each size, seed {seed}"
        of_leases = [
            (each.lease_points, each.leased, each.renewed, each.returned, each.lost_tills, each.written_off)
            for each in results
        ]
        of_redemptions = [
            (each.lease_points, each.wanted, each.wanted_cut_off, each.redeemed_cut_off, each.refused_cut_off,
             each.refused_leased, f"{each.refused_share:.1%}", each.overspent)
            for each in results
        ]  # fmt: skip
        Console().print(_table(
            f"Leases, {title}", ("lease", "granted", "renewed", "given\nback", "lost\ntills", "written\noff"),
            of_leases,
        ))  # fmt: skip
        Console().print(_table(
            f"Redemptions, {title}",
            ("lease", "asked", "cut off", "served\ncut off", "refused\ncut off", "leased\nelsewhere", "refused\nin all",
             "over-\nspent"),
            of_redemptions,
        ))  # fmt: skip
    ctx.exit(1 if any(each.overspent for each in results) else 0)


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[int | str]]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*(each if isinstance(each, str) else f"{each:,}" for each in row))
    return table
