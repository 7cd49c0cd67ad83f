"""``comptoir messages``: send what is due, hear what came back, print the secret of whoever brings answers."""

from __future__ import annotations

import collections
import sys
from pathlib import Path

import click

from comptoir.foundation.kernel import codec, database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.commands import set_up_django


@click.group()
def command() -> None:
    r"""Send what is due, and hear what came back. The worker sends by itself; see docs/messages.md.

    \b
    Examples:
      comptoir messages send
      comptoir messages bounces - < returned.eml
      comptoir messages bounces - --to bounces+ff6k...@shop.example < returned.eml
      comptoir messages bounces Maildir/ old.mbox --json
      comptoir messages secret
    """


@command.command()
def send() -> None:
    """Send everything that is due now, by every channel, and end."""
    with database.server():
        set_up_django()
        from comptoir.vault.messages.sending import CONNECTIONS, Sender

        for channel in CONNECTIONS:
            print(f"{channel}: {Sender(channel).run(until_idle=True):,} answered for")


@command.command()
@click.argument("places", nargs=-1, required=True)
@click.option("--to", default="", help="The address to which they were brought, where a mail server knows it.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def bounces(*, places: tuple[str, ...], to: str, as_json: bool) -> None:
    """Read mails that came back: files, mboxes, Maildirs, or - for one on the standard input."""
    with database.server():
        set_up_django()
        from comptoir.vault.messages import bounces as returned

        counts: collections.Counter[str] = collections.Counter()
        for place in places:
            mails = [sys.stdin.buffer.read(returned.BYTES_MAX)] if place == "-" else returned.mails_in(Path(place))
            for raw in mails:
                counts[returned.take(raw, at=SYSTEM_CLOCK.now(), to=to)] += 1
    if as_json:
        click.echo(codec.encode(dict(counts)))
    else:
        print(", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items())) or "nothing")


@command.command()
def secret() -> None:
    """Print what the provider of text messages puts into the address to which it brings answers."""
    set_up_django()
    from comptoir.vault.messages.texts import answer_secret

    print(answer_secret())
