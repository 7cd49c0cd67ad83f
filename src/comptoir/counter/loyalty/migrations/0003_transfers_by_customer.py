"""Transfers are found by their customer. That each is there once is what the log's identities see to.

The key over customer, position and ordinal had three times the size of this index, and cost as much as the rest of a
transfer.
"""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Transfers by customer."""

    dependencies = [("loyalty", "0002_room_for_changes")]

    operations = [
        migrations.RunSQL(
            "alter table loyalty_transfer drop constraint loyalty_transfer_pkey",
            "alter table loyalty_transfer add primary key (customer, position, ordinal)",
        ),
        migrations.AddIndex(
            model_name="transfer", index=models.Index(fields=["customer"], name="transfer_of_customer")
        ),
    ]
