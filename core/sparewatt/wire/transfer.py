"""Both ends of a transfer: which chunks to send, which to ask for, which to refuse. Sans-I/O.

A blob is cut into chunks of `CHUNK_BYTES`; only the last may be shorter. The receiver owns the truth: it names the
chunks that it lacks (at most 256 spans at a time), acknowledges each that arrives, and asks again after a cut. The
sender keeps at most four chunks without an acknowledgement. A blob of no bytes has no chunks and is complete at once.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from sparewatt.errors import ProtocolError
from sparewatt.wire.messages import CHUNK_BYTES, UNACKNOWLEDGED_CHUNKS_MOST, ChunkSpan, ChunkSpans
from sparewatt.work.bounds import MAXIMUM_BLOB_BYTES

SPANS_MOST: Final = 256


def chunk_count(blob_size: int) -> int:
    """Number of chunks of a blob of `blob_size` bytes."""
    return -(-blob_size // CHUNK_BYTES)


def chunk_length(blob_size: int, index: int) -> int:
    """Bytes of the chunk at `index`, which starts at ``index * CHUNK_BYTES``; 0 beyond the blob's end."""
    return max(0, min(CHUNK_BYTES, blob_size - index * CHUNK_BYTES))


def runs(indices: Iterable[int]) -> list[ChunkSpan]:
    """`indices`, which are in the order of arrival, as spans of chunks that follow each other."""
    found: list[ChunkSpan] = []
    for index in indices:
        if found and index == sum(found[-1]):
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((index, 1))
    return found


class ChunkMap:
    """Which chunks of a blob are there: one bit each, 38 KiB for the largest blob that a run may have.

    Raises:
        ProtocolError: ``transfer.size`` for a blob above `MAXIMUM_BLOB_BYTES`; ``transfer.bitmap`` for a bitmap of
            another length or with bits beyond the last chunk.
    """

    def __init__(self, blob_size: int, bitmap: bytes | None = None) -> None:
        if not 0 <= blob_size <= MAXIMUM_BLOB_BYTES:
            raise ProtocolError("transfer.size", size=blob_size, most=MAXIMUM_BLOB_BYTES)
        self.chunks: Final = chunk_count(blob_size)
        length = -(-self.chunks // 8)
        self._bits = bytearray(length) if bitmap is None else bytearray(bitmap)
        unused = 8 * length - self.chunks
        if len(self._bits) != length or (unused and self._bits[-1] >> (8 - unused)):
            raise ProtocolError("transfer.bitmap", length=len(self._bits), expected=length)
        self.present = int.from_bytes(self._bits, "little").bit_count()

    def __contains__(self, index: int) -> bool:
        return 0 <= index < self.chunks and bool(self._bits[index >> 3] >> (index & 7) & 1)

    def add(self, index: int) -> bool:
        """Notes the chunk; False when it was there already. Raises IndexError beyond the last chunk."""
        if not 0 <= index < self.chunks:
            raise IndexError(index)
        if index in self:
            return False
        self._bits[index >> 3] |= 1 << (index & 7)
        self.present += 1
        return True

    @property
    def complete(self) -> bool:
        return self.present == self.chunks

    def bitmap(self) -> bytes:
        """Bit ``i & 7`` of byte ``i >> 3`` is chunk i."""
        return bytes(self._bits)

    def missing(self, spans_most: int = SPANS_MOST) -> ChunkSpans:
        """The first spans of absent chunks, ascending."""
        spans: list[ChunkSpan] = []
        for span in self._absent():
            spans.append(span)
            if len(spans) == spans_most:
                break
        return tuple(spans)

    def _absent(self) -> Iterator[ChunkSpan]:
        index = 0
        while index < self.chunks:
            if self._bits[index >> 3] == 0xFF:
                index = (index | 7) + 1
            elif index in self:
                index += 1
            else:
                first = index
                index = self._end_of_gap(first)
                yield (first, index - first)

    def _end_of_gap(self, index: int) -> int:
        while index < self.chunks and index not in self:
            index = (index | 7) + 1 if index & 7 == 0 and self._bits[index >> 3] == 0 else index + 1
        return min(index, self.chunks)


class SendTransfer:
    """The sender's end: walks through the spans that were asked for.

    Args:
        blob_size: bytes of the blob.
        spans: chunks to send, ascending and disjoint.

    Raises:
        ProtocolError: ``transfer.spans`` when a span lies outside the blob, or before the end of the previous one.
    """

    def __init__(self, blob_size: int, spans: ChunkSpans) -> None:
        chunks = chunk_count(blob_size)
        end = 0
        for first, count in spans:
            if first < end or count < 1 or first + count > chunks:
                raise ProtocolError("transfer.spans", first=first, count=count, chunks=chunks)
            end = first + count
        if len(spans) > SPANS_MOST:
            raise ProtocolError("transfer.spans", first=0, count=len(spans), chunks=chunks)
        self.blob_size: Final = blob_size
        self._waiting = (index for first, count in spans for index in range(first, first + count))
        self._next = next(self._waiting, None)
        self._unacknowledged: set[int] = set()

    def next_chunk(self) -> int | None:
        """Index of the chunk to send now; None while four are unacknowledged, and after the last."""
        if self._next is None or len(self._unacknowledged) >= UNACKNOWLEDGED_CHUNKS_MOST:
            return None
        index, self._next = self._next, next(self._waiting, None)
        self._unacknowledged.add(index)
        return index

    def acknowledge(self, index: int, count: int = 1) -> None:
        """The receiver has `count` chunks from `index` on.

        Raises:
            ProtocolError: ``transfer.ack`` when one of them is not on its way.
        """
        for each in range(index, index + count):
            if each not in self._unacknowledged:
                raise ProtocolError("transfer.ack", index=each)
            self._unacknowledged.remove(each)

    @property
    def done(self) -> bool:
        """Every asked chunk was sent and acknowledged."""
        return self._next is None and not self._unacknowledged


class ReceiveTransfer:
    """The receiver's end: knows what is there, asks for the rest, refuses what it did not ask for.

    Args:
        blob_size: bytes of the blob.
        bitmap: chunks that are there already, as `ChunkMap.bitmap`.
    """

    def __init__(self, blob_size: int, bitmap: bytes | None = None) -> None:
        self.blob_size: Final = blob_size
        self.have: Final = ChunkMap(blob_size, bitmap)
        self._asked: ChunkSpans = ()
        self._outstanding = 0

    def ask(self) -> ChunkSpans:
        """The spans to ask for next; only chunks in the spans asked last are accepted. Empty when all is there."""
        self._asked = self.have.missing()
        self._outstanding = sum(count for _, count in self._asked)
        return self._asked

    def receive(self, index: int, data: bytes | memoryview) -> bool:
        """Takes in a chunk; False for a repetition, whose bytes are not needed again but are acknowledged.

        Raises:
            ProtocolError: ``transfer.index`` outside the blob, ``transfer.length`` when its length is not that of this
                chunk, ``transfer.not_asked``.
        """
        if not 0 <= index < self.have.chunks:
            raise ProtocolError("transfer.index", index=index, chunks=self.have.chunks)
        expected = chunk_length(self.blob_size, index)
        if len(data) != expected:
            raise ProtocolError("transfer.length", index=index, length=len(data), expected=expected)
        if not any(first <= index < first + count for first, count in self._asked):
            raise ProtocolError("transfer.not_asked", index=index)
        new = self.have.add(index)
        self._outstanding -= new
        return new

    @property
    def asked_arrived(self) -> bool:
        """All chunks of the last request arrived: ask again, or finish when `complete`."""
        return not self._outstanding

    @property
    def complete(self) -> bool:
        return self.have.complete
