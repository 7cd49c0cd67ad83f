"""What the pages say when something goes wrong: enough to mend it, and nothing about anybody."""

from __future__ import annotations

import logging
import logging.config

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import ResolverMatch
from django.utils.log import log_response

from comptoir.foundation.rooms.commands import set_up_django

set_up_django()


def _find(address: str) -> None:
    raise ValueError(address)


def _fail(address: str) -> None:
    try:
        _find(address)
    except ValueError as error:
        raise RuntimeError(f"no {address}") from error


def test_an_error_is_told_with_its_place_and_without_values(capsys: pytest.CaptureFixture[str]) -> None:
    # A handler keeps the standard error of the moment at which it was made.
    logging.config.dictConfig(settings.LOGGING)
    request = RequestFactory().post("/card/secret-token", {"name": "Camille"})
    request.resolver_match = ResolverMatch(_fail, (), {}, route="card/<str:token>")
    try:
        _fail("alice" + "@shop.example")
    except RuntimeError as error:
        words = ("%s: %s", "Internal Server Error", request.path)
        log_response(*words, response=HttpResponse(status=500), request=request, exception=error)
    told = capsys.readouterr().err
    assert "ERROR django.request: 500 POST " in told
    assert "in _find\n    raise ValueError(address)\nbuiltins.ValueError\n" in told
    assert told.endswith("builtins.RuntimeError\n")
    for value in ("alice@", "Camille", "secret-token"):
        assert value not in told


def test_a_refusal_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(settings.LOGGING)
    request = RequestFactory().get("/nowhere")
    log_response("%s: %s", "Not Found", request.path, response=HttpResponse(status=404), request=request)
    assert capsys.readouterr().err == ""
