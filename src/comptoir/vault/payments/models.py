"""Tables of payments. Nobody but the vault's role reaches them, and no column says anything of a person.

A ``purpose`` is the number of what is paid for; whose it is, only whoever asked for the money knows.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint

from comptoir.foundation.rooms.declaration import VAULT, Access
from comptoir.foundation.rooms.personal import NothingPersonal

_OPAQUE: Final = NothingPersonal(
    "Amounts, and the number of what is paid for; whose that is, the checkout alone knows, until it is forgotten."
)
LIVE: Final = ("begun", "open")
SESSION_STATES: Final = (*LIVE, "paid", "expired", "failed")
#: States of a refund that count against what was captured.
COUNTED: Final = ("queued", "asked", "done")
#: ``noted``: made at the provider itself, while one of ours is still under way that the provider will refuse.
REFUND_STATES: Final = (*COUNTED, "refused", "noted")


class Purpose(models.Model):
    """What is paid for, once. Its row is locked before anything about it is decided."""

    personal: ClassVar[NothingPersonal] = _OPAQUE
    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    purpose = models.UUIDField(primary_key=True)
    #: The session whose money is wanted.
    paid_by = models.UUIDField(null=True)
    #: Since when no money is wanted any more, and since when certainly none comes.
    closing_at = models.DateTimeField(null=True)
    over_at = models.DateTimeField(null=True)


class Session(models.Model):
    """One attempt on a provider's page: what was asked for, and how it stands. Written before the provider is asked."""

    personal: ClassVar[NothingPersonal] = _OPAQUE
    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    id = models.UUIDField(primary_key=True)
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="sessions")
    attempt = models.PositiveSmallIntegerField()
    provider = models.TextField()
    reference = models.TextField(default="")
    url = models.TextField(default="")
    amount = models.BigIntegerField()
    currency = models.TextField()
    title = models.TextField()
    return_url = models.TextField()
    cancel_url = models.TextField()
    language = models.TextField()
    state = models.TextField(default="begun")
    why = models.TextField(default="")
    begun_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    look_at = models.DateTimeField()
    looked_at = models.DateTimeField(null=True)
    #: Since when the provider does not say how it stands.
    unknown_since = models.DateTimeField(null=True)

    class Meta:
        """One live session for each purpose; a provider's number means one session."""

        constraints = (
            UniqueConstraint(fields=("purpose", "attempt"), name="payments_attempt_once"),
            UniqueConstraint(fields=("purpose",), condition=Q(state__in=LIVE), name="payments_one_live_session"),
            UniqueConstraint(
                fields=("provider", "reference"), condition=~Q(reference=""), name="payments_reference_once"
            ),
            CheckConstraint(condition=Q(amount__gt=0), name="payments_session_amount"),
            CheckConstraint(condition=Q(state__in=SESSION_STATES), name="payments_session_state"),
        )
        indexes = (models.Index(fields=["look_at"], condition=Q(state__in=LIVE), name="payments_session_due"),)


class Capture(models.Model):
    """Money that came through a session. ``wanted`` of it pays the purpose; the rest goes back."""

    personal: ClassVar[NothingPersonal] = _OPAQUE
    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    id = models.UUIDField(primary_key=True)
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="captures")
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="captures")
    provider = models.TextField()
    payment = models.TextField()
    amount = models.BigIntegerField()
    currency = models.TextField()
    captured_at = models.DateTimeField()
    #: What was found of it, once: ``wanted``, or why it goes back.
    verdict = models.TextField(default="")
    wanted = models.BigIntegerField(default=0)
    #: The refunds that are queued, asked for or done; kept by a trigger of the database.
    given_back = models.BigIntegerField(default=0)

    class Meta:
        """A payment comes once; a purpose is paid once; no more goes back than came."""

        constraints = (
            UniqueConstraint(fields=("provider", "payment"), name="payments_capture_once"),
            UniqueConstraint(fields=("purpose",), condition=Q(wanted__gt=0), name="payments_charged_once"),
            CheckConstraint(condition=Q(amount__gt=0), name="payments_capture_amount"),
            CheckConstraint(condition=Q(wanted__gte=0, wanted__lte=F("amount")), name="payments_capture_wanted"),
            CheckConstraint(
                condition=Q(given_back__gte=0, given_back__lte=F("amount")), name="payments_refunds_within_capture"
            ),
        )


class Refund(models.Model):
    """Money that goes back. Its number is the idempotency key at the provider."""

    personal: ClassVar[NothingPersonal] = _OPAQUE
    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    id = models.UUIDField(primary_key=True)
    capture = models.ForeignKey(Capture, on_delete=models.PROTECT, related_name="refunds")
    #: Who asked for it: the key of whoever did; of what goes back by itself and at the provider, one of our own.
    key = models.TextField(unique=True)
    reason = models.TextField()
    amount = models.BigIntegerField()
    state = models.TextField(default="queued")
    reference = models.TextField(default="")
    why = models.TextField(default="")
    wanted_at = models.DateTimeField()
    #: As of when the provider has said how it stands.
    said_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    ask_at = models.DateTimeField()
    #: Of a refused one: the refund that staff had asked for in its place, or how they gave the money back themselves.
    again = models.UUIDField(null=True)
    by_hand = models.TextField(default="")
    #: Of one that went back after all, beside what took its place: how staff have seen to what was given twice.
    settled = models.TextField(default="", db_default="")

    class Meta:
        """What waits is found by when it is due."""

        constraints = (
            CheckConstraint(condition=Q(amount__gt=0), name="payments_refund_amount"),
            CheckConstraint(condition=Q(state__in=REFUND_STATES), name="payments_refund_state"),
            CheckConstraint(condition=Q(again=None) | Q(by_hand=""), name="payments_refund_goes_one_way"),
        )
        indexes = (
            models.Index(fields=["ask_at"], condition=Q(state__in=("queued", "asked")), name="payments_refund_due"),
            models.Index(fields=["reference"], name="payments_refund_reference"),
        )


class Chargeback(models.Model):
    """Money that a bank took back: recorded as what it is, even where it is more than was captured."""

    personal: ClassVar[NothingPersonal] = _OPAQUE
    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    id = models.UUIDField(primary_key=True)
    capture = models.ForeignKey(Capture, on_delete=models.PROTECT, related_name="chargebacks")
    reference = models.TextField()
    amount = models.BigIntegerField()
    currency = models.TextField()
    state = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = (UniqueConstraint(fields=("capture", "reference"), name="payments_chargeback_once"),)


class Inbox(models.Model):
    """A report of a provider: kept for ever, so that it counts once. ``body`` says nothing about a person."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "What a provider told of a payment, without whatever it knows of the payer; the whole is known by its digest."
    )
    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    id = models.UUIDField(primary_key=True)
    provider = models.TextField()
    event = models.TextField()
    said = models.JSONField()
    body = models.BinaryField()
    digest = models.BinaryField(max_length=32)
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    #: Where nothing followed, why.
    note = models.TextField(default="")
    tries = models.PositiveSmallIntegerField(default=0)
    apply_at = models.DateTimeField()

    class Meta:
        """What is not applied yet is found by when it is due."""

        db_table = "payments_report"
        constraints = (UniqueConstraint(fields=("provider", "event"), name="payments_report_once"),)
        indexes = (models.Index(fields=["apply_at"], condition=Q(applied_at=None), name="payments_report_due"),)
