"""By what the words of somebody who is forgotten are found in the log: the public name under which they were said."""

from __future__ import annotations

from django.db import migrations

INDEX = """
create index event_of_persona on events_event ((data ->> 'persona'))
where type in ('post.published', 'post.edited', 'post.withdrawn', 'vote.cast', 'answer.accepted')
"""


class Migration(migrations.Migration):
    """Who acts under a name."""

    dependencies = [("events", "0007_a_piece_is_forgotten")]

    operations = [migrations.RunSQL(INDEX, "drop index event_of_persona")]
