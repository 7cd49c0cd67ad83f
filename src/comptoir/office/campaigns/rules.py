"""Who of a segment gets a message, and who does not and why. Pure: facts and the moment come in as arguments.

The order is part of the rule: consent first; then who is held out of everything; then the caps; then the campaign's own
holdout and variants are drawn, among those who could be written to. So the arms of a campaign differ by chance alone.
Not here: when a message may leave (``windows.py``), what is measured afterwards (``measuring.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from comptoir.office.campaigns.contracts import (
    HOLDOUT,
    HOLDOUT_OF_ALL_SHARE,
    Cap,
    Counts,
    Drawn,
    Sent,
    Version,
)
from comptoir.office.campaigns.errors import CampaignInvalid
from comptoir.office.experiments.assignment import assign, is_held_out

#: Where the shop has said nothing else.
CAPS: Final = (Cap(2, 7), Cap(6, 30))
_REASON_CHARACTERS_MIN: Final = 10
MARGIN_MISSING: Final = "A cost says what was spent; the margin has to say what a sale earns."
#: What a store is drawn by, so that it is no person.
_STORE: Final = "store "
#: An interval with a covariate needs so many clusters in each arm.
_STORES_MIN: Final = 3
#: Where somebody buys is asked of so long a time before they are drawn.
HOME_SPAN: Final = dt.timedelta(days=365)


def judge(version: Version) -> None:
    """Refuse what nobody could send or measure."""
    names = [each.name for each in version.variants]
    if len(set(names)) != len(names):
        raise CampaignInvalid("Two variants have one name.", field="variants")
    window = version.window
    if not window.weekdays or window.from_hour >= window.until_hour:
        raise CampaignInvalid("In this window no message could ever leave.", field="window")
    if version.message_class == "service":
        if version.promotion is not None:
            raise CampaignInvalid("An offer is marketing, whatever else the message says.", field="message_class")
        return
    if version.holdout == 0 and len(version.holdout_reason.strip()) < _REASON_CHARACTERS_MIN:
        raise CampaignInvalid(
            "Without a holdout nobody will know whether it paid. Say why that has to be; the report prints it.",
            field="holdout_reason",
        )
    if not any(text.strip() for text in version.why.values()):
        raise CampaignInvalid("Say to whoever gets it why they do.", field="why")
    if lacks_margin(version.margin, version.cost_per_contact, version.cost_per_point):
        raise CampaignInvalid(MARGIN_MISSING, field="margin")


def lacks_margin(margin: float | None, *costs: float | None) -> bool:
    """Tell whether a cost was said without what a sale earns: no verdict in money follows from that."""
    return margin is None and any(each is not None for each in costs)


def shares(version: Version) -> dict[str, float]:
    """Return how much of everybody each arm is meant to have: the holdout and the variants, 1 together."""
    held = 0.0 if version.message_class == "service" else version.holdout
    whole = sum(each.share for each in version.variants)
    arms = {each.name: (1 - held) * each.share / whole for each in version.variants}
    return {HOLDOUT: held, **arms} if held else arms


def holdout_of(at: dt.datetime) -> str:
    """Return the name of the lasting holdout: every year it is drawn anew."""
    return f"everything {at.astimezone(dt.UTC).year}"


def is_held_out_of_all(person: str, *, at: dt.datetime, salt: bytes) -> bool:
    """Tell whether somebody is among the two of a hundred who get nothing of anything, this year."""
    return is_held_out(person, holdout=holdout_of(at), salt=salt, share=HOLDOUT_OF_ALL_SHARE)


def decide(
    person: str,
    *,
    campaign: str,
    version: Version,
    has_consent: bool,
    sent: Sequence[Sent],
    caps: Sequence[Cap],
    at: dt.datetime,
    leaves_at: dt.datetime,
    salt: bytes,
    store: str = "",
) -> Drawn:
    """Return what is decided about somebody in the segment.

    ``sent`` is what was decided to send to them before, by any campaign, and ``leaves_at`` is when this message may
    leave first: days of a cap are those of leaving. ``salt`` is the shop's secret. A person is
    always drawn into the same arm of a campaign, whatever version of it asks; or a ``store`` is, with everybody who
    buys there, where stores are drawn. Whoever buys at none is drawn alone.
    """
    is_marketing = version.message_class == "marketing"
    if is_marketing:
        if not has_consent:
            return Drawn("suppressed", "", "no_consent")
        if is_held_out_of_all(person, at=at, salt=salt):
            return Drawn("held_out", "", "everything")
        if not fits(sent, caps, channel=version.channel, at=leaves_at):
            return Drawn("suppressed", "", "capped")
    arm = assign(unit(person, store), experiment=campaign, salt=salt, shares=shares(version))
    return Drawn("held_out", arm, "campaign", store) if arm == HOLDOUT else Drawn("send", arm, "", store)


def unit(person: str, store: str) -> str:
    """Return what is drawn: a store, with everybody who buys there, or a person alone."""
    return f"{_STORE}{store}" if store else person


def home(by_store: Mapping[str, int]) -> str:
    """Return the store at which somebody buys most often; of two alike the first by name, and nothing for none."""
    return min(by_store, key=lambda store: (-by_store[store], store), default="")


def only_with_coupon(
    drawn: Iterable[tuple[uuid.UUID, Drawn]], held: Collection[uuid.UUID]
) -> list[tuple[uuid.UUID, Drawn]]:
    """Return the same, but that nobody is written to who has no coupon; they stay in the arm that they were drawn into.

    Else the arms would differ by who got one, and not by chance alone.
    """
    return [
        (
            person,
            Drawn("suppressed", each.arm, "no_coupon", each.cluster)
            if each.verdict == "send" and person not in held
            else each,
        )
        for person, each in drawn
    ]


def fits(sent: Sequence[Sent], caps: Sequence[Cap], *, channel: str, at: dt.datetime) -> bool:
    """Tell whether one more message, at a moment, keeps all caps: of any days that it lies in, none has too many.

    The moment is when it leaves. What was decided and has still to leave counts as well, so that two campaigns of one
    hour do not both fit.
    """
    return all(_fits(sent, cap, channel=channel, at=at) for cap in caps)


def _fits(sent: Sequence[Sent], cap: Cap, *, channel: str, at: dt.datetime) -> bool:
    if cap.channel is not None and cap.channel != channel:
        return True
    span = dt.timedelta(days=cap.days)
    near = sorted(
        each.at for each in sent if abs(each.at - at) < span and (cap.channel is None or each.channel == cap.channel)
    )
    if len(near) < cap.messages:
        return True
    moments = sorted([*near, at])
    return not any(later - earlier < span for earlier, later in zip(moments, moments[cap.messages :], strict=False))


def longest(caps: Iterable[Cap]) -> dt.timedelta:
    """Return how far back, and ahead, the caps look."""
    return dt.timedelta(days=max((cap.days for cap in caps), default=0))


def count(drawn: Iterable[Drawn], *, decided_before: int = 0) -> Counts:
    """Return how a list came about."""
    drawn = list(drawn)
    found = Counter((each.verdict, each.reason or each.arm) for each in drawn)
    stores = Counter(arm for arm, _store in {(each.arm, each.cluster) for each in drawn if each.cluster})
    return Counts(
        matched=found.total() + decided_before,
        decided_before=decided_before,
        no_consent=found["suppressed", "no_consent"],
        capped=found["suppressed", "capped"],
        held_out_of_all=found["held_out", "everything"],
        held_out=found["held_out", "campaign"],
        no_coupon=found["suppressed", "no_coupon"],
        send={arm: number for (verdict, arm), number in sorted(found.items()) if verdict == "send"},
        stores=dict(sorted(stores.items())),
    )


def with_enough_stores(counts: Counts) -> list[str]:
    """Return the arms that have so many stores that an interval can be told of them."""
    return [arm for arm, stores in counts.stores.items() if stores >= _STORES_MIN]


def members_hash(drawn: Mapping[str, Drawn]) -> str:
    """Return a SHA-256 of who is on a list and what was decided about each, whatever the order."""
    digest = hashlib.sha256()
    for person, each in sorted(drawn.items()):
        digest.update(f"{person} {each.verdict} {each.reason or each.arm}\n".encode())
    return digest.hexdigest()
