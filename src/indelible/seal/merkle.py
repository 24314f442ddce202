"""The Merkle tree of RFC 6962: hashes, roots, proofs and their verification.

Functions on bytes and integers only. Section numbers are of RFC 6962 unless
another RFC is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
MAX_FRONTIER = 64
"""Hashes in the frontier of the largest tree we accept (2^63 leaves)."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of one leaf (section 2.1)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an interior node (section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: enough to go on and to give the root.

    It holds one hash for each bit set in `size`, largest subtree first.
    """

    __slots__ = ("_hashes", "size")

    def __init__(self) -> None:
        self.size = 0
        self._hashes: list[bytes] = []

    @classmethod
    def of(cls, size: int, hashes: Sequence[bytes]) -> Frontier | None:
        """Return the frontier with these hashes, or None if their number is not *size*'s.

        The hashes are proved by comparing `root` with a signed one, not by this.
        """
        if size < 0 or len(hashes) != size.bit_count():
            return None
        if any(len(one) != HASH_BYTES for one in hashes):
            return None
        made = cls()
        made.size = size
        made._hashes = list(hashes)
        return made

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The hashes of the full subtrees, largest first."""
        return tuple(self._hashes)

    def add(self, leaf: bytes) -> None:
        """Add one leaf, given its hash."""
        hashes = self._hashes
        rest = self.size
        while rest & 1:
            leaf = sha256(b"\x01" + hashes.pop() + leaf).digest()
            rest >>= 1
        hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves added so far."""
        if not self._hashes:
            return EMPTY_ROOT
        result = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            result = sha256(b"\x01" + left + result).digest()
        return result

    def copy(self) -> Frontier:
        """Return an independent copy."""
        made = Frontier()
        made.size = self.size
        made._hashes = self._hashes.copy()
        return made


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over a list of leaf hashes (section 2.1)."""
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    while len(level) > 1:
        above = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) & 1:
            above.append(level[-1])
        level = above
    return level[0]


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the audit path of leaf *index* in the tree over *leaves* (section 2.1.1).

    Raises:
        ValueError: If there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise ValueError(f"no leaf {index} in a tree of {len(leaves)}")
    path: list[bytes] = []
    low, high = 0, len(leaves)
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(root(leaves[middle:high]))
            high = middle
        else:
            path.append(root(leaves[low:middle]))
            low = middle
    path.reverse()
    return path


def consistency_proof(old_size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the proof that the first *old_size* leaves are a prefix (section 2.1.2).

    Raises:
        ValueError: If *old_size* is not between 1 and the number of leaves.
    """
    if not 1 <= old_size <= len(leaves):
        raise ValueError(f"no tree of {old_size} in a tree of {len(leaves)}")
    return _subproof(old_size, leaves, whole=True)


def verify_inclusion(
    leaf: bytes, index: int, *, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Return whether *proof* shows that leaf hash *leaf* is at *index* (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last = index, size - 1
    result = leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        node >>= 1
        last >>= 1
    return last == 0 and result == expected


def verify_consistency(
    old_size: int, new_size: int, *, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Return whether *proof* shows the old tree to be a prefix of the new (RFC 9162 2.1.4.2)."""
    if not 0 <= old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        node >>= 1
        last >>= 1
    return last == 0 and old == old_root and new == new_root


def _split(size: int) -> int:
    """Return the largest power of two smaller than *size*."""
    return 1 << (size - 1).bit_length() - 1


def _subproof(old_size: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of section 2.1.2."""
    if old_size == len(leaves):
        return [] if whole else [root(leaves)]
    middle = _split(len(leaves))
    if old_size <= middle:
        return [*_subproof(old_size, leaves[:middle], whole=whole), root(leaves[middle:])]
    return [*_subproof(old_size - middle, leaves[middle:], whole=False), root(leaves[:middle])]
