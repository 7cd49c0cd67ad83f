"""Reports for people with a spreadsheet: cells that no spreadsheet takes for a formula.

Not here: what is reported.
"""

from __future__ import annotations

from typing import Final

#: What makes a spreadsheet compute a cell (OWASP, "CSV Injection"), with the full-width forms of the same signs.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\0", "＝", "＋", "－", "＠")


def harmless(cell: str) -> str:
    """Return the cell with an apostrophe before it where a spreadsheet would compute it."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
