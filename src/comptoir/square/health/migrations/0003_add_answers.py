from django.db import migrations, models

# What was answered on each day, as the rows say it.
FILL = """
insert into health_day as d (day, origin, is_matter, posts, openings, answers)
select (c.at at time zone 'UTC')::date, c.origin, t.kind in ('question', 'idea'), 0, 0, count(*)
from health_counted c join community_thread t on t.id = c.thread where c.kind = 'answer' group by 1, 2, 3
on conflict (day, origin, is_matter) do update set answers = excluded.answers
"""


class Migration(migrations.Migration):
    dependencies = [
        ("health", "0002_add_sums"),
    ]

    operations = [
        migrations.AddField(
            model_name="day",
            name="answers",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
