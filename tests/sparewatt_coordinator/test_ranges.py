"""Which tokens are trained next."""

from hypothesis import given
from hypothesis import strategies as st

from sparewatt_coordinator.ranges import (
    PIECES_MOST,
    Cursor,
    Gap,
    Piece,
    draw,
    position_tokens,
    rest,
    shard_order,
)

SHARDS = (40, 16, 24)


def order(pass_number: int) -> tuple[int, ...]:
    return shard_order(b"seed", pass_number, len(SHARDS))


def test_every_pass_visits_every_shard_in_an_order_of_its_own() -> None:
    orders = [shard_order(b"seed", number, 20) for number in range(4)]
    assert all(sorted(each) == list(range(20)) for each in orders)
    assert len(set(orders)) == 4
    assert shard_order(b"seed", 1, 20) == orders[1]
    assert shard_order(b"other", 1, 20) != orders[1]


def test_gaps_come_first_and_what_is_left_of_them_stays() -> None:
    gaps = [Gap(1, Piece(0, 0, 8, 16), "a"), Gap(2, Piece(0, 1, 0, 16), "b")]
    drawn = draw(gaps, Cursor(0, 1, 0), SHARDS, order, 24, 8)
    assert drawn.pieces == (Piece(0, 0, 8, 16), Piece(0, 1, 0, 8))
    assert drawn.gaps == ((gaps[0], 16), (gaps[1], 8))
    assert drawn.cursor == Cursor(0, 1, 0)


def test_the_walk_goes_on_through_shards_and_passes() -> None:
    drawn = draw([], Cursor(), SHARDS, order, 160, 16)
    assert drawn.tokens == 160
    assert drawn.cursor == Cursor(2, 0, 0)
    assert [piece.shard for piece in drawn.pieces] == [*order(0), *order(1)]


def test_only_whole_inner_steps_are_drawn_when_the_pieces_run_out() -> None:
    drawn = draw([], Cursor(), (8, 8, 8), order, 10_000, 24 * 5)
    assert len(drawn.pieces) <= PIECES_MOST
    assert drawn.tokens == 480


def test_nothing_is_drawn_when_not_one_inner_step_fits() -> None:
    drawn = draw([], Cursor(), (8, 8, 8), order, 10_000, 8 * 65)
    assert (drawn.pieces, drawn.cursor) == ((), Cursor())


@given(
    st.lists(st.integers(1, 6), max_size=8),
    st.lists(st.integers(1, 12), min_size=1, max_size=30),
    st.integers(1, 4),
)
def test_no_token_is_lost_or_drawn_twice(gap_sizes: list[int], wants: list[int], multiple: int) -> None:
    gaps = {number: Gap(number, Piece(9, number % 3, 0, 8 * size), "origin") for number, size in enumerate(gap_sizes)}
    gap_tokens, cursor, total = 8 * sum(gap_sizes), Cursor(), 0
    seen: set[tuple[int, int, int]] = set()
    for want in wants:
        drawn = draw(list(gaps.values()), cursor, SHARDS, order, 8 * want * multiple, 8 * multiple)
        for gap, taken in drawn.gaps:
            left = rest((gap.piece,), taken)
            del gaps[gap.gap_id]
            if left:
                gaps[gap.gap_id] = Gap(gap.gap_id, left[0], gap.origin)
        for piece in drawn.pieces:
            if piece.pass_number != 9:
                marks = {(piece.pass_number, piece.shard, piece.first + at) for at in range(piece.count)}
                assert not marks & seen
                seen |= marks
        cursor, total = drawn.cursor, total + drawn.tokens
        left_in_gaps = sum(gap.piece.count for gap in gaps.values())
        assert total + left_in_gaps == gap_tokens + position_tokens(cursor, SHARDS, order)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 60))
def test_what_a_partial_update_leaves_is_exactly_the_back(counts: list[int], done: int) -> None:
    pieces = [Piece(0, shard, 5, count) for shard, count in enumerate(counts)]
    tokens = [(piece.shard, piece.first + at) for piece in pieces for at in range(piece.count)]
    left = [(piece.shard, piece.first + at) for piece in rest(pieces, done) for at in range(piece.count)]
    assert left == tokens[done:]
