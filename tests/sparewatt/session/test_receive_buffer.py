"""A buffer that behaves like the bytearray it stands for, and never copies what is in its place already."""

from hypothesis import given
from hypothesis import strategies as st

from sparewatt.session.receive_buffer import BYTES_AT_FIRST, ReceiveBuffer

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["fed", "in place", "read"]), st.integers(0, 3 * BYTES_AT_FIRST // 2), st.integers(0, 255)
    ),
    max_size=12,
)


def put_in_place(buffer: ReceiveBuffer, data: bytes) -> ReceiveBuffer:
    """As a socket does it: a part at a time, into the room that there is."""
    while data:
        room = buffer.room()
        count = min(len(room), len(data))
        room[:count] = data[:count]
        buffer += room[:count]
        data = data[count:]
    return buffer


@given(STEPS)
def test_it_holds_what_a_bytearray_would(steps: list[tuple[str, int, int]]) -> None:
    buffer, model = ReceiveBuffer(), bytearray()
    for what, size, fill in steps:
        data = bytes([fill]) * size
        if what == "fed":
            buffer += data
            model += data
        elif what == "in place":
            buffer = put_in_place(buffer, data)
            model += data
        else:
            assert buffer[:size] == model[:size]
            del buffer[:size]
            del model[:size]
        assert len(buffer) == len(model)
        assert buffer.find(bytes([fill]), 0) == model.find(bytes([fill]), 0)
        assert len(buffer.room()) > 0
    assert buffer[:] == model
    del buffer[:]
    assert len(buffer) == 0


def test_a_line_is_found_from_where_the_search_goes_on() -> None:
    buffer = ReceiveBuffer()
    buffer += b"one\ntwo\n"
    del buffer[:4]
    assert [buffer.find(b"\n", first) for first in (0, 3, 4)] == [3, 3, -1]


def test_frames_as_they_come_need_no_more_memory_than_at_first() -> None:
    buffer = ReceiveBuffer()
    frame = bytes(320 * 1024)
    memory = buffer.room().obj
    for _ in range(20):
        buffer = put_in_place(buffer, frame)
        assert buffer[: len(frame)] == frame
        del buffer[: len(frame)]
    assert buffer.room().obj is memory
