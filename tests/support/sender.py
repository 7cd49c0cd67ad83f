"""A sender in a process of its own, to be killed: serves the mail of the shop that the environment names.

``python -m support.sender PORT``: hands everything to the mail server on that port of this machine, until it is ended.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
from types import FrameType

from comptoir.foundation.rooms.commands import set_up_django


def main(port: int) -> None:
    """Send until told to stop."""
    set_up_django()
    from django.conf import settings

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 5
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = ""
    from comptoir.vault.messages import sending

    sending._AWAY_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.4)  # type: ignore[misc]
    sending._RECOVER_SECONDS = 0.5  # type: ignore[misc]
    sending._IDLE_SECONDS = 0.1  # type: ignore[misc]
    sending._WRITING_SECONDS_MAX = 5.0  # type: ignore[misc]
    sending._LATER *= 0.002  # type: ignore[misc]
    senders = sending.Senders()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        senders.stop()

    signal.signal(signal.SIGTERM, stop)
    faulthandler.register(signal.SIGUSR1)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    senders.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
