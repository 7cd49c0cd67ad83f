"""Client processes: started, released together, waited for. What they do stands in ``spender.py`` and ``loader.py``."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_HERE = Path(__file__).parent
_PATIENCE_SECONDS = 180.0


class Heard(NamedTuple):
    """What a client was told about one event."""

    source: str
    id: str
    outcome: str
    is_repeated: bool


def race(tasks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Start a process for each task, let go of all of them at once, and return what each was told."""
    spenders = [
        subprocess.Popen(
            [sys.executable, str(_HERE / "spender.py"), json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for task in tasks
    ]
    try:
        for spender in spenders:
            assert spender.stdout is not None
            assert spender.stdout.readline() == "ready\n"
        for spender in spenders:
            assert spender.stdin is not None
            spender.stdin.write("go\n")
            spender.stdin.flush()
        return [spender.communicate(timeout=_PATIENCE_SECONDS)[0].strip() for spender in spenders]
    finally:
        for spender in spenders:
            spender.kill()
            spender.wait()
            for pipe in (spender.stdin, spender.stdout):
                assert pipe is not None
                pipe.close()


@contextlib.contextmanager
def loading(tasks: Sequence[Mapping[str, Any]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Have a loader process for each task; on leaving the block, each has to have come to its end by itself."""
    loaders = [subprocess.Popen([sys.executable, str(_HERE / "loader.py"), json.dumps(task)]) for task in tasks]
    try:
        yield loaders
        for loader in loaders:
            assert loader.wait(_PATIENCE_SECONDS) == 0, "a client has given up"
    finally:
        for loader in loaders:
            loader.kill()
            loader.wait()


def heard(out: Path) -> list[Heard]:
    """Return what a loader wrote down."""
    return [Heard(*json.loads(line)) for line in out.read_text(encoding="utf-8").splitlines()]
