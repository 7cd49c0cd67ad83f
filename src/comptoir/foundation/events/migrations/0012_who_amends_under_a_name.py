"""What is proposed and voted under a public name is found by it too."""

from __future__ import annotations

from django.db import migrations

# The former list implies this one's: a version that is still running finds what it looks for by the new index too.
INDEX = """
create index event_of_name on events_event ((data ->> 'persona'))
where type in ('post.published', 'post.edited', 'post.withdrawn', 'vote.cast', 'answer.accepted', 'post.flagged',
  'decision.appealed', 'post.decided', 'follow.changed', 'member.mentioned', 'news.seen', 'news.chosen',
  'charter.proposed', 'charter.voted')
"""
FORMER = """
create index event_of_persona on events_event ((data ->> 'persona'))
where type in ('post.published', 'post.edited', 'post.withdrawn', 'vote.cast', 'answer.accepted', 'post.flagged',
  'decision.appealed', 'post.decided', 'follow.changed', 'member.mentioned', 'news.seen', 'news.chosen')
"""


class Migration(migrations.Migration):
    """Who amends under a name."""

    dependencies = [("events", "0011_words_about_somebody")]

    operations = [
        migrations.RunSQL(INDEX, "drop index event_of_name"),
        migrations.RunSQL("drop index event_of_persona", FORMER),
    ]
