import hashlib

from hypothesis import given
from hypothesis import strategies as st

from sparewatt.numeric.merkle import MerkleRoot


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_the_streamed_root_is_the_root_of_the_definition(leaves: list[bytes]) -> None:
    root = MerkleRoot()
    for leaf in leaves:
        root.add(leaf)
    assert root.hexdigest() == by_definition(leaves).hex()
