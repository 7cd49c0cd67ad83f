"""A part of the house in its own process: ``python -m comptoir.config.part MODULE ...`` runs a module.

It ends with the house: if the process that started it is killed, the part gets a SIGTERM, so that nothing of a house
is left behind (Linux; elsewhere it goes on). Not here: which parts there are (``serving.py``).
"""

from __future__ import annotations

import ctypes
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run the module that the first argument names, with the arguments that follow."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
