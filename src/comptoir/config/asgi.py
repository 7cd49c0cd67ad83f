"""The pages as an ASGI application; served by ``comptoir serve``. They stay closed rather than open unsafely.

What is sent to them is bounded before they read it.
"""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "comptoir.config.settings")

_pages = get_asgi_application()

from comptoir.config.refusals import insist  # noqa: E402 - needs a Django that is set up
from comptoir.doors.storefront.community import keeping  # noqa: E402
from comptoir.foundation.rooms.addresses import rooms_here  # noqa: E402
from comptoir.foundation.rooms.bodies import Bounded, limits  # noqa: E402
from comptoir.foundation.rooms.staying import Staying  # noqa: E402

insist(rooms_here()[0].role)
keeping.seconds()  # a setting that says no time is refused before anybody is served

application = Bounded(Staying(_pages), limits())
