"""Keys of the touchpoints, how fresh their links are, what was refused, and promises that were not kept."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """The package's first tables."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Freshness",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "touchpoint",
                        "data",
                        "stage",
                        "minute",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("touchpoint", models.TextField(db_collation="C")),
                ("data", models.TextField(db_collation="C")),
                ("stage", models.SmallIntegerField()),
                ("minute", models.DateTimeField(db_index=True)),
                ("counts", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ],
        ),
        migrations.CreateModel(
            name="Key",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("touchpoint", models.TextField()),
                ("digest", models.BinaryField(unique=True)),
                ("shown", models.TextField()),
                ("note", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="Refusal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "touchpoint", "reason", "minute", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("touchpoint", models.TextField(db_collation="C")),
                ("reason", models.TextField(db_collation="C")),
                ("minute", models.DateTimeField(db_index=True)),
                ("count", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Breach",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("touchpoint", models.TextField()),
                ("data", models.TextField()),
                ("kind", models.TextField()),
                ("since", models.DateTimeField()),
                ("measured", models.FloatField()),
                ("promised", models.FloatField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("closed_by", models.TextField(default="")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=("touchpoint", "data", "kind"),
                        name="touchpoints_breach_open",
                    )
                ],
            },
        ),
    ]
