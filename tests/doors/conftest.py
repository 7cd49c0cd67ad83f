"""What the tests of the pages share: the pages as a process, and the returns desk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from support.gateway import Gateway
from support.pages import Pages, running_pages
from support.shop import Shop


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    """Have the pages of every room in front of the gateway's shop. Ask for it before ``page``: streams end first."""
    with running_pages(tmp_path, gateway) as running:
        yield running


@pytest.fixture
def desk(shop: Shop, gateway: Gateway) -> Iterator[Client]:
    """Have somebody at the returns desk."""
    from support.returning import running_desk

    with running_desk(gateway) as client:
        yield client
