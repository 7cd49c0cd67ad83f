"""What ``bench shop`` is compared with: django-oscar, as it comes, in an environment and a database of its own.

Its environment is made anew from ``requirements/oscar.txt``; nothing of it is a dependency. Its files lie in
``benchmarks/oscar_shop`` of the project's tree. Not here: what is asked of it (``shop.py``).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from comptoir.config.benching import asking, stage
from comptoir.config.benching.asking import Server
from comptoir.foundation.kernel import codec, database, embedded, shop

_TREE: Final = Path(__file__).parents[4]
_FILES: Final = _TREE / "benchmarks" / "oscar_shop"
_REQUIREMENTS: Final = _TREE / "requirements" / "oscar.txt"
_DATABASE: Final = "oscar"
_THREADS: Final = 4


class Filled(msgspec.Struct, frozen=True):
    """Where things are: addresses of products and categories by their number, keys of products, numbers of baskets."""

    products: dict[str, str]
    keys: dict[str, int]
    categories: dict[str, str]
    baskets: list[int]


class Oscar(msgspec.Struct, frozen=True):
    """A running shop, and where what was put into it is."""

    server: Server
    filled: Filled


@contextlib.contextmanager
def running(say: stage.Say, said: Mapping[str, Any]) -> Iterator[Oscar]:
    """Have the shop with this catalog served, by as many processes as the house. Needs the project's own tree."""
    say("the reference: making an environment for django-oscar")
    python = _environment()
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        connection.execute(f"create database {_DATABASE}")
    environment = {
        "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(_FILES), "OSCAR_DATABASE": _DATABASE,
        "OSCAR_HOST": str(embedded.socket_folder()), "OSCAR_USER": embedded.SUPERUSER, "PYTHONWARNINGS": "ignore",
        "OSCAR_MEDIA": str(shop.folder() / "media"),
    }  # fmt: skip
    everything = {**os.environ, **environment}
    say("the reference: putting the catalog in")
    subprocess.run([python, "-m", "django", "migrate", "-v0"], env=everything, check=True)  # noqa: S603 - ours
    listed = shop.folder() / "oscar.json"
    listed.write_bytes(codec.encode(said))
    told = subprocess.run(  # noqa: S603 - ours
        [python, str(_FILES / "filling.py"), str(listed)], env=everything, check=True, stdout=subprocess.PIPE
    ).stdout
    filled = msgspec.json.decode(told, type=Filled)
    stage.settle(_DATABASE)
    port = stage.free_port()
    command = [
        *(python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(asking.WORKERS)),
        *("--threads", str(_THREADS), "--timeout", "600", "django.core.wsgi:get_wsgi_application()"),
    ]
    say("the reference: opening it")
    with asking.running(command, port, environment, first=next(iter(filled.products.values()))) as server:
        yield Oscar(server, filled)


def _environment() -> str:
    if not _REQUIREMENTS.exists():
        raise SystemExit("bench shop makes its reference from requirements/oscar.txt: run it in the project's tree.")
    folder = shop.folder() / "oscar"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)  # noqa: S603 - ours
    python = folder / "bin" / "python"
    subprocess.run(  # noqa: S603 - ours
        [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, _REQUIREMENTS], check=True
    )
    return str(python)
