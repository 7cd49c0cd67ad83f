"""The secret of a page's forms, masked, as Django's own protection against forged requests takes it.

Django makes each mask of thirty-two chosen characters and sends its cookie again with every page; together that takes
a tenth of a page that is there already. Not here: checking what a form brings back, which Django does.
"""

from __future__ import annotations

import secrets
from typing import Final

from django.http import HttpRequest
from django.middleware.csrf import CSRF_ALLOWED_CHARS, CSRF_SECRET_LENGTH, get_token

_OF: Final = len(CSRF_ALLOWED_CHARS)
#: Bytes below this are as likely to be one character as another.
_EVEN: Final = 256 // _OF * _OF
_PLACE: Final = {character: place for place, character in enumerate(CSRF_ALLOWED_CHARS)}
_CHARACTERS: Final = CSRF_ALLOWED_CHARS * 2


def secret_for(request: HttpRequest) -> str:
    """Return the secret for the forms of this page, under a mask that no other page has.

    A browser without the cookie is given one; whoever has it keeps it until a page with a form of Django's renews it.
    """
    secret: str | None = request.META.get("CSRF_COOKIE")
    mask = [byte % _OF for byte in secrets.token_bytes(3 * CSRF_SECRET_LENGTH) if byte < _EVEN][:CSRF_SECRET_LENGTH]
    if secret is None or not len(secret) == len(mask) == CSRF_SECRET_LENGTH:
        return get_token(request)
    masked = [_CHARACTERS[_PLACE[character] + place] for character, place in zip(secret, mask, strict=True)]
    return "".join([_CHARACTERS[place] for place in mask] + masked)
