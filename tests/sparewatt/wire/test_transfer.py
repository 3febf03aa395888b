"""Transfers: every missing chunk once, four at a time, and nothing that was not asked for."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import ProtocolError
from sparewatt.wire.messages import CHUNK_BYTES, UNACKNOWLEDGED_CHUNKS_MOST
from sparewatt.wire.transfer import SPANS_MOST, ChunkMap, ReceiveTransfer, SendTransfer, chunk_count, chunk_length, runs
from sparewatt.work.bounds import MAXIMUM_BLOB_BYTES


def content(size: int, index: int) -> bytes:
    return bytes(chunk_length(size, index))


@pytest.mark.parametrize(
    ("size", "lengths"),
    [
        (0, []),
        (1, [1]),
        (CHUNK_BYTES, [CHUNK_BYTES]),
        (CHUNK_BYTES + 1, [CHUNK_BYTES, 1]),
    ],
)
def test_only_the_last_chunk_is_shorter(size: int, lengths: list[int]) -> None:
    assert [chunk_length(size, index) for index in range(chunk_count(size))] == lengths
    assert chunk_length(size, chunk_count(size)) == 0


@given(st.integers(0, 300), st.sets(st.integers(0, 299)))
def test_spans_name_exactly_the_missing_chunks(chunks: int, present: set[int]) -> None:
    have = ChunkMap(chunks * CHUNK_BYTES)
    for index in present:
        if index < chunks:
            assert have.add(index)
            assert not have.add(index)
    missing = [each for first, count in have.missing(10_000) for each in range(first, first + count)]
    assert missing == [each for each in range(chunks) if each not in present]
    assert have.complete == (not missing)
    again = ChunkMap(chunks * CHUNK_BYTES, have.bitmap())
    assert (again.bitmap(), again.present) == (have.bitmap(), have.present)


def test_the_largest_blob_has_a_map_of_38_kib() -> None:
    have = ChunkMap(MAXIMUM_BLOB_BYTES)
    assert len(have.bitmap()) < 39 * 1024
    assert have.missing() == ((0, have.chunks),)
    with pytest.raises(ProtocolError, match=r"transfer\.size"):
        ChunkMap(MAXIMUM_BLOB_BYTES + 1)


@pytest.mark.parametrize("bitmap", [b"", b"\0\0", b"\x08"])
def test_a_bitmap_of_another_blob_is_refused(bitmap: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"transfer\.bitmap"):
        ChunkMap(3 * CHUNK_BYTES, bitmap)


def test_at_most_256_gaps_are_asked_for_at_a_time() -> None:
    chunks = 3 * SPANS_MOST
    receiving = ReceiveTransfer(chunks * CHUNK_BYTES)
    receiving.ask()
    for index in range(0, chunks, 2):
        receiving.receive(index, content(receiving.blob_size, index))
    first = receiving.ask()
    assert len(first) == SPANS_MOST
    assert first[0] == (1, 1)
    for index, _ in first:
        receiving.receive(index, content(receiving.blob_size, index))
    assert receiving.asked_arrived
    assert not receiving.complete
    assert receiving.ask()[0] == (2 * SPANS_MOST + 1, 1)


@given(st.integers(1, 40), st.sets(st.integers(0, 39)), st.integers(0, 2**32))
def test_a_lossy_way_ends_complete_after_asking_again(chunks: int, present: set[int], seed: int) -> None:
    chance = random.Random(seed)
    size = chunks * CHUNK_BYTES - chance.randrange(CHUNK_BYTES)
    start = ChunkMap(size)
    for index in present:
        if index < chunks:
            start.add(index)
    receiving = ReceiveTransfer(size, start.bitmap())
    for _ in range(200):
        spans = receiving.ask()
        if not spans:
            break
        sending = SendTransfer(size, spans)
        unacknowledged: list[int] = []
        while not sending.done:
            while (following := sending.next_chunk()) is not None:
                unacknowledged.append(following)
            assert len(unacknowledged) <= UNACKNOWLEDGED_CHUNKS_MOST
            arrived = unacknowledged.pop(chance.randrange(len(unacknowledged)))
            if chance.random() < 0.1:
                break
            assert receiving.receive(arrived, content(size, arrived))
            assert not receiving.receive(arrived, content(size, arrived)), "a repetition is taken and changes nothing"
            sending.acknowledge(arrived)
    assert receiving.complete
    assert receiving.asked_arrived


@pytest.mark.parametrize(
    ("index", "size", "error_id"),
    [
        (-1, CHUNK_BYTES, "transfer.index"),
        (3, CHUNK_BYTES, "transfer.index"),
        (2, CHUNK_BYTES, "transfer.length"),
        (1, 10, "transfer.length"),
        (0, CHUNK_BYTES, "transfer.not_asked"),
    ],
)
def test_chunks_that_were_not_asked_for_are_refused(index: int, size: int, error_id: str) -> None:
    blob_size = 2 * CHUNK_BYTES + 5
    have = ChunkMap(blob_size)
    have.add(0)
    receiving = ReceiveTransfer(blob_size, have.bitmap())
    receiving.ask()
    with pytest.raises(ProtocolError) as caught:
        receiving.receive(index, bytes(size))
    assert caught.value.error_id == error_id


@pytest.mark.parametrize("spans", [((0, 5),), ((4, 1),), ((1, 1), (0, 1)), ((0, 2), (1, 1)), ((0, 2**53),)])
def test_spans_outside_the_blob_or_out_of_order_are_refused(spans: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ProtocolError, match=r"transfer\.spans"):
        SendTransfer(4 * CHUNK_BYTES, spans)


def test_only_a_chunk_that_is_on_its_way_is_acknowledged() -> None:
    sending = SendTransfer(2 * CHUNK_BYTES, ((0, 2),))
    with pytest.raises(ProtocolError, match=r"transfer\.ack"):
        sending.acknowledge(0)
    assert sending.next_chunk() == 0
    sending.acknowledge(0)
    with pytest.raises(ProtocolError, match=r"transfer\.ack"):
        sending.acknowledge(0)


def test_several_chunks_are_acknowledged_at_once_but_none_that_is_not_on_its_way() -> None:
    sending = SendTransfer(6 * CHUNK_BYTES, ((0, 6),))
    assert [sending.next_chunk() for _ in range(5)] == [0, 1, 2, 3, None]
    sending.acknowledge(1, 2)
    assert [sending.next_chunk() for _ in range(3)] == [4, 5, None]
    with pytest.raises(ProtocolError, match=r"transfer\.ack"):
        sending.acknowledge(0, 2)


@given(st.lists(st.integers(0, 20), unique=True))
def test_runs_name_every_chunk_once_in_order(indices: list[int]) -> None:
    found = runs(indices)
    assert [each for first, count in found for each in range(first, first + count)] == indices
    assert all(before + count != after for (before, count), (after, _) in itertools.pairwise(found))


def test_an_empty_blob_is_complete_at_once() -> None:
    assert ReceiveTransfer(0).complete
    assert ReceiveTransfer(0).ask() == ()
    assert SendTransfer(0, ()).done
