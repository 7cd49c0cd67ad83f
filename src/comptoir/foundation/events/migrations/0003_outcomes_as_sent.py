"""An outcome is kept as the text that was sent, unread; an outbox row as it is, uncompressed: it is gone in a second.

The log is written anew. Before the first release, so nothing older runs beside it; stop the gateway meanwhile.
"""

from __future__ import annotations

from django.db import migrations, models

AS_SENT = """
alter table events_event alter column outcome type text using outcome::text;
alter table events_outbox alter column positions set storage external;
"""
AS_READ = """
alter table events_event alter column outcome type json using outcome::json;
alter table events_outbox alter column positions set storage extended;
"""


class Migration(migrations.Migration):
    """Outcomes as sent."""

    dependencies = [("events", "0002_outbox_in_order")]

    operations = [
        migrations.RunSQL(
            AS_SENT,
            AS_READ,
            state_operations=[
                migrations.AlterField(model_name="event", name="outcome", field=models.TextField()),
            ],
        ),
    ]
