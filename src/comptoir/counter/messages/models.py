"""Tables of messages as records: the office writes what was decided, the vault what became of it."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import CompositePrimaryKey, Func
from django.db.models.functions import Cast

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, VAULT, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose

THIS_TRANSACTION = Cast(
    Cast(Func(function="pg_current_xact_id", output_field=models.TextField()), models.TextField()),
    models.BigIntegerField(),
)
#: The office writes it once; whoever may look, looks.
_WRITTEN_BY_OFFICE = Access.only(COUNTER, "SELECT").and_for(VAULT, "SELECT").and_for(OFFICE, "SELECT", "INSERT")


class Template(models.Model):
    """One version of a template in one language; a change is a new version."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("What the shop says to everybody; names are filled in later.")
    access: ClassVar[Access] = _WRITTEN_BY_OFFICE

    pk = CompositePrimaryKey("template", "version", "language")
    template = models.TextField(db_collation="C")
    version = models.IntegerField()
    language = models.TextField()
    channel = models.TextField()
    subject = models.TextField()
    text = models.TextField()
    html = models.TextField()
    #: The values that the template names beside what every template may, as they are tried out and sent.
    examples = models.JSONField(default=dict, db_default={})
    written_by = models.TextField()
    written_at = models.DateTimeField()

    class Meta:
        db_table = "messages_template"

    def __str__(self) -> str:
        """Return name, version and language."""
        return f"{self.template} {self.version} {self.language}"


class Dispatch(models.Model):
    """What all messages of one variant of one version of a campaign share."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("What a campaign says, to nobody in particular.")
    access: ClassVar[Access] = _WRITTEN_BY_OFFICE

    id = models.UUIDField(primary_key=True)
    campaign = models.UUIDField(db_index=True)
    campaign_version = models.IntegerField()
    variant = models.TextField()
    channel = models.TextField()
    template = models.TextField()
    template_version = models.IntegerField()
    purpose = models.TextField()
    message_class = models.TextField()
    because = models.JSONField()
    values = models.JSONField()
    promotion = models.UUIDField(null=True)
    hour_from = models.SmallIntegerField(null=True)
    hour_until = models.SmallIntegerField(null=True)
    #: From Monday, 0, on; none: all of them.
    weekdays = models.JSONField(default=list, db_default=[])
    zone = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "messages_dispatch"

    def __str__(self) -> str:
        """Return the number."""
        return str(self.id)


class Decision(models.Model):
    """What was decided about one customer: written to, held out, or suppressed with a reason."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical",
            "campaign": "activity",
            "campaign_version": "mechanical",
            "customer": "pseudonym",
            "occurrence": "mechanical",
            "verdict": "reason",
            "reason": "reason",
            "dispatch": "mechanical",
            "variant": "activity",
            "cluster": "place",
            "coupon": "mechanical",
            "values": "activity",
            "not_before": "time",
            "not_after": "time",
            "decided_at": "time",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )
    access: ClassVar[Access] = (
        Access.only(COUNTER, "SELECT", "UPDATE").and_for(VAULT, "SELECT").and_for(OFFICE, "SELECT", "INSERT")
    )

    id = models.UUIDField(primary_key=True)
    campaign = models.UUIDField()
    campaign_version = models.IntegerField()
    customer = models.UUIDField()
    occurrence = models.TextField(db_collation="C")
    verdict = models.TextField()
    reason = models.TextField()
    dispatch = models.UUIDField(null=True)
    variant = models.TextField()
    cluster = models.TextField(db_default="", default="")
    coupon = models.UUIDField(null=True)
    values = models.JSONField(null=True)
    not_before = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True)
    decided_at = models.DateTimeField()

    class Meta:
        """A campaign decides once about a customer and an occurrence: no race and no second list changes that."""

        db_table = "messages_decision"
        constraints = (
            models.UniqueConstraint(fields=("campaign", "customer", "occurrence"), name="message_decided_once"),
            models.CheckConstraint(
                condition=models.Q(verdict="send", dispatch__isnull=False) | ~models.Q(verdict="send"),
                name="message_sent_by_dispatch",
            ),
        )
        indexes = (models.Index(fields=["customer", "decided_at"], name="message_of_customer"),)

    def __str__(self) -> str:
        """Return the number."""
        return str(self.id)


class Waiting(models.Model):
    """A decision to send that has not ended yet: the queue between the office and the vault."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "A number in a queue; whom it is about, the decision says, and its row goes as soon as it is taken up."
    )
    access: ClassVar[Access] = (
        Access.only(COUNTER, "SELECT", "DELETE")
        .and_for(VAULT, "SELECT", "UPDATE", "INSERT", "DELETE")
        .and_for(OFFICE, "SELECT", "INSERT", "UPDATE", "DELETE")
    )

    decision = models.UUIDField(primary_key=True)
    dispatch = models.UUIDField(db_index=True)
    #: The dispatch's, so that a provider that hangs holds up nothing but its own channel.
    channel = models.TextField(db_default="mail")
    due_at = models.DateTimeField()
    #: How often it was tried, and the sender that has it in hand: what a sender leaves when it dies is known by that.
    tries = models.SmallIntegerField(default=0, db_default=0)
    taken_by = models.BigIntegerField(null=True)
    taken_at = models.DateTimeField(null=True)
    #: Why it waits although it is due, in a word: the shop has nobody who would take it.
    why = models.TextField(default="", db_default="")

    class Meta:
        """Taken up in the order in which they are due."""

        db_table = "messages_waiting"
        indexes = (
            models.Index(
                fields=["channel", "due_at", "decision"], name="message_due", condition=models.Q(taken_by=None)
            ),
            models.Index(fields=["taken_by"], name="message_taken", condition=models.Q(taken_by__isnull=False)),
        )

    def __str__(self) -> str:
        """Return the decision's number."""
        return str(self.decision)


class Outcome(models.Model):
    """What became of a decision, each kind once: that something is told twice changes nothing.

    Whoever wants no more of it, agrees anew, and wants no more again, has said it at the later moment.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "It names a decision; whom that was about, the decision says, as long as it says it."
    )
    access: ClassVar[Access] = (
        Access.only(COUNTER, "SELECT", "INSERT", "UPDATE")
        .and_for(VAULT, "SELECT", "INSERT")
        .and_for(OFFICE, "SELECT", "INSERT")
    )

    pk = CompositePrimaryKey("decision", "kind")
    decision = models.UUIDField()
    kind = models.TextField(db_collation="C")
    at = models.DateTimeField()
    reason = models.TextField()
    #: The transaction that wrote it: whoever tells the log waits for those that are still open.
    transaction = models.BigIntegerField(db_default=THIS_TRANSACTION)

    class Meta:
        """Who wants no more of something is looked for by the clock, and so is what the log was not told of."""

        db_table = "messages_outcome"
        indexes = (
            # Rows are appended in the order of transactions, nearly: this costs whoever writes them nothing.
            BrinIndex(fields=["transaction"], name="message_untold", autosummarize=True, pages_per_range=16),
            models.Index(
                fields=["at"], name="message_ended", condition=models.Q(kind__in=["unsubscribed", "complained"])
            ),
        )

    def __str__(self) -> str:
        """Return the decision and what became of it."""
        return f"{self.decision} {self.kind}"


class Telling(models.Model):
    """How far the log has been told of outcomes: up to this one, in the order of their transactions. One row."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("A place among outcomes.")
    access: ClassVar[Access] = Access.only(COUNTER, "SELECT", "INSERT", "UPDATE")

    id = models.SmallIntegerField(primary_key=True)
    transaction = models.BigIntegerField()
    decision = models.UUIDField()
    kind = models.TextField(db_collation="C")

    class Meta:
        db_table = "messages_telling"

    def __str__(self) -> str:
        """Return the transaction."""
        return str(self.transaction)


class Stop(models.Model):
    """That a campaign was stopped: by whom, when and why. It is never taken back."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("What staff did, said of no customer.")
    access: ClassVar[Access] = _WRITTEN_BY_OFFICE

    campaign = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    by = models.TextField()
    reason = models.TextField()

    class Meta:
        db_table = "messages_stop"

    def __str__(self) -> str:
        """Return the campaign."""
        return str(self.campaign)


class Trial(models.Model):
    """A test message that a member of staff sends to themselves: a template as a test person would get it."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("Staff who try a template out; no customer is in it.")
    access: ClassVar[Access] = (
        Access.only(OFFICE, "SELECT", "INSERT").and_for(VAULT, "SELECT", "UPDATE", "DELETE").and_for(COUNTER, "SELECT")
    )

    id = models.UUIDField(primary_key=True)
    template = models.TextField()
    version = models.IntegerField()
    language = models.TextField()
    person = models.TextField()
    values = models.JSONField()
    staff = models.UUIDField()
    asked_at = models.DateTimeField(db_index=True)
    outcome = models.TextField(default="")

    class Meta:
        db_table = "messages_trial"

    def __str__(self) -> str:
        """Return the number."""
        return str(self.id)
