import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="OwnKind",
            fields=[
                ("kind", models.TextField(primary_key=True, serialize=False)),
                ("list", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("list", models.TextField()),
                ("kind", models.TextField()),
                ("customer", models.UUIDField(db_index=True)),
                ("fingerprint", models.BinaryField(default=b"", max_length=32)),
                ("family_words", models.PositiveSmallIntegerField(default=0)),
                ("family_first", models.BooleanField(default=False)),
                ("taken_at", models.DateTimeField()),
                ("told_at", models.DateTimeField(null=True)),
                ("kept_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField(null=True)),
                ("compared_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("compared_at", None), ("kept_at__isnull", False)),
                        fields=["id"],
                        name="lists_entry_not_compared",
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("list", "customer"), name="lists_entry_customer")],
            },
        ),
        migrations.CreateModel(
            name="Further",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "entry", "customer", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("customer", models.UUIDField(db_index=True)),
                ("kind", models.TextField()),
                (
                    "entry",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="further",
                        to="lists.entry",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Proposal",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("low", models.UUIDField()),
                ("high", models.UUIDField(db_index=True)),
                ("basis", models.TextField()),
                ("weight", models.FloatField()),
                ("agreements", models.JSONField()),
                ("differences", models.JSONField()),
                ("proposed_at", models.DateTimeField()),
                (
                    "entry_of_high",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="lists.entry",
                    ),
                ),
                (
                    "entry_of_low",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="lists.entry",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("answer", models.TextField()),
                ("reason", models.TextField()),
                ("decided_by", models.UUIDField()),
                ("decided_at", models.DateTimeField()),
                (
                    "proposal",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="decisions",
                        to="lists.proposal",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Key",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "entry", "name", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.TextField()),
                ("digest", models.BinaryField(max_length=16)),
                (
                    "entry",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="keys",
                        to="lists.entry",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["digest", "name"], name="lists_key_digest")],
            },
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.UniqueConstraint(fields=("low", "high"), name="lists_proposal_pair"),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("low__lt", models.F("high"))), name="lists_proposal_ordered"
            ),
        ),
        # Django knows no deletion by the database; forgetting somebody deletes rows table by table.
        *(
            migrations.RunSQL(
                f"ALTER TABLE lists_{table} ADD CONSTRAINT lists_{table}_{column} FOREIGN KEY ({column}) REFERENCES lists_{to} (id) ON DELETE CASCADE",
                f"ALTER TABLE lists_{table} DROP CONSTRAINT lists_{table}_{column}",
            )
            for table, column, to in (
                ("further", "entry_id", "entry"),
                ("key", "entry_id", "entry"),
                ("proposal", "entry_of_low_id", "entry"),
                ("proposal", "entry_of_high_id", "entry"),
                ("decision", "proposal_id", "proposal"),
            )
        ),
    ]
