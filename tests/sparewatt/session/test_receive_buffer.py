"""A buffer that behaves like the bytearray it stands for, and lends what it holds instead of copying it."""

from hypothesis import given
from hypothesis import strategies as st

from sparewatt.session.receive_buffer import BLOCK_BYTES, LENT_BYTES_LEAST, SPARE_BLOCKS_MOST, ReceiveBuffer

STEPS = st.lists(
    st.tuples(st.sampled_from(["fed", "in place", "read"]), st.integers(0, 3 * BLOCK_BYTES // 2), st.integers(0, 255)),
    max_size=12,
)
FRAME_BYTES = 256 * 1024 + 18


def put_in_place(buffer: ReceiveBuffer, data: bytes) -> ReceiveBuffer:
    """As a socket does it: a part at a time, into the room that there is."""
    while data:
        room = buffer.room()
        count = min(len(room), len(data))
        room[:count] = data[:count]
        buffer += room[:count]
        data = data[count:]
    return buffer


def frame(number: int) -> bytes:
    return bytes([number]) * FRAME_BYTES


@given(STEPS)
def test_it_holds_what_a_bytearray_would_and_never_changes_what_it_lent(steps: list[tuple[str, int, int]]) -> None:
    buffer, model = ReceiveBuffer(), bytearray()
    lent: list[tuple[bytes | memoryview, bytes]] = []
    for what, size, fill in steps:
        data = bytes([fill]) * size
        if what == "fed":
            buffer += data
            model += data
        elif what == "in place":
            buffer = put_in_place(buffer, data)
            model += data
        else:
            lent.append((buffer[:size], bytes(model[:size])))
            del buffer[:size]
            del model[:size]
        assert len(buffer) == len(model)
        assert buffer.find(bytes([fill]), 0) == model.find(bytes([fill]), 0)
        assert len(buffer.room()) > 0
    assert buffer[:] == model
    del buffer[:]
    assert len(buffer) == 0
    assert all(given == then for given, then in lent)


def test_a_line_is_found_from_where_the_search_goes_on() -> None:
    buffer = ReceiveBuffer()
    buffer += b"one\ntwo\n"
    del buffer[:4]
    assert [buffer.find(b"\n", first) for first in (0, 3, 4)] == [3, 3, -1]


def test_little_is_copied_and_much_is_lent_to_be_read_only() -> None:
    buffer = ReceiveBuffer()
    buffer += bytes(2 * LENT_BYTES_LEAST + 1)
    assert isinstance(buffer[:LENT_BYTES_LEAST], bytes)
    much = buffer[: LENT_BYTES_LEAST + 1]
    assert isinstance(much, memoryview)
    assert much.readonly


def test_frames_that_are_read_and_let_go_need_no_new_memory() -> None:
    buffer = ReceiveBuffer()
    blocks: list[object] = []
    for number in range(100):
        buffer = put_in_place(buffer, frame(number))
        assert buffer[:FRAME_BYTES] == frame(number)
        del buffer[:FRAME_BYTES]
        block = buffer.room().obj
        if not any(each is block for each in blocks):
            blocks.append(block)
    assert len(blocks) <= 2


def test_frames_that_are_kept_stay_what_they_are_and_their_blocks_are_filled_again_afterwards() -> None:
    buffer, kept = ReceiveBuffer(), []
    for number in range(8):
        buffer = put_in_place(buffer, frame(number))
        kept.append(buffer[:FRAME_BYTES])
        del buffer[:FRAME_BYTES]
    assert kept == [frame(number) for number in range(8)]
    before = [each.obj for each in kept if isinstance(each, memoryview)]
    assert len(before) == 8
    kept.clear()
    after = []
    for number in range(4 * SPARE_BLOCKS_MOST):
        buffer = put_in_place(buffer, frame(number))
        del buffer[:FRAME_BYTES]
        after.append(buffer.room().obj)
    assert all(any(each is block for block in before) for each in after)
