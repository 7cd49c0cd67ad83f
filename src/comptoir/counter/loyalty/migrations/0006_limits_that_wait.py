"""Limits of which a part waits. What was said before this held at once, from the moment at which it came."""

from django.db import migrations, models

FILL = """
update loyalty_standing s set free_at = e.received_at
from events_identity i join events_event e on e.position = i.position
where i.source = s.limited_source and i.id = s.limited_id;

update loyalty_standing s set heard_at = (
  select max(e.received_at) from events_event e
  where e.customer = s.customer and e.type = 'spending.limited' and e.status = 'accepted'
) where s.limited_at is not null;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0006_held_back"),
        ("loyalty", "0005_standings"),
    ]

    operations = [
        migrations.AddField(
            model_name="standing",
            name="former",
            field=models.JSONField(db_default=models.Value([], output_field=models.JSONField())),
        ),
        migrations.AddField(model_name="standing", name="free_at", field=models.DateTimeField(null=True)),
        migrations.AddField(model_name="standing", name="heard_at", field=models.DateTimeField(null=True)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
