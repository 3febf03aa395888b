"""Which tokens are trained next: gaps first, then the walk over all shards. Pure.

Every pass over the data visits the shards in an order of its own, by HMAC(seed, pass, shard). A `Piece` becomes a
`work.assignment.Range` when the shard's blob is added.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

PIECES_MOST: Final = 64
# Pieces of gaps are kept below the limit so that a heap of crumbs cannot fill an assignment without a whole inner step.
GAP_PIECES_MOST: Final = 48


class Piece(msgspec.Struct, frozen=True):
    """`count` tokens from token `first` of a shard, in one pass."""

    pass_number: int
    shard: int
    first: int
    count: int


class Gap(msgspec.Struct, frozen=True):
    """Tokens that were handed out once and came back untrained.

    Attributes:
        origin: the assignment that they came back from.
    """

    gap_id: int
    piece: Piece
    origin: str


class Cursor(msgspec.Struct, frozen=True):
    """Where the walk stands: in pass `pass_number`, at token `first` of the shard at `place` of that pass's order."""

    pass_number: int = 0
    place: int = 0
    first: int = 0


class Drawn(msgspec.Struct, frozen=True):
    """What an assignment gets.

    Attributes:
        gaps: gaps that were used, with the tokens taken from the front of each.
        cursor: where the walk stands afterwards.
    """

    pieces: tuple[Piece, ...]
    gaps: tuple[tuple[Gap, int], ...]
    cursor: Cursor

    @property
    def tokens(self) -> int:
        return sum(piece.count for piece in self.pieces)


def shard_order(seed: bytes, pass_number: int, shards: int) -> tuple[int, ...]:
    """All shards in the order of one pass, by HMAC-SHA-256 of (pass, shard) under `seed`."""

    def rank(shard: int) -> bytes:
        message = pass_number.to_bytes(8, "little") + shard.to_bytes(8, "little")
        return hmac.digest(seed, message, hashlib.sha256)

    return tuple(sorted(range(shards), key=rank))


def draw(
    gaps: Sequence[Gap],
    cursor: Cursor,
    shard_tokens: Sequence[int],
    order: Callable[[int], Sequence[int]],
    tokens: int,
    multiple: int,
) -> Drawn:
    """At most `tokens` tokens, a multiple of `multiple`, in at most `PIECES_MOST` pieces.

    Args:
        gaps: oldest first; they are used before the walk goes on.
        shard_tokens: size of every shard.
        order: order of shards of a pass.

    Nothing is drawn when not even `multiple` tokens fit into the pieces of one assignment.
    """
    most = _take(gaps, cursor, shard_tokens, order, tokens)
    whole = most.tokens // multiple * multiple
    return most if whole == most.tokens else _take(gaps, cursor, shard_tokens, order, whole)


def rest(pieces: Sequence[Piece], tokens: int) -> tuple[Piece, ...]:
    """What is left of `pieces` after `tokens` tokens from their front."""
    left: list[Piece] = []
    for piece in pieces:
        done = min(tokens, piece.count)
        tokens -= done
        if done < piece.count:
            left.append(_from(piece, done))
    return tuple(left)


def after(piece: Piece, tokens: int) -> Piece | None:
    """What is left of one piece after `tokens` tokens from its front; None when nothing is."""
    left = rest((piece,), tokens)
    return left[0] if left else None


def position_tokens(cursor: Cursor, shard_tokens: Sequence[int], order: Callable[[int], Sequence[int]]) -> int:
    """Tokens that the walk has passed since the run began."""
    earlier = order(cursor.pass_number)[: cursor.place]
    return cursor.pass_number * sum(shard_tokens) + sum(shard_tokens[shard] for shard in earlier) + cursor.first


def _from(piece: Piece, done: int) -> Piece:
    return Piece(piece.pass_number, piece.shard, piece.first + done, piece.count - done)


def _take(
    gaps: Sequence[Gap],
    cursor: Cursor,
    shard_tokens: Sequence[int],
    order: Callable[[int], Sequence[int]],
    tokens: int,
) -> Drawn:
    pieces: list[Piece] = []
    used: list[tuple[Gap, int]] = []
    for gap in gaps[:GAP_PIECES_MOST]:
        if tokens == 0:
            break
        taken = min(tokens, gap.piece.count)
        pieces.append(Piece(gap.piece.pass_number, gap.piece.shard, gap.piece.first, taken))
        used.append((gap, taken))
        tokens -= taken
    while tokens and len(pieces) < PIECES_MOST:
        shard = order(cursor.pass_number)[cursor.place]
        taken = min(tokens, shard_tokens[shard] - cursor.first)
        pieces.append(Piece(cursor.pass_number, shard, cursor.first, taken))
        cursor = _advance(cursor, taken, shard_tokens[shard], len(shard_tokens))
        tokens -= taken
    return Drawn(tuple(pieces), tuple(used), cursor)


def _advance(cursor: Cursor, tokens: int, shard_tokens: int, shards: int) -> Cursor:
    first = cursor.first + tokens
    if first < shard_tokens:
        return Cursor(cursor.pass_number, cursor.place, first)
    if cursor.place + 1 < shards:
        return Cursor(cursor.pass_number, cursor.place + 1, 0)
    return Cursor(cursor.pass_number + 1, 0, 0)
