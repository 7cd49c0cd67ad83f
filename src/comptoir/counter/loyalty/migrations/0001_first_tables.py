"""The first tables of this package."""

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Programme",
            fields=[
                ("version", models.AutoField(primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField(null=True)),
                ("definition", models.JSONField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="ProgrammeBalance",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account", "shard", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account", models.SmallIntegerField()),
                ("shard", models.SmallIntegerField()),
                ("points", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("customer", models.UUIDField(primary_key=True, serialize=False)),
                ("available", models.BigIntegerField()),
                ("held", models.BigIntegerField()),
                ("owed", models.BigIntegerField()),
                ("lot_days", django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), size=None)),
                (
                    "lot_points",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                ("last_position", models.UUIDField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("available__gte", 0), ("held__gte", 0), ("owed__gte", 0)),
                        name="account_not_negative",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Reservation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "touchpoint", "name", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("touchpoint", models.TextField(db_collation="C")),
                ("name", models.TextField(db_collation="C")),
                ("customer", models.UUIDField()),
                ("position", models.UUIDField()),
                ("points", models.BigIntegerField()),
                ("draws", models.JSONField()),
                ("expires_at", models.DateTimeField()),
                ("status", models.TextField()),
                ("posted", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "held")), fields=["expires_at"], name="reservation_open"
                    ),
                    models.Index(fields=["customer"], name="reservation_of_customer"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["held", "posted", "voided", "expired"])),
                        name="reservation_status",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Transfer",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "customer", "position", "ordinal", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("customer", models.UUIDField()),
                ("position", models.UUIDField()),
                ("cause", models.UUIDField()),
                ("occurred_at", models.DateTimeField()),
                ("points", models.BigIntegerField()),
                ("day", models.DateField(null=True)),
                ("ordinal", models.SmallIntegerField()),
                ("debit", models.SmallIntegerField()),
                ("credit", models.SmallIntegerField()),
                ("reason", models.TextField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("points__gt", 0)), name="transfer_moves_points"),
                    models.CheckConstraint(
                        condition=models.Q(("debit", models.F("credit")), _negated=True), name="transfer_between_two"
                    ),
                ],
            },
        ),
    ]
