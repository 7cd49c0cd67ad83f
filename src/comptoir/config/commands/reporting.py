"""Reports of what was not taken, as CSV: every cell is harmless to a spreadsheet. Not here: what was refused."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from comptoir.foundation.kernel.codec import harmless


def write_rows(path: Path, heading: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a heading and rows; what is no text (a line's number) stays what it is."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for row in itertools.chain([heading], rows):
            writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row])
