"""Answers the organiser's requests."""

import secrets
from collections.abc import Callable
from typing import Final

from sparewatt.clock import Clock
from sparewatt.work.invite import Invite, format_invite, run_key_sha256
from sparewatt_coordinator.gateway import admin
from sparewatt_coordinator.gateway.books import Books
from sparewatt_coordinator.gateway.protocol import secret_sha256
from sparewatt_coordinator.server.conductor import Conductor
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.server.ports import Aggregator

# 192 bits, 32 characters.
SECRET_BYTES: Final = 24


class Organiser:
    """Carries out one `admin.Request` at a time.

    Args:
        contributors_here: how many sessions stand.
    """

    def __init__(
        self,
        folder: DataFolder,
        books: Books,
        conductor: Conductor,
        aggregator: Aggregator,
        clock: Clock,
        url: str,
        contributors_here: Callable[[], int],
    ) -> None:
        self._folder = folder
        self._books = books
        self._conductor = conductor
        self._aggregator = aggregator
        self._clock = clock
        self._url = url
        self._contributors_here = contributors_here

    async def answer(self, request: admin.Request) -> admin.Answer:
        """Raises SparewattError, which the channel turns into a `Failure`."""
        match request:
            case admin.CreateInvite():
                return await self._invite(request)
            case admin.GetStatus():
                return await self._status()
            case admin.Finish(words=words):
                await self._conductor.finish(words)
                return admin.Reply()
            case admin.CloseRun(words=words):
                await self._conductor.close(words)
                return admin.Reply()
            case admin.ResumeRun():
                await self._conductor.resume()
                return admin.Reply()
            case admin.GetExport():
                return await self._export()

    async def _invite(self, request: admin.CreateInvite) -> admin.InviteReply:
        record = await self._books.call(lambda store: store.run())
        secret = secrets.token_urlsafe(SECRET_BYTES)
        expires_at_s = int(self._clock.unix()) + request.lifetime_s
        await self._books.call(
            lambda store: store.create_invite(secret_sha256(secret), request.uses, expires_at_s, request.trusted)
        )
        invite = Invite(
            url=self._url,
            run=record.run,
            run_key_sha256=run_key_sha256(record.manifest.run_key),
            secret=secret,
        )
        return admin.InviteReply(format_invite(invite))

    async def _status(self) -> admin.StatusReply:
        record, status = await self._books.call(lambda store: (store.run(), store.status()))
        return admin.StatusReply(
            run=record.run,
            title=record.manifest.title,
            url=self._url,
            status=status,
            contributors_here=self._contributors_here(),
            explanation=self._conductor.explanation,
            aggregator=admin.AggregatorStatus(self._aggregator.pid, self._conductor.error_id),
        )

    async def _export(self) -> admin.ExportReply:
        record, status = await self._books.call(lambda store: (store.run(), store.status()))
        blob = status.outer_state or record.manifest.start_keyframe
        path = self._folder.blobs / blob.sha256[:2] / blob.sha256
        return admin.ExportReply(run=record.run, version=status.version, blob=blob, path=str(path))
