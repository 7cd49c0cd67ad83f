"""What mail providers call a message that did not arrive, one small table for each: is its address dead, or why not.

django-anymail tells hard bounces from soft ones for hardly any of them, so their own words are read. What a table does
not name, and a provider without a table, blocks nobody for good: a mail that came back is ``given_up``, one that the
provider itself passed on to nobody ``held_back``. A word that means a dead address is not believed where the server's
answer beside it says that the mailbox is full, or that it takes nothing from this shop. Not here: who is believed, and
what follows (``webhooks.py``, ``reporting.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from comptoir.vault.messages import statuses

#: ``hard``: no such address. ``answer``: it is for the server's answer to say. ``full``: the mailbox is. ``soft``: it
#: was tried for a while, or nobody knows. ``refused``: the other server wants nothing of this shop, or not this one.
#: ``held``: the provider passed it on to nobody.
Meaning = Literal["hard", "answer", "full", "soft", "refused", "held"]
Table = Mapping[str, Meaning]
_WHY: Final[Mapping[Meaning, str]] = {"full": "mailbox_full", "refused": "not_taken", "held": "held_back"}
_LOST: Final = frozenset({"bounced", "rejected", "failed"})


def why_lost(provider: str, event: Any) -> str | None:
    """Return why a message did not arrive by a provider's report; nothing if its address is dead, ``None`` if it did.

    ``event`` is one of django-anymail's, with what the provider wrote in ``esp_event``.
    """
    kind = str(event.event_type)
    if kind not in _LOST:
        return None
    word, table = _read(provider, event)
    meaning = table.get(word) or ("soft" if kind == "bounced" else "held")
    answer = _text(event.mta_response) or _text(event.description)
    if meaning in _WHY:
        return _WHY[meaning]
    if meaning == "hard" or (meaning == "answer" and statuses.is_dead(answer)):
        return statuses.why_of_answer(answer)
    return statuses.why_of_answer(answer) or "given_up"


def _read(provider: str, event: Any) -> tuple[str, Table]:
    """Return the provider's own word and the table in which it stands; of others anymail's word."""
    if provider not in _PROVIDERS:
        return _text(event.reject_reason), _OTHERS
    word_of, table = _PROVIDERS[provider]
    try:
        return word_of(event.esp_event).lower(), table
    except (AttributeError, KeyError, TypeError, ValueError):
        return "", table


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# -- by their own words, in small letters -----------------------------------------------------------------------------


def _ses(said: Any) -> str:
    bounce = said.get("bounce") or {}
    return f"{bounce['bounceType']}/{bounce['bounceSubType']}"


#: docs.aws.amazon.com/ses: bounce types. What is on a list of those suppressed may have complained, or only be full.
_SES: Final[Table] = {
    "permanent/general": "hard", "permanent/noemail": "hard", "permanent/suppressed": "held",
    "permanent/onaccountsuppressionlist": "held", "permanent/unsubscribedrecipient": "held",
    "transient/mailboxfull": "full", "transient/messagetoolarge": "refused", "transient/contentrejected": "refused",
    "transient/attachmentrejected": "refused",
}  # fmt: skip


def _brevo(said: Any) -> str:
    return str(said["event"])


_BREVO: Final[Table] = {"hard_bounce": "hard", "invalid_email": "hard", "soft_bounce": "soft", "blocked": "held"}


def _mailersend(said: Any) -> str:
    return str(said["data"]["type"])


def _mailgun(said: Any) -> str:
    if "event-data" not in said:
        return f"form/{said.get('event')}"  # as before 2018; not said whether it was tried for days
    return str(said["event-data"]["reason"])


def _mailjet(said: Any) -> str:
    word = str(said.get("error", ""))
    return word if said.get("hard_bounce") is True or _MAILJET.get(word) != "hard" else "not hard"


#: dev.mailjet.com: webhooks. What is ``blocked`` was not sent, whatever it says of an earlier one.
_MAILJET: Final[Table] = {
    "user unknown": "hard", "mailbox inactive": "hard", "invalid domain": "hard", "no mail host": "hard",
    "typofix": "hard", "quota exceeded": "full", "relay/access denied": "refused", "sender blocked": "refused",
    "content blocked": "refused", "policy issue": "refused", "spam reporter": "refused",
    "blacklisted": "refused", "preblocked": "held", "duplicate in campaign": "held",
}  # fmt: skip


def _mailtrap(said: Any) -> str:
    # A bounce is a hard one here; its category, where there is one, says of what.
    category = str(said.get("bounce_category") or "none")
    return f"{said['event']}/{category.replace('-', '').replace('_', '').replace(' ', '')}"


_MAILTRAP: Final[Table] = {
    "bounce/none": "hard", "bounce/badmailbox": "hard", "bounce/inactivemailbox": "hard", "bounce/baddomain": "hard",
    "bounce/quotaissues": "full", "bounce/spamrelated": "refused", "bounce/policyrelated": "refused",
    "bounce/contentrelated": "refused", "bounce/spamblock": "refused", "bounce/spamcontent": "refused",
}  # fmt: skip


def _mandrill(said: Any) -> str:
    word = str(said.get("event") or said["type"])
    return "full" if said.get("msg", {}).get("bounce_description") == "mailbox_full" else word


def _postal(said: Any) -> str:
    return str(said["payload"].get("status") or said["event"])


def _postmark(said: Any) -> str:
    return str(said.get("Type") or said["SuppressionReason"])


_POSTMARK: Final[Table] = {
    "hardbounce": "hard", "bademailaddress": "hard", "softbounce": "soft", "blocked": "refused",
    "virusnotification": "refused", "dmarcpolicy": "refused",
}  # fmt: skip


def _resend(said: Any) -> str:
    bounce = said["data"]["bounce"]
    told = str(bounce.get("message", "")).lower()
    if "inbox was full" in told:
        return "full"
    if "suppress" in told:
        return "suppressed"
    if "type" in bounce:
        return f"{bounce['type']}/{bounce.get('subType', 'General')}"
    return "hard" if "sent a hard bounce" in told else "general"


def _sendgrid(said: Any) -> str:
    if said["event"] == "dropped":
        return f"dropped/{said.get('type', said.get('reason', ''))}"
    return f"{said['event']}/{said.get('type', '')}"


def _sparkpost(said: Any) -> str:
    (inner,) = said["msys"].values()
    # What it rejected itself it classes too, by earlier ones.
    return str(inner["bounce_class"]) if inner["type"] in {"bounce", "out_of_band"} else ""


#: support.sparkpost.com: bounce classification; only 10, 30 and 90 are hard, and 90 is somebody who wants no more.
_SPARKPOST: Final[Table] = {
    "10": "hard", "30": "hard", "22": "full", "23": "refused", "25": "held", "50": "refused", "51": "refused",
    "52": "refused", "53": "refused", "54": "refused",
}  # fmt: skip


def _unisender(said: Any) -> str:
    return str(said["delivery_info"]["delivery_status"])


#: godocs.unisender.ru: a hard bounce may be a full mailbox, too.
_UNISENDER: Final[Table] = {
    "err_user_unknown": "hard", "err_user_inactive": "hard", "err_mailbox_discarded": "hard",
    "err_mailbox_full": "full", "err_too_large": "refused", "err_spam_rejected": "refused",
    "err_blacklisted": "refused", "err_unsubscribed": "held", "err_skip_letter": "held", "err_spam_skipped": "held",
}  # fmt: skip

#: Of providers without a table: ``bounced`` may be a soft one there.
_OTHERS: Final[Table] = {"invalid": "hard", "blocked": "held", "unsubscribed": "held", "spam": "refused"}
_PROVIDERS: Final[Mapping[str, tuple[Callable[[Any], str], Table]]] = {
    "amazon_ses": (_ses, _SES),
    "brevo": (_brevo, _BREVO),
    "sendinblue": (_brevo, _BREVO),
    "mailersend": (_mailersend, {"hard_bounced": "hard", "soft_bounced": "soft"}),
    # "old" was tried for hours; what is on its list of bounces may be there for a full mailbox.
    "mailgun": (_mailgun, {"bounce": "hard", "form/bounced": "answer", "suppress-bounce": "held",
                           "suppress-complaint": "held", "suppress-unsubscribe": "held"}),
    "mailjet": (_mailjet, _MAILJET),
    "mailtrap": (_mailtrap, _MAILTRAP),
    "mandrill": (_mandrill, {"hard_bounce": "hard", "soft_bounce": "soft", "full": "full", "reject": "held"}),
    # "HardFail" is all that it gave up; a mail that came back later is not read by it.
    "postal": (_postal, {"hardfail": "answer"}),
    "postmark": (_postmark, _POSTMARK),
    "resend": (_resend, {**_SES, "full": "full", "suppressed": "held", "hard": "hard"}),
    "sendgrid": (_sendgrid, {"bounce/bounce": "hard", "bounce/": "answer", "dropped/invalid": "hard"}),
    "sparkpost": (_sparkpost, _SPARKPOST),
    "unisender_go": (_unisender, _UNISENDER),
}  # fmt: skip
