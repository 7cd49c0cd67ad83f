"""Tables of the square: public names, of which no time and no order is kept, and what is said under them."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import CompositePrimaryKey
from django.db.models.functions import Lower, Now

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, VAULT, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose


class Persona(models.Model):
    """A public name. The square itself sees :class:`PublicName` only: the place of a row would tell when it came."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "A public name; whose it is stands in the counter's customers_personaholder, with which it goes."
    )
    access: ClassVar[Access] = (
        Access.only(COUNTER, "SELECT", "INSERT", "DELETE").and_for(VAULT, "SELECT").and_for(OFFICE, "SELECT")
    )

    id = models.UUIDField(primary_key=True)
    name = models.TextField()
    skeleton = models.TextField(unique=True)

    class Meta:
        """Who is meant by a name in a text is found whichever case it is written in."""

        indexes = (models.Index(Lower("name"), name="persona_of_name"),)

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class PublicName(models.Model):
    """What everybody may read: ids and names, in the order of the random ids. A view."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("A view of the public names.")
    access: ClassVar[Access] = Access.everyone("SELECT")

    id = models.UUIDField(primary_key=True)
    name = models.TextField()

    class Meta:
        managed = False

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class ReservedName(models.Model):
    """What a name must not look like, since somebody of the shop is called so."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("Words that nobody may be called, said of nobody.")
    access: ClassVar[Access] = Access.only(COUNTER, "SELECT").and_for(VAULT, "SELECT", "INSERT", "DELETE")

    skeleton = models.TextField(primary_key=True)

    def __str__(self) -> str:
        """Return the skeleton."""
        return self.skeleton


#: The gateway writes what happens on the square, as the counter; every room may read it.
WRITTEN_BY_COUNTER = Access.everyone("SELECT").and_for(COUNTER, "INSERT", "UPDATE", "DELETE")


class Topic(models.Model):
    """Something to talk about: an interest, a product, a place. Titles by language; ``reference`` is its number."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("What can be talked about, said by the shop.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    slug = models.TextField(primary_key=True, db_collation="C")
    kind = models.TextField()
    en = models.TextField()
    ja = models.TextField(null=True)
    fr = models.TextField(null=True)
    reference = models.TextField(null=True)
    position = models.UUIDField()

    def __str__(self) -> str:
        """Return the title."""
        return self.en


class ImportedMember(models.Model):
    """Somebody who wrote in another place, under the name that stood there."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "Who wrote what was published under an open licence in another place; nobody of the shop's customers."
    )
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    id = models.UUIDField(primary_key=True)
    name = models.TextField()
    place = models.TextField()
    url = models.TextField(null=True)
    position = models.UUIDField()

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class Thread(models.Model):
    """A conversation: what its first post says of it, and how it has gone on. ``id`` is that of its first post.

    ``posts`` counts all, the first one too; ``replies`` those after it that everybody sees. ``score`` is what the
    first post's votes add up to. In one that ``is_locked`` nothing more is said.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal("A conversation; who said what stands in its posts.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    id = models.UUIDField(primary_key=True)
    kind = models.TextField()
    topic = models.TextField(null=True, db_collation="C")
    product = models.TextField(null=True, db_collation="C")
    title = models.TextField()
    language = models.TextField()
    is_shown = models.BooleanField()
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField()
    last_position = models.UUIDField()
    posts = models.IntegerField()
    replies = models.IntegerField()
    score = models.IntegerField()
    accepted = models.UUIDField(null=True)
    accepted_said = models.UUIDField(null=True)
    status = models.TextField(null=True)
    is_locked = models.BooleanField(db_default=False)

    class Meta:
        """Pages list threads by what was said last, of everything, a topic, a kind or a product."""

        indexes = (
            models.Index(fields=["-last_at", "id"], name="thread_latest", condition=models.Q(is_shown=True)),
            models.Index(fields=["topic", "-last_at"], name="thread_of_topic", condition=models.Q(is_shown=True)),
            models.Index(fields=["kind", "-last_at"], name="thread_of_kind", condition=models.Q(is_shown=True)),
            models.Index(
                fields=["product", "-last_at"],
                name="thread_of_product",
                condition=models.Q(is_shown=True, product__isnull=False),
            ),
            models.Index(
                fields=["-score", "-last_at"], name="thread_of_ideas", condition=models.Q(is_shown=True, kind="idea")
            ),
            models.Index(
                fields=["last_at"],
                name="thread_unanswered",
                condition=models.Q(is_shown=True, kind="question", replies=0),
            ),
        )

    def __str__(self) -> str:
        """Return the title."""
        return self.title


class Post(models.Model):
    """What somebody wrote. ``author`` is a persona or an imported member; a member of staff has a ``name``.

    ``position`` is its event in the log, ``said_at`` the last event that changed it. ``published_at`` is when it says
    it was written, ``received_at`` when the shop heard of it, by which is counted how much somebody writes. ``html`` is
    the text as pages show it.
    ``state``: ``public``; ``held``, until a person has decided; ``hidden`` by a decision; ``withdrawn`` by its author;
    ``gone``, its author was forgotten. ``up`` and ``down`` count votes, with those that were
    ``carried`` here from another place, where it stands at ``url`` under a ``license``.
    ``is_confirmed``: the counter says that whoever wrote this review had bought the product here, and nothing else of
    them. ``is_rewarded``: it was published while the shop's programme promised points for it. Of a post that was
    carried here both come from this shop's own archive only (``vouching.py``).
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical", "thread": "public", "number": "public", "parent": "public", "kind": "public",
            "author": "persona", "name": "public", "place": "public", "text": "persona",
            "html": "mechanical", "language": "public", "words": "mechanical", "published_at": "time",
            "received_at": "time", "edited_at": "time", "version": "public", "position": "mechanical",
            "said_at": "mechanical",
            "state": "public", "held": "public", "product": "public", "rating": "public", "elsewhere": "persona",
            "carried_up": "public", "carried_down": "public", "up": "public", "down": "public", "is_seeded": "public",
            "url": "public", "license": "public", "is_confirmed": "public", "is_rewarded": "public",
            "is_unlinked": "public", "pictures": "persona", "link": "persona",
        },
        subject="author",
        whose=Whose.PERSONA,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its author takes it back or is forgotten"),
    )  # fmt: skip
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    id = models.UUIDField(primary_key=True)
    thread = models.UUIDField()
    number = models.IntegerField()
    parent = models.UUIDField(null=True)
    kind = models.TextField()
    author = models.UUIDField(null=True)
    name = models.TextField(null=True)
    place = models.TextField(null=True)
    text = models.TextField()
    html = models.TextField()
    language = models.TextField()
    words = SearchVectorField()
    published_at = models.DateTimeField()
    received_at = models.DateTimeField(null=True)
    edited_at = models.DateTimeField(null=True)
    version = models.IntegerField()
    position = models.UUIDField()
    said_at = models.UUIDField()
    state = models.TextField()
    held = models.TextField(null=True)
    product = models.TextField(null=True, db_collation="C")
    rating = models.SmallIntegerField(null=True)
    elsewhere = models.TextField(null=True)
    carried_up = models.IntegerField()
    carried_down = models.IntegerField()
    up = models.IntegerField()
    down = models.IntegerField()
    is_seeded = models.BooleanField()
    is_unlinked = models.BooleanField(db_default=False)
    url = models.TextField(null=True)
    license = models.TextField(null=True)
    is_confirmed = models.BooleanField(db_default=False)
    is_rewarded = models.BooleanField(db_default=False)
    pictures = models.JSONField(null=True)
    link = models.TextField(null=True, db_collation="C")

    class Meta:
        """Posts are read by their thread, by their author, by their words, by what they show and link to."""

        indexes = (
            models.Index(fields=["thread", "number"], name="post_of_thread"),
            models.Index(
                fields=["author", "-published_at"], name="post_of_author", condition=models.Q(author__isnull=False)
            ),
            models.Index(
                fields=["author", "-received_at"],
                name="post_heard",
                condition=models.Q(author__isnull=False, place__isnull=True),
            ),
            models.Index(fields=["state", "published_at"], name="post_waiting", condition=~models.Q(state="public")),
            models.Index(fields=["published_at"], name="post_honest", condition=models.Q(elsewhere__isnull=False)),
            models.Index(fields=["published_at"], name="post_rewarded", condition=models.Q(is_rewarded=True)),
            GinIndex(fields=["words"], name="post_words", condition=models.Q(state="public")),
            GinIndex(
                fields=["pictures"],
                name="post_pictures",
                opclasses=["jsonb_path_ops"],
                condition=models.Q(pictures__isnull=False),
            ),
            models.Index(fields=["link"], name="post_link", condition=models.Q(link__isnull=False)),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state__in=["public", "held", "hidden", "withdrawn", "gone"]), name="post_state"
            ),
        )

    def __str__(self) -> str:
        """Return what kind of post it is."""
        return f"{self.kind} {self.id}"


class Picture(models.Model):
    """What is kept of a picture, in two sizes (WebP), by the digest of the larger one. Which posts show it, they say.

    Not derived from the log, which has the digest only. What no post has named for a day goes (``jobs.py``), and with
    the last post that shows it a picture goes at once.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "Pictures by their digests; whose post shows one stands in community_post, with which it goes."
    )
    access: ClassVar[Access] = (
        Access.everyone("SELECT")
        .and_for(SQUARE, "INSERT")
        .and_for(OFFICE, "INSERT")
        .and_for(COUNTER, "INSERT", "UPDATE", "DELETE")
    )

    digest = models.TextField(primary_key=True, db_collation="C")
    width = models.SmallIntegerField()
    height = models.SmallIntegerField()
    large = models.BinaryField()
    small = models.BinaryField()
    uploaded_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        """Return the digest."""
        return self.digest


class Preview(models.Model):
    """What a page elsewhere says of itself, for the cards of posts that link to it; asked again after ``until``.

    Without a ``title`` there is nothing to show: ``why`` says so in a word. Not derived from the log, and gone with the
    last post that links to the page.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "What a public page says of itself; whose post links to it stands in community_post, with which it goes."
    )
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    url = models.TextField(primary_key=True, db_collation="C")
    title = models.TextField()
    description = models.TextField()
    site = models.TextField()
    why = models.TextField()
    failures = models.SmallIntegerField()
    asked_at = models.DateTimeField()
    until = models.DateTimeField()

    def __str__(self) -> str:
        """Return the address."""
        return self.url


class Vote(models.Model):
    """What a member thinks of a post: 1 or -1, 0 once it was taken back. ``position`` is the last event on it."""

    personal: ClassVar[Personal] = Personal(
        columns={"post": "public", "persona": "persona", "value": "public", "position": "mechanical"},
        subject="persona",
        whose=Whose.PERSONA,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its member takes it back or is forgotten"),
    )
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    pk = CompositePrimaryKey("post", "persona")
    post = models.UUIDField()
    persona = models.UUIDField()
    value = models.SmallIntegerField()
    position = models.UUIDField()

    class Meta:
        """What somebody has voted is found by their name."""

        indexes = (models.Index(fields=["persona"], name="vote_of_persona"),)

    def __str__(self) -> str:
        """Return the vote."""
        return f"{self.value:+d}"


class IdeaStep(models.Model):
    """A step of an idea: the shop's word on it, by whom, and why."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("What the shop has said in public, by a member of staff.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    position = models.UUIDField(primary_key=True)
    idea = models.UUIDField(db_index=True)
    status = models.TextField()
    reason = models.TextField()
    name = models.TextField()
    said_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the status."""
        return self.status
