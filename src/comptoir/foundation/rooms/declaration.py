"""The declaration of the rooms: every grant, header, session age and address is derived from what stands here.

No Django, so that the gateway may read it. Not here: what is done with it (``grants.py``, ``headers.py``, ``web.py``).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

Privilege = Literal["SELECT", "INSERT", "UPDATE", "DELETE"]

#: What a role can ever be given on a table. ``TRUNCATE``, ``REFERENCES``, ``TRIGGER`` and ``MAINTAIN`` never are.
PRIVILEGES: frozenset[Privilege] = frozenset(get_args(Privilege))


class Assurance(enum.IntEnum):
    """How sure a room has to be of who is in it; each level includes those before it."""

    NOBODY = 0
    RECOGNISED = 1
    CONFIRMED = 2
    STAFF = 3


class SameSite(enum.StrEnum):
    """Whether a room's cookie travels on a navigation that another site began (RFC 6265bis)."""

    LAX = "Lax"
    STRICT = "Strict"


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A room: who may be in it and what its pages may do.

    ``order`` grows inwards. ``host_label`` is the first label of its host in production, ``host_label_demo`` the
    one in front of ``localhost`` (empty: ``localhost`` itself). Session ages are in seconds:
    ``session_idle_seconds`` without a request, ``session_absolute_seconds`` in all. ``assurance`` is what a view
    demands unless it says that it is open. ``entrance`` is where somebody without it is sent: a room's name and a
    path there. ``leads_to`` names the rooms into which this one issues tickets, ``forms_to`` those to which its
    pages may send a form without one, which believe nothing of it but where it comes from.
    ``content_security_policy`` maps a directive to its sources; ``'none'`` is what every fetch falls back to.
    ``data_classes`` are the classes of data that the room may hold. ``body_bytes_max`` is how much a browser may
    send at once, unless the shop says otherwise (``bodies.py``): forms are small. ``upload_paths`` are regular
    expressions of whole paths to which files may be sent, ``upload_bytes_max`` how much at once.
    """

    name: str
    order: int
    role: str
    host_label: str
    host_label_demo: str
    assurance: Assurance
    session_idle_seconds: int
    session_absolute_seconds: int
    same_site: SameSite = SameSite.LAX
    entrance: tuple[str, str] | None = None
    leads_to: tuple[str, ...] = ()
    forms_to: tuple[str, ...] = ()
    content_security_policy: Mapping[str, str]
    headers: Mapping[str, str]
    data_classes: frozenset[str]
    body_bytes_max: int = 64 << 10
    upload_paths: tuple[str, ...] = ()
    upload_bytes_max: int = 0

    @property
    def urlconf(self) -> str:
        """Return the module that says which addresses the room answers to."""
        return f"comptoir.config.urls.{self.name}"

    def sees(self, other: Room) -> bool:
        """Tell whether this room may read what the other one keeps: its own things and those further out."""
        return self.name == other.name or self.order > other.order

    def __hash__(self) -> int:
        """Hash by name: a room's name is what it is known by."""
        return hash(self.name)


#: Where every room's policy begins: nothing may be loaded, framed, or given another base.
_BASE_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "object-src": "'none'",
}

_NO_FEATURES = dict.fromkeys(
    (
        "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "geolocation",
        "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "picture-in-picture",
        "publickey-credentials-create", "publickey-credentials-get", "screen-wake-lock", "serial", "usb",
        "xr-spatial-tracking",
    ),
    "()",
)  # fmt: skip


def _permissions(**allowed: str) -> str:
    features = _NO_FEATURES | {name.replace("_", "-"): value for name, value in allowed.items()}
    return ", ".join(f"{name}={value}" for name, value in sorted(features.items()))


#: The same in every room: no sniffing, no window or resource shared with another origin.
_BASE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Referrer-Policy": "same-origin",
}

_NOT_STORED = {"Cache-Control": "no-store"}

SQUARE = Room(
    name="square",
    order=1,
    role="comptoir_square",
    host_label="www",
    host_label_demo="",
    assurance=Assurance.NOBODY,
    session_idle_seconds=14 * 86_400,
    session_absolute_seconds=30 * 86_400,
    # Into the basket, which is at the counter.
    forms_to=("counter",),
    content_security_policy=_BASE_POLICY
    | {"img-src": "'self' data:", "manifest-src": "'self'", "worker-src": "'self'"},
    headers=_BASE_HEADERS
    | {"Permissions-Policy": _permissions(), "Referrer-Policy": "strict-origin-when-cross-origin"},
    data_classes=frozenset({"public", "persona"}),
    # Where members write: four pictures of 10 MB, and the words around them.
    upload_paths=(r"/(?:[a-z]{2}/)?(?:write|threads/[0-9a-f-]{36}/reply|posts/[0-9a-f-]{36}/edit)",),
    upload_bytes_max=41 << 20,
)

COUNTER = Room(
    name="counter",
    order=2,
    role="comptoir_counter",
    host_label="my",
    host_label_demo="my",
    assurance=Assurance.RECOGNISED,
    session_idle_seconds=30 * 86_400,
    session_absolute_seconds=90 * 86_400,
    leads_to=("square", "vault"),
    content_security_policy=_BASE_POLICY
    | {"img-src": "'self' data:", "manifest-src": "'self'", "worker-src": "'self'"},
    headers=_BASE_HEADERS
    | {
        "Permissions-Policy": _permissions(screen_wake_lock="(self)", camera="(self)"),
        "Cache-Control": "private, no-cache",
    },
    data_classes=frozenset({"public", "persona", "opaque"}),
)

VAULT = Room(
    name="vault",
    order=3,
    role="comptoir_vault",
    host_label="safe",
    host_label_demo="safe",
    assurance=Assurance.CONFIRMED,
    session_idle_seconds=10 * 60,
    session_absolute_seconds=30 * 60,
    same_site=SameSite.STRICT,
    entrance=("vault", "/sign-in/"),
    leads_to=("counter", "office"),
    # No script may make markup or code out of text: the sinks refuse strings, and no policy can be made for them.
    content_security_policy=_BASE_POLICY | {"require-trusted-types-for": "'script'", "trusted-types": "'none'"},
    headers=_BASE_HEADERS
    | _NOT_STORED
    | {
        "Permissions-Policy": _permissions(publickey_credentials_create="(self)", publickey_credentials_get="(self)"),
    },
    data_classes=frozenset({"public", "persona", "opaque", "contact", "credential"}),
    # What a wallet presents may be large.
    body_bytes_max=1 << 20,
)

OFFICE = Room(
    name="office",
    order=3,
    role="comptoir_office",
    host_label="office",
    host_label_demo="office",
    assurance=Assurance.STAFF,
    session_idle_seconds=30 * 60,
    session_absolute_seconds=12 * 3_600,
    entrance=("vault", "/continue/office/"),
    content_security_policy=_BASE_POLICY | {"img-src": "'self' data:"},
    headers=_BASE_HEADERS | _NOT_STORED | {"Permissions-Policy": _permissions()},
    data_classes=frozenset({"public", "persona", "opaque"}),
    # Four pictures with an answer, as on the square; pictures of a product, a few at a time.
    upload_paths=(r"/community/answer/[0-9a-f-]{36}", r"/stock/pictures/[^/]+"),
    upload_bytes_max=41 << 20,
)

#: Every room by its name, from the outermost inwards.
ROOMS: Mapping[str, Room] = {room.name: room for room in (SQUARE, COUNTER, VAULT, OFFICE)}

#: In which room an app's tables stand, by the app's label. ``None``: every model says itself who may do what.
HOMES: Mapping[str, Room | None] = {
    "rooms": None,
    "events": None,
    "touchpoints": None,
    "community": SQUARE,
    "stewardship": SQUARE,
    "hearing": SQUARE,
    "health": SQUARE,
    "catalog": SQUARE,
    "stock": SQUARE,
    "companions": SQUARE,
    "charter": SQUARE,
    "programme": SQUARE,
    "shortlinks": SQUARE,
    "customers": COUNTER,
    "letters": COUNTER,
    "messaging": COUNTER,
    "trips": COUNTER,
    "answers": COUNTER,
    "sales": COUNTER,
    "loyalty": COUNTER,
    "audiences": COUNTER,
    "offers": COUNTER,
    "baskets": COUNTER,
    "giftcards": COUNTER,
    "orders": COUNTER,
    "wishlists": COUNTER,
    "recommendations": COUNTER,
    "windows": COUNTER,
    "storefront": COUNTER,
    "procrastinate": COUNTER,
    "announcements": VAULT,
    "credentials": VAULT,
    "attestations": VAULT,
    "devices": VAULT,
    "contacts": VAULT,
    "invitations": VAULT,
    "lists": VAULT,
    "delivery": VAULT,
    "payments": VAULT,
    "checkout": VAULT,
    "rights": VAULT,
    "auth": VAULT,
    "contenttypes": VAULT,
    "account": VAULT,
    "mfa": VAULT,
    "allauth_idp_oidc": VAULT,
    "campaigns": OFFICE,
    "journeys": OFFICE,
    "attribution": OFFICE,
    "console": OFFICE,
}

#: Tables without a model that nobody but their owner touches.
OWNERS_TABLES = frozenset({"django_migrations"})


class Access(msgspec.Struct, frozen=True):
    """Which room's role may do what with a table. What is not named is not allowed.

    A model carries it as ``access: ClassVar[Access]``; without, :meth:`at_home` of its app's room holds.
    """

    grants: Mapping[str, frozenset[Privilege]]

    @classmethod
    def at_home(cls, home: Room) -> Access:
        """Return the default: the room itself reads and writes, rooms further in read, nobody else does anything."""
        inside = {room.name: frozenset[Privilege]({"SELECT"}) for room in ROOMS.values() if room.sees(home)}
        return cls({**inside, home.name: PRIVILEGES})

    @classmethod
    def only(cls, room: Room, *privileges: Privilege) -> Access:
        """Return access for one room alone, not even for those further in; no privilege named means all four."""
        return cls({room.name: frozenset(privileges) or PRIVILEGES})

    @classmethod
    def everyone(cls, *privileges: Privilege) -> Access:
        """Return the same access for every room."""
        return cls({name: frozenset(privileges) for name in ROOMS})

    @classmethod
    def nobody(cls) -> Access:
        """Return access for the tables' owner only."""
        return cls({})

    def and_for(self, room: Room, *privileges: Privilege) -> Access:
        """Return this access and further privileges for one room."""
        mine = self.grants.get(room.name, frozenset())
        return Access({**self.grants, room.name: mine | frozenset(privileges)})

    def of(self, room: Room) -> frozenset[Privilege]:
        """Return what a room's role may do."""
        return self.grants.get(room.name, frozenset())


def room_of_role(role: str) -> Room | None:
    """Return the room that connects as a database role, or ``None``."""
    return next((room for room in ROOMS.values() if room.role == role), None)
