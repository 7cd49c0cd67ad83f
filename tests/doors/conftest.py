"""What the tests of the pages share: the pages as a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.gateway import Gateway
from support.pages import Pages, running_pages


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    """Have the pages of every room in front of the gateway's shop. Ask for it before ``page``: streams end first."""
    with running_pages(tmp_path, gateway) as running:
        yield running
