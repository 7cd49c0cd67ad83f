"""The outbox is read in the order of transactions: an index, so that a long backlog is not sorted at each look."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Outbox in order."""

    dependencies = [("events", "0001_first_tables")]

    operations = [
        migrations.AddIndex(
            model_name="outbox",
            index=models.Index(fields=["transaction", "id"], name="outbox_in_order"),
        ),
    ]
