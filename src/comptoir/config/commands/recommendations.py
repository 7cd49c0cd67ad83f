"""``comptoir recommendations``: what goes with what, made anew out of what was bought."""

from __future__ import annotations

import json
import sys

import click


@click.group(epilog="Example: comptoir recommendations make")
def command() -> None:
    """Make what goes with what anew."""


@command.command(epilog="Example: comptoir recommendations make --json")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def make(*, as_json: bool) -> None:
    """Count which products the same people bought in the last year. The worker does it each night by itself.

    Counted are those alone who allow the shop to count what they buy, and kept are sums over at least five people.
    """
    from comptoir.config import recommending
    from comptoir.config.replaying import progress
    from comptoir.foundation.kernel import database

    output = progress.console()
    with database.server(), output.status("Counting what goes with what"):
        made = recommending.make()
    output.print(
        f"{made.pairs:,} pairs of {made.products:,} products, out of {made.baskets:,} baskets of {made.people:,} people"
        f". {made.left_out:,} people do not allow to be counted."
    )
    if as_json:
        sys.stdout.write(json.dumps(recommending.as_printed(made)) + "\n")
