"""The settings of a shop of django-oscar, as its documentation begins one, on the database that the environment names.

These files run in an environment of their own (``requirements/oscar.txt``) and import nothing of this project.
"""

import os

import oscar
from oscar.defaults import *  # noqa: F403 - the library wants it so

INSTALLED_APPS = [*oscar.INSTALLED_APPS, "sorl.thumbnail"]

# Nobody can reach it but the benchmark.
SECRET_KEY = "django-oscar-beside-a-benchmark-and-nowhere-else-at-all"  # noqa: S105
DEBUG = False
ALLOWED_HOSTS = ["*"]
SITE_ID = 1
ROOT_URLCONF = "addresses"
# The forms' secret is left out, to its advantage.
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "django.template.context_processors.static",
                "oscar.apps.search.context_processors.search_form",
                "oscar.apps.checkout.context_processors.checkout",
                "oscar.apps.communication.notifications.context_processors.notifications",
                "oscar.core.context_processors.metadata",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["OSCAR_DATABASE"],
        "HOST": os.environ["OSCAR_HOST"],
        "USER": os.environ["OSCAR_USER"],
        "PORT": os.environ.get("OSCAR_PORT", ""),
        "CONN_MAX_AGE": 60,
    }
}
# As it comes: without a search server, which would be a part more to run.
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
AUTHENTICATION_BACKENDS = (
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
)
OSCAR_ALLOW_ANON_CHECKOUT = True
OSCAR_DEFAULT_CURRENCY = "USD"
OSCAR_INITIAL_ORDER_STATUS = OSCAR_INITIAL_LINE_STATUS = "Pending"
OSCAR_ORDER_STATUS_PIPELINE = {"Pending": ()}
STATIC_URL = "/static/"
MEDIA_URL = "/media/"
# Where the picture that stands for a missing one is found and made small, once: without it every page fails to do so.
MEDIA_ROOT = os.environ["OSCAR_MEDIA"]
USE_TZ = True
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
LOGGING = {"version": 1, "disable_existing_loggers": True}
