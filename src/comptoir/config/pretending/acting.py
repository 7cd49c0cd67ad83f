"""What happens to the simulator's sessions, refunds and reports. Time comes in as seconds since 1970.

Not here: addresses, the page, sending. Whatever cannot be done raises :class:`Refused`.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from comptoir.config.pretending.keeping import Keeping
from comptoir.config.pretending.moods import Moods

AMOUNT_MAX: Final = 99_999_999
_AGAIN_SECONDS: Final = 1.0


class Refused(Exception):  # noqa: N818 - what the simulator says, not a mistake
    """The simulator does not do this, with an HTTP status and a word."""

    def __init__(self, status: int, why: str) -> None:
        """Say why."""
        super().__init__(why)
        self.status = status
        self.why = why


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a session is opened with."""

    purpose: str
    ours: str
    amount: int
    currency: str
    title: str
    return_url: str
    cancel_url: str
    expires_at: dt.datetime
    language: str


class WantedRefund(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a refund is asked with."""

    payment: str
    amount: int
    currency: str
    ours: str


class Simulator:
    """The provider that only pretends."""

    def __init__(self, keeping: Keeping, *, origin: str) -> None:
        """Know what is in the file. ``origin`` is that of the page."""
        self._keeping = keeping
        self._origin = origin

    # -- moods ---------------------------------------------------------------------------------------------------------

    def moods(self, session: str = "") -> Moods:
        """Return how a session is dealt with, or all that say nothing of their own."""
        own = self._keeping.row("select moods from session where id = ? and moods is not null", session)
        kept = own["moods"] if own else self._setting("moods")
        return msgspec.json.decode(kept, type=Moods) if kept else Moods()

    def set_moods(self, moods: Moods, session: str = "") -> None:
        """Have a mood from now on; for one session or for all."""
        text = msgspec.json.encode(moods).decode()
        if session:
            self._keeping.do("update session set moods = ? where id = ?", text, session)
        else:
            self._keeping.do("insert or replace into setting values ('moods', ?)", text)

    def note_call(self, what: str, key: str, *, now: float) -> None:
        """Note that somebody called: tests count."""
        self._keeping.do("insert into call (what, key, at) values (?, ?, ?)", what, key, now)

    def _setting(self, name: str) -> str:
        row = self._keeping.row("select value from setting where name = ?", name)
        return str(row["value"]) if row else ""

    # -- sessions ------------------------------------------------------------------------------------------------------

    def open(self, key: str, wanted: Wanted, *, now: float) -> dict[str, Any]:
        """Open a session; the same key finds the same one."""
        if not amount_of(wanted.amount) > 0 or len(wanted.currency) != 3 or not wanted.title:
            raise Refused(422, "amount")
        said = msgspec.json.encode(wanted).decode()
        before = self._keeping.row("select * from session where key = ?", key)
        if before is not None:
            if before["said"] != said:
                raise Refused(422, "another session has this key")
            return self.told(before)
        with self._keeping:
            number = f"ps_{secrets.token_urlsafe(18)}"
            self._keeping.do(
                "insert into session (id, key, said, state, currency, expires_at, changed_at)"
                " values (?, ?, ?, 'open', ?, ?, ?)",
                number, key, said, wanted.currency, wanted.expires_at.timestamp(), now,
            )  # fmt: skip
            session = self.session(number)
            self._report(session, "opened", now=now)
        return self.told(session)

    def session(self, number: str) -> dict[str, Any]:
        """Return a session's row."""
        row = self._keeping.row("select * from session where id = ?", number)
        if row is None:
            raise Refused(404, "session")
        return row

    def told(self, session: Mapping[str, Any]) -> dict[str, Any]:
        """Return a session as the shop is told it."""
        return {
            "id": session["id"], "state": session["state"], "url": f"{self._origin}/pay/{session['id']}",
            "payment": session["payment"], "captured": session["captured"], "currency": session["currency"],
            "changed_at": moment(session["changed_at"]),
        }  # fmt: skip

    def pay(self, number: str, *, is_part: bool, now: float) -> dict[str, Any]:
        """Let the card of a session be charged, whole or half."""
        self.expire_due(now=now)
        session = self.session(number)
        if session["state"] == "paid":
            return session
        if session["state"] != "open":
            raise Refused(409, session["state"])
        amount = json.loads(session["said"])["amount"]
        captured = max(1, amount // 2) if is_part else amount
        with self._keeping:
            self._keeping.do(
                "update session set state = 'paid', payment = ?, captured = ?, changed_at = ? where id = ?",
                f"pay_{secrets.token_urlsafe(18)}", captured, now, number,
            )  # fmt: skip
            session = self.session(number)
            self._report(session, "paid", amount=captured, now=now)
        return session

    def end(self, number: str, state: str, *, now: float) -> dict[str, Any]:
        """End an open session as ``expired`` or ``failed``; one that is not open stays as it is."""
        session = self.session(number)
        if session["state"] == "open":
            with self._keeping:
                self._keeping.do("update session set state = ?, changed_at = ? where id = ?", state, now, number)
                session = self.session(number)
                self._report(session, state, now=now)
        return session

    def expire_due(self, *, now: float) -> None:
        """End the sessions whose time is over."""
        for row in self._keeping.rows("select id from session where state = 'open' and expires_at <= ?", now):
            self.end(row["id"], "expired", now=now)

    # -- money back ----------------------------------------------------------------------------------------------------

    def refund(self, key: str, wanted: WantedRefund, *, now: float) -> dict[str, Any]:
        """Give money back; the same key finds the same refund."""
        before = self._keeping.row("select * from refund where key = ?", key)
        if before is not None:
            return before
        session = self._of_payment(wanted.payment)
        self._check_left(session, wanted.amount)
        moods = self.moods(session["id"])
        with self._keeping:
            number = f"re_{secrets.token_urlsafe(18)}"
            self._keeping.do(
                "insert into refund values (?, ?, ?, ?, ?, ?, ?, ?)",
                number, key, wanted.payment, wanted.amount, session["currency"], moods.refunds, wanted.ours, now,
            )  # fmt: skip
            row = self.refund_row(number)
            if moods.refunds == "done":
                self._report_refund(session, row, "refund_done", now=now)
        return row

    def refund_here(self, payment: str, amount: int, *, now: float) -> dict[str, Any]:
        """Give money back as somebody would on the provider's own pages: the shop did not ask."""
        session = self._of_payment(payment)
        self._check_left(session, amount)
        with self._keeping:
            number = f"re_{secrets.token_urlsafe(18)}"
            self._keeping.do(
                "insert into refund values (?, ?, ?, ?, ?, 'done', null, ?)",
                number, f"here:{number}", payment, amount, session["currency"], now,
            )  # fmt: skip
            row = self.refund_row(number)
            self._report_refund(session, row, "refund_done", now=now)
        return row

    def settle_refund(self, number: str, state: str, *, now: float) -> dict[str, Any]:
        """Let a refund be ``done``, or ``refused`` in the end, and tell it."""
        row = self.refund_row(number)
        if row["state"] != state:
            with self._keeping:
                self._keeping.do("update refund set state = ?, changed_at = ? where id = ?", state, now, number)
                kind = "refund_done" if state == "done" else "refund_failed"
                self._report_refund(self._of_payment(row["payment"]), row, kind, now=now)
        return self.refund_row(number)

    def refund_row(self, number: str) -> dict[str, Any]:
        """Return a refund's row."""
        row = self._keeping.row("select * from refund where id = ?", number)
        if row is None:
            raise Refused(404, "refund")
        return row

    def charge_back(self, payment: str, amount: int, dispute: str, *, is_won: bool, now: float) -> str:
        """Let a bank take money back, or give it back again; returns the number of the dispute."""
        session = self._of_payment(payment)
        number = dispute or f"dp_{secrets.token_urlsafe(12)}"
        kind = "chargeback_won" if is_won else "chargeback"
        with self._keeping:
            self._report(session, kind, amount=amount, refund=number, now=now)
        return number

    def _of_payment(self, payment: str) -> dict[str, Any]:
        row = self._keeping.row("select * from session where payment = ? and payment <> ''", payment)
        if row is None:
            raise Refused(404, "payment")
        return row

    def _check_left(self, session: Mapping[str, Any], amount: int) -> None:
        row = self._keeping.row(
            "select coalesce(sum(amount), 0) as sum from refund where payment = ? and state <> 'refused'",
            session["payment"],
        )
        assert row is not None
        if not 0 < amount <= session["captured"] - row["sum"]:
            raise Refused(422, "more than is left")

    # -- reports -------------------------------------------------------------------------------------------------------

    def again(self, number: str, *, now: float) -> None:
        """Send a report once more, with its number."""
        self._keeping.do("update report set times = times + 1, due_at = ? where id = ?", now, number)

    def due(self, *, now: float, limit: int, at_once: bool = False) -> list[dict[str, Any]]:
        """Return the reports that are to be sent, in the order in which they are due."""
        return self._keeping.rows(
            "select * from report where times > 0 and (due_at <= ? or ?) order by due_at, made_at limit ?",
            now, at_once, limit,
        )  # fmt: skip

    def answered(self, number: str, status: int, *, now: float) -> None:
        """Note what the shop answered to a report; without a good answer it is sent again, ever later."""
        row = self._keeping.row("select * from report where id = ?", number)
        if row is None:
            return
        is_good = 200 <= status < 300
        pause = _AGAIN_SECONDS if is_good else min(60.0, _AGAIN_SECONDS * 2 ** min(row["tries"], 6))
        self._keeping.do(
            "update report set times = times - ?, sent = sent + ?, tries = tries + 1, due_at = ?,"
            " answers = substr(answers || ' ' || ?, -200) where id = ?",
            is_good, is_good, now + pause, str(status), number,
        )  # fmt: skip

    def everything(self, purpose: str = "") -> dict[str, Any]:
        """Return all that the simulator knows, or what it knows of one purpose, and the latest calls: for tests."""
        # A session without a purpose is nobody's: an empty one stands for all.
        sessions = self._keeping.rows(
            "select * from session where ? in ('', json_extract(said, '$.purpose')) order by rowid", purpose
        )
        among = json.dumps([row["id"] for row in sessions])
        reports = self._keeping.rows(
            "select id, session, body, due_at, times, sent, tries, answers from report"
            " where session in (select value from json_each(?)) order by made_at",
            among,
        )
        refunds = self._keeping.rows(
            "select * from refund where payment in (select value from json_each(?)) order by changed_at",
            json.dumps([row["payment"] for row in sessions]),
        )
        return {
            "sessions": sessions,
            "refunds": refunds,
            "reports": [row | {"body": json.loads(row["body"])} for row in reports],
            "calls": self._keeping.rows("select what, key, at from call order by number desc limit 1000"),
        }

    def _report_refund(self, session: Mapping[str, Any], row: Mapping[str, Any], kind: str, *, now: float) -> None:
        self._report(session, kind, amount=row["amount"], refund=row["id"], ours=row["ours"], now=now)

    def _report(
        self, session: Mapping[str, Any], kind: str, *, now: float, amount: int = 0, refund: str = "",
        ours: str | None = "",
    ) -> None:  # fmt: skip
        moods = self.moods(session["id"])
        said = {
            "kind": kind, "at": moment(now), "session": session["id"], "payment": session["payment"],
            "refund": refund, "ours": json.loads(session["said"])["ours"] if ours == "" else ours, "amount": amount,
            "currency": session["currency"],
        }  # fmt: skip
        is_late = moods.reports in {"late", "out_of_order"}
        due_at = now + moods.late_seconds if is_late else now
        if moods.reports == "out_of_order":
            waiting = self._keeping.rows("select id from report where session = ? and times > 0", session["id"])
            if waiting:
                # What came before is told after this one.
                self._keeping.do(
                    "update report set due_at = ? where session = ? and times > 0", now + _AGAIN_SECONDS, session["id"]
                )
                due_at = now
        times = {"never": 0, "twice": 2}.get(moods.reports, 1)
        self._keeping.do(
            "insert into report (id, session, body, due_at, times, made_at) values (?, ?, ?, ?, ?, ?)",
            f"msg_{secrets.token_urlsafe(18)}", session["id"], msgspec.json.encode(said), due_at, times, now,
        )  # fmt: skip


def amount_of(amount: int) -> int:
    """Return an amount if it is one that can be charged, or nothing."""
    return amount if 0 < amount <= AMOUNT_MAX else 0


def moment(seconds: float) -> str:
    """Write a moment as ISO 8601 in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
