"""What became of messages is told to the log: a place up to which it was, and outcomes in the order of transactions."""

from __future__ import annotations

import django.contrib.postgres.indexes
import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):
    """Outcomes are told."""

    dependencies = [
        ("messaging", "0004_add_cluster"),
    ]

    operations = [
        migrations.CreateModel(
            name="Telling",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("transaction", models.BigIntegerField()),
                ("decision", models.UUIDField()),
                ("kind", models.TextField(db_collation="C")),
            ],
            options={
                "db_table": "messages_telling",
            },
        ),
        migrations.AddField(
            model_name="outcome",
            name="transaction",
            field=models.BigIntegerField(
                db_default=django.db.models.functions.comparison.Cast(
                    django.db.models.functions.comparison.Cast(
                        models.Func(function="pg_current_xact_id", output_field=models.TextField()), models.TextField()
                    ),
                    models.BigIntegerField(),
                )
            ),
        ),
        migrations.AddIndex(
            model_name="outcome",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["transaction"], name="message_untold", pages_per_range=16
            ),
        ),
    ]
