"""What signing in can refuse."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class LinkRefused(Problem):
    """This one-time link is over: it was used, replaced by a newer one, or is older than ten minutes."""

    name = "link_refused"
    status = 403


class NoSuchStaffMember(Problem):
    """There is no staff member with this e-mail address."""

    name = "no_such_staff_member"
    status = 404


class NoSuchSignIn(Problem):
    """This sign-in is over already, or it is not yours."""

    name = "no_such_sign_in"
    status = 404


class PasskeyUnreadable(Problem):
    """What the browser sent is no passkey's answer."""

    name = "passkey_unreadable"
    status = 400


class PasskeyExpired(Problem):
    """The passkey was asked for too long ago."""

    name = "passkey_expired"
    status = 403


class PasskeyReplayed(Problem):
    """This passkey's answer belongs to no question that is open here: it was used, or was given elsewhere."""

    name = "passkey_replayed"
    status = 403


class PasskeyOriginWrong(Problem):
    """The passkey was shown on another site."""

    name = "passkey_origin_wrong"
    status = 403


class PasskeyTampered(Problem):
    """The passkey's answer is not as the device made it."""

    name = "passkey_tampered"
    status = 403


class PasskeyUnknown(Problem):
    """This shop does not know this passkey."""

    name = "passkey_unknown"
    status = 403


class PasskeyCopied(Problem):
    """The passkey says that it was used less often than before: it exists twice."""

    name = "passkey_copied"
    status = 403


class PasskeysMany(Problem):
    """So many passkeys cannot belong to one customer."""

    name = "passkeys_many"
    status = 409


class LastPasskey(Problem):
    """The last passkey stays: without it nobody would find these points again."""

    name = "last_passkey"
    status = 409


class CoolingOn(Problem):
    """Something was changed lately; until that has cooled, nothing more can be taken away."""

    name = "cooling_on"
    status = 409


class SpendingHeld(Problem):
    """Points are earned and not spent for now: something was changed lately, or spending was stopped."""

    name = "spending_held"
    status = 403


class NotFrozen(Problem):
    """Spending is not stopped."""

    name = "not_frozen"
    status = 409


class FreezeLinkRefused(Problem):
    """This link is over: it was used, or is too old."""

    name = "freeze_link_refused"
    status = 403


class PointsInvalid(Problem):
    """This is no number of points."""

    name = "points_invalid"


class PlaceInvalid(Problem):
    """This is no place of the shop."""

    name = "place_invalid"


class TransactionChanged(Problem):
    """What the passkey confirmed is not what was sent: nothing is spent."""

    name = "transaction_changed"
    status = 403


class CardShownLongAgo(Problem):
    """The card was shown too long ago. Open its link again."""

    name = "card_shown_long_ago"
    status = 403


class CardNotShown(Problem):
    """This browser holds no card by a card link."""

    name = "card_not_shown"
    status = 403


class CardNotAskedFor(Problem):
    """This session did not ask for a card: a ticket is good in the session that asked for it."""

    name = "card_not_asked_for"
    status = 403


class CardOfAnother(Problem):
    """This card belongs to another passkey."""

    name = "card_of_another"
    status = 409


class CodeTooOld(Problem):
    """The code by e-mail was entered too long ago. Sign in with a new one."""

    name = "code_too_old"
    status = 403


class CodeWrong(Problem):
    """This is not the code."""

    name = "code_wrong"
    status = 403


class RecoveryRefused(Problem):
    """This link is over: it was used, or is older than a quarter of an hour."""

    name = "recovery_refused"
    status = 403


class RecoveryUnknown(Problem):
    """No passkey belongs to this card."""

    name = "recovery_unknown"
    status = 404


class RecoveryReasonMissing(Problem):
    """A link for a customer needs a reason."""

    name = "recovery_reason_missing"


class RecoveryOwn(Problem):
    """Nobody who works here makes such a link for themselves, or opens one where they are signed in."""

    name = "recovery_own"
    status = 403


class RecoveriesMany(Problem):
    """So many links were made by this staff member within a day."""

    name = "recoveries_many"
    status = 429


class RecoveriesInvalid(Problem):
    """COMPTOIR_RECOVERIES_A_DAY is no number of links."""

    name = "recoveries_invalid"
