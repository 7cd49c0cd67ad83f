"""``bench campaign``: messages a second from a decision to the last hand-over, against a bare loop of ``smtplib``.

Both hand the same number of messages of the same size to the same sink, an ``aiosmtpd`` in a process of its own, by the
same number of connections in one process; they take turns, and medians are compared. The sink takes commands together
(RFC 2920) as Postfix, Exim and the large providers do, which ``smtplib`` makes no use of; a second one does not, and
what the house does with that is told beside. The bare loop sends bytes that it
has. The house writes its decisions, asks for every consent, opens every address, fills in a template for every reader,
adds the reason and the link, and keeps its records. The sink counts what it gets, and that is what is believed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import smtplib
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import psycopg

from comptoir.config import messaging
from comptoir.config.benching import stage
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.commands import set_up_django

MESSAGES: Final = 100_000
CONNECTIONS: Final = 4
_ROUNDS: Final = 3
_PORTION: Final = 2_000
#: So many go first, and again, until every connection is there: more than one sender takes up at once.
_FIRST: Final = 600
_FIRST_TIMES_MAX: Final = 20
_FIRST_SECONDS: Final = 0.3
_SECONDS_MAX: Final = 600.0
_SINK: Final = """
import asyncio, sys
from aiosmtpd.smtp import SMTP
class Count:
    count = connections = 0
    async def handle_EHLO(self, server, session, envelope, name, answers):
        Count.connections += 1
        session.host_name = name
        return [*answers[:-1], "250-PIPELINING", answers[-1]] if sys.argv[3] == "together" else answers
    async def handle_DATA(self, server, session, envelope):
        Count.count += 1
        return "250 OK"
async def answer(reader, writer):
    writer.write(b"%d %d\\n" % (Count.count, Count.connections)); await writer.drain(); writer.close()
async def main():
    loop = asyncio.get_running_loop()
    make = lambda: SMTP(Count(), loop=loop)
    mail = await loop.create_server(make, "127.0.0.1", int(sys.argv[1]))
    told = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[2]))
    print("ready", flush=True)
    await asyncio.gather(mail.serve_forever(), told.serve_forever())
asyncio.run(main())
"""


class Campaign(msgspec.Struct, frozen=True):
    """Messages a second, of the house and of the bare loop, and the ratio of the two; each round, too.

    ``apart_*`` is about a sink that takes one command at a time.
    """

    messages: int
    connections: int
    processes: int
    house_per_second: float
    bare_per_second: float
    ratio: float
    apart_per_second: float
    apart_ratio: float
    house_rounds: list[float]
    apart_rounds: list[float]
    bare_rounds: list[float]
    received: int
    outcomes: int


def measure(say: stage.Say, *, seconds: float = 10.0, customers: int = MESSAGES) -> Campaign:  # noqa: ARG001 - the shape
    """Measure in a house of its own: ``customers`` readers, in three rounds of each."""
    with stage.own_house(say), _sink("together") as sink, _sink("apart") as apart:
        _settings(sink.port)
        set_up_django()
        say("people with an address who agree to be written to")
        people, size = _people(customers), customers // _ROUNDS
        _write_template()
        house: list[float] = []
        alone: list[float] = []
        bare: list[float] = []
        for number in range(_ROUNDS):
            say(f"round {number + 1} of {_ROUNDS}")
            readers = people[number * size : (number + 1) * size]
            bare.append(_bare(sink.port, size))
            _settings(sink.port)
            house.append(_house(readers, sink))
            _settings(apart.port)
            alone.append(_house(readers, apart))
        with database.connect("comptoir_office") as office:
            row = office.execute("select count(*) from messages_outcome where kind = 'accepted'").fetchone()
        assert row is not None
        received = sink.count() + apart.count() - _ROUNDS * size
    own, single, reference = statistics.median(house), statistics.median(alone), statistics.median(bare)
    return Campaign(
        messages=2 * _ROUNDS * size, connections=CONNECTIONS, processes=messaging.processes(),
        house_per_second=own, bare_per_second=reference,
        ratio=own / reference, apart_per_second=single, apart_ratio=single / reference, house_rounds=house,
        apart_rounds=alone, bare_rounds=bare, received=received, outcomes=int(row[0]),
    )  # fmt: skip


class _Sink(msgspec.Struct):
    port: int
    telling: int

    def count(self) -> int:
        return self._told()[0]

    def connections(self) -> int:
        return self._told()[1]

    def _told(self) -> list[int]:
        with socket.create_connection(("127.0.0.1", self.telling)) as asked:
            return [int(each) for each in asked.makefile().readline().split()]


@contextlib.contextmanager
def _sink(kind: str) -> Iterator[_Sink]:
    sink = _Sink(_free_port(), _free_port())
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", _SINK, str(sink.port), str(sink.telling), kind], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise SystemExit("The sink needs the extra `sink` (aiosmtpd).")
        yield sink
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def _settings(port: int) -> None:
    from django.conf import settings  # noqa: PLC0415 - they are read once

    os.environ["COMPTOIR_MAIL_URL"] = f"smtp+plain://127.0.0.1:{port}"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = ""


def _people(count: int) -> list[uuid.UUID]:
    """Have so many people with a name, an address and a consent; returns their customers."""
    from comptoir.counter.customers.queries import customer_of_user  # noqa: PLC0415 - needs Django
    from comptoir.vault.contacts import keeping, pending  # noqa: PLC0415
    from comptoir.vault.contacts.contracts import ContactValues  # noqa: PLC0415

    now = SYSTEM_CLOCK.now()
    keeping.prepare(at=now)
    users = [uuid.uuid4() for _ in range(count)]
    for start in range(0, count, _PORTION):
        values = {
            user: ContactValues.of(name=f"Alice Martin {start + place}", email=f"reader{start + place}@example.org")
            for place, user in enumerate(users[start : start + _PORTION])
        }
        pending.keep_all(values, purpose="bench", actor="operator", at=now)
    customers = [customer_of_user(user) for user in users]
    with psycopg.connect(database.owner_conninfo()) as owner:
        for statement in _CONSENTS:
            owner.execute(statement, {"customers": customers, "at": now - dt.timedelta(days=3)})
    return customers


#: As a consent given by an event would leave it.
_CONSENTS: Final = (
    "insert into customers_customer (customer, kind) select unnest(%(customers)s::uuid[]), 'user'",
    """insert into customers_permission (customer, purpose, channels)
    select unnest(%(customers)s::uuid[]), 'marketing', array['mail']""",
    """insert into customers_choice (customer, matter, value, said_at, said_source, said_id, record)
    select c, 'consent:marketing:mail', 'given', %(at)s, '/bench', c::text, ''
    from unnest(%(customers)s::uuid[]) as c""",
    "analyze",
)


def _write_template() -> None:
    from comptoir.counter.messages import commands  # noqa: PLC0415 - needs Django
    from comptoir.counter.messages.contracts import TemplateText  # noqa: PLC0415
    from comptoir.foundation.rooms.current import entered  # noqa: PLC0415
    from comptoir.foundation.rooms.declaration import OFFICE  # noqa: PLC0415

    with entered(OFFICE):
        commands.write_template(
            "bench", channel="mail", by="bench", at=SYSTEM_CLOCK.now(), examples={"percent": 10, "product": "tea"},
            texts={"en": TemplateText(_TEXT, "{{ percent }} % off {{ product }}")},
        )  # fmt: skip


def _house(people: Sequence[uuid.UUID], sink: _Sink) -> float:
    """Send a campaign to these people; returns messages a second from the decision to the last hand-over."""
    crew, known = messaging.Crew(messaging.processes()), sink.connections()
    try:
        crew.fill()
        # A few show that all senders are there: a worker's are, when somebody presses the button.
        for _ in range(_FIRST_TIMES_MAX):
            _send(people[:_FIRST], sink)
            if sink.connections() - known >= CONNECTIONS:
                break
            time.sleep(_FIRST_SECONDS)
        return len(people) / _send(people, sink)
    finally:
        crew.end()


def _send(people: Sequence[uuid.UUID], sink: _Sink) -> float:
    """Decide to write to these people; returns the seconds until the sink has the last message."""
    from django.db import connections  # noqa: PLC0415 - needs Django

    from comptoir.counter.messages import commands  # noqa: PLC0415
    from comptoir.counter.messages.contracts import Decision, Dispatch  # noqa: PLC0415
    from comptoir.foundation.rooms.current import entered  # noqa: PLC0415
    from comptoir.foundation.rooms.declaration import OFFICE  # noqa: PLC0415

    now, campaign, before = SYSTEM_CLOCK.now(), uuid.uuid4(), sink.count()
    dispatch = Dispatch(
        id=uuid.uuid4(), campaign=campaign, campaign_version=1, channel="mail", template="bench", template_version=1,
        because={"en": "you asked for offers on coffee"}, values={"percent": 20, "product": "coffee"},
    )  # fmt: skip
    started = time.perf_counter()
    with entered(OFFICE):
        commands.begin_dispatch(dispatch, at=now)
        commands.decide(
            Decision(
                id=uuid.uuid4(), campaign=campaign, campaign_version=1, customer=each, verdict="send", decided_at=now,
                dispatch=dispatch.id,
            )
            for each in people
        )  # fmt: skip
    connections.close_all()
    while (received := sink.count() - before) < len(people):
        if time.perf_counter() - started > _SECONDS_MAX:
            raise SystemExit(f"the sink got {received} of {len(people)} messages in {_SECONDS_MAX:.0f} seconds")
        time.sleep(0.02)
    return time.perf_counter() - started


_TEXT: Final = """Hello {{ name | default: "you" }},

this week everything of {{ product }} costs {{ percent }} % less, in all our stores and in the web shop.
{% if coupon %}Show the code {{ coupon.code }} at the till.{% endif %}

See you soon, {{ shop }}
"""


def _bare(port: int, count: int) -> float:
    """Send so many messages that lie ready, by ``smtplib`` alone; returns messages a second."""
    content = _MESSAGE.replace("\n", "\r\n").encode()

    def send(mine: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as connection:
            for number in range(mine):
                connection.sendmail("comptoir@localhost", [f"reader{number}@example.org"], content)

    threads = [
        threading.Thread(target=send, args=(count // CONNECTIONS + (place < count % CONNECTIONS),))
        for place in range(CONNECTIONS)
    ]
    started = time.perf_counter()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return count / (time.perf_counter() - started)


#: What the house sends, with the same headers and of the same length.
_MESSAGE: Final = """Subject: 20 % off coffee
From: comptoir@localhost
To: reader1@example.org
Date: Thu, 26 Nov 2026 17:00:00 -0000
Message-ID: <00000000-0000-5000-8000-000000000000@localhost>
List-Unsubscribe: <http://my.localhost:8000/messages/why/fHWk1nDltrvZ8_jwKH_3SP4iD0vRS8DXEByuaS6R88ol9GXcHZndVkJtpng>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
Auto-Submitted: auto-generated
Feedback-ID: 00000000-0000-5000-8000-000000000000:comptoir
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

Hello Alice Martin 1000,

this week everything of coffee costs 20 % less, in all our stores and in the web shop.


See you soon, Comptoir

--
You get this because you asked for offers on coffee, on Nov. 26, 2026.
Get no more of this, or change what we may send you:
http://my.localhost:8000/messages/why/fHWk1nDltrvZ8_jwKH_3SP4iD0vRS8DXEByuaS6R88ol9GXcHZndVkJtpng
"""
