"""Django's PostgreSQL backend, connecting as a room's role.

``OPTIONS["role"]`` names the role. Where the server is and how one gets in is asked of ``kernel.database`` whenever a
connection is opened, not when the settings are read: the embedded server may start later, and reading settings must
not create keys.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base
from psycopg.conninfo import conninfo_to_dict

from comptoir.foundation.kernel import database


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of one role."""

    def get_connection_params(self) -> dict[str, Any]:
        """Return what psycopg needs to connect as the role now."""
        params: dict[str, Any] = super().get_connection_params()
        role = params.pop("role")
        for name in ("dbname", "user", "password", "host", "port"):
            params.pop(name, None)
        where = database.owner_conninfo() if role == database.OWNER_ROLE else database.conninfo(role)
        params.update(conninfo_to_dict(where))
        params["application_name"] = f"comptoir {role}"
        return params
