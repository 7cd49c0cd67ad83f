"""What waited here to be told to the counter goes on waiting beside everything else that the vault has to tell it."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Moves the rows under their own numbers, so that an event which was taken already is no second one."""

    dependencies = (
        ("announcements", "0001_first_tables"),
        ("credentials", "0004_changes_and_freezes"),
    )

    operations = (
        migrations.RunSQL(
            """
            insert into announcements_announcement (id, person, kind, said, at)
            select id, user_id, kind, said, at from credentials_announcement
            """,
            """
            insert into credentials_announcement (id, user_id, kind, said, at)
            select id, person, kind, said, at from announcements_announcement where kind <> 'closeness.changed'
            """,
        ),
        migrations.DeleteModel(name="Announcement"),
    )
