"""Files to the data of a run: found, looked through, cut into documents, made tokens, shuffled and stored."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sparewatt.blobs.folder import BlobFolder
from sparewatt.durable import storage_errors
from sparewatt.errors import InputError
from sparewatt.signing import canonical
from sparewatt.work.manifest import SOURCES_SHOWN_MOST, DataRecord, DataSpec, SourceFile
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.create.documents import documents
from sparewatt_coordinator.create.shards import store_shards
from sparewatt_coordinator.create.sources import Source, find_sources, look_through
from sparewatt_coordinator.create.spool import Spool
from sparewatt_coordinator.create.tokens import DTYPES, ByteTokens, Tokens, token_dtype

BATCH_BYTES: Final = 1 << 20
# Text in a table is packed to about a quarter.
_UNPACKED: Final = {"text": 1, "json_lines": 1, "parquet": 4}
Stage = Literal["reading", "shuffling"]
Progress = Callable[[Stage, int, int], None]


def silent(_stage: Stage, _done: int, _all: int) -> None:
    """Progress that nobody is told of."""


@dataclass(frozen=True)
class DataOptions:
    """What data to use and how.

    Attributes:
        text: file or folder; text, JSON lines and parquet.
        field: what holds the text in a line of JSON, or the column that does.
        bytes_most: use about this many bytes of text; None for all.
        refuse_unusable: refuse the first file that is meant to be data and is not, or a part of one; else they are left
            out and counted, as files that are not meant to be data are in any case.
    """

    text: Path
    description: str
    licence: str = ""
    field: str = "text"
    bytes_most: int | None = None
    refuse_unusable: bool = False


@dataclass(frozen=True)
class StoredData:
    """Attributes:
    spec: for the manifest.
    shards: the blobs that its index lists.
    files: used in whole or in part.
    skipped: files and parts of files that were left out.
    """

    spec: DataSpec
    shards: tuple[BlobRef, ...]
    files: int
    skipped: int


def store_data(
    options: DataOptions,
    tokens: Tokens,
    blobs: BlobFolder,
    *,
    sequence_length: int,
    training_tokens_least: int,
    seed: int,
    progress: Progress = silent,
) -> StoredData:
    """Make the data of a run. Takes little memory whatever the size of the files, and disk for all tokens twice.

    Raises:
        InputError: ``text.missing``; ``text.unreadable`` when there is no document at all; ``text.too_little``; where
            these are refused also as `sources.look_through` and `documents.documents`.
        UnavailableError: ``parquet.missing``.
        StorageError: as the stores.
    """
    sources = find_sources(options.text)
    reading = _Reading(options, sources, progress)
    dtype_name = token_dtype(tokens.vocabulary_size)
    dtype = DTYPES[dtype_name]
    expected = dtype.itemsize * min(reading.expected_bytes, options.bytes_most or reading.expected_bytes)
    with storage_errors(blobs.root), tempfile.TemporaryDirectory(prefix="spool-", dir=blobs.root) as folder:
        spool = Spool(Path(folder), dtype, expected)
        for batch in reading.batches():
            for document, encoded in zip(batch, tokens.encode(batch), strict=True):
                spool.add(document, encoded)
        if not reading.taken_bytes:
            raise InputError("text.unreadable", path=str(options.text), files=reading.skipped)
        stored = store_shards(
            spool,
            tokens.end,
            blobs,
            sequence_length=sequence_length,
            training_tokens_least=training_tokens_least,
            seed=seed,
            progress=lambda done, all_: progress("shuffling", done, all_),
        )
    spec = DataSpec(
        tokenizer="bytes" if isinstance(tokens, ByteTokens) else "tokenizer.json",
        token_dtype=dtype_name,
        vocabulary_size=tokens.vocabulary_size,
        loss_unit="nats_per_byte" if isinstance(tokens, ByteTokens) else "nats_per_token",
        sequence_length=sequence_length,
        shards=len(stored.shards),
        tokens=stored.tokens,
        index=stored.index,
        held_out=stored.held_out,
        held_out_tokens=stored.held_out_tokens,
        description=options.description,
        bytes_per_token_milli=stored.bytes_per_token_milli,
        tokenizer_file=None if tokens.file is None else blobs.add_bytes(tokens.file),
        record=_record(reading.files, options.licence, blobs),
    )
    return StoredData(spec, stored.shards, len(reading.files), reading.skipped)


class _Reading:
    """Reads documents from files until there are enough.

    Attributes:
        files: those that were used.
        taken_bytes: of text.
    """

    def __init__(self, options: DataOptions, sources: tuple[Source, ...], progress: Progress) -> None:
        self.files: list[SourceFile] = []
        self.skipped = 0
        self.taken_bytes = 0
        self.expected_bytes = sum(_UNPACKED[each.kind] * each.size for each in sources)
        self._options = options
        self._sources = sources
        self._progress = progress

    def batches(self) -> Iterator[list[bytes]]:
        """Documents, about 1 MiB of them at a time."""
        batch: list[bytes] = []
        size = 0
        for document in self._limited():
            batch.append(document)
            size += len(document)
            if size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _limited(self) -> Iterator[bytes]:
        most = self._options.bytes_most
        for document in self._documents():
            left = len(document) if most is None else most - self.taken_bytes
            self.taken_bytes += min(left, len(document))
            yield document[:left]
            if most is not None and self.taken_bytes >= most:
                return

    def _documents(self) -> Iterator[bytes]:
        done, total = 0, max(1, sum(each.size for each in self._sources))
        for source in self._sources:
            try:
                looked = look_through(source)
            except InputError as error:
                self._unusable(error, meant=source.meant)
            else:
                self.files.append(looked)
                yield from documents(source, self._options.field, lambda error: self._unusable(error, meant=True))
            done += source.size
            self._progress("reading", min(done, total), total)

    def _unusable(self, error: InputError, *, meant: bool) -> None:
        if meant and self._options.refuse_unusable:
            raise error
        self.skipped += 1


def _record(files: list[SourceFile], licence: str, blobs: BlobFolder) -> DataRecord:
    return DataRecord(
        licence=licence,
        files=len(files),
        bytes=sum(each.size for each in files),
        first=tuple(files[:SOURCES_SHOWN_MOST]),
        all_files=blobs.add_bytes(canonical(tuple(files))),
    )
