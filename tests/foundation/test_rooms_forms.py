"""The masked secret of a page's forms is one that Django takes, each time another, and only with its own cookie."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import SQUARE

set_up_django()  # before what reads the settings

# ruff: noqa: E402
from django.middleware.csrf import CsrfViewMiddleware

from comptoir.foundation.rooms.forms import secret_for

_SECRET = "".join(chr(ord("a") + number % 26) for number in range(30)) + "Z9"
_MIDDLEWARE = CsrfViewMiddleware(lambda _request: HttpResponse())


def _shown(cookie: str | None) -> tuple[str, HttpResponseBase]:
    request = RequestFactory().get("/")
    if cookie is not None:
        request.COOKIES[settings.CSRF_COOKIE_NAME] = cookie
    _MIDDLEWARE.process_request(request)
    secret = secret_for(request)
    return secret, _MIDDLEWARE.process_response(request, HttpResponse())


def _is_taken(secret: str, cookie: str) -> bool:
    request = RequestFactory(enforce_csrf_checks=True).post("/", {"csrfmiddlewaretoken": secret})
    request.COOKIES[settings.CSRF_COOKIE_NAME] = cookie
    request.room = SQUARE  # type: ignore[attr-defined]
    _MIDDLEWARE.process_request(request)
    return _MIDDLEWARE.process_view(request, lambda _request: HttpResponse(), (), {}) is None


def test_a_secret_is_taken_with_its_own_cookie_only() -> None:
    shown = [_shown(_SECRET)[0] for _number in range(200)]
    assert len(set(shown)) == 200, "each page has a mask of its own"
    assert all(len(each) == 64 and each.isalnum() for each in shown)
    assert all(_is_taken(each, _SECRET) for each in shown)
    assert not any(_is_taken(each, _SECRET[::-1]) for each in shown)
    assert len({each[0] for each in shown}) > 40, "every character is as likely as another"


def test_only_a_browser_without_the_cookie_is_given_one() -> None:
    _secret, response = _shown(_SECRET)
    assert not response.cookies
    secret, response = _shown(None)
    given = response.cookies[settings.CSRF_COOKIE_NAME].value
    assert _is_taken(secret, given)


@pytest.mark.parametrize("cookie", ["", "short", "x" * 31, "!" * 32, "é" * 32])
def test_a_cookie_that_is_none_is_replaced(cookie: str) -> None:
    secret, response = _shown(cookie)
    given = response.cookies[settings.CSRF_COOKIE_NAME].value
    assert given != cookie
    assert _is_taken(secret, given)
