"""The static files of the packages, under every room's own origin: as a whole, and compressed for whoever takes that.

They lie in the packages, where nothing may be written, so what WhiteNoise would look for beside a file is made when it
is first asked for, and kept. No static file holds anything of anybody, so its compressed length may tell what is in it.
"""

from __future__ import annotations

import functools
import gzip
import re
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware

#: What is compressed already, such as a picture, is not worth it.
_TEXTS: Final = re.compile(r"(?:text/|application/(?:javascript|json|manifest\+json)|image/svg\+xml)")
_TAKES_GZIP: Final = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")
_KEPT_MAX: Final = 256
_WORTH_BYTES_MIN: Final = 500


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves the static files of the packages under every room's own origin."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """Return a file as a whole: the house's files are small, and an ASGI server wants no blocking iterator."""
        asked = dict(request.META)
        if known := asked.get("HTTP_IF_NONE_MATCH"):
            # What was sent compressed has a weak tag, since its bytes are others. It names the same file.
            asked["HTTP_IF_NONE_MATCH"] = known.removeprefix("W/")
        answer = static_file.get_response(request.method, asked)
        content = b""
        if answer.file is not None:
            with answer.file as file:
                content = file.read()
        response = HttpResponse(content, status=int(answer.status))
        del response.headers["Content-Type"]
        for name, value in answer.headers:
            response.headers[name] = value
        response.is_static = True  # type: ignore[attr-defined]
        if _TEXTS.match(response.headers.get("Content-Type", "")):
            response.headers["Vary"] = "Accept-Encoding"
            is_whole = answer.status == HTTPStatus.OK and len(content) >= _WORTH_BYTES_MIN
            if is_whole and _TAKES_GZIP.search(asked.get("HTTP_ACCEPT_ENCODING", "")):
                response.content = _compressed(content)
                response.headers["Content-Encoding"] = "gzip"
                response.headers["Content-Length"] = str(len(response.content))
                response.headers["ETag"] = f"W/{response.headers['ETag']}"
        return response


@functools.lru_cache(maxsize=_KEPT_MAX)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
