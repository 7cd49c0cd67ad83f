"""Django's settings: the same for every shop; what differs comes from the environment (``docs/settings.md``).

Reading them opens no connection and makes no key. Not here: what a room's pages may do (``rooms/declaration.py``).
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from comptoir.foundation.kernel import database, shop
from comptoir.foundation.rooms import addresses, bodies
from comptoir.foundation.rooms.declaration import ROOMS
from comptoir.foundation.rooms.router import OWNER_ALIAS

_HERE = Path(__file__).parent
_IS_PRODUCTION = addresses.is_production()


def _signing_key() -> str:
    return shop.secret("signing").hex()


#: Never on: a page of Django's that shows settings and variables has no place in a shop.
DEBUG = False

#: The shop's own key, made at its first use; there is no default and no way to set a weak one.
SECRET_KEY = lazy(_signing_key, str)()

ALLOWED_HOSTS = [addresses.host_of(room) for room in addresses.rooms_here()]

# The house's own packages come first: their templates stand before those of the libraries.
INSTALLED_APPS = [
    "comptoir.foundation.rooms",
    "comptoir.foundation.events",
    "comptoir.foundation.touchpoints",
    "comptoir.square.community",
    "comptoir.square.stewardship",
    "comptoir.square.hearing",
    "comptoir.square.health",
    "comptoir.square.catalog",
    "comptoir.square.stock",
    "comptoir.square.companions",
    "comptoir.square.charter",
    "comptoir.square.programme",
    "comptoir.square.shortlinks",
    "comptoir.counter.customers",
    "comptoir.counter.letters",
    "comptoir.counter.messages",
    "comptoir.counter.trips",
    "comptoir.counter.answers",
    "comptoir.counter.sales",
    "comptoir.counter.loyalty",
    "comptoir.counter.audiences",
    "comptoir.counter.offers",
    "comptoir.counter.baskets",
    "comptoir.counter.giftcards",
    "comptoir.counter.orders",
    "comptoir.counter.wishlists",
    "comptoir.counter.recommendations",
    "comptoir.counter.windows",
    "comptoir.vault.payments",
    "comptoir.vault.announcements",
    "comptoir.vault.contacts",
    "comptoir.vault.invitations",
    "comptoir.vault.rights",
    "comptoir.vault.attestations",
    "comptoir.vault.devices",
    "comptoir.vault.credentials",
    "comptoir.vault.lists",
    "comptoir.vault.messages",
    "comptoir.vault.checkout",
    "comptoir.office.campaigns",
    "comptoir.office.journeys",
    "comptoir.office.attribution",
    "comptoir.doors.console",
    "comptoir.doors.storefront",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.idp.oidc",
    "django_htmx",
    "procrastinate.contrib.django",
]

ROOT_URLCONF = "comptoir.config.urls.square"
ASGI_APPLICATION = "comptoir.config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The room comes first: everything behind it knows where it is.
MIDDLEWARE = [
    "comptoir.foundation.rooms.web.RoomMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "comptoir.foundation.rooms.static_files.StaticFilesMiddleware",
    "comptoir.foundation.rooms.sessions.RoomSessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "comptoir.foundation.rooms.web.BodyMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "comptoir.vault.contacts.web.ClosedVaultMiddleware",
    "comptoir.vault.credentials.web.SignedInMiddleware",
    "comptoir.doors.storefront.privacy.PrivacyControlMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "comptoir.foundation.rooms.web.context",
                "comptoir.config.presentation.context",
            ],
            "libraries": {"house": "comptoir.config.presentation"},
        },
    },
]

# The database: one, seen by the owner (migrations only) and by each room's role.


def _connection(role: str, *, pool: dict[str, int] | None = None) -> dict[str, Any]:
    return {
        "ENGINE": "comptoir.foundation.rooms.backend",
        "NAME": database.database_name(),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"role": role, **({"pool": pool} if pool else {})},
        "TIME_ZONE": None,
    }


#: The pages, which answer each request in a thread of its own, share a few connections for each room.
_POOL = {"min_size": 0, "max_size": 8, "timeout": 10} if os.environ.get("COMPTOIR_POOL") else None

DATABASES = {
    OWNER_ALIAS: _connection(database.OWNER_ROLE),
    **{room.name: _connection(room.role, pool=_POOL) for room in ROOMS.values()},
}
DATABASE_ROUTERS = ["comptoir.foundation.rooms.router.RoomRouter"]

# Jobs run as the counter.
PROCRASTINATE_DATABASE_ALIAS = "counter"

# Languages and time.

USE_TZ = True
TIME_ZONE = os.environ.get("COMPTOIR_TIME_ZONE", "UTC")
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ja", _("Japanese")), ("fr", _("French"))]
LOCALE_PATHS = [_HERE / "locale"]

# Static files: found in the packages, served from memory, compressed, under every room's own origin.

STATIC_URL = "/static/"
STATICFILES_DIRS = [_HERE / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 600

# Requests. Room headers come from the declaration; Django adds what belongs to the transport.

CSRF_COOKIE_NAME = "__Host-comptoir-form" if _IS_PRODUCTION else "comptoir-form"
CSRF_COOKIE_SECURE = _IS_PRODUCTION
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "comptoir.foundation.rooms.web.refuse_form"

MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
LANGUAGE_COOKIE_NAME = "comptoir-language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = _IS_PRODUCTION

# How much a room takes is bounded before Django reads it; but for files that members send, which lie in files without a
# name, what it takes never touches the disk.
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = bodies.ALLOWED_MAX
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
FILE_UPLOAD_HANDLERS = ["comptoir.foundation.rooms.uploads.NamelessUploadHandler"]

SECURE_CONTENT_TYPE_NOSNIFF = False  # the room's headers say it
SECURE_CROSS_ORIGIN_OPENER_POLICY = None
SECURE_REFERRER_POLICY = None
SECURE_HSTS_SECONDS = 2 * 365 * 86_400 if _IS_PRODUCTION else 0
SECURE_SSL_REDIRECT = _IS_PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^health$"]
#: How many proxies stand in front of the pages; each has set one entry of ``X-Forwarded-For`` and the protocol.
TRUSTED_PROXIES = int(os.environ.get("COMPTOIR_TRUSTED_PROXIES") or 0)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None

# Signing in: in the vault only, without passwords, with a second factor.

AUTH_USER_MODEL = "credentials.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
ACCOUNT_ADAPTER = "comptoir.vault.credentials.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_FORMS = {"request_login_code": "comptoir.vault.credentials.adapters.RequestCodeForm"}
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_SESSION_REMEMBER = False
# An identity provider that signs a whole shop out says so of each session, from one address.
ACCOUNT_RATE_LIMITS = {"provider_signed_out": "300/m/ip"}
ACCOUNT_USER_DISPLAY = "comptoir.vault.credentials.adapters.display_name"

MFA_ADAPTER = "comptoir.vault.credentials.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1

# Devices of the shop: short tokens, each refresh token good once; only what stands in the vault's addresses is offered.
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = 600
IDP_OIDC_ROTATE_REFRESH_TOKEN = True
IDP_OIDC_RATE_LIMITS = {"device_user_code": "60/m/ip,10/m/user"}

# Counts of attempts are shared by all processes and survive a restart: they stand in the vault's table, under keys that
# say nothing.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "credentials_attempts",
        "KEY_FUNCTION": "comptoir.vault.credentials.attempts.key_of",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}

#: Who hears what came of payments: the dotted path of a class (``vault/payments/listening.py``).
PAYMENTS_LISTENER = "comptoir.vault.checkout.paying.OrdersHear"

# What goes wrong in a page is said to standard error, with where it happened and without values.

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"without_values": {"()": "comptoir.config.logs.WithoutValues"}},
    "handlers": {"errors": {"class": "logging.StreamHandler", "level": "ERROR", "formatter": "without_values"}},
    # Django's own handler would mail whole requests.
    "loggers": {"django": {"handlers": ["errors"], "level": "INFO", "propagate": False}},
}

# Mail: by the shop's server, or, without one, into the shop's folder where the operator can read it.

DEFAULT_FROM_EMAIL = os.environ.get("COMPTOIR_MAIL_FROM") or "comptoir@localhost"
#: The provider that django-anymail speaks with, or nothing; its keys lie in ``mail.toml`` in the shop's folder.
MAIL_PROVIDER = os.environ.get("COMPTOIR_MAIL_PROVIDER", "")
if MAIL_PROVIDER:
    EMAIL_BACKEND = f"anymail.backends.{MAIL_PROVIDER}.EmailBackend"
    ANYMAIL = {"REQUESTS_TIMEOUT": 10} | tomllib.loads((shop.folder() / "mail.toml").read_text())
elif _mail := os.environ.get("COMPTOIR_MAIL_URL"):
    _parts = urlsplit(_mail)
    if _parts.scheme not in {"smtp", "smtps", "smtp+plain"}:
        raise ImproperlyConfigured("COMPTOIR_MAIL_URL begins with smtp://, smtps:// or smtp+plain://.")
    if _parts.scheme == "smtp+plain" and _parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ImproperlyConfigured("COMPTOIR_MAIL_URL: without encryption mail goes to this machine alone.")
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _parts.hostname or "localhost"
    EMAIL_PORT = _parts.port or {"smtp": 587, "smtps": 465, "smtp+plain": 25}[_parts.scheme]
    EMAIL_HOST_USER = unquote(_parts.username or "")
    EMAIL_HOST_PASSWORD = unquote(_parts.password or "")
    EMAIL_USE_SSL = _parts.scheme == "smtps"
    EMAIL_USE_TLS = _parts.scheme == "smtp"
    EMAIL_TIMEOUT = 10
else:
    EMAIL_BACKEND = "comptoir.vault.credentials.mail.FolderBackend"
