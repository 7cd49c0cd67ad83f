"""A Merkle tree over a log's entries, as RFC 6962 (section 2.1) and RFC 9162 define it, with both kinds of proof.

Pure: bytes in, bytes out. Its root says in 32 bytes what all entries say; a proof of inclusion shows that an entry is
one of them, a proof of consistency that a longer log begins with the shorter one. Not here: what an entry is
(``audit.py``), who signs a root (``checkpoints.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

HASH_BYTES: Final = 32
#: The root of a tree without entries.
EMPTY_ROOT: Final = hashlib.sha256().digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry; its first byte keeps it apart from every node."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A growing tree that remembers its right edge only: the roots of its complete parts, the largest first.

    There are never more of them than a number has bits, however many leaves are taken in.
    """

    def __init__(self, size: int = 0, edge: Iterable[bytes] = ()) -> None:
        """Begin empty, or where an earlier tree of ``size`` leaves stopped."""
        self.size = size
        self.edge = list(edge)
        if len(self.edge) != size.bit_count() or any(len(part) != HASH_BYTES for part in self.edge):
            raise ValueError(f"this is not the edge of a tree of {size} leaves")

    def add(self, leaf: bytes) -> None:
        """Take in the hash of one more entry."""
        parts = self.size
        while parts & 1:
            leaf = node_hash(self.edge.pop(), leaf)
            parts >>= 1
        self.edge.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return what the tree says at this moment."""
        if not self.edge:
            return EMPTY_ROOT
        root = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            root = node_hash(left, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over hashes of entries."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return what has to be hashed with a leaf to get the root, from the bottom up (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"there is no leaf {index} among {len(leaves)}")
    if len(leaves) == 1:
        return []
    cut = _largest_power_below(len(leaves))
    if index < cut:
        return [*inclusion_proof(leaves[:cut], index), root_of(leaves[cut:])]
    return [*inclusion_proof(leaves[cut:], index - cut), root_of(leaves[:cut])]


def includes(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether a proof shows that the tree with this size and root has the leaf there (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last = index, size - 1
    for other in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            leaf = node_hash(other, leaf)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            leaf = node_hash(leaf, other)
        here, last = here >> 1, last >> 1
    return last == 0 and leaf == root


def consistency_proof(leaves: Sequence[bytes], earlier: int) -> list[bytes]:
    """Return what shows that the first ``earlier`` leaves were the whole tree once (RFC 9162, 2.1.4.1)."""
    if not 0 < earlier <= len(leaves):
        raise ValueError(f"a tree of {len(leaves)} leaves did not grow out of one of {earlier}")
    return _subproof(leaves, earlier, is_whole=True)


def _subproof(leaves: Sequence[bytes], earlier: int, *, is_whole: bool) -> list[bytes]:
    if earlier == len(leaves):
        return [] if is_whole else [root_of(leaves)]
    cut = _largest_power_below(len(leaves))
    if earlier <= cut:
        return [*_subproof(leaves[:cut], earlier, is_whole=is_whole), root_of(leaves[cut:])]
    return [*_subproof(leaves[cut:], earlier - cut, is_whole=False), root_of(leaves[:cut])]


def is_consistent(
    *, earlier_size: int, earlier_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> bool:  # fmt: skip
    """Tell whether a proof shows that the later tree begins with the earlier one (RFC 9162, 2.1.4.2)."""
    if not 0 < earlier_size <= size:
        return False
    if earlier_size == size:
        return not proof and earlier_root == root
    # A complete earlier tree is a part of the later one, and not sent along.
    path = [earlier_root, *proof] if earlier_size.bit_count() == 1 else list(proof)
    if not path:
        return False
    here, last = earlier_size - 1, size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    first = second = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            first, second = node_hash(other, first), node_hash(other, second)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            second = node_hash(second, other)
        here, last = here >> 1, last >> 1
    return last == 0 and first == earlier_root and second == root


def _largest_power_below(number: int) -> int:
    """Return the largest power of two that is smaller than a number above one."""
    return 1 << (number - 1).bit_length() - 1
