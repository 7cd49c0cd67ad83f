"""What waited here to be told to the counter goes on waiting beside everything else that the vault has to tell it."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Moves the rows under their own numbers, so that an event which was taken already is no second one."""

    dependencies = (
        ("announcements", "0001_first_tables"),
        ("contacts", "0002_announcements"),
    )

    operations = (
        migrations.RunSQL(
            """
            insert into announcements_announcement (id, person, kind, said, at)
            select id, person, 'closeness.changed', jsonb_build_object('closeness', closeness), at
            from contacts_announcement
            """,
            """
            insert into contacts_announcement (id, person, closeness, at)
            select id, person, said->>'closeness', at
            from announcements_announcement where kind = 'closeness.changed'
            """,
        ),
        migrations.DeleteModel(name="Announcement"),
    )
