"""The Merkle tree: RFC 6962's own words as a second way to compute it, and proofs that hold for nothing else."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from comptoir.foundation.events import merkle

LEAVES = st.lists(st.binary(max_size=4), min_size=1, max_size=70).map(
    lambda items: [merkle.leaf_hash(i) for i in items]
)


def by_the_letter(entries: list[bytes]) -> bytes:
    """Return MTH(D[n]) as section 2.1 of RFC 6962 defines it."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    cut = 1
    while cut * 2 < len(entries):
        cut *= 2
    return hashlib.sha256(b"\x01" + by_the_letter(entries[:cut]) + by_the_letter(entries[cut:])).digest()


def flipped(value: bytes) -> bytes:
    return bytes([value[0] ^ 1]) + value[1:]


def test_the_vectors_of_certificate_transparency() -> None:
    # The entries of the reference implementation's tests, and the roots it gives for their beginnings.
    entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    roots = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    tree = merkle.Tree()
    for entry in entries:
        tree.add(merkle.leaf_hash(bytes.fromhex(entry)))
        assert tree.root().hex() == roots[tree.size]


@given(st.lists(st.binary(max_size=3), max_size=70))
def test_the_root_is_the_one_of_the_definition(entries: list[bytes]) -> None:
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    assert merkle.root_of(leaves) == by_the_letter(entries)


@given(LEAVES, st.data())
def test_a_tree_goes_on_from_its_edge(leaves: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(leaves)))
    first = merkle.Tree()
    for leaf in leaves[:cut]:
        first.add(leaf)
    second = merkle.Tree(first.size, first.edge)
    for leaf in leaves[cut:]:
        second.add(leaf)
    assert second.root() == merkle.root_of(leaves)
    assert first.root() == merkle.root_of(leaves[:cut])
    assert len(second.edge) <= len(leaves).bit_length()


@given(LEAVES, st.data())
def test_a_proof_of_inclusion_holds_for_its_leaf_there_and_for_nothing_else(
    leaves: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, size = merkle.root_of(leaves), len(leaves)
    proof = merkle.inclusion_proof(leaves, index)
    claim: dict[str, Any] = {"leaf": leaves[index], "index": index, "size": size, "proof": proof, "root": root}
    assert merkle.includes(**claim)
    assert not merkle.includes(**claim | {"leaf": flipped(leaves[index])})
    assert not merkle.includes(**claim | {"root": flipped(root)})
    assert not merkle.includes(**claim | {"proof": [*proof, root]})
    assert not merkle.includes(**claim | {"index": size})
    for place in range(len(proof)):
        assert not merkle.includes(**claim | {"proof": [*proof[:place], flipped(proof[place]), *proof[place + 1 :]]})
        assert not merkle.includes(**claim | {"proof": proof[:place] + proof[place + 1 :]})
    elsewhere = data.draw(st.integers(0, size - 1))
    assume(leaves[elsewhere] != leaves[index] and len(set(leaves)) == size)
    assert not merkle.includes(**claim | {"index": elsewhere})


@given(LEAVES, st.data())
def test_a_proof_of_consistency_holds_for_its_two_trees_and_for_nothing_else(
    leaves: list[bytes], data: st.DataObject
) -> None:
    earlier = data.draw(st.integers(1, len(leaves)))
    before, after = merkle.root_of(leaves[:earlier]), merkle.root_of(leaves)
    proof = merkle.consistency_proof(leaves, earlier)
    claim: dict[str, Any] = {
        "earlier_size": earlier, "earlier_root": before, "size": len(leaves), "root": after, "proof": proof,
    }  # fmt: skip
    assert merkle.is_consistent(**claim)
    assert not merkle.is_consistent(**claim | {"earlier_root": flipped(before)})
    assert not merkle.is_consistent(**claim | {"root": flipped(after)})
    assert not merkle.is_consistent(**claim | {"proof": [*proof, after]})
    assert not merkle.is_consistent(**claim | {"earlier_size": 0})
    assert not merkle.is_consistent(**claim | {"earlier_size": len(leaves) + 1})
    for place in range(len(proof)):
        changed = [*proof[:place], flipped(proof[place]), *proof[place + 1 :]]
        assert not merkle.is_consistent(**claim | {"proof": changed})
        assert not merkle.is_consistent(**claim | {"proof": proof[:place] + proof[place + 1 :]})


def test_what_cannot_be_proven_is_refused() -> None:
    leaves = [merkle.leaf_hash(b"a")]
    for index in (-1, 1):
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion_proof(leaves, index)
    for earlier in (0, 2):
        with pytest.raises(ValueError, match="did not grow"):
            merkle.consistency_proof(leaves, earlier)
    with pytest.raises(ValueError, match="not the edge"):
        merkle.Tree(3, leaves)
