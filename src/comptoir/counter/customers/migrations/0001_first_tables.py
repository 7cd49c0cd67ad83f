"""The first tables of this package."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("customer", models.UUIDField(primary_key=True, serialize=False)),
                ("kind", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("customer", models.UUIDField(primary_key=True, serialize=False)),
                ("person", models.UUIDField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="Link",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "low", "high", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("low", models.UUIDField()),
                ("high", models.UUIDField(db_index=True)),
                ("linked_at", models.DateTimeField(null=True)),
                ("linked_source", models.TextField(null=True)),
                ("linked_id", models.TextField(null=True)),
                ("linked_evidence", models.TextField(null=True)),
                ("unlinked_at", models.DateTimeField(null=True)),
                ("unlinked_source", models.TextField(null=True)),
                ("unlinked_id", models.TextField(null=True)),
                ("unlinked_evidence", models.TextField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("low__lt", models.F("high"))), name="link_ordered")
                ],
            },
        ),
    ]
