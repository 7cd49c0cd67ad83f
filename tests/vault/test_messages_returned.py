"""Mails that come back, as the servers of the world write them, to an envelope of their own for each message (VERP).

The samples in ``tests/data/returned`` are written after the forms of RFC 3464, RFC 5965 and RFC 8098 and of what
Postfix, Exim, qmail, Exchange, Gmail, Yahoo, Amazon SES and Domino send; they name nobody real.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.foundation.rooms.commands import set_up_django
from support.casting import Counter
from support.mailbox import Mailbox
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from click.testing import CliRunner

from comptoir.config.commands.messages import command as verb
from comptoir.vault.messages import bounces, envelopes
from comptoir.vault.messages.errors import BouncesInvalid
from support.mailing import NOW, decide, dispatched, final, mailed, outcomes, send, settle

SAMPLES = Path(__file__).parents[1] / "data" / "returned"
BOX = "bounces@shop.example"
DEAD, FULL, REFUSES, GONE_QUIET = "", "mailbox_full", "not_taken", "given_up"
#: What each sample is; of a bounce also why its address is not dead, if it is not.
EXPECTED: dict[str, tuple[str, str]] = {
    "amazon_ses": ("bounced", DEAD),
    "arf_abuse": ("complained", DEAD),
    "arf_not_spam": ("unclear", ""),
    "arf_signature_failed": ("unclear", ""),
    "challenge_response": ("answered", ""),
    "exchange_2007_without_address": ("bounced", DEAD),
    "exchange_blocked": ("bounced", REFUSES),
    "exchange_online": ("bounced", DEAD),
    "exim_old_without_report": ("bounced", DEAD),
    "exim_unrouteable": ("bounced", DEAD),
    "exim_warning": ("delayed", ""),
    "expanded_and_relayed": ("answered", ""),
    "german_away_without_headers": ("answered", ""),
    "gmail_away": ("answered", ""),
    "gmail_over_quota": ("bounced", FULL),
    "gmail_unauthenticated": ("bounced", REFUSES),
    "gmail_user_unknown": ("bounced", DEAD),
    "japanese_away": ("answered", ""),
    "lotus_in_small_letters": ("bounced", DEAD),
    "outlook_away": ("answered", ""),
    "postfix_delayed": ("delayed", ""),
    "postfix_forwarded_to_a_dead_address": ("bounced", DEAD),
    "postfix_given_up": ("bounced", GONE_QUIET),
    "postfix_mailbox_full": ("bounced", FULL),
    "postfix_user_unknown": ("bounced", DEAD),
    "qmail": ("bounced", DEAD),
    "qmail_that_names_nobody": ("bounced", DEAD),
    "read_receipt": ("answered", ""),
    "somebody_writes": ("unclear", ""),
    "vacation_program": ("answered", ""),
    "yahoo": ("bounced", DEAD),
}
#: They name nobody, or somebody whom nobody wrote to: only the envelope says which message it was.
NAMES_NOBODY = (
    "arf_abuse", "exchange_2007_without_address", "lotus_in_small_letters", "postfix_forwarded_to_a_dead_address",
    "qmail_that_names_nobody",
)  # fmt: skip


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mailed(COMPTOIR_MAIL_BOUNCES=BOX) as box:
        yield box


def sample(name: str, envelope: str) -> bytes:
    text = (SAMPLES / f"{name}.eml").read_text()
    return text.replace("{verp}", envelope).replace("{VERP}", envelope.upper()).replace("\n", "\r\n").encode()


def envelope_of(mailbox: Mailbox, place: int = 0) -> str:
    return mailbox.wire[place][1].split()[0]


def test_every_sample_is_expected() -> None:
    assert {path.stem for path in SAMPLES.iterdir()} == set(EXPECTED)


def test_each_message_has_an_envelope_of_its_own_that_names_nobody(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    decisions = decide(dispatched(), [settle(counter, number) for number in range(3)])
    send()
    assert set(final(shop).values()) == {"accepted"}
    envelopes_used = [envelope_of(mailbox, place) for place in range(3)]
    assert len(set(envelopes_used)) == 3
    assert {envelopes.decision_in(each) for each in envelopes_used} == set(decisions)
    for each in envelopes_used:
        assert re.fullmatch(r"bounces\+[a-z2-7]{52}@shop\.example", each)
        assert len(each.partition("@")[0]) <= 64, "RFC 5321, 4.5.3.1.1"
    letter = mailbox.letters[0][1]
    assert str(letter["From"]) == "comptoir@localhost", "what a reader answers to is the shop"


def test_every_bounce_and_complaint_is_told_to_its_message(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    """Each sample names another reader; what names nobody, or somebody else, is among them."""
    names = sorted(name for name, (kind, _) in EXPECTED.items() if kind in {"bounced", "complained"})
    customers = [settle(counter, number) for number in range(1, len(names) + 1)]
    decisions = decide(dispatched(), customers)
    send()
    envelope = {envelopes.decision_in(each := envelope_of(mailbox, n)): each for n in range(len(names))}
    for number, (name, one) in enumerate(zip(names, decisions, strict=True), 1):
        kind, why = EXPECTED[name]
        raw = sample(name, envelope[one]).replace(b"canary1@", f"canary{number}@".encode())
        assert bounces.read(raw).decision == one, name
        assert bounces.take(raw, at=NOW) == kind, name
        assert outcomes(shop)[one].get(kind) == why, name
    # What a full mailbox, or a server that refuses the shop, did not take says nothing of the next message.
    following = decide(dispatched(), customers, occurrence="2")
    send()
    ended = final(shop)
    for name, one in zip(names, following, strict=True):
        assert ended[one] == ("accepted" if EXPECTED[name][1] else "suppressed"), name


def test_delays_answers_of_machines_and_of_people_change_nothing(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    decide(dispatched(), [settle(counter, 1)])
    send()
    with shop.unchanged():
        for name, (kind, _) in EXPECTED.items():
            if kind not in {"bounced", "complained"}:
                assert bounces.take(sample(name, envelope_of(mailbox)), at=NOW) == kind, name


def test_what_names_nobody_is_known_by_its_envelope_alone(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    decisions = decide(dispatched(), [settle(counter, number) for number in range(1, len(NAMES_NOBODY) + 1)])
    send()
    envelope = {envelopes.decision_in(each := envelope_of(mailbox, n)): each for n in range(len(decisions))}
    for name, one in zip(NAMES_NOBODY, decisions, strict=True):
        with shop.unchanged():
            bounces.take(sample(name, BOX), at=NOW)
            bounces.take(sample(name, f"bounces+{'a' * 52}@shop.example"), at=NOW)
        # A mail server that writes no such header says to whom it came.
        assert bounces.take(sample(name, BOX), at=NOW, to=envelope[one]) == EXPECTED[name][0], name
        assert EXPECTED[name][0] in outcomes(shop)[one], name


def test_a_forwarded_address_costs_nobody_else_theirs(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    """Canary1 forwards to canary2, who is a customer too: what failed is the message to canary1."""
    first, second = decide(dispatched(), [settle(counter, number) for number in (1, 2)])
    send()
    place = next(n for n in range(2) if envelopes.decision_in(envelope_of(mailbox, n)) == first)
    raw = sample("postfix_forwarded_to_a_dead_address", envelope_of(mailbox, place))
    assert bounces.take(raw.replace(b"somebody.else@company.example", b"canary2@example.org"), at=NOW) == "bounced"
    assert "bounced" in outcomes(shop)[first]
    assert "bounced" not in outcomes(shop)[second]


def test_the_verb_takes_the_address_that_the_mail_server_knows(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    (one,) = decide(dispatched(), [settle(counter, 1)])
    send()
    raw = sample("qmail_that_names_nobody", BOX)
    given = ["bounces", "-", "--to", envelope_of(mailbox), "--json"]
    result = CliRunner().invoke(verb, given, input=raw)
    assert result.exit_code == 0, result.output
    assert '{"bounced":1}' in result.output.replace(" ", "")
    assert "bounced" in outcomes(shop)[one]


@given(st.uuids(), st.integers(0, 51), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_no_envelope_can_be_made_or_changed(decision: uuid.UUID, place: int, letter: str) -> None:
    with environment(COMPTOIR_MAIL_BOUNCES=BOX):
        made = envelopes.sender_of(decision)
    assert made is not None
    assert envelopes.decision_in(made) == envelopes.decision_in(made.upper()) == decision
    local, _, domain = made.partition("@")
    token = local.removeprefix("bounces+")
    forged = token[:place] + letter + token[place + 1 :]
    # The last letter holds one bit of the number and four of nothing.
    if forged[:51] != token[:51]:
        assert envelopes.decision_in(f"bounces+{forged}@{domain}") is None


def test_without_a_mailbox_for_it_the_sender_is_the_shop(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    with environment(COMPTOIR_MAIL_BOUNCES=""):
        decide(dispatched(), [settle(counter, 1)])
        send()
    assert envelope_of(mailbox) == "comptoir@localhost"


@pytest.mark.parametrize("written", ["bounces", "a-mailbox-too-long@shop.example", "a b@shop.example", "a+b@x.org"])
def test_a_mailbox_that_is_none_is_refused_by_name(written: str) -> None:
    with environment(COMPTOIR_MAIL_BOUNCES=written), pytest.raises(BouncesInvalid, match="COMPTOIR_MAIL_BOUNCES"):
        envelopes.mailbox()
