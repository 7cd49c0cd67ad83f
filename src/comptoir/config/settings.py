"""Django's settings: the same for every shop; what differs comes from the environment (``docs/settings.md``).

Reading them opens no connection and makes no key. Not here: what a room's pages may do (``rooms/declaration.py``).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from comptoir.foundation.kernel import database, shop
from comptoir.foundation.rooms import addresses
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
    "comptoir.counter.customers",
    "comptoir.counter.sales",
    "comptoir.counter.loyalty",
    "comptoir.vault.credentials",
    "comptoir.doors.console",
    "comptoir.doors.storefront",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "procrastinate.contrib.django",
]

ROOT_URLCONF = "comptoir.config.urls.square"
ASGI_APPLICATION = "comptoir.config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "allauth.account.middleware.AccountMiddleware",
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
            ],
        },
    },
]

# The database: one, seen by the owner (migrations only) and by each room's role.


def _connection(role: str) -> dict[str, Any]:
    return {
        "ENGINE": "comptoir.foundation.rooms.backend",
        "NAME": database.database_name(),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"role": role},
        "TIME_ZONE": None,
    }


DATABASES = {
    OWNER_ALIAS: _connection(database.OWNER_ROLE),
    **{room.name: _connection(room.role) for room in ROOMS.values()},
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

# Static files: found in the packages, served from memory under every room's own origin.

STATIC_URL = "/static/"
STATICFILES_DIRS = [_HERE / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 600

AUTH_USER_MODEL = "credentials.StaffMember"
