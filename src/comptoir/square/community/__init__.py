"""The square: public names, and what is said under them. Who is behind a name is not known here.

*Persona*: a public name that somebody chose, with a random id that says nothing. *Skeleton*: what a name looks like, so
that two names which look alike are one. *Reserved name*: a skeleton that nobody may take, such as those of the staff.
*Thread*: a conversation, which has the id of the *post* that began it. *Topic*: what threads are about.

Always true: no time, no customer and no order of creation is kept with a name; the square's own role sees names through
a view that shows ids and names alone, sorted by the random id, so that not even the place of a row tells two names of
one person. Names are written by the counter (``counter/customers``), which knows who asked. What is said comes as
events, which name no customer, and is written by the gateway; the square's role only reads. Posts of a thread have one
order, and their numbers no gap. Nobody votes for themselves, nor twice, under whichever names.

Files of its own: ``writing.py`` (what a post may be), ``rendering.py`` (from Markdown to HTML that cannot run),
``words.py`` (how posts are found by their words), ``effects.py`` (what accepted events do to the tables, in a
batch and anew), ``rebuilding.py`` (the same from the log), ``forgetting.py`` (what stays of somebody who is forgotten),
``describing.py`` (a conversation as schema.org says it), ``pictures.py`` and ``developing.py`` (a picture is drawn
anew, in a process of its own), ``gathering.py`` (pictures that come with a form),
``previews.py`` (what a page elsewhere says of itself), ``vouching.py`` (what the shop's key says of reviews in its own
archive).
"""
