"""``bench recommendations``: do they foretell what people buy? On a real year, beside what is popular, and chance.

The demo's year ("The Complete Journey", 2,469 households) is cut by time: what was bought before a day makes the
recommendations, what the same households bought in the 28 days after it judges them. A hit is a household that bought
at least one of its ten in that time. Only products count that it had not bought before the cut: those that it has are
never recommended. Two cuts: after the fortnight that the demo loads, and after eleven months. Where ``implicit`` is
installed (MIT; it is in the group ``develop``), its cosine and its alternating least squares are measured as well.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from comptoir.config.replaying import journey
from comptoir.square.companions.contracts import COMPANIONS_MAX, PEOPLE_MIN

SHOWN: Final = 10
TESTED_DAYS: Final = 28
CUTS: Final = {"fortnight": 14, "eleven months": 336}
_FACTORS: Final = 64
_SEED: Final = 1

Ranking = Callable[[int, frozenset[int]], list[int]]


class Side(msgspec.Struct, frozen=True):
    """How well one way does: the share of households with a hit among ten, hits among all shown, seconds to make it.

    ``explained`` tells whether each recommendation names something that the household bought.
    """

    hit_rate: float
    precision: float
    seconds: float
    explained: bool


class Recommended(msgspec.Struct, frozen=True):
    """By cut and way: ``neighbours`` is what the house does, ``filled`` the same, filled up with what is popular."""

    households: dict[str, int]
    sides: dict[str, Side]


def measure(say: Callable[[str], None], *, seconds: float = 0.0) -> Recommended:  # noqa: ARG001 - the benchmarks' shape
    """Measure everything; takes a few minutes, most of them for the references."""
    say("Reading the year")
    rows = _rows()
    households: dict[str, int] = {}
    sides: dict[str, Side] = {}
    for name, days in CUTS.items():
        cut = _Cut(rows, days)
        households[name] = len(cut.tested)
        for way, make in _WAYS.items():
            say(f"{name}: {way}")
            began = time.monotonic()
            try:
                ranking = make(cut)
            except ImportError:
                continue
            took = time.monotonic() - began
            hit_rate, precision = cut.judged(ranking)
            sides[f"{name} {way}"] = Side(hit_rate, precision, round(took, 2), way in _EXPLAINED)
    return Recommended(households, sides)


class _Cut:
    """The year cut at a day: what was bought before by whom, and what each household bought first after it."""

    def __init__(self, rows: Any, days: int) -> None:
        import numpy as np  # noqa: PLC0415 - slow to load, and an extra

        household, _basket, day, product = rows.T
        self.before = rows[day < days]
        after = rows[(day >= days) & (day < days + TESTED_DAYS)]
        self.households, self.products = int(household.max()) + 1, int(product.max()) + 1
        self.own: dict[int, frozenset[int]] = _sets(self.before)
        bought = _sets(after)
        self.tested = {
            each: fresh for each, some in bought.items() if each in self.own and (fresh := some - self.own[each])
        }
        pairs = np.unique(self.before[:, [0, 3]], axis=0)
        self.buyers = np.bincount(pairs[:, 1], minlength=self.products)
        self.pairs = pairs

    def judged(self, ranking: Ranking) -> tuple[float, float]:
        hits = shown = 0
        for each, fresh in self.tested.items():
            found = len(fresh.intersection(ranking(each, self.own[each])[:SHOWN]))
            hits += found > 0
            shown += found
        return round(hits / len(self.tested), 4), round(shown / len(self.tested) / SHOWN, 4)

    def matrix(self) -> Any:
        import numpy as np  # noqa: PLC0415
        from scipy import sparse  # noqa: PLC0415

        # Of products with as many buyers as the house asks for; the others would only make the references slow.
        some = self.pairs[self.buyers[self.pairs[:, 1]] >= PEOPLE_MIN]
        ones = np.ones(len(some), dtype=np.float32)
        return sparse.csr_matrix((ones, tuple(some.T)), shape=(self.households, self.products))


def _popular(cut: _Cut) -> Ranking:
    import numpy as np  # noqa: PLC0415

    order = [int(each) for each in np.argsort(-cut.buyers, kind="stable")[:4_000]]
    return lambda _household, own: _first(order, own)


def _random(cut: _Cut) -> Ranking:
    import numpy as np  # noqa: PLC0415

    chance, sold = np.random.default_rng(_SEED), np.flatnonzero(cut.buyers)
    return lambda _household, own: _first(chance.permutation(sold)[: 10 * SHOWN].tolist(), own)


def _neighbours(cut: _Cut) -> Ranking:
    scores = _scores(cut)
    return lambda household, own: _best(scores(household), own)


def _filled(cut: _Cut) -> Ranking:
    by_own, by_all = _neighbours(cut), _popular(cut)

    def ranking(household: int, own: frozenset[int]) -> list[int]:
        found = by_own(household, own)
        return found + _first(by_all(household, own), frozenset(found))

    return ranking


def _scores(cut: _Cut) -> Callable[[int], dict[int, float]]:
    from comptoir.counter.recommendations import rules  # noqa: PLC0415
    from comptoir.counter.recommendations.neighbours import near  # noqa: PLC0415

    household, basket, _day, product = cut.before.T
    found = near(household, basket, product, people_min=PEOPLE_MIN, most=COMPANIONS_MAX)
    companions: dict[int, list[tuple[int, float]]] = {}
    for one, other, weight in zip(found.product.tolist(), found.companion.tolist(), found.weight.tolist(), strict=True):
        companions.setdefault(one, []).append((other, weight))
    return lambda household: rules.scored(cut.own[household], companions)


def _cosine_of_implicit(cut: _Cut) -> Ranking:
    from implicit.nearest_neighbours import CosineRecommender  # noqa: PLC0415 - a reference, which may be missing

    bought = cut.matrix()
    model = CosineRecommender(K=COMPANIONS_MAX + 1, num_threads=1)
    model.fit(bought, show_progress=False)
    return _recommended(model, bought)


def _least_squares(cut: _Cut) -> Ranking:
    from implicit.als import AlternatingLeastSquares  # noqa: PLC0415 - a reference, which may be missing

    bought = cut.matrix()
    model = AlternatingLeastSquares(factors=_FACTORS, num_threads=1, random_state=_SEED)
    model.fit(bought, show_progress=False)
    return _recommended(model, bought)


def _recommended(model: Any, bought: Any) -> Ranking:
    def ranking(household: int, own: frozenset[int]) -> list[int]:  # noqa: ARG001 - the model leaves them out
        found, _scores_of = model.recommend(household, bought[household], N=SHOWN, filter_already_liked_items=True)
        return [int(each) for each in found if each >= 0]

    return ranking


_WAYS: Final[dict[str, Callable[[_Cut], Ranking]]] = {
    "random": _random,
    "popular": _popular,
    "neighbours": _neighbours,
    "filled": _filled,
    "implicit cosine": _cosine_of_implicit,
    "implicit least squares": _least_squares,
}
_EXPLAINED: Final = frozenset({"neighbours", "implicit cosine"})


def _rows() -> Any:
    """Return the year's lines as household, basket, day and product, each numbered from 0."""
    import numpy as np  # noqa: PLC0415

    households: dict[str, int] = {}
    products: dict[str, int] = {}
    rows = [
        (
            households.setdefault(basket.sale.customer.value, len(households)),
            number,
            (basket.time.date() - journey.FIRST_DAY) // dt.timedelta(days=1),
            products.setdefault(line.product, len(products)),
        )
        for number, basket in enumerate(journey.baskets())
        for line in basket.sale.lines
    ]
    return np.array(rows, dtype=np.int64)


def _sets(rows: Any) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = {}
    for household, product in rows[:, [0, 3]].tolist():
        found.setdefault(household, set()).add(product)
    return {household: frozenset(some) for household, some in found.items()}


def _first(order: list[int], without: frozenset[int]) -> list[int]:
    found = []
    for each in order:
        if each not in without:
            found.append(each)
            if len(found) == SHOWN:
                break
    return found


def _best(scores: dict[int, float], without: frozenset[int]) -> list[int]:
    fit = [(-score, each) for each, score in scores.items() if each not in without]
    return [each for _score, each in sorted(fit)[:SHOWN]]
