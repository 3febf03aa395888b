"""Carries out what sessions ask for: the store in its thread, files in a small pool, one effect at a time a session."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import Clock
from sparewatt.errors import ConflictError, IntegrityError, StorageError
from sparewatt.wire.codec import chunk_message
from sparewatt.wire.messages import CHUNK_BYTES
from sparewatt.wire.transfer import chunk_length
from sparewatt.work.manifest import Manifest
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.gateway import effects as e
from sparewatt_coordinator.gateway.books import Books
from sparewatt_coordinator.gateway.hot_files import HotFiles
from sparewatt_coordinator.gateway.uploads import Uploads
from sparewatt_coordinator.store.base import Accepted, LeaseRequest, NoWork, Refused, Registered, Store, Wanted

T = TypeVar("T")

FILE_THREADS: Final = 4
RETRY_SOON_S: Final = 5
RETRY_LATER_S: Final = 60


class Carrier:
    """Turns effects into outcomes; shared by all sessions of a gateway.

    Args:
        validate: raises IntegrityError for a payload that is refused for good; called in a thread.
        joined: told the tokens of every update that joined a round.
    """

    def __init__(
        self,
        books: Books,
        blobs: BlobFolder,
        manifest: Manifest,
        clock: Clock,
        validate: Callable[[Path, Manifest], None],
        joined: Callable[[int], None],
    ) -> None:
        self._books = books
        self._blobs = blobs
        self._manifest = manifest
        self._clock = clock
        self._validate = validate
        self._joined = joined
        self._uploads = Uploads(blobs)
        self._hot = HotFiles()
        self._files = ThreadPoolExecutor(FILE_THREADS, thread_name_prefix="files")

    async def answer(self, effect: e.Effect) -> e.Answer:
        """The outcome of any effect but `Send`, `SendChunks` and `Close`, which are the connection's."""
        try:
            return await self._carry_out(effect)
        except StorageError as error:
            return e.Failed(effect, error.error_id)

    def message_now(self, effect: e.SendChunks, index: int) -> bytearray | None:
        """The message of one chunk if its bytes are in memory; does not block."""
        message, data = chunk_message(effect.transfer, index, chunk_length(effect.blob.size, index))
        return message if self._hot.read_now(effect.blob.sha256, index * CHUNK_BYTES, data) else None

    async def messages(self, effect: e.SendChunks, indices: Sequence[int]) -> list[bytearray] | e.Failed:
        """The messages of a blob's chunks, read in one go; fails when the blob was deleted meanwhile."""
        if not indices:
            return []
        try:
            return await self._in_file_thread(self._read_messages, effect, indices)
        except StorageError as error:
            return e.Failed(effect, error.error_id)

    async def close_uploads(self, payloads: tuple[BlobRef, ...]) -> None:
        """A connection ended with these under way."""
        for payload in payloads:
            await self._in_file_thread(self._uploads.close, payload)

    def close(self) -> None:
        """Wait for file work under way; blocks."""
        self._files.shutdown()
        self._hot.close()

    async def _carry_out(self, effect: e.Effect) -> e.Answer:
        match effect:
            case e.Register():
                return await self._register(effect)
            case e.Lease():
                return await self._lease(effect)
            case e.Renew(contributor=contributor, assignments=assignments):
                now = self._now()
                return await self._books.call(lambda store: store.renew(contributor, assignments, now))
            case e.Release(contributor=contributor, assignment_id=assignment_id, fence=fence):
                await self._books.call(lambda store: store.release(contributor, assignment_id, fence))
                return e.Done()
            case e.FindWay(reply_to=reply_to, have=have):
                return e.WayAnswer(reply_to, await self._books.call(lambda store: store.way(have)))
            case e.OpenBlob():
                return await self._open_blob(effect)
            case e.OpenUpload():
                return await self._open_upload(effect)
            case e.WriteChunk(transfer=transfer, payload=payload, index=index, data=data):
                await self._in_file_thread(self._uploads.write, payload, index, data)
                return e.ChunkWritten(transfer, index)
            case e.FinishUpload():
                return await self._finish_upload(effect)
            case e.CloseUpload(payload=payload):
                await self._in_file_thread(self._uploads.close, payload)
                return e.Done()
            case e.MarkStored(contributor=contributor, assignment_id=assignment_id):
                await self._books.call(lambda store: store.mark_stored(contributor, assignment_id))
                return e.Done()
            case _:
                raise TypeError(f"{type(effect).__name__} is for the connection")

    async def _register(self, effect: e.Register) -> e.Admitted | Refused:
        now = self._now()
        outcome = await self._books.call(
            lambda store: store.register_contributor(effect.contributor, effect.secret_sha256, now)
        )
        if isinstance(outcome, Registered):
            record = await self._books.call(lambda store: store.run())
            return e.Admitted(outcome, record.latest)
        return outcome

    async def _lease(self, effect: e.Lease) -> e.LeaseAnswer:
        request = LeaseRequest(
            contributor=effect.contributor,
            offer=effect.offer,
            base=effect.base,
            session=effect.session,
            request=effect.reply_to,
            assignment_id=secrets.token_hex(16),
            seed=secrets.randbits(32),
        )
        now = self._now()
        outcome = await self._books.call(lambda store: store.lease_assignment(request, self._books.sign, now))
        words = ""
        if isinstance(outcome, NoWork):
            words = (await self._books.call(lambda store: store.run())).words
        return e.LeaseAnswer(effect.reply_to, effect.offer, outcome, words)

    async def _open_blob(self, effect: e.OpenBlob) -> e.BlobAnswer:
        allowed = await self._books.call(lambda store: store.may_fetch(effect.blob))
        if not allowed:
            return e.BlobAnswer(effect.transfer, "blob.not_offered")
        here = await self._in_file_thread(self._blobs.has, effect.blob.sha256)
        return e.BlobAnswer(effect.transfer, None if here else "storage.blob_missing")

    async def _open_upload(self, effect: e.OpenUpload) -> e.UploadAnswer:
        now = self._now()
        considered = await self._books.call(
            lambda store: store.consider_update(
                effect.contributor, effect.update, effect.update_sha256, self._books.sign, now
            )
        )
        if not isinstance(considered, Wanted):
            return e.UploadAnswer(effect.transfer, considered)
        try:
            bitmap = await self._in_file_thread(self._uploads.open, considered.payload)
        except ConflictError as error:
            return e.UploadAnswer(effect.transfer, e.NotNow(error.error_id, RETRY_SOON_S))
        return e.UploadAnswer(effect.transfer, e.Arriving(bitmap))

    async def _finish_upload(self, effect: e.FinishUpload) -> e.UploadAnswer:
        """The order that loses nothing: durable and hashed, then valid, then in the books, then said."""
        update, sha256, sign = effect.update, effect.update_sha256, self._books.sign
        try:
            path = await self._in_file_thread(self._uploads.finish, update.payload)
        except IntegrityError as error:
            return e.UploadAnswer(effect.transfer, e.NotNow(error.error_id, RETRY_SOON_S))
        except StorageError as error:
            return e.UploadAnswer(effect.transfer, e.NotNow(error.error_id, RETRY_LATER_S))
        try:
            await self._in_file_thread(self._validate, path, self._manifest)
        except IntegrityError as error:
            reason, now = error.error_id, self._now()
            refused = await self._books.call(
                lambda store: store.refuse_update(effect.contributor, update, sha256, reason, sign, now)
            )
            await self._in_file_thread(self._blobs.remove, update.payload.sha256)
            return e.UploadAnswer(effect.transfer, refused)
        now = self._now()

        def enter(store: Store) -> Accepted | Refused | None:
            # In the store's thread, where blobs are deleted: an old payload of the same bytes may just have gone.
            if not self._blobs.has(update.payload.sha256):
                return None
            return store.accept_update(effect.contributor, update, sha256, sign, now)

        outcome = await self._books.call(enter)
        if outcome is None:
            return e.UploadAnswer(effect.transfer, e.NotNow("storage.blob_missing", RETRY_SOON_S))
        if isinstance(outcome, Accepted) and outcome.joined_tokens is not None:
            self._joined(outcome.joined_tokens)
        return e.UploadAnswer(effect.transfer, outcome)

    def _read_messages(self, effect: e.SendChunks, indices: Sequence[int]) -> list[bytearray]:
        blob = effect.blob
        messages = []
        try:
            path = self._blobs.path(blob.sha256)
            # Unbuffered: the bytes go from the system straight into the message.
            with path.open("rb", buffering=0) as file:
                for index in indices:
                    message, data = chunk_message(effect.transfer, index, chunk_length(blob.size, index))
                    file.seek(index * CHUNK_BYTES)
                    if file.readinto(data) != len(data):
                        raise StorageError("storage.blob_missing", blob=blob.sha256)
                    messages.append(message)
            self._hot.keep(blob.sha256, path)
        except FileNotFoundError as error:
            raise StorageError("storage.blob_missing", blob=blob.sha256) from error
        except OSError as error:
            raise StorageError("storage.unusable", folder=str(self._blobs.root), code=error.errno or 0) from error
        return messages

    async def _in_file_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._files, work, *arguments)

    def _now(self) -> int:
        return int(self._clock.unix() * 1000)
