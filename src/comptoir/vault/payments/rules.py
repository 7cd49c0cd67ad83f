"""Pure decisions: what may be asked for, what becomes of money that came, when something is asked again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import urlsplit

from comptoir.vault.payments.contracts import Asked
from comptoir.vault.payments.errors import PaymentInvalid

#: Eight digits, as providers take them.
AMOUNT_MAX: Final = 99_999_999
TITLE_CHARACTERS_MAX: Final = 200
URL_CHARACTERS_MAX: Final = 2_000
KEY_CHARACTERS_MAX: Final = 100
LANGUAGES: Final = ("en", "ja", "fr")
#: Hosted pages live from half an hour to a day.
EXPIRES_MIN: Final = dt.timedelta(minutes=30)
EXPIRES_MAX: Final = dt.timedelta(hours=24)
#: A page that is over within so little time is not given to anybody any more.
LEFT_MIN: Final = dt.timedelta(minutes=2)
ATTEMPTS_MAX: Final = 20
#: How old a signature may be, to either side.
SIGNED_WITHIN: Final = dt.timedelta(minutes=5)
#: What nobody can answer for so long is shown to staff.
SHOWN_AFTER: Final = dt.timedelta(hours=1)
#: A report for which nothing of ours is found by then is about somebody else's payment.
FOREIGN_AFTER: Final = dt.timedelta(days=7)
#: So long the process that begins a session has, before another one asks in its place.
OPENING: Final = dt.timedelta(seconds=30)

_LOOK_AGAIN: Final = tuple(dt.timedelta(minutes=each) for each in (2, 5, 10, 30, 60))
_ASK_AGAIN: Final = tuple(dt.timedelta(minutes=each) for each in (1, 2, 5, 15, 60))

#: What is found of money that came: ``offer`` it to whoever listens; anything else goes back whole.
Verdict = Literal["offer", "second", "short", "currency"]


def check(asked: Asked, *, now: dt.datetime) -> None:
    """Refuse what no provider could take. Raises :class:`PaymentInvalid` with the field."""
    if not 0 < asked.amount <= AMOUNT_MAX:
        raise PaymentInvalid(f"An amount is from 1 to {AMOUNT_MAX:,} minor units.", field="amount")
    if len(asked.currency) != 3 or not asked.currency.isascii() or not asked.currency.isupper():
        raise PaymentInvalid("A currency is three capital letters (ISO 4217).", field="currency")
    if not 0 < len(asked.title.strip()) <= TITLE_CHARACTERS_MAX:
        raise PaymentInvalid(f"A title has 1 to {TITLE_CHARACTERS_MAX} characters.", field="title")
    for field, url in (("return_url", asked.return_url), ("cancel_url", asked.cancel_url)):
        if not _is_page(url):
            raise PaymentInvalid("Not the full address of a page.", field=field)
    if not EXPIRES_MIN <= asked.expires_at - now <= EXPIRES_MAX:
        raise PaymentInvalid("A session is over after half an hour to a day.", field="expires_at")
    if asked.language not in LANGUAGES:
        raise PaymentInvalid(f"One of {', '.join(LANGUAGES)}.", field="language")


def judge(*, is_paid: bool, asked: tuple[int, str], came: tuple[int, str]) -> Verdict:
    """Say what is to become of money. ``is_paid``: another capture paid this purpose already."""
    if is_paid:
        return "second"
    if came[1] != asked[1]:
        return "currency"
    return "offer" if came[0] >= asked[0] else "short"


def going_back(*, captured: int, wanted: int, given_back: int, automatic: Sequence[int]) -> int:
    """Return how much of a capture has to go back by itself beside what does so already.

    ``given_back`` counts every refund that is not refused, ``automatic`` are those that were made by themselves before,
    refused ones too: what a provider refused is for staff, and is not tried again for ever.
    """
    return max(0, min(captured - wanted - sum(automatic), captured - given_back))


def look_again(*, tries: int, now: dt.datetime, expires_at: dt.datetime) -> dt.datetime:
    """Return when a session is looked at again: ever later, and in any case right after its end."""
    due = now + _LOOK_AGAIN[min(tries, len(_LOOK_AGAIN) - 1)]
    after = expires_at + dt.timedelta(seconds=30)
    return min(due, after) if now < after else due


def ask_again(*, tries: int, now: dt.datetime) -> dt.datetime:
    """Return when something that nobody could answer is asked again."""
    return now + _ASK_AGAIN[min(tries, len(_ASK_AGAIN) - 1)]


def _is_page(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return len(url) <= URL_CHARACTERS_MAX and parts.scheme in {"http", "https"} and bool(parts.hostname)
