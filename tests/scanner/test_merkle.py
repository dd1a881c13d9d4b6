"""Merkle trees: the grown edge, the whole tree of the RFC and the paths agree; nothing else fits."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import merkle


def slow_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(slow_root(leaves[:k]), slow_root(leaves[k:]))


def some_leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(str(n).encode()) for n in range(count)]


@given(st.integers(0, 70))
def test_the_grown_edge_has_the_root_of_the_rfc(count: int) -> None:
    tree = merkle.Tree()
    for leaf in some_leaves(count):
        tree.add(leaf)

    assert tree.root() == slow_root(some_leaves(count))
    assert len(tree.edge) == count.bit_count()


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_a_path_leads_from_its_leaf_to_the_root_and_no_other_leaf_does(case) -> None:
    count, index = case
    leaves = some_leaves(count)
    path = merkle.path(leaves, index)

    assert merkle.root_of(leaves[index], index, count, path) == slow_root(leaves)
    other = merkle.leaf_hash(b"another")
    assert merkle.root_of(other, index, count, path) != slow_root(leaves)
    with pytest.raises(ValueError, match="too long"):
        merkle.root_of(leaves[index], index, count, [*path, other])
    if path:
        with pytest.raises(ValueError, match="too short"):
            merkle.root_of(leaves[index], index, count, path[:-1])


def test_the_vectors_of_the_reference_implementation_fit() -> None:
    """Roots of certificate-transparency-go for its eight leaves of the RFC's tests."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    inputs.append("".join(f"6{n:x}" for n in range(16)))
    tree = merkle.Tree()
    for each in inputs:
        tree.add(merkle.leaf_hash(bytes.fromhex(each)))

    assert tree.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
