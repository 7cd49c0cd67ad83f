"""A client in a process of its own that never gives up: whatever it sends, it sends until it has an outcome.

Run as a program with one argument in JSON: ``ports`` and ``keys`` of the gateways, a ``name`` and a ``seed``, a file
``out``, and a file ``stop`` that ends it (or a number of requests, ``requests``); ``kinds`` is ``spending`` if no goods
are to come back. For every event that has its outcome
it writes a line: source, id, the outcome as it came, whether it was a repeat. Half of the events of a name that ends in
``+`` and of the same without it are the same ones, as if two tabs sent one queue.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.gateway import written

Event = dict[str, Any]
_SHOWN = {"kind": "code"}
_TILL = "/stores/330/tills/{}"
#: Between two tries; a gateway that was killed needs a moment. This is a client: it really waits.
_PAUSE_SECONDS = 0.02
_PATIENCE_SECONDS = 120.0


def events(
    name: str, seed: int, customers: Sequence[Mapping[str, str]], *, is_returning: bool
) -> Iterator[list[Event]]:
    """Make up requests for ever, one event or several in each: sales, returns if so, and points spent in both ways."""
    luck = random.Random(f"{name.rstrip('+')}/{seed}")
    own = random.Random(f"{name}/{seed}")
    till = _TILL.format(name.rstrip("+"))
    number = 0

    def make(kind: str, **data: Any) -> Event:
        nonlocal number
        number += 1
        return {
            "specversion": "1.0", "id": f"{number}", "source": till, "type": kind, "time": "2024-03-04T17:00:00Z",
            "data": data,
        }  # fmt: skip

    while True:
        several: list[Event] = []
        for _ in range(1 if luck.random() < 0.5 else luck.randrange(2, 30)):
            who = luck.choice(customers)
            dice = luck.random()
            if dice < 0.45:
                amount = luck.randrange(1, 30)
                line = {"product": "bread", "quantity": 1, "amount": amount}
                several.append(
                    make("sale.closed", receipt=f"r{number}", customer=who, currency="USD", total=amount, lines=[line])
                )
            elif dice < 0.55 and number > 1 and is_returning:
                line = {"line": 1, "quantity": 1, "amount": luck.randrange(0, 10)}
                of = {"receipt": f"r{luck.randrange(max(1, number - 40), number)}"}
                several.append(
                    make(
                        "sale.returned",
                        receipt=f"t{number}",
                        sale=of,
                        currency="USD",
                        total=line["amount"],
                        lines=[line],
                    )
                )
            elif dice < 0.75:
                several.append(make("points.redeem", customer=who, points=luck.randrange(1, 25), proof=_SHOWN))
            elif dice < 0.88:
                several.append(
                    make("points.reserve", customer=who, points=luck.randrange(1, 25), reservation=f"{till}{number}",
                         expires_in=600_000, proof=_SHOWN)
                )  # fmt: skip
            else:
                held = f"{till}{luck.randrange(max(0, number - 20), number + 1)}"
                if luck.random() < 0.6:
                    several.append(make("points.post", reservation=held))
                else:
                    several.append(make("points.void", reservation=held))
        # The queue is one; in which order, and how often, each of the two tabs sends it is its own affair.
        if len(several) > 1 and own.random() < 0.3:
            several += own.sample(several, 2)
        yield several


def send(
    several: Sequence[Event], ports: Sequence[int], keys: Mapping[str, str], luck: random.Random
) -> list[tuple[str, bool]]:
    """Send until there is an outcome for each; return the outcomes as they came, and whether they were repeats."""
    is_single = len(several) == 1
    kind = "cloudevents" if is_single else "cloudevents-batch"
    headers = {"Authorization": f"Bearer {keys['till']}", "Content-Type": f"application/{kind}+json"}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        # A code is good for a minute, and there may be minutes between two tries.
        body = written(several[0] if is_single else several)
        connection = http.client.HTTPConnection("127.0.0.1", luck.choice(ports), timeout=30)
        try:
            connection.request("POST", "/v1/events", body=body, headers=headers)
            response = connection.getresponse()
            told = response.read().decode()
            if response.status < 500:
                if is_single:
                    repeated = response.headers.get("Comptoir-Repeated") == "1"
                    return [(told if response.status == 200 else _member(told, "outcome"), repeated)]
                assert response.status == 200, told
                return _outcomes(told)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        assert time.monotonic() < deadline, "no outcome in two minutes"
        time.sleep(_PAUSE_SECONDS)


def _member(told: str, name: str) -> str:
    """Return the text of the last member of an object, as it came."""
    return told[told.index(f'"{name}":') + len(name) + 3 : -1]


def _outcomes(told: str) -> list[tuple[str, bool]]:
    """Cut the answer to a batch into its outcomes, as they came."""
    repeated = set(json.loads(told)["repeated"])
    decoder = json.JSONDecoder()
    at = len('{"outcomes":[')
    found: list[tuple[str, bool]] = []
    while told[at] != "]":
        at += told[at] == ","
        _, end = decoder.raw_decode(told, at)
        found.append((told[at:end], len(found) in repeated))
        at = end
    return found


def run(task: Mapping[str, Any], out: TextIO) -> None:
    """Send until somebody says that it is enough."""
    luck = random.Random(f"ports/{task['name']}/{task['seed']}")
    stop = Path(task["stop"])
    made = events(task["name"], task["seed"], task["customers"], is_returning=task.get("kinds") != "spending")
    for count, several in enumerate(made, start=1):
        answers = send(several, task["ports"], task["keys"], luck)
        out.writelines(
            json.dumps([event["source"], event["id"], outcome, repeated]) + "\n"
            for event, (outcome, repeated) in zip(several, answers, strict=True)
        )
        out.flush()
        if stop.exists() or count == task.get("requests"):
            return


def main() -> None:
    """Do what the argument says."""
    task = json.loads(sys.argv[1])
    with Path(task["out"]).open("a", encoding="utf-8") as out:
        run(task, out)


if __name__ == "__main__":
    main()
