"""Refusals of the ledger, by name."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class InsufficientPoints(Problem):
    """There are not enough points to spend."""

    name = "insufficient_points"
    status = 409


class ProofMissing(Problem):
    """Points are spent with a code that the customer shows; a card's number alone only earns."""

    name = "proof_missing"
    status = 403


class CodeInvalid(Problem):
    """This is no code of this shop's, or not one of this customer's."""

    name = "code_invalid"
    status = 403


class CodeOfAnotherCustomer(Problem):
    """This code is another customer's."""

    name = "code_of_another_customer"
    status = 403


class CodeNotYetValid(Problem):
    """This code says that it will be made later than now."""

    name = "code_not_yet_valid"
    status = 403


class CodeExpired(Problem):
    """This code has run out."""

    name = "code_expired"
    status = 403


class CodeUsed(Problem):
    """This code was used already."""

    name = "code_used"
    status = 409


class CodeUsedElsewhere(Problem):
    """This code was used already, at another till."""

    name = "code_used_elsewhere"
    status = 409


class CodePointsExceeded(Problem):
    """This code is good for fewer points."""

    name = "code_points_exceeded"
    status = 403


class CodeElsewhere(Problem):
    """This code is good at another place."""

    name = "code_elsewhere"
    status = 403


class SpendingLocked(Problem):
    """The customer has locked their points."""

    name = "spending_locked"
    status = 403


class PlaceNotAllowed(Problem):
    """The customer lets their points be spent at other places only."""

    name = "place_not_allowed"
    status = 403


class DailyLimitReached(Problem):
    """The customer does not let so many points be spent in one day."""

    name = "daily_limit_reached"
    status = 403


class PasskeyNeeded(Problem):
    """The customer wants to confirm so many points with a passkey."""

    name = "passkey_needed"
    status = 403


class SpendingCooling(Problem):
    """Something with which this customer signs in has changed: points can be spent again a little later."""

    name = "spending_cooling"
    status = 403


class SpendingFrozen(Problem):
    """Spending was stopped for this customer, until they say otherwise."""

    name = "spending_frozen"
    status = 403


class CoolingTooLong(Problem):
    """Spending cools for thirty days at most."""

    name = "cooling_too_long"


class ConfirmationInvalid(Problem):
    """This confirms nothing of what is said here."""

    name = "confirmation_invalid"
    status = 403


class ConfirmationExpired(Problem):
    """This confirmation has run out, or was made by a clock that is ahead."""

    name = "confirmation_expired"
    status = 403


class LimitsChangedTooOften(Problem):
    """The limits were changed so often that nothing more is taken before some of it holds, but a lock."""

    name = "limits_changed_too_often"
    status = 409


class CoolingInvalid(Problem):
    """COMPTOIR_COOLING_HOURS is no length of time."""

    name = "cooling_invalid"


class BelowMinimum(Problem):
    """The programme does not let so few points be spent at once."""

    name = "below_minimum"


class NothingToAdjust(Problem):
    """An adjustment of zero points does nothing."""

    name = "nothing_to_adjust"


class ReservationUnknown(Problem):
    """This touchpoint holds no reservation of that name."""

    name = "reservation_unknown"
    status = 404


class ReservationTaken(Problem):
    """A reservation of that name exists already."""

    name = "reservation_taken"
    status = 409


class ReservationPosted(Problem):
    """The reservation was posted already."""

    name = "reservation_posted"
    status = 409


class ReservationVoided(Problem):
    """The reservation was voided already."""

    name = "reservation_voided"
    status = 409


class ReservationExpired(Problem):
    """The reservation has expired."""

    name = "reservation_expired"
    status = 409


class ReservationTooSmall(Problem):
    """Less is held than should be posted."""

    name = "reservation_too_small"
    status = 409


class LeaseTaken(Problem):
    """A lease of that name exists already."""

    name = "lease_taken"
    status = 409


class LeaseUnknown(Problem):
    """This touchpoint has no lease of that name."""

    name = "lease_unknown"
    status = 404


class LeaseTooLarge(Problem):
    """The programme does not let a till lease so many points at once."""

    name = "lease_too_large"


class LeaseForeign(Problem):
    """Another till has leased this."""

    name = "lease_foreign"
    status = 403


class LeaseExpired(Problem):
    """The lease had run out by then."""

    name = "lease_expired"
    status = 409


class LeaseExceeded(Problem):
    """So many points are not left of the lease."""

    name = "lease_exceeded"
    status = 409


class LeaseSpendTaken(Problem):
    """Another spending from this lease had the same number."""

    name = "lease_spend_taken"
    status = 409


class LeaseMiscounted(Problem):
    """More was spent from the lease than this says."""

    name = "lease_miscounted"
    status = 409


class LeaseClosed(Problem):
    """The lease was returned."""

    name = "lease_closed"
    status = 409


class LeaseLost(Problem):
    """The lease was given up as lost, and its points went back to the customer."""

    name = "lease_lost"
    status = 409


class LeaseRunning(Problem):
    """The lease has not run out, so its till may still let points be spent."""

    name = "lease_running"
    status = 409


class ProgrammeInvalid(Problem):
    """The programme's rules contradict themselves or say something unknown."""

    name = "programme_invalid"


class ProgrammeTooLate(Problem):
    """A version of the programme cannot start in the past: sales were decided by the rules of their day."""

    name = "programme_too_late"
