"""The simulation of tills that are cut off: nothing is overspent, and it would notice if something were."""

from __future__ import annotations

import contextlib
import datetime as dt
import json

import hypothesis
import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from comptoir.config.command import main
from comptoir.config.simulating import Pure, Sent, Settings, Simulation, simulate
from comptoir.counter.loyalty.contracts import LEASE, LEASE_RECONCILE, LEASE_RENEW, LEASE_RETURN, LEASE_SPEND, REDEEM
from support import casting
from support.casting import Counter
from support.shop import Shop

WILD = Settings(lost=0.001, crash=0.03, cut_off=0.08, mistaken=0.01, answer_lost=0.3, days=14)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_overspent_whatever_happens(seed: int) -> None:
    result = Simulation(WILD, seed=seed).run()
    assert result.overspent == 0
    assert result.redeemed_cut_off > 0
    assert result.wanted == result.redeemed + result.beyond_balance + result.refused_cut_off + result.refused_leased


@given(
    settings=st.builds(
        Settings,
        lease_points=st.sampled_from((0, 10, 50, 200, 1_000)),
        tills=st.integers(1, 6),
        customers=st.integers(1, 8),
        days=st.integers(1, 9),
        cut_off=st.floats(0, 0.5),
        back=st.floats(0.02, 1),
        crash=st.floats(0, 0.2),
        lost=st.floats(0, 0.01),
        answer_lost=st.floats(0, 0.8),
        mistaken=st.floats(0, 0.2),
        given_back=st.floats(0, 0.2),
        asks=st.floats(0, 0.3),
    ),
    seed=st.integers(0, 2**31),
)
@hypothesis.settings(max_examples=60, deadline=None)
def test_nothing_is_overspent_in_any_shop_and_every_redemption_is_served_or_refused(
    settings: Settings, seed: int
) -> None:
    result = Simulation(settings, seed=seed).run()
    assert result.overspent == 0
    assert result.wanted == result.redeemed + result.beyond_balance + result.refused_cut_off + result.refused_leased
    assert result.redeemed_cut_off <= result.wanted_cut_off
    assert result.returned <= result.leased
    assert 0 <= result.refused_share <= 1


def test_leases_are_kept_up_and_given_back_while_there_is_a_line() -> None:
    usual = simulate(Settings(days=14), seed=5, runs=4)
    assert usual.renewed > usual.leased > 100
    # Nearly all go back by themselves: the others are still open, or their till is lost.
    assert 0.8 * usual.leased < usual.returned <= usual.leased
    quiet = simulate(Settings(days=14, cut_off=0, crash=0, lost=0, mistaken=0, answer_lost=0), seed=5, runs=4)
    assert quiet.redeemed_cut_off == quiet.refused_cut_off == quiet.written_off == 0
    assert quiet.renewed > quiet.leased


def test_what_is_given_up_by_mistake_is_counted_and_is_the_shops() -> None:
    result = simulate(WILD, seed=3, runs=20)
    assert result.written_off > 0
    assert result.lost_tills > 0


class Hasty(Pure):
    """A centre that takes back what has run out, as many do: it cannot know what was spent before."""

    def send(self, sent: Sent, *, till: int, at: dt.datetime) -> str | None:
        """Give up every lease whose time is over, then do as asked."""
        for name, lease in list(self._leases.items()):
            if lease.status == "open" and at >= lease.expires_at:
                data = {"lease": name, "reason": "lost"}
                super().send(Sent(LEASE_RECONCILE, f"hasty-{name}", data, at), till=-1, at=at)
        return super().send(sent, till=till, at=at)


def test_the_proof_can_fail() -> None:
    def run(centre: Pure, seed: int) -> int:
        # Leases are kept up while there is a line: only who is cut off for days has one that has run out.
        simulation = Simulation(msgspec.structs.replace(WILD, back=0.005), seed=seed, centre=centre)
        with contextlib.suppress(AssertionError):  # in the end the books are compared to the point, too
            simulation.run()
        return simulation.result.overspent

    assert any(run(Hasty(), seed) for seed in range(5))
    assert not any(run(Pure(), seed) for seed in range(5))


def test_the_same_seed_is_the_same_run_and_an_allowance_helps_who_is_cut_off() -> None:
    one, again = (simulate(Settings(days=14), seed=5, runs=4) for _ in range(2))
    assert one == again
    without = simulate(Settings(lease_points=0, days=14), seed=5, runs=4)
    assert without.redeemed_cut_off == 0 < one.redeemed_cut_off
    assert without.refused_leased == 0


def test_the_verb_says_it_as_a_table_and_as_json() -> None:
    said = CliRunner().invoke(main, ["simulate", "leases", "--runs", "1", "--days", "3", "--size", "100", "--json"])
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert (told["seed"], told["sizes"][0]["lease_points"], told["sizes"][0]["overspent"]) == (1, 100, 0)
    table = CliRunner().invoke(main, ["simulate", "leases", "--runs", "1", "--days", "3", "--size", "100"])
    assert table.exit_code == 0
    assert "spent" in table.stdout


class Real:
    """The counter of a real database as the centre: every word an event, decided in a transaction of its own."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def earn(self, customer: int, points: int, at: dt.datetime) -> None:
        """Let somebody buy something."""
        said = casting.sale(f"s{customer}-{at.isoformat()}", points, of=casting.card_of(customer), at=at)
        assert self._counter.tell(said, received_at=at).is_accepted

    def figures(self, customer: int) -> tuple[int, int]:
        """Return what the ledger has."""
        return self._counter.balance(casting.card_of(customer))[:2]

    def settled(self, lease: str) -> int:
        """Return what the ledger knows to be spent."""
        return int(self._counter.shop.value("select coalesce(sum(spent), 0) from loyalty_lease where name = %s", lease))

    def send(self, sent: Sent, *, till: int, at: dt.datetime) -> str | None:
        """Say it at the counter."""
        data, source = dict(sent.data), f"/stores/1/tills/{till}"
        if sent.kind in {LEASE, REDEEM}:
            data |= {"customer": casting.card_of(data["customer"]), "proof": casting.shown_at(source)}
        if sent.kind == LEASE_RECONCILE:
            source = casting.CONSOLE
        said = casting.event(sent.kind, data, source=source, at=sent.occurred_at, id=sent.id)
        return self._counter.tell(said, received_at=at).problem


@pytest.mark.parametrize("seed", [4, 10])
def test_a_counter_on_a_real_database_decides_as_its_rules_do(shop: Shop, seed: int) -> None:
    """Two tills, three customers, two days with all that can go wrong; then the rules alone, and the same comes out."""
    settings = Settings(
        tills=2,
        customers=3,
        days=2,
        cut_off=0.08,
        back=0.2,
        crash=0.03,
        lost=0.002,
        answer_lost=0.2,
        mistaken=0.01,
        asks=0.1,
    )
    counter = Counter(shop)
    real = Simulation(settings, seed=seed, centre=Real(counter)).run()
    assert real.overspent == 0
    assert real == Simulation(settings, seed=seed).run()
    assert shop.value("select count(*) from loyalty_lease") > 0
    kinds = {row["type"] for row in shop.rows("select distinct type from events_event")}
    assert kinds >= {LEASE, REDEEM}
    assert kinds <= {"sale.closed", LEASE, REDEEM, LEASE_SPEND, LEASE_RETURN, LEASE_RENEW, LEASE_RECONCILE}
    counter.close()
