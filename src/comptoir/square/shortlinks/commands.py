"""Writes of short links: staff make one, a reader follows one."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from typing import Final

from django.db import IntegrityError, connections, router, transaction

from comptoir.square.shortlinks import rules
from comptoir.square.shortlinks.models import ShortLink, ShortLinkDay

_TRIES: Final = 5
_VISIT: Final = """
insert into shortlinks_shortlinkday (code, day, visits) values (%(code)s, %(day)s, 1)
on conflict (code, day) do update set visits = shortlinks_shortlinkday.visits + 1
"""


def _code() -> str:
    return "".join(secrets.choice(rules.CODE_LETTERS) for _ in range(rules.CODE_CHARACTERS))


def make(link: rules.ShortLink, *, by: str, at: dt.datetime, code: Callable[[], str] = _code) -> str:
    """Make a short link and return its code. Raises :class:`ShortLinkInvalid`."""
    problem = rules.judge(link)
    if problem is not None:
        raise problem
    for _ in range(_TRIES):
        made = code()
        try:
            with transaction.atomic(using=router.db_for_write(ShortLink)):
                ShortLink.objects.create(
                    code=made, network=link.network, username=link.username, post=link.post, target=link.target,
                    made_at=at, made_by=by,
                )  # fmt: skip
        except IntegrityError:
            continue
        return made
    raise AssertionError("a code of 40 bits was taken again and again")


def follow(code: str, *, agent: str, at: dt.datetime) -> str | None:
    """Return where a short link leads and count the visit; ``None`` if there is none. ``agent`` is its User-Agent."""
    target = ShortLink.objects.filter(code=code).values_list("target", flat=True).first()
    if target is None:
        return None
    if not rules.is_a_machine(agent):
        with connections[router.db_for_write(ShortLinkDay)].cursor() as cursor:
            cursor.execute(_VISIT, {"code": code, "day": at.astimezone(dt.UTC).date()})
    return rules.address(target, code)
