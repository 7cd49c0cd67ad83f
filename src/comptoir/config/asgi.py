"""The pages as an ASGI application; served by ``comptoir serve``. They stay closed rather than open unsafely.

What is sent to them is bounded before they read it.
"""

from __future__ import annotations

import gc
import os
from typing import Final

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

#: So many objects more than are gone, and the youngest are looked through for rings: a few pages' worth.
_COLLECT_OBJECTS_MIN: Final = 10_000
# What is loaded by now stays as long as the process does: no page waits while it is looked through.
gc.collect()
gc.freeze()
gc.set_threshold(_COLLECT_OBJECTS_MIN, 20, 20)
