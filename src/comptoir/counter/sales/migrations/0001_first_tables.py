"""The first tables of this package."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Return",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source", "receipt", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("source", models.TextField(db_collation="C")),
                ("receipt", models.TextField(db_collation="C")),
                ("position", models.UUIDField()),
                ("sale_source", models.TextField(db_collation="C")),
                ("sale_receipt", models.TextField(db_collation="C")),
                ("occurred_at", models.DateTimeField()),
                ("store", models.TextField(null=True)),
                ("currency", models.TextField()),
                ("total_minor", models.BigIntegerField()),
                ("lines", models.JSONField()),
                ("status", models.TextField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["sale_source", "sale_receipt"], name="return_of_sale"),
                    models.Index(condition=models.Q(("status", "waiting")), fields=["position"], name="return_waiting"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["waiting", "applied", "excessive"])), name="return_status"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Sale",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source", "receipt", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("source", models.TextField(db_collation="C")),
                ("receipt", models.TextField(db_collation="C")),
                ("position", models.UUIDField()),
                ("customer", models.UUIDField(null=True)),
                ("occurred_at", models.DateTimeField()),
                ("store", models.TextField(null=True)),
                ("currency", models.TextField()),
                ("total_minor", models.BigIntegerField()),
                ("lines", models.JSONField()),
            ],
        ),
    ]
