"""A process of its own that spends once: says that it is ready, waits for the word, spends, tells what it was told.

Run as a program with one argument in JSON: ``{"how": "http", "port", "key", "body"}`` sends an event to a gateway,
``{"how": "naive", "conninfo", "points"}`` reads a balance, checks it and writes the new one, as one should not, and
``{"how": "naive coupon", "conninfo", "code", "most"}`` counts redemptions, checks the count and adds one.
It needs no more than the standard library to begin quickly, so that twenty of them can race.
"""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any


def by_http(task: Mapping[str, Any]) -> Callable[[], str]:
    """Send an event to a gateway; what comes back is ``accepted`` or the name of the refusal."""
    connection = http.client.HTTPConnection("127.0.0.1", task["port"], timeout=60)
    connection.connect()
    headers = {"Authorization": f"Bearer {task['key']}", "Content-Type": "application/cloudevents+json"}

    def spend() -> str:
        connection.request("POST", "/v1/events", body=json.dumps(task["body"]), headers=headers)
        response = connection.getresponse()
        told = json.loads(response.read())
        return "accepted" if response.status == 200 else str(told["type"]).rsplit(":", 1)[1]

    return spend


def naively(task: Mapping[str, Any]) -> Callable[[], str]:
    """Read, check, write: what everybody writes first."""
    import psycopg

    connection = psycopg.connect(task["conninfo"], autocommit=True)

    def spend() -> str:
        row = connection.execute("select points from naive_account").fetchone()
        assert row is not None
        if row[0] < task["points"]:
            return "insufficient_points"
        connection.execute("update naive_account set points = %s", (row[0] - task["points"],))
        connection.execute("insert into naive_spending values (%s)", (task["points"],))
        return "accepted"

    return spend


def naively_redeemed(task: Mapping[str, Any]) -> Callable[[], str]:
    """Count, check, insert: a limit that is a count."""
    import psycopg

    connection = psycopg.connect(task["conninfo"], autocommit=True)

    def spend() -> str:
        row = connection.execute("select count(*) from naive_redemption").fetchone()
        assert row is not None
        if row[0] >= task["most"]:
            return "coupon_unusable"
        connection.execute("insert into naive_redemption values (%s)", (task["code"],))
        return "accepted"

    return spend


def main() -> None:
    """Do what the argument says, once somebody says so."""
    task = json.loads(sys.argv[1])
    spend = {"http": by_http, "naive": naively, "naive coupon": naively_redeemed}[task["how"]](task)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(spend() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
