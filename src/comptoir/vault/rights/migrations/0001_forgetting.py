"""Wishes to be forgotten that are under way, and receipts of those that are done."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Forgetting."""

    initial = True

    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.CreateModel(
            name="Forgetting",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("user", models.UUIDField(unique=True)),
                ("asked_at", models.DateTimeField()),
                ("actor", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("wish", models.UUIDField(primary_key=True, serialize=False)),
                ("text", models.TextField()),
                ("kept_until", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
