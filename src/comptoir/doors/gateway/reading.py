"""From bytes to events: the CloudEvents envelope, the touchpoint's contract, identifiers replaced by opaque ids.

CloudEvents 1.0.2, JSON format and HTTP binding (https://github.com/cloudevents/spec). Every event of a batch is
read by itself: what is wrong with one never touches its neighbours. Not here: HTTP, the database.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, get_origin
from urllib.parse import unquote

import msgspec

from comptoir.counter.baskets.contracts import CHANGED as BASKET_CHANGED
from comptoir.counter.customers.contracts import CUSTOMER_KIND
from comptoir.counter.customers.rules import customer_id
from comptoir.counter.giftcards.codes import GiftCardCodes
from comptoir.counter.giftcards.contracts import SHOWING, STOP
from comptoir.counter.loyalty.codes import Codes
from comptoir.counter.loyalty.confirming import Confirmations
from comptoir.counter.loyalty.contracts import CODE_KIND, CONFIRMED, LIMITED, SIGNED_IN
from comptoir.counter.loyalty.spending import limits_said
from comptoir.counter.offers.codes import DIGEST, CouponCodes
from comptoir.counter.offers.contracts import TAKING
from comptoir.counter.orders.codes import pickup_codes
from comptoir.counter.orders.contracts import HAND_OVER
from comptoir.doors.gateway.errors import BatchTooLarge, EnvelopeInvalid, MalformedJson, Unexpected
from comptoir.doors.gateway.limits import BATCH_EVENTS_MAX
from comptoir.doors.gateway.pace import Attempts
from comptoir.foundation.events.contracts import ID_CHARACTERS_MAX, SOURCE_CHARACTERS_MAX, Arrival, Outcome
from comptoir.foundation.events.rules import content_fingerprint, without_proof
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.compiling import CompiledMap, CompiledTouchpoint
from comptoir.foundation.touchpoints.errors import FieldInvalid, SourceNotDeclared

_log = logging.getLogger(__name__)

#: Sources below this one belong to the house itself.
RESERVED_SOURCE: Final = "/comptoir/"
_JSON: Final = "application/json"
#: The pieces of JSON that say where its parts end; a quote by itself is the beginning of a text without an end.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},"]', re.DOTALL)
_CLOSING: Final = {b"[": b"]", b"{": b"}"}
_PIECES_MAX: Final = 250_000
_ESCAPED: Final = re.compile(r"\\(.)")
_NO_DATA: Final = msgspec.Raw(b"{}")
#: What comes with a code of a coupon or of a gift card.
_GUESSABLE: Final = TAKING | SHOWING
#: The room whose touchpoints may say a coupon by the digest of its code: baskets are paid there.
_CHECKOUT_ROOM: Final = "vault"

Text = Annotated[str, msgspec.Meta(min_length=1)]


class Envelope(msgspec.Struct, gc=False):
    """A CloudEvents envelope, as far as the counter reads it; extension attributes are allowed and dropped."""

    specversion: str
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=ID_CHARACTERS_MAX)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=SOURCE_CHARACTERS_MAX)]
    type: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    time: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    datacontenttype: str = _JSON
    data: msgspec.Raw = _NO_DATA
    data_base64: str | None = None


_envelope = msgspec.json.Decoder(Envelope)
_envelopes = msgspec.json.Decoder(list[Envelope])
_members = msgspec.json.Decoder(list[msgspec.Raw])
_any = msgspec.json.Decoder()
_Taking = Callable[[Envelope, Any, CompiledTouchpoint, "Id | None", dt.datetime], Any]


class Refused(msgspec.Struct, gc=False):
    """An event that did not get past the door, and what its sender is told. Nothing of it is kept."""

    problem: Problem
    outcome: bytes


class Reader:
    """Reads what one version of the map lets in."""

    def __init__(
        self,
        compiled: CompiledMap,
        *,
        key: bytes,
        codes: Codes,
        confirmations: Confirmations,
        coupons: CouponCodes | None = None,
    ) -> None:
        """Read by this map; ``key`` (32 bytes) turns identifiers into opaque ids, ``codes`` reads what is shown.

        ``confirmations`` tells whether a passkey was asked about limits, ``coupons`` (unset: the shop's) by what a
        coupon's code is found.
        """
        self.map = compiled
        self._key = key
        self._codes = codes
        self._confirmations = confirmations
        self._coupons = coupons or CouponCodes.of_shop()
        self._pickups = pickup_codes()
        self._gift_cards = GiftCardCodes.of_shop()
        #: For each touchpoint and type the fields that hold an identifier, and what takes the proof that comes with it.
        self._fields: dict[tuple[str, str], tuple[tuple[str, ...], _Taking | None]] = {
            (touchpoint.name, event_type): (
                _reference_fields(decoder.type),
                self._take_code
                if event_type in touchpoint.spends
                else self._take_confirmation
                if event_type == LIMITED
                else self._take_coupons
                if event_type in TAKING
                else self._take_gift_card
                if event_type in SHOWING
                else self._take_codes
                if event_type == BASKET_CHANGED
                else self._take_pickup_code
                if event_type == HAND_OVER
                else None,
            )
            for touchpoint in compiled.touchpoints.values()
            for event_type, decoder in touchpoint.decoders.items()
        }

    def read_batch(
        self,
        body: bytes,
        touchpoint: CompiledTouchpoint,
        received_at: dt.datetime,
        attempts: Attempts | None = None,
    ) -> list[Arrival | Refused]:
        """Read a JSON array of events, each by itself; ``attempts`` are those of the key that it came with.

        Raises :class:`MalformedJson` if it is none, :class:`BatchTooLarge` if it holds too many.
        """
        try:
            envelopes = _envelopes.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass  # something in it is no event; which one is found below
        else:
            _check_length(envelopes)
            return [self._check(envelope, touchpoint, received_at, attempts) for envelope in envelopes]
        members: Sequence[bytes | msgspec.Raw]
        try:
            members = _members.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            # Half a character in one event must not hold up the queue of a till for ever.
            found = split_array(body)
            if found is None:
                raise MalformedJson(_sentence(error)) from None
            members = found
        _check_length(members)
        return [self.read(member, touchpoint, received_at, attempts) for member in members]

    def read(
        self,
        body: bytes | msgspec.Raw,
        touchpoint: CompiledTouchpoint,
        received_at: dt.datetime,
        attempts: Attempts | None = None,
    ) -> Arrival | Refused:
        """Read one event in the JSON format."""
        try:
            envelope = _envelope.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return _unreadable(body, error)
        return self._check(envelope, touchpoint, received_at, attempts)

    def read_binary(
        self,
        headers: Mapping[str, str],
        body: bytes,
        touchpoint: CompiledTouchpoint,
        received_at: dt.datetime,
        attempts: Attempts | None = None,
    ) -> Arrival | Refused:
        """Read one event in the binary content mode: attributes as ``ce-`` headers, ``data`` as the body.

        ``headers`` are those headers without their prefix, as they were sent.
        """
        attributes: dict[str, Any] = {}
        try:
            for name, value in headers.items():
                attributes[name] = _header_value(name, value)
            envelope = msgspec.convert({**attributes, "data": msgspec.Raw(body or b"{}")}, Envelope)
        except msgspec.ValidationError as error:
            return _refused(EnvelopeInvalid(_sentence(error), field=_field(error)), attributes)
        except EnvelopeInvalid as problem:
            return _refused(problem, attributes)
        return self._check(envelope, touchpoint, received_at, attempts)

    def _check(
        self,
        envelope: Envelope,
        touchpoint: CompiledTouchpoint,
        received_at: dt.datetime,
        attempts: Attempts | None,
    ) -> Arrival | Refused:
        try:
            _check_attributes(envelope)
            touchpoint.check_source(envelope.source)
            data = touchpoint.read(envelope.type, envelope.data)
            touchpoint.check_occurred(envelope.time, received_at)
            references, take = self._fields[touchpoint.name, envelope.type]
            if attempts is not None and (envelope.type in touchpoint.spends or envelope.type in _GUESSABLE):
                attempts.check()  # what comes with a code can be a guess
            customer = self._replace_identifiers(data, references)
            proof = None if take is None else take(envelope, data, touchpoint, customer, received_at)
            written = codec.encode(data)
            time = envelope.time if envelope.time.tzinfo is dt.UTC else envelope.time.astimezone(dt.UTC)
            occurred = time.isoformat()
        except Problem as problem:
            return Refused(problem, _outcome(problem, envelope.source, envelope.id))
        except Exception:  # noqa: BLE001 - see below
            # A mistake of ours about one event must not cost its neighbours theirs.
            _log.exception("an event of type %.40r cannot be read", envelope.type)
            unexpected = Unexpected()
            return Refused(unexpected, _outcome(unexpected, envelope.source, envelope.id))
        return Arrival(
            source=envelope.source,
            id=envelope.id,
            type=envelope.type,
            touchpoint=touchpoint.name,
            occurred_at=time,
            received_at=received_at,
            data=data,
            written=written,
            fingerprint=content_fingerprint(
                envelope.type, occurred, written if proof is None else without_proof(written)
            ),
            customer=customer,
            proof=proof,
        )

    def _replace_identifiers(self, data: Any, fields: tuple[str, ...]) -> Id | None:
        """Put opaque ids in the place of identifiers; return the one of the field ``customer``."""
        found = None
        for field in fields:
            reference = getattr(data, field)
            if reference is None:
                continue
            if reference.kind == CUSTOMER_KIND:
                try:
                    customer = str(uuid.UUID(reference.value))
                except ValueError:
                    raise FieldInvalid("This kind carries a UUID.", field=f"data.{field}.value") from None
            elif reference.kind == CODE_KIND:
                customer = self.customer_of_code(reference.value, field=f"data.{field}.value")
            else:
                customer = customer_id(self._key, reference.kind, reference.value)
            msgspec.structs.force_setattr(reference, "value", customer)
            if field == "customer":
                found = customer
        return found

    def customer_of_code(self, value: str, *, field: str) -> Id:
        """Return whom a code names, however old it is: it says who somebody is, which lets nobody spend.

        Raises :class:`FieldInvalid` for what is no whole code of this shop; a short text names nobody.
        """
        code = self._codes.open(value)
        if code is None:
            raise FieldInvalid("This kind carries a whole code of this shop, as it was scanned.", field=field)
        return code.customer

    def _take_confirmation(
        self, envelope: Envelope, data: Any, _: CompiledTouchpoint, customer: Id | None, received_at: dt.datetime
    ) -> str | None:
        """Check that a passkey was asked about limits, if that is said, and leave nothing of it."""
        if data.proof is None:
            return None
        assert customer is not None, "the type has a customer"
        self._confirmations.check(data.proof.value, customer, envelope.id, limits_said(data), at=received_at)
        msgspec.structs.force_setattr(data, "proof", None)
        return CONFIRMED

    def _take_coupons(
        self, _envelope: Envelope, data: Any, touchpoint: CompiledTouchpoint, _customer: Id | None, _at: dt.datetime
    ) -> list[Any]:
        """Return a basket's lines, and leave their digest in their place, and that of each coupon's code.

        What somebody bought is told once, by the sale, where they can have it forgotten. The checkout has no codes:
        it says the digests that the basket remembers, which nobody else's word is taken for.
        """
        basket = list(data.basket)
        data.basket[:] = [self._coupons.basket(basket)]
        if data.codes:
            is_checkout = touchpoint.declared.room == _CHECKOUT_ROOM
            data.codes[:] = [
                code if is_checkout and DIGEST.fullmatch(code) else self._coupons.digest(code) for code in data.codes
            ]
        return basket

    def _take_codes(
        self, _envelope: Envelope, data: Any, _touchpoint: CompiledTouchpoint, _customer: Id | None, _at: dt.datetime
    ) -> None:
        """Leave the digest of each code in its place: a basket remembers that it was shown, and nobody what it was."""
        if data.show:
            data.show[:] = [self._coupons.digest(code) for code in data.show]

    def _take_gift_card(
        self, envelope: Envelope, data: Any, touchpoint: CompiledTouchpoint, _customer: Id | None, _at: dt.datetime
    ) -> bool:
        """Leave the digest of each code in its place; tell whether this house has made that of a card to be issued.

        The checkout has no codes: it says the digest of what was typed, which nobody else's word is taken for.
        """
        issued = data.instead if envelope.type == STOP else data.code
        is_ours = issued is None or self._gift_cards.is_ours(issued)
        is_checkout = touchpoint.declared.room == _CHECKOUT_ROOM
        for field in ("code", "instead") if envelope.type == STOP else ("code",):
            code = getattr(data, field)
            if code is not None and not (is_checkout and DIGEST.fullmatch(code)):
                msgspec.structs.force_setattr(data, field, self._gift_cards.digest(code))
        return is_ours

    def _take_pickup_code(
        self, _envelope: Envelope, data: Any, _touchpoint: CompiledTouchpoint, _customer: Id | None, _at: dt.datetime
    ) -> None:
        """Leave the digest of a pick-up code in its place."""
        if data.code is not None:
            msgspec.structs.force_setattr(data, "code", self._pickups.digest(data.code))

    def _take_code(
        self, _envelope: Envelope, data: Any, touchpoint: CompiledTouchpoint, _customer: Id | None, _at: dt.datetime
    ) -> Any:
        """Return what was shown to spend, and leave its digest in its place; ``None`` if nothing was."""
        if data.proof is None:
            return SIGNED_IN if touchpoint.has_own_sign_in else None
        shown = self._codes.read(data.proof.value)
        msgspec.structs.force_setattr(data.proof, "value", shown.digest)
        return shown


def _check_length(events: Sequence[object]) -> None:
    if len(events) > BATCH_EVENTS_MAX:
        raise BatchTooLarge(f"At most {BATCH_EVENTS_MAX} events, not {len(events)}.")


def split_array(body: bytes) -> list[bytes] | None:
    """Return the members of a JSON array by its brackets, commas and quotes alone, or ``None`` if these do not fit.

    What is inside a member may be no JSON at all. Slow, and therefore given up on for a body of very many pieces.
    """
    stack: list[bytes] = []
    members: list[bytes] = []
    begin = end = 0
    for count, token in enumerate(_TOKEN.finditer(body)):
        piece = token[0]
        if (not stack and (piece != b"[" or count or body[: token.start()].strip())) or count > _PIECES_MAX:
            return None
        if piece in _CLOSING:
            stack.append(_CLOSING[piece])
            if len(stack) == 1:
                begin = token.end()
        elif piece == b'"':
            return None
        elif len(piece) == 1 and piece != b",":
            if stack.pop() != piece:
                return None
            end = token.end()
        if (piece == b"," and len(stack) == 1) or not stack:
            members.append(body[begin : token.start()].strip())
            begin = token.end()
    if stack or not members or body[end:].strip() or (b"" in members and members != [b""]):
        return None
    return members if members != [b""] else []


def _reference_fields(struct: type[Any]) -> tuple[str, ...]:
    """Return the names of the fields that hold an identifier."""
    return tuple(field.name for field in msgspec.structs.fields(struct) if _is_reference(field.type))


def _is_reference(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        # What is shown has a kind and a value, too, but only kinds that are known beforehand.
        kinds = {field.name: field.type for field in msgspec.structs.fields(annotation)}
        return {"kind", "value"} == set(kinds) and get_origin(kinds["kind"]) is not Literal
    return any(_is_reference(argument) for argument in getattr(annotation, "__args__", ()))


def _header_value(name: str, value: str) -> str:
    """Return an attribute from its header (CloudEvents HTTP binding, 3.1.3.2): quotes removed, percents decoded."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(r"\1", value[1:-1])
    try:
        return unquote(value.encode("ascii").decode(), errors="strict")
    except UnicodeError:
        raise EnvelopeInvalid("Write it in UTF-8, percent-encoded.", field=name) from None


def _check_attributes(envelope: Envelope) -> None:
    if envelope.specversion != "1.0":
        raise EnvelopeInvalid("Only version 1.0 is spoken here.", field="specversion")
    if envelope.datacontenttype != _JSON:
        _check_content_type(envelope.datacontenttype)
    if envelope.data_base64 is not None:
        raise EnvelopeInvalid("Data is JSON here, in data.", field="data_base64")
    if not (envelope.id.isprintable() and envelope.source.isprintable()):
        raise EnvelopeInvalid("Only printable characters.", field="source" if envelope.id.isprintable() else "id")
    if envelope.source.startswith(RESERVED_SOURCE):
        raise SourceNotDeclared(f"{RESERVED_SOURCE} is the house's own.", field="source")


def _check_content_type(value: str) -> None:
    media_type, *parameters = value.lower().split(";")
    charsets = [each.partition("=")[2].strip('"') for each in map(str.strip, parameters) if each.startswith("charset=")]
    if media_type.strip() != _JSON or not set(charsets) <= {"utf-8", "utf8", "us-ascii"}:
        raise EnvelopeInvalid("Data is JSON in UTF-8 here.", field="datacontenttype")


def _unreadable(body: bytes | msgspec.Raw, error: Exception) -> Refused:
    """Say what is wrong with an envelope, with the identity that could be read all the same."""
    try:
        members = _any.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _refused(MalformedJson(_sentence(error)), {})
    problem = EnvelopeInvalid(_sentence(error), field=_field(error))
    return _refused(problem, members if isinstance(members, dict) else {})


def _refused(problem: Problem, members: Mapping[str, Any]) -> Refused:
    """Refuse something that is no event, under the identity that it claims, if that can be repeated."""
    source, event_id = members.get("source"), members.get("id")
    return Refused(
        problem,
        _outcome(
            problem,
            source[:SOURCE_CHARACTERS_MAX] if isinstance(source, str) else "",
            event_id[:ID_CHARACTERS_MAX] if isinstance(event_id, str) else "",
        ),
    )


def _outcome(problem: Problem, source: str, event_id: str) -> bytes:
    return codec.encode(Outcome(id=event_id, source=source, status="refused", problem=problem.as_members()))


def _sentence(error: Exception) -> str:
    """Return what the decoder found, without anything internal."""
    if isinstance(error, RecursionError):
        return "It is nested too deeply."
    if isinstance(error, UnicodeDecodeError):
        return "A text is not valid UTF-8."
    return str(error).split(" - at `", maxsplit=1)[0]


def _field(error: Exception) -> str | None:
    text = str(error)
    if " - at `$." in text:
        return text.rsplit(" - at `$.", maxsplit=1)[1].rstrip("`")
    if "required field `" in text:
        return text.split("required field `", maxsplit=1)[1].split("`", maxsplit=1)[0]
    return None
