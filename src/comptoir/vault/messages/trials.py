"""Tests that staff send to themselves: a template as a test person would get it, to the address they sign in with.

Nobody but whoever asked gets it, and it stands in no campaign: its link says that it was a test.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

from allauth.account.models import EmailAddress
from django.db import transaction

from comptoir.counter.messages import footing, leaving, queries, testing
from comptoir.counter.messages.contracts import TemplateText
from comptoir.counter.messages.errors import TemplateFailed
from comptoir.counter.messages.models import Trial
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.contacts.contracts import Hidden
from comptoir.vault.credentials.models import Kind, User
from comptoir.vault.messages.contracts import Ready, Result
from comptoir.vault.messages.mail import MailPort
from comptoir.vault.messages.ports import PortAway

#: What nobody could send for so long is not sent any more: whoever asked has looked elsewhere.
_WAITS: Final = dt.timedelta(hours=1)
_PORTION: Final = 20


def send_trials(*, now: dt.datetime) -> int:
    """Send the tests that were asked for; returns how many went out. One that fails says so and is not repeated."""
    sent = 0
    with entered(VAULT):
        waiting = list(Trial.objects.filter(outcome="", asked_at__gt=now - _WAITS).order_by("asked_at")[:_PORTION])
        port = MailPort()
        for each in waiting:
            with transaction.atomic(using=VAULT.name):
                # Written down first: whatever dies in between sends no second one.
                if not Trial.objects.filter(id=each.id, outcome="").update(outcome="attempted"):
                    continue
            result = _send(each, port)
            Trial.objects.filter(id=each.id).update(outcome=result.fate if result.fate != "again" else "refused")
            sent += result.fate == "accepted"
        port.close()
    return sent


def _send(each: Trial, port: MailPort) -> Result:
    address = _address(each.staff)
    if address is None:
        return Result("unreachable")
    try:
        ready = _made(each, address)
        port.open()
    except TemplateFailed:
        return Result("refused", "template")
    except PortAway:
        return Result("again")
    return port.send(ready)


def _address(staff: uuid.UUID) -> Hidden[str] | None:
    if not User.objects.filter(id=staff, kind=Kind.STAFF, is_active=True).exists():
        return None
    found = EmailAddress.objects.filter(user_id=staff).order_by("-primary").first()
    return None if found is None else Hidden(found.email)


def _made(each: Trial, address: Hidden[str]) -> Ready:
    version = queries.template(each.template, each.version)
    text: TemplateText = version.texts[each.language]
    rendered = testing.preview(
        text, person=testing.PERSONS[each.person], language=each.language, shop=house.shop_title(),
        values={**version.examples, **each.values},
    )  # fmt: skip
    below = {"because": "", "since": None, "language": each.language, "message_class": "marketing"}
    url = leaving.leave_url(each.id)
    whole = footing.with_footing(rendered, **below, url=url)  # type: ignore[arg-type]
    return Ready(
        decision=each.id, key=each.id, tries=0, is_service=False, to=address,
        subject=f"[{version.template} {version.version}] {whole.subject or version.template}",
        text=whole.text, html=whole.html, url=url,
    )  # fmt: skip
