"""Text to shards: byte tokens, cut into sequences, shuffled once, stored as content-addressed blobs."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import InputError
from sparewatt.signing import canonical
from sparewatt.work.manifest import DataSpec
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.create.text import HELD_OUT_SHARE, Documents, split

VOCABULARY_SIZE: Final = 256
SHARD_BYTES: Final = 1 << 20
# Enough for the most exact measurement; what is held out beyond it is not stored.
HELD_OUT_BYTES_MOST: Final = 1 << 20
HELD_OUT_BYTES_LEAST: Final = 16 * 1024


@dataclass(frozen=True)
class StoredData:
    """Attributes:
    spec: for the manifest.
    shards: the blobs that its index lists.
    """

    spec: DataSpec
    shards: tuple[BlobRef, ...]


def store_shards(
    documents: Documents,
    blobs: BlobFolder,
    *,
    sequence_length: int,
    training_tokens_least: int,
    seed: int,
    description: str,
) -> StoredData:
    """Split, cut, shuffle and store `documents`.

    Raises:
        InputError: ``text.too_little`` with the bytes that there are and that are needed.
        StorageError: as the store.
    """
    text = split(documents)
    random = np.random.Generator(np.random.PCG64(seed))
    training = _shuffled(text.training, sequence_length, random)
    held_out = _shuffled(text.held_out, sequence_length, random)
    if training.size < training_tokens_least or held_out.size < min(HELD_OUT_BYTES_LEAST, training_tokens_least):
        needed = max(
            training_tokens_least * HELD_OUT_SHARE // (HELD_OUT_SHARE - 1), HELD_OUT_BYTES_LEAST * HELD_OUT_SHARE
        )
        raise InputError("text.too_little", found=documents.bytes_total, needed=max(needed, documents.bytes_total + 1))
    each = max(1, SHARD_BYTES // sequence_length)
    shards = tuple(blobs.add_bytes(training[first : first + each].tobytes()) for first in range(0, len(training), each))
    measured = held_out[: max(1, HELD_OUT_BYTES_MOST // sequence_length)]
    spec = DataSpec(
        tokenizer="bytes",
        token_dtype="u8",  # noqa: S106 - no secret
        vocabulary_size=VOCABULARY_SIZE,
        loss_unit="nats_per_byte",
        sequence_length=sequence_length,
        shards=len(shards),
        tokens=training.size,
        index=blobs.add_bytes(canonical(shards)),
        held_out=blobs.add_bytes(measured.tobytes()),
        held_out_tokens=measured.size,
        description=description,
    )
    return StoredData(spec, shards)


def _shuffled(text: bytes, sequence_length: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """All whole sequences of `text` in random order, sequences x tokens."""
    count = len(text) // sequence_length
    tokens = np.frombuffer(text, dtype=np.uint8, count=count * sequence_length)
    return tokens.reshape(count, sequence_length)[random.permutation(count)]
