"""What members hear of: whom a post mentions, what they follow and mute, and what is new for them.

*News*: what happened on the square that concerns somebody under a public name: a reply, a mention, an answer that
helped, a step of an idea, a decision, an amendment of the charter, something in what they follow. *Follow*: to want to
hear of a thread, a topic or a person; *mute*: the contrary. *Mention*: a post names a member by ``@Name``.

Always true: no news is kept anywhere. It is asked of what everybody said (``queries.sql``), so that it is never more
than what its reader may see, and nobody's list has to be made anew. What is muted is silent at once, and aloud again
when it is muted no longer. A mention is resolved once, when a post is published, by the exact name. Nothing of this
names a customer, and no two public names of a person know each other's.

Files of its own: ``rebuilding.py`` (the same from the log), ``forgetting.py`` (what stays of somebody who is
forgotten).

Not here: letters of what is new, which need an address (``counter/letters``).
"""
