"""``comptoir serve``: open the shop, or one room of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from types import FrameType

import click

from comptoir.config.serving import DEFAULT_GATEWAY_PORT, DEFAULT_PORT, NAMES, House, HouseFell
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import VAULT

_PREPARE = "from comptoir.config.equipping import {function}; {function}(print)"


@click.command()
@click.option("--room", "names", multiple=True, type=click.Choice(NAMES), help="Run only this part; may be repeated.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port of the pages.")
@click.option("--gateway-port", default=DEFAULT_GATEWAY_PORT, show_default=True, help="Port of the gateway.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
def command(*, names: tuple[str, ...], port: int, gateway_port: int, host: str) -> None:
    r"""Open the shop: gateway, pages and worker, on top of the database. Ends with Ctrl-C.

    Without --room the whole house runs, and its database is brought up to date first. With --room one part runs by
    itself, on a database that `comptoir migrate` has prepared: each in a process, and under an operating-system
    user, of its own.

    \b
    Examples:
      comptoir serve
      comptoir serve --room vault --port 8003
    """
    end = threading.Event()

    def leave(_signal: int, _frame: FrameType | None) -> None:
        end.set()

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    house = House(names, port=port, gateway_port=gateway_port, host=host, report=click.echo)
    with database.server():
        if not names:
            _prepare("prepare_house")
        elif VAULT.name in names:
            _prepare("say_vault")
        try:
            house.start()
            house.wait_healthy()
            for words, address in house.addresses():
                click.echo(f"{words + ':':22} {address}")
            house.run_until(end)
        except HouseFell as error:
            raise click.ClickException(str(error)) from None
        finally:
            house.stop()


def _prepare(function: str) -> None:
    # In a process of its own: the one that stays needs no Django.
    program = _PREPARE.format(function=function)
    subprocess.run([sys.executable, "-c", program], check=True, start_new_session=True)  # noqa: S603
