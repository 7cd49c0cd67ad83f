"""The pages as an ASGI application; served by ``comptoir serve``."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "comptoir.config.settings")

application = get_asgi_application()
