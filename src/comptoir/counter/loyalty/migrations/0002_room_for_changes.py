"""Leave room in each page of the accounts, so that a changed balance stays in its page and no index is touched."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Storage of the hot tables."""

    dependencies = [("loyalty", "0001_first_tables")]

    operations = [
        migrations.RunSQL(
            "alter table loyalty_account set (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05)",
            "alter table loyalty_account reset (fillfactor, autovacuum_vacuum_scale_factor)",
        ),
    ]
