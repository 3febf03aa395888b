"""Root of the hash tree of RFC 6962 (section 2.1) over chunks, in memory that grows with the tree's height only."""

import hashlib

LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"


class MerkleRoot:
    """Takes leaves in order; domain prefixes keep a node from being shown as a leaf."""

    def __init__(self) -> None:
        # Complete subtrees from the left: (leaves below, hash), each smaller than the one before.
        self._subtrees: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes | memoryview) -> None:
        """Append one leaf."""
        hasher = hashlib.sha256(LEAF_PREFIX)
        hasher.update(leaf)
        leaves, value = 1, hasher.digest()
        while self._subtrees and self._subtrees[-1][0] == leaves:
            _, left = self._subtrees.pop()
            leaves, value = 2 * leaves, _node(left, value)
        self._subtrees.append((leaves, value))

    def hexdigest(self) -> str:
        """The root over all leaves so far, 64 hex digits."""
        if not self._subtrees:
            return hashlib.sha256().hexdigest()
        value = self._subtrees[-1][1]
        for _, left in reversed(self._subtrees[:-1]):
            value = _node(left, value)
        return value.hex()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE_PREFIX + left + right).digest()
