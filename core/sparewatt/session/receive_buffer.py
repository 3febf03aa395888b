"""What has come through a connection and was not read yet."""

from typing import Final, Self

# Nearly four chunks: the part of one that is there when no other fits is moved, an eighth of all bytes.
BLOCK_BYTES: Final = 1024 * 1024
MESSAGE_BYTES_MOST: Final = 320 * 1024
# Reads above this size are messages and no headers.
LENT_BYTES_LEAST: Final = 64 * 1024
SPARE_BLOCKS_MOST: Final = 5


class ReceiveBuffer:
    """Bytes in the order in which they came, which whoever reads much of them may use where they lie.

    It has the part of `bytearray` that a stream reader of `websockets` uses, and stands in its place. There the same
    bytes are copied three times on their way, a sixth of what a download costs an engine's event loop.

    Bytes lie in blocks of 1 MiB. A block is filled again when nobody uses anything in it any more; the last five stay
    for that. What a reader keeps holds the block that it lies in: at most one for each message, mostly one for three.
    """

    def __init__(self) -> None:
        self._block = _block()
        self._used: list[bytearray] = []
        self._start = 0
        self._end = 0

    def room(self) -> memoryview:
        """Where the next bytes go to, never empty; `+=` with the filled part of it takes them in."""
        if len(self._block) - self._start < MESSAGE_BYTES_MOST or self._end == len(self._block):
            waiting = memoryview(self._block)[self._start : self._end]
            # websockets reads a message as soon as it is whole; a reader that does not finds room all the same.
            block = self._unused_block() if 2 * len(waiting) < BLOCK_BYTES else bytearray(4 * len(waiting))
            block[: len(waiting)] = waiting
            self._start, self._end = 0, len(waiting)
            if len(self._block) == BLOCK_BYTES:
                self._used = [*self._used[1 - SPARE_BLOCKS_MOST :], self._block]
            self._block = block
        return memoryview(self._block)[self._end :]

    def __iadd__(self, data: bytes | memoryview) -> Self:
        if isinstance(data, memoryview) and data.obj is self._block:
            self._end += len(data)
            return self
        while data:
            room = self.room()
            size = min(len(room), len(data))
            room[:size] = data[:size]
            self._end += size
            data = data[size:]
        return self

    def __len__(self) -> int:
        return self._end - self._start

    def __getitem__(self, first: slice) -> bytes | memoryview:
        """The bytes of ``[:count]``: where they lie if they are many, else a copy."""
        count = len(self) if first.stop is None else first.stop
        found = memoryview(self._block)[self._start : min(self._start + count, self._end)]
        return found.toreadonly() if len(found) > LENT_BYTES_LEAST else bytes(found)

    def __delitem__(self, first: slice) -> None:
        count = len(self) if first.stop is None else first.stop
        self._start = min(self._start + count, self._end)

    def find(self, wanted: bytes, first: int) -> int:
        """Like `bytearray.find`."""
        found = self._block.find(wanted, self._start + first, self._end)
        return found - self._start if found >= 0 else -1

    def _unused_block(self) -> bytearray:
        """One of those filled before, if its bytes are used no more."""
        # What was used last is still in the processor's cache.
        for number in reversed(range(len(self._used))):
            if _is_unused(self._used[number]):
                return self._used.pop(number)
        return _block()


def _block() -> bytearray:
    return bytearray(BLOCK_BYTES)


def _is_unused(block: bytearray) -> bool:
    """Python refuses to change the size of bytes that a view shows."""
    try:
        block.append(0)
    except BufferError:
        return False
    block.pop()
    return True
