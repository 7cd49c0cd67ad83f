"""What staff decide on a proposal: one person, two persons, later; and how a link is undone.

A decision is recorded first and then told to the gateway as the vault's own touchpoint: whatever happens in between,
telling it again has the same identity, and happens once. Both contact records stay as they are: which one is right, the
customer says. Not here: pages (``views.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

from django.db import connections, transaction

from comptoir.counter.customers.contracts import CUSTOMER_KIND, LINKED, UNLINKED
from comptoir.foundation.events import audit
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.lists.contracts import REASON_CHARACTERS_MAX, Answer, Details
from comptoir.vault.lists.errors import AnswerNotPossible, LinkNotMade, ProposalUnknown, ReasonMissing
from comptoir.vault.lists.models import Decision, Entry, Proposal
from comptoir.vault.lists.opening import opened

#: What the gateway is told; of other answers it hears nothing.
_TOLD: Final = {"one_person": LINKED, "undone": UNLINKED}
_EVIDENCE: Final = {"one_person": "staff+staff: ", "undone": "undone by staff: "}
_REASON_CHARACTERS_MIN: Final = 3


def open_both(
    proposal_id: uuid.UUID, *, reason: str, staff: uuid.UUID, at: dt.datetime
) -> tuple[Proposal, Details, Details]:
    """Open what the two entries of a proposal say, for a member of the staff; both persons can see that, and why.

    Raises :class:`ProposalUnknown`, :class:`ReasonMissing`, and
    :class:`~comptoir.vault.contacts.errors.VaultClosed`; then nothing was opened.
    """
    reason = _reason(reason)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        proposal = _proposal(proposal_id)
        details = {each.id: opened(each, purpose=reason, actor=f"staff:{staff}", at=at) for each in _entries(proposal)}
    return proposal, details[proposal.entry_of_low_id], details[proposal.entry_of_high_id]


def decide(proposal_id: uuid.UUID, *, answer: Answer, reason: str, staff: uuid.UUID, at: dt.datetime) -> None:
    """Record what a member of the staff says on a proposal, and have the counter link or part the two customers.

    Saying the same again tells the gateway again what it may not have heard, and changes nothing else. Raises
    :class:`ProposalUnknown`, :class:`ReasonMissing`, :class:`AnswerNotPossible`; :class:`LinkNotMade` where the counter
    refused, and then the decision is no more; :class:`~comptoir.foundation.touchpoints.errors.GatewayAway`, and then it
    stands and waits to be told.
    """
    reason = _reason(reason)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        proposal = _proposal(proposal_id, is_locked=True)
        last = proposal.decisions.order_by("-decided_at", "-id").first()
        if last is not None and last.answer == answer:
            decision = last
        else:
            if (answer == "undone") != (last is not None and last.answer == "one_person"):
                raise AnswerNotPossible(field="answer")
            decision = Decision.objects.create(
                id=IDS.new(), proposal=proposal, answer=answer, reason=reason, decided_by=staff, decided_at=at
            )
            for each in _entries(proposal):
                _note(each, answer=answer, reason=reason, staff=staff, at=at)
    if answer in _TOLD and decision.told_at is None:
        _tell(proposal, decision, at=at)


def _tell(proposal: Proposal, decision: Decision, *, at: dt.datetime) -> None:
    # Outside of any transaction: the gateway may take its time.
    said = house.send(
        _TOLD[decision.answer],
        {
            "identifier": {"kind": CUSTOMER_KIND, "value": str(proposal.low)},
            "customer": {"kind": CUSTOMER_KIND, "value": str(proposal.high)},
            "evidence": _EVIDENCE[decision.answer] + decision.reason,
        },
        touchpoint=house.VAULT,
        request=decision.id,
        at=decision.decided_at,
    )
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        if said.problem is not None:
            Decision.objects.filter(id=decision.id).delete()
        else:
            Decision.objects.filter(id=decision.id).update(told_at=at)
    if said.problem is not None:
        raise LinkNotMade(said.problem.detail or said.problem.title)


def _proposal(proposal_id: uuid.UUID, *, is_locked: bool = False) -> Proposal:
    found = Proposal.objects.select_for_update() if is_locked else Proposal.objects
    proposal = found.filter(id=proposal_id).first()
    if proposal is None:
        raise ProposalUnknown
    return proposal


def _entries(proposal: Proposal) -> list[Entry]:
    ids = {proposal.entry_of_low_id, proposal.entry_of_high_id}
    return list(Entry.objects.filter(id__in=ids).order_by("id"))


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not _REASON_CHARACTERS_MIN <= len(reason) <= REASON_CHARACTERS_MAX or not reason.isprintable():
        raise ReasonMissing(f"Between {_REASON_CHARACTERS_MIN} and {REASON_CHARACTERS_MAX} characters.", field="reason")
    return reason


def _note(entry: Entry, *, answer: Answer, reason: str, staff: uuid.UUID, at: dt.datetime) -> None:
    audit.append(
        connections[VAULT.name],
        room=VAULT,
        actor=f"staff:{staff}",
        action=f"lists.{answer}",
        subject=entry.id,
        purpose=reason,
        at=at,
    )
