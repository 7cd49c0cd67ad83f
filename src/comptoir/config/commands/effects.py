"""``comptoir effects``: what a promotion changed, from a file with one row a person."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from comptoir.foundation.kernel.problem import Problem

if TYPE_CHECKING:
    from comptoir.office.experiments.contracts import Effects


class _Refused(click.ClickException):
    """A refusal as people read it, or for software as a problem; on standard error, so that the output stays empty."""

    exit_code = 2

    def __init__(self, problem: Problem, *, as_json: bool) -> None:
        super().__init__(" ".join(filter(None, (problem.title(), problem.detail))))
        self._members = problem.as_members() if as_json else None

    def show(self, file: Any = None) -> None:
        if self._members is None:
            super().show(file)
        else:
            click.echo(json.dumps(self._members), err=True)


class _Finite(click.ParamType[float]):
    """A number that is neither infinite nor none at all, nor less than 0."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and 0 <= number <= 1e9):
            self.fail(f"{value!r} is not a number between 0 and 1000000000", param, ctx)
        return number


_AMOUNT = _Finite()


@click.command(epilog="Example: comptoir effects results.csv --arm arm --control none --outcome revenue --json")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--arm", required=True, metavar="COLUMN", help="The column that says what somebody was assigned to.")
@click.option("--control", required=True, metavar="VALUE", help="What it says of those who got nothing.")
@click.option("--outcome", required=True, metavar="COLUMN", help="What is compared: 0 or 1, or a number.")
@click.option("--covariate", metavar="COLUMN", help="A number from before, such as last year's spending.")
@click.option("--cluster", metavar="COLUMN", help="What was assigned, where that was not a person: a shop, a town.")
@click.option("--by", metavar="COLUMN", help="Show the effects in groups of people too.")
@click.option("--person", metavar="COLUMN", help="The column that tells people apart; nobody may stand there twice.")
@click.option("--shares", metavar="ARM=SHARE,...", help="The planned shares of all arms, as weights. Else equal ones.")
@click.option("--cost-per-contact", type=_AMOUNT, help="What it cost for each person of an arm other than the control.")
@click.option("--margin", type=_AMOUNT, help="What is earned for each unit of the outcome: 0.3 of a revenue, say.")
@click.option(
    "--empty", type=click.Choice(["refuse", "zero", "leave_out"]), default="refuse", show_default=True,
    help="What an empty outcome or covariate is.",
)  # fmt: skip
@click.option("--every-look", is_flag=True, help="You look before the end: judge by the interval that allows it.")
@click.option(
    "--planned", type=click.IntRange(20, 5_000_000), default=1_000, show_default=True,
    help="With --every-look: units planned for the smaller arm, chosen before the first look.",
)  # fmt: skip
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Write the effects as an SVG.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def command(
    *, file: Path, shares: str | None, every_look: bool, picture: Path | None, as_json: bool, **asked: Any
) -> None:
    """Say what a promotion changed: a CSV, one row a person who was assigned by chance. Needs comptoir[effects].

    Everybody who was assigned has a row, reached or not. docs/effects.md says how it is computed, and how often it is
    right.
    """
    try:
        from comptoir.office.experiments import measuring
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing: pip install comptoir[effects]") from None
    from comptoir.office.experiments.contracts import Question

    if asked["cost_per_contact"] is not None and asked["margin"] is None:
        raise click.UsageError("--cost-per-contact says what was spent; --margin has to say what an outcome earns.")
    if picture is not None and picture.suffix.lower() != ".svg":
        # So that nobody's results are written over by their picture.
        raise click.UsageError(f"--picture is written as SVG, to a file that ends with .svg; {picture.name} does not.")
    try:
        question = Question(**asked, shares=_shares(shares), is_for_every_look=every_look)
        said = measuring.measure(file, question)
    except Problem as problem:
        raise _Refused(problem, as_json=as_json) from None
    if picture is not None:
        _draw(said, picture, outcome=question.outcome)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(said), allow_nan=False))
    else:
        _show(said, outcome=question.outcome)


def _shares(given: str | None) -> dict[str, float]:
    from comptoir.office.experiments.errors import SharesInvalid

    shares: dict[str, float] = {}
    for part in (given or "").split(",") if given is not None else ():
        name, equals, number = part.rpartition("=")
        try:
            share = float(number)
        except ValueError:
            share = math.nan
        if not equals or not name.strip() or not (math.isfinite(share) and share > 0) or name.strip() in shares:
            raise SharesInvalid(f"{part!r} is not an arm and its share, such as mail=9, once.", field="--shares")
        shares[name.strip()] = share
    return shares


def _draw(said: Effects, picture: Path, *, outcome: str) -> None:
    from comptoir.office.experiments import drawing

    try:
        picture.write_text(drawing.draw(said, outcome=outcome), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"--picture: {picture}: {error.strerror}.") from None


def _show(said: Effects, *, outcome: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from comptoir.office.experiments import telling

    console = Console()
    table = Table(title=f"{outcome} for each person, with 95 %", box=None, title_justify="left", pad_edge=False)
    for name in ("arm", "n", "mean", "effect", "low", "high", "p"):
        table.add_column(name, justify="left" if name == "arm" else "right", overflow="fold")
    table.add_row(Text(said.control.arm), f"{said.control.n:,}", telling.mean(said, said.control.mean))
    for arm in said.arms:
        figures = [telling.difference(said, each) for each in (arm.effect, arm.low, arm.high)]
        table.add_row(Text(arm.arm), f"{arm.n:,}", telling.mean(said, arm.mean), *figures, f"{arm.p_value:.4f}")
        for group in arm.groups:
            figures = [telling.difference(said, each) for each in (group.effect, group.low, group.high)]
            table.add_row(Text(f"  {group.group}"), f"{group.n:,}", "", *figures, f"{group.p_value:.4f}")
    console.print(table)
    console.print()
    console.print(Text(said.sentence), soft_wrap=True)
    for notice in said.notices:
        console.print(Text(f"- {notice.text}"), soft_wrap=True)
