"""Merkle trees as of RFC 6962 over leaves that only ever grow in number, kept as their right edge.

A tree of n leaves is known by the roots of its perfect subtrees, one for each bit of n, the largest first (the
"compact range"): enough to add leaves and to compute the root, at most 63 hashes however large n is.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node from those of its children (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass
class Tree:
    """The right edge of a growing tree.

    Attributes
    ----------
    size : int
        Number of leaves.
    edge : list of bytes
        Roots of the perfect subtrees, the largest first.
    """

    size: int = 0
    edge: list[bytes] = field(default_factory=list)

    def add(self, leaf: bytes) -> None:
        """Add a leaf's hash."""
        self.edge.append(leaf)
        size = self.size
        while size & 1:  # two subtrees of one size make the next
            right, left = self.edge.pop(), self.edge.pop()
            self.edge.append(node_hash(left, right))
            size >>= 1
        self.size += 1

    def root(self) -> bytes:
        """Return the root's hash; of the empty tree that of nothing."""
        if not self.edge:
            return hashlib.sha256(b"").digest()
        found = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            found = node_hash(left, found)
        return found


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of a leaf (RFC 6962, 2.1.1), the lowest sibling first.

    Parameters
    ----------
    leaves : sequence of bytes
        The hashes of all leaves.
    index : int
        Of the leaf, from 0.
    """
    if not 0 <= index < len(leaves):
        raise ValueError(f"there is no leaf {index} among {len(leaves)}")
    found: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            found.append(level[sibling])
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [node_hash(left, right) for left, right in pairs]
        if len(level) % 2:
            above.append(level[-1])  # the last one has no partner yet and goes up as it is
        level, index = above, index // 2
    return found


def root_of(leaf: bytes, index: int, size: int, siblings: Sequence[bytes]) -> bytes:
    """Return the root that a leaf and its audit path lead to (RFC 9162, 2.1.3.2).

    Raises
    ------
    ValueError
        If the path is not as long as that leaf's path must be.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    found, rest, last = leaf, list(siblings), size - 1
    while last > 0:
        if index & 1 or index < last:
            if not rest:
                raise ValueError("the path is too short")
            sibling = rest.pop(0)
            found = node_hash(sibling, found) if index & 1 else node_hash(found, sibling)
        index, last = index >> 1, last >> 1
    if rest:
        raise ValueError("the path is too long")
    return found
