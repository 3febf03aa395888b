"""Moving blobs over a live session: from the outbox up, into the blob folder down. Both go on where a cut left them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from sparewatt.blobs.folder import BlobFolder
from sparewatt.blobs.partial import PartialBlob
from sparewatt.durable import storage_errors
from sparewatt.errors import IntegrityError, RefusedError, UnavailableError
from sparewatt.session import events as event
from sparewatt.session.link import Inbox, Link
from sparewatt.session.outbox_files import OutboxRow
from sparewatt.session.traffic import Traffic
from sparewatt.wire.messages import CHUNK_BYTES
from sparewatt.wire.transfer import chunk_length
from sparewatt.work.version import BlobRef

P = ParamSpec("P")
T = TypeVar("T")
UploadOutcome = event.UploadAccepted | event.UploadRefused | event.RequestRefused | event.TransferEnded
WRONG_HASHES_MOST: Final = 2


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `asyncio.to_thread`, but a cancellation waits for the thread: its files are not closed under it."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


async def upload(link: Link, row: OutboxRow, payload: Path, traffic: Traffic) -> UploadOutcome:
    """Offers one update and sends what the coordinator lacks of it, until it decides.

    Raises:
        UnavailableError: the session ended first; offer again in the next.
        StorageError: the payload cannot be read.
    """
    update = row.parsed()
    await traffic.until_upload()
    with link.offering(update, row.update) as inbox:
        while True:
            told = await inbox.get()
            match told:
                case event.ChunkWanted(transfer=transfer, index=index):
                    data = await in_thread(_read_chunk, payload, row.payload.size, index)
                    await traffic.upload(len(data))
                    link.send_chunk(transfer, index, data)
                case event.UploadAccepted() | event.UploadRefused() | event.RequestRefused() | event.TransferEnded():
                    return told
                case _:
                    raise _end(told)


async def download(link: Link, folder: BlobFolder, blob: BlobRef, traffic: Traffic) -> None:
    """Brings one blob into the folder, from where an earlier download was cut.

    Raises:
        RefusedError: ``fetch.refused`` with the coordinator's reason.
        UnavailableError: the session ended first; go on in the next.
        IntegrityError: ``blob.hash`` when it arrived wrong twice.
        StorageError: from the folder.
    """
    folder.pin(blob.sha256)
    try:
        for attempt in range(1, WRONG_HASHES_MOST + 1):
            if await in_thread(folder.has, blob.sha256):
                return
            try:
                await _download_once(link, folder, blob, traffic)
            except IntegrityError as error:
                if error.error_id != "blob.hash" or attempt == WRONG_HASHES_MOST:
                    raise
    finally:
        folder.unpin(blob.sha256)


async def _download_once(link: Link, folder: BlobFolder, blob: BlobRef, traffic: Traffic) -> None:
    partial = await in_thread(folder.partial, blob)
    try:
        while not partial.have.complete:
            await traffic.until_download()
            await _fetch(link, partial, traffic)
        await in_thread(partial.finish)
    finally:
        await in_thread(partial.close)


async def _fetch(link: Link, partial: PartialBlob, traffic: Traffic) -> None:
    """One request for missing chunks, to its end."""
    noting: asyncio.Task[None] | None = None
    try:
        with link.fetching(partial.blob, partial.have.bitmap()) as inbox:
            while not await _take(link, partial, traffic, await _arrived(inbox)):
                if partial.note_due and (noting is None or noting.done()):
                    if noting is not None:
                        noting.result()
                    # What has come is made durable while more comes: a disk takes as long as a network.
                    noting = asyncio.create_task(in_thread(partial.sync))
    finally:
        if noting is not None:
            await noting


async def _arrived(inbox: Inbox) -> list[event.Event]:
    """The next answers of the coordinator: all that have come by now, at least one."""
    told = [await inbox.get()]
    while not inbox.empty():
        told.append(inbox.get_nowait())
    return told


async def _take(link: Link, partial: PartialBlob, traffic: Traffic, told: list[event.Event]) -> bool:
    """Answers of the coordinator; whether the last of them was there. Chunks are written in one go."""
    chunks = [each for each in told if isinstance(each, event.ChunkReceived)]
    if chunks:
        await in_thread(_write, partial, chunks)
    for chunk in chunks:
        await traffic.downloaded(len(chunk.data))
        link.acknowledge(chunk.transfer, chunk.index)
    return any(_is_last(each) for each in told if not isinstance(each, event.ChunkReceived))


def _write(partial: PartialBlob, chunks: list[event.ChunkReceived]) -> None:
    for chunk in chunks:
        partial.write(chunk.index, chunk.data, note=False)


def _is_last(told: event.Event) -> bool:
    """Raises what an answer that is no chunk means for the download."""
    match told:
        case event.FetchAnswered():
            return True
        case event.RequestRefused(refused=refused):
            raise RefusedError("fetch.refused", reason=refused.reason)
        case event.TransferEnded(reason=reason):
            raise RefusedError("fetch.refused", reason=reason)
        case _:
            raise _end(told)


def _read_chunk(path: Path, size: int, index: int) -> bytes:
    with storage_errors(path.parent), path.open("rb") as file:
        file.seek(index * CHUNK_BYTES)
        return file.read(chunk_length(size, index))


def _end(told: event.Event) -> UnavailableError:
    """What is no part of a transfer can only be the session's end; why it ended its owner hears."""
    assert isinstance(told, event.SessionFailed | event.SessionRefused), told
    return UnavailableError("session.ended")
