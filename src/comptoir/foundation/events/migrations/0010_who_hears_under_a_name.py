"""What is said under a public name of what it wants to hear, and of whom, is found by the name too."""

from __future__ import annotations

from django.db import migrations

# The former list implies this one's: a version that is still running finds what it looks for by the new index too.
INDEX = """
create index event_of_persona on events_event ((data ->> 'persona'))
where type in ('post.published', 'post.edited', 'post.withdrawn', 'vote.cast', 'answer.accepted', 'post.flagged',
  'decision.appealed', 'post.decided', 'follow.changed', 'member.mentioned', 'news.seen', 'news.chosen')
"""
FORMER = """
create index event_of_name on events_event ((data ->> 'persona'))
where type in ('post.published', 'post.edited', 'post.withdrawn', 'vote.cast', 'answer.accepted', 'post.flagged',
  'decision.appealed', 'post.decided')
"""
FOLLOWED = """
create index event_following on events_event ((data ->> 'target')) where type = 'follow.changed'
"""


class Migration(migrations.Migration):
    """Who hears under a name."""

    dependencies = [("events", "0009_who_reports_under_a_name")]

    operations = [
        migrations.RunSQL(INDEX, "drop index event_of_persona"),
        migrations.RunSQL("drop index event_of_name", FORMER),
        migrations.RunSQL(FOLLOWED, "drop index event_following"),
    ]
