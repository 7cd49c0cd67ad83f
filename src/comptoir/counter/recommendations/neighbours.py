"""Which products the same people buy: the arithmetic, on arrays. Pure; needs scipy, which is an extra.

Two products are as near as the cosine of the angle between their buyers: how many bought both, by the square root of
how many bought the one times how many bought the other (Sarwar, Karypis, Konstan and Riedl 2001, "Item-based
collaborative filtering recommendation algorithms", WWW10, with purchases as yes or no). Each product keeps the nearest
ones. How well that foretells what people buy: ``comptoir bench recommendations``. Not here: where purchases come from
(``making.py``), what somebody is shown (``rules.py``).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from scipy import sparse

#: So many products are held against all others at once: what that takes of memory does not grow with the shop.
_BLOCK: Final = 256


class Near(msgspec.Struct, frozen=True):
    """Pairs, by the numbers of their products, the nearest first: how near, and how many people bought both.

    ``baskets`` counts the baskets that had both.
    """

    product: Any
    place: Any
    companion: Any
    weight: Any
    people: Any
    baskets: Any


def near(person: Any, basket: Any, product: Any, *, people_min: int, most: int) -> Near:
    """Return the nearest ``most`` companions of each product, of pairs that at least ``people_min`` people bought.

    ``person``, ``basket`` and ``product`` are arrays of one length: who bought what in which basket, each numbered from
    0. Of two alike the one that more baskets had together comes first, then the one with the lower number.
    """
    if not len(product):
        return Near(*(np.array([], dtype=np.int64),) * 6)
    bought = _matrix(person, product)
    laid = _matrix(basket, product)
    buyers = np.asarray(bought.sum(axis=0)).ravel()
    known = np.flatnonzero(buyers >= people_min)
    bought, laid, roots = bought[:, known].tocsc(), laid[:, known].tocsc(), np.sqrt(buyers[known])
    parts = []
    for start in range(0, len(known), _BLOCK):
        end = min(start + _BLOCK, len(known))
        both = (bought[:, start:end].T @ bought).toarray()
        together = (laid[:, start:end].T @ laid).toarray()
        weights = np.where(both >= people_min, both / np.outer(roots[start:end], roots), 0.0)
        weights[np.arange(end - start), np.arange(start, end)] = 0.0
        for row in range(end - start):
            found = np.flatnonzero(weights[row])
            order = np.lexsort((known[found], -together[row, found], -weights[row, found]))[:most]
            chosen = found[order]
            if len(chosen):
                parts.append(
                    (
                        np.full(len(chosen), known[start + row]), np.arange(len(chosen)), known[chosen],
                        weights[row, chosen], both[row, chosen], together[row, chosen],
                    )
                )  # fmt: skip
    if not parts:
        return Near(*(np.array([], dtype=np.int64),) * 6)
    return Near(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _matrix(row: Any, column: Any) -> Any:
    """Return a matrix with 1 where a row had a column, however often."""
    shape = int(np.max(row)) + 1, int(np.max(column)) + 1
    made = sparse.csr_matrix((np.ones(len(row), dtype=np.int32), (row, column)), shape=shape)
    made.sum_duplicates()
    made.data[:] = 1
    return made
