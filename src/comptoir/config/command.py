"""The command ``comptoir``: a few verbs, each in a module of its own, loaded when it is called.

Not here: what a verb does (``config/commands/``).
"""

from __future__ import annotations

import importlib

import click

#: The verbs in the order in which a shop meets them.
VERBS = (
    "demo",
    "serve",
    "migrate",
    "staff",
    "device",
    "import",
    "replay",
    "map",
    "vault",
    "doctor",
    "audit",
    "rights",
    "terms",
    "catalog",
    "stock",
    "community",
    "rebuild",
    "backup",
    "restore",
    "bench",
    "simulate",
    "effects",
    "segments",
    "messages",
    "recommendations",
)  # fmt: skip


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        # A verb that is a word of the language cannot name a module.
        module = importlib.import_module(f"comptoir.config.commands.{cmd_name.replace('import', 'importing')}")
        command = module.command
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="comptoir")
def main() -> None:
    """One counter for every channel."""
