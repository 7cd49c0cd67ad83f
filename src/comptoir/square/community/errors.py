"""Refusals of public names, posts and pictures."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class PersonaNameInvalid(Problem):
    """This cannot be a public name."""

    name = "persona_name_invalid"


class PersonaNameReserved(Problem):
    """This name would be taken for somebody of the shop."""

    name = "persona_name_reserved"


class PersonaNameTaken(Problem):
    """Somebody has this name, or had it, or one that looks the same."""

    name = "persona_name_taken"
    status = 409


class PersonaNotThere(Problem):
    """Nobody takes part under this name."""

    name = "persona_not_there"
    status = 404


class MemberTaken(Problem):
    """Somebody from another place has this id already."""

    name = "member_taken"
    status = 409


class TopicTaken(Problem):
    """There is a topic of this name already."""

    name = "topic_taken"
    status = 409


class ProductUnknown(Problem):
    """The shop knows no such product, or several of that name; choose one that it knows."""

    name = "product_unknown"


class TopicUnknown(Problem):
    """There is no such topic."""

    name = "topic_unknown"
    status = 404


class PostTaken(Problem):
    """There is a post with this id already."""

    name = "post_taken"
    status = 409


class PostUnknown(Problem):
    """There is no such post."""

    name = "post_unknown"
    status = 404


class PostGone(Problem):
    """This was removed or taken back; nothing can be said to it any more."""

    name = "post_gone"
    status = 410


class PostMisplaced(Problem):
    """This kind of post does not belong there."""

    name = "post_misplaced"
    status = 422


class PostNotYours(Problem):
    """Only whoever wrote it can do that."""

    name = "post_not_yours"
    status = 403


class PostChangedMeanwhile(Problem):
    """It was written anew meanwhile; look at the new words first."""

    name = "post_changed_meanwhile"
    status = 409


class TextUnfit(Problem):
    """There is something in this text that cannot be shown."""

    name = "text_unfit"
    status = 422


class VoteForOneself(Problem):
    """Nobody votes for what they have written themselves, under whichever name."""

    name = "vote_for_oneself"
    status = 409


class VotedAlready(Problem):
    """This person has voted on it already, under another name."""

    name = "voted_already"
    status = 409


class PostingTooFast(Problem):
    """That was a lot at once. Come back in a while."""

    name = "posting_too_fast"
    status = 429


class IdeaUnknown(Problem):
    """There is no such idea."""

    name = "idea_unknown"
    status = 404


class ThreadLocked(Problem):
    """Nothing can be said here any more: the shop has closed this conversation, and says why."""

    name = "thread_locked"
    status = 409


class MarksNotOurs(Problem):
    """Only this shop's own archive says what it knew of a review; its key has not signed this."""

    name = "marks_not_ours"


class PictureUnknown(Problem):
    """There is no such picture; send it first."""

    name = "picture_unknown"
    status = 404


class PictureUnreadable(Problem):
    """This is no picture that can be read to its end."""

    name = "picture_unreadable"


class PictureFormatForeign(Problem):
    """A picture is a JPEG, a PNG or a WebP."""

    name = "picture_format_foreign"


class PictureTooLarge(Problem):
    """A picture has at most 10 MB and 40 megapixels."""

    name = "picture_too_large"


class PictureMoving(Problem):
    """A picture that moves is none here; send one that stands still."""

    name = "picture_moving"


class PictureWithoutWords(Problem):
    """Say in words what the picture shows, for whoever cannot see it."""

    name = "picture_without_words"


class PicturesTooMany(Problem):
    """Those were more pictures than one may send at once, or within an hour."""

    name = "pictures_too_many"
    status = 429


class PictureBusy(Problem):
    """Many pictures came at once, and this one had to wait too long; send it again in a moment."""

    name = "picture_busy"
    status = 503
