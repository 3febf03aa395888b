"""Moving blobs over a live session: from the outbox up, into the blob folder down. Both go on where a cut left them."""

import asyncio
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from sparewatt.blobs.folder import BlobFolder
from sparewatt.blobs.partial import PartialBlob
from sparewatt.durable import storage_errors
from sparewatt.errors import IntegrityError, RefusedError, UnavailableError
from sparewatt.session import events as event
from sparewatt.session.chunk_writer import ChunkWriter
from sparewatt.session.intake import Intake
from sparewatt.session.link import Link
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
    return await _to_its_end(_started(functools.partial(function, *args, **kwargs)))


def _started(function: Callable[[], T]) -> "asyncio.Future[T]":
    return asyncio.get_running_loop().run_in_executor(None, function)


async def _to_its_end(running: "asyncio.Future[T]") -> T:
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


async def _partial(folder: BlobFolder, blob: BlobRef) -> PartialBlob:
    """Opened in a thread; closed again where a cancellation came while it was being opened."""
    opening = _started(functools.partial(folder.partial, blob))
    try:
        return await _to_its_end(opening)
    except asyncio.CancelledError:
        if opening.exception() is None:
            await in_thread(opening.result().close)
        raise


async def _download_once(link: Link, folder: BlobFolder, blob: BlobRef, traffic: Traffic) -> None:
    partial = await _partial(folder, blob)
    try:
        while not partial.have.complete:
            await traffic.until_download()
            await _fetch(link, partial, traffic)
        await in_thread(partial.finish)
    finally:
        await in_thread(partial.close)


async def _fetch(link: Link, partial: PartialBlob, traffic: Traffic) -> None:
    """One request for missing chunks, to its end."""
    writer = ChunkWriter(partial)
    intake = Intake(link, writer, traffic, partial.have.chunks - partial.have.present)
    try:
        with link.fetching(partial.blob, partial.have.bitmap(), intake.take) as inbox:
            while isinstance(told := await inbox.get(), event.ChunkReceived):
                await intake.wait_and_take(told)
            _check_answered(told)
    finally:
        intake.go_on()
        await writer.end()


def _check_answered(told: event.Event) -> None:
    """Raises what an answer that is no chunk means for the download, unless it is that all have come."""
    match told:
        case event.FetchAnswered():
            return
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
