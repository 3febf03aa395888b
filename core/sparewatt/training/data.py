"""Training sequences from ranges of shard files, front to back.

An assignment that is stopped early has trained a front part of its ranges and gives the rest back, so no sequence may
come before its turn: the seed mixes only within one inner step. The data as a whole were shuffled when the run was
created.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.errors import IntegrityError, StorageError

_DTYPES: Final[dict[str, np.dtype[np.unsignedinteger]]] = {
    "u8": np.dtype("<u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
}


@dataclass(frozen=True)
class Span:
    """`count` tokens from token `first` of the shard file at `path`; both are whole numbers of sequences."""

    path: Path
    first: int
    count: int


def order(count: int, seed: int) -> NDArray[np.int64]:
    """A permutation of ``range(count)`` that is the same on every machine and with every numpy.

    Positions are sorted by SplitMix64 of (seed, position); numpy's own generators may change between releases.
    Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
    """
    state = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state += _mix(np.array([seed % 2**64], dtype=np.uint64))
    return np.argsort(_mix(state), kind="stable")


def training_order(count: int, batch_sequences: int, seed: int) -> NDArray[np.int64]:
    """Positions of `count` sequences, front to back, mixed within each inner step of `batch_sequences`."""
    steps = range(0, count, batch_sequences)
    parts = [first + order(min(batch_sequences, count - first), seed + first) for first in steps]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


class Sequences:
    """All sequences of an assignment's spans in training order; shard files are memory-mapped, not read whole.

    Raises:
        IntegrityError: ``data.range`` when a span is not whole sequences or reaches past the end of its shard.
        StorageError: ``data.unreadable`` when a shard file cannot be opened.
    """

    def __init__(
        self,
        spans: tuple[Span, ...],
        *,
        token_dtype: str,
        vocabulary_size: int,
        sequence_length: int,
        batch_sequences: int,
        seed: int,
    ) -> None:
        self._vocabulary_size = vocabulary_size
        self._parts = [_open(span, _DTYPES[token_dtype], sequence_length) for span in spans]
        self._ends = np.cumsum([len(part) for part in self._parts], dtype=np.int64)
        self._order = training_order(int(self._ends[-1]) if self._parts else 0, batch_sequences, seed)

    def __len__(self) -> int:
        return len(self._order)

    def batch(self, first: int, count: int) -> NDArray[np.int64]:
        """Tokens of sequences `first` … `first + count - 1` of the training order: int64, sequences x tokens.

        Raises:
            IntegrityError: ``data.token_range`` for a token outside the vocabulary, which on a GPU would otherwise
                end the process.
        """
        rows = []
        for position in self._order[first : first + count]:
            part = int(np.searchsorted(self._ends, position, side="right"))
            start = int(self._ends[part - 1]) if part else 0
            rows.append(self._parts[part][int(position) - start])
        batch = np.stack(rows).astype(np.int64)
        largest = int(batch.max())
        if largest >= self._vocabulary_size:
            raise IntegrityError("data.token_range", token=largest, vocabulary=self._vocabulary_size)
        return batch


def _open(span: Span, dtype: np.dtype[np.unsignedinteger], sequence_length: int) -> NDArray[np.unsignedinteger]:
    try:
        held = span.path.stat().st_size // dtype.itemsize
    except OSError as error:
        raise StorageError("data.unreadable", path=span.path.name) from error
    whole = span.first % sequence_length == 0 and span.count % sequence_length == 0
    if not whole or span.count < 1 or span.first < 0 or span.first + span.count > held:
        raise IntegrityError("data.range", first=span.first, count=span.count, held=held)
    tokens = np.memmap(span.path, dtype=dtype, mode="r", offset=span.first * dtype.itemsize, shape=(span.count,))
    return tokens.reshape(-1, sequence_length)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
