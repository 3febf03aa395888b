"""Documents to shards: split, cut into sequences, shuffled once, stored as content-addressed blobs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import InputError
from sparewatt.signing import canonical
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.create.spool import Document, Held, Spool
from sparewatt_coordinator.create.tokens import Unsigned

SHARD_BYTES: Final = 1 << 20
HELD_OUT_SHARE: Final = 10
# Of text: a tenth of a large body would be more than anybody measures, and lost to training.
HELD_OUT_TEXT_BYTES_MOST: Final = 16 * 1024 * 1024
# Enough for the most exact measurement; what is held out beyond it is not stored.
HELD_OUT_BYTES_MOST: Final = 1 << 20
HELD_OUT_TOKENS_LEAST: Final = 16 * 1024


@dataclass(frozen=True)
class StoredTokens:
    """Attributes:
    shards: the blobs that `index` lists.
    bytes_per_token_milli: of the documents that were held out.
    """

    shards: tuple[BlobRef, ...]
    index: BlobRef
    tokens: int
    held_out: BlobRef
    held_out_tokens: int
    bytes_per_token_milli: int


def store_shards(
    spool: Spool,
    end: int,
    blobs: BlobFolder,
    *,
    sequence_length: int,
    training_tokens_least: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> StoredTokens:
    """Store all documents but those that are held out as shards, and these as a blob of their own.

    The first tenth of the documents, by bytes, in the order of their SHA-256 is held out: nothing but their content
    decides. At least one document stays on each side where there are two. Sequences are shuffled within each part of
    the spool, which is a random part of the documents.

    Args:
        end: the token after each document.
        training_tokens_least: with fewer a run would walk over the same few sentences from its first minute on.
        progress: told of documents done, of all.

    Raises:
        InputError: ``text.too_little`` with the tokens that there are and that are needed.
        StorageError: as the stores.
    """
    held = spool.held()
    split = _Split(held)
    random = np.random.Generator(np.random.PCG64(seed))
    writer = _ShardWriter(blobs, sequence_length)
    rest = np.empty(0, dtype=spool.dtype)
    done = 0
    for part in range(spool.parts):
        documents = [rest]
        for document in spool.part(part):
            done += 1
            if not split.holds_out(document):
                documents.append(_ended(document, end))
        tokens = np.concatenate(documents)
        sequences = _shuffled(tokens, sequence_length, random)
        rest = tokens[sequences.size :]
        writer.add(sequences)
        progress(done, held.documents)
    shards = writer.finish()
    held_out = _shuffled(split.tokens(end, spool.dtype), sequence_length, random)
    least = min(HELD_OUT_TOKENS_LEAST, training_tokens_least)
    if writer.tokens < training_tokens_least or held_out.size < least:
        needed = max(training_tokens_least * HELD_OUT_SHARE // (HELD_OUT_SHARE - 1), least * HELD_OUT_SHARE)
        raise InputError("text.too_little", found=held.tokens, needed=max(needed, held.tokens + 1))
    measured = held_out[: max(1, HELD_OUT_BYTES_MOST // (sequence_length * spool.dtype.itemsize))]
    return StoredTokens(
        shards=shards,
        index=blobs.add_bytes(canonical(shards)),
        tokens=writer.tokens,
        held_out=blobs.add_bytes(measured.tobytes()),
        held_out_tokens=measured.size,
        bytes_per_token_milli=split.bytes_per_token_milli,
    )


class _Split:
    """Takes the documents to hold out from the front of all."""

    def __init__(self, held: Held) -> None:
        self._others = held.documents
        self._wanted_bytes = min(held.text_bytes // HELD_OUT_SHARE, HELD_OUT_TEXT_BYTES_MOST)
        self._taken_bytes = 0
        self._documents: list[Document] = []

    def holds_out(self, document: Document) -> bool:
        """Whether `document`, the next one, is held out; it is kept then."""
        self._others -= 1
        enough = self._documents and self._taken_bytes >= self._wanted_bytes
        if enough or self._others == 0:
            return False
        self._documents.append(document)
        self._taken_bytes += document.text_bytes
        return True

    def tokens(self, end: int, dtype: np.dtype[np.unsignedinteger]) -> Unsigned:
        return np.concatenate([np.empty(0, dtype=dtype), *(_ended(each, end) for each in self._documents)])

    @property
    def bytes_per_token_milli(self) -> int:
        tokens = sum(len(each.tokens) for each in self._documents)
        return max(1, round(1_000 * self._taken_bytes / max(1, tokens)))


class _ShardWriter:
    """Stores sequences as shards of at most 1 MiB, all but the last one full."""

    def __init__(self, blobs: BlobFolder, sequence_length: int) -> None:
        self._blobs = blobs
        self._sequence_length = sequence_length
        self._waiting: list[NDArray[np.unsignedinteger]] = []
        self._shards: list[BlobRef] = []
        self.tokens = 0

    def add(self, sequences: NDArray[np.unsignedinteger]) -> None:
        each = max(1, SHARD_BYTES // (self._sequence_length * sequences.itemsize))
        self._waiting.append(sequences)
        waiting = np.concatenate(self._waiting)
        whole = len(waiting) // each * each
        for first in range(0, whole, each):
            self._store(waiting[first : first + each])
        self._waiting = [waiting[whole:]]

    def finish(self) -> tuple[BlobRef, ...]:
        """All shards, in order."""
        left = np.concatenate(self._waiting)
        if len(left):
            self._store(left)
        return tuple(self._shards)

    def _store(self, sequences: NDArray[np.unsignedinteger]) -> None:
        self._shards.append(self._blobs.add_bytes(sequences.tobytes()))
        self.tokens += sequences.size


def _ended(document: Document, end: int) -> Unsigned:
    return np.append(document.tokens, document.tokens.dtype.type(end))


def _shuffled(tokens: Unsigned, sequence_length: int, random: np.random.Generator) -> NDArray[np.unsignedinteger]:
    """All whole sequences of `tokens` in random order, sequences x tokens."""
    count = len(tokens) // sequence_length
    return tokens[: count * sequence_length].reshape(count, sequence_length)[random.permutation(count)]
