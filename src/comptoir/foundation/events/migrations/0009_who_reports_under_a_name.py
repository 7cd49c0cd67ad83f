"""What is reported and objected to under a public name, and decided on what was said under it, is found by it too."""

from __future__ import annotations

from django.db import migrations

# The former list implies this one's: a version that is still running finds what it looks for by the new index too.
INDEX = """
create index event_of_name on events_event ((data ->> 'persona'))
where type in ('post.published', 'post.edited', 'post.withdrawn', 'vote.cast', 'answer.accepted', 'post.flagged',
  'decision.appealed', 'post.decided')
"""
FORMER = """
create index event_of_persona on events_event ((data ->> 'persona'))
where type in ('post.published', 'post.edited', 'post.withdrawn', 'vote.cast', 'answer.accepted')
"""


class Migration(migrations.Migration):
    """Who reports under a name."""

    dependencies = [("events", "0008_who_acts_under_a_name")]

    operations = [
        migrations.RunSQL(INDEX, "drop index event_of_name"),
        migrations.RunSQL("drop index event_of_persona", FORMER),
    ]
