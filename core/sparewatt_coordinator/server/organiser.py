"""Answers the organiser's requests."""

import secrets
from collections.abc import Callable
from typing import Final

from sparewatt.clock import Clock
from sparewatt.errors import InputError
from sparewatt.work.invite import Invite, format_invite, run_key_sha256
from sparewatt_coordinator.gateway import admin
from sparewatt_coordinator.gateway.books import Books
from sparewatt_coordinator.gateway.protocol import secret_sha256
from sparewatt_coordinator.gateway.server import GatewayServer
from sparewatt_coordinator.server.conductor import Conductor
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.server.ports import Aggregator

# 192 bits, 32 characters.
SECRET_BYTES: Final = 24
INVITES_MOST: Final = 1_000


class Organiser:
    """Carries out one `admin.Request` at a time.

    Args:
        gateway: whose sessions are counted and ended.
        url: the websocket address that an invite names, for what its organiser says of it (nothing: the usual one).
        pin: hash of the coordinator's own TLS key, where it has one.
    """

    def __init__(
        self,
        folder: DataFolder,
        books: Books,
        conductor: Conductor,
        aggregator: Aggregator,
        clock: Clock,
        gateway: GatewayServer,
        url: Callable[[str], str],
        pin: str | None,
    ) -> None:
        self._folder = folder
        self._books = books
        self._conductor = conductor
        self._aggregator = aggregator
        self._clock = clock
        self._gateway = gateway
        self._url = url
        self._pin = pin

    async def answer(self, request: admin.Request) -> admin.Answer:
        """Raises SparewattError, which the channel turns into a `Failure`."""
        match request:
            case admin.CreateInvite():
                return await self._invite(request)
            case admin.ListInvites() | admin.RevokeInvite() | admin.ListContributors() | admin.RevokeContributor():
                return await self._people(request)
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

    async def _people(
        self, request: admin.ListInvites | admin.RevokeInvite | admin.ListContributors | admin.RevokeContributor
    ) -> admin.Answer:
        """Who may come, and who is here."""
        match request:
            case admin.ListInvites():
                found = await self._books.call(lambda store: store.invites())
                return admin.InvitesReply(found[-INVITES_MOST:])
            case admin.RevokeInvite(invite_id=invite_id):
                if not await self._books.call(lambda store: store.revoke_invite(invite_id)):
                    raise InputError("invite.unknown_id", name=invite_id)
                return admin.Reply()
            case admin.ListContributors():
                await self._gateway.note_seen()
                contributors = await self._books.call(lambda store: store.contributors())
                return admin.ContributorsReply(contributors, tuple(sorted(self._gateway.connected)))
            case admin.RevokeContributor(contributor=contributor):
                if not await self._books.call(lambda store: store.revoke_contributor(contributor)):
                    raise InputError("contributor.unknown", name=contributor[:12])
                await self._gateway.revoke(contributor)
                return admin.Reply()

    async def _invite(self, request: admin.CreateInvite) -> admin.InviteReply:
        record = await self._books.call(lambda store: store.run())
        url = self._url(request.address)
        secret = secrets.token_urlsafe(SECRET_BYTES)
        expires_at_s = int(self._clock.unix()) + request.lifetime_s
        await self._books.call(
            lambda store: store.create_invite(secret_sha256(secret), request.uses, expires_at_s, request.trusted)
        )
        invite = Invite(
            url=url,
            run=record.run,
            run_key_sha256=run_key_sha256(record.manifest.run_key),
            secret=secret,
            pin=self._pin,
        )
        return admin.InviteReply(format_invite(invite))

    async def _status(self) -> admin.StatusReply:
        record, status = await self._books.call(lambda store: (store.run(), store.status()))
        return admin.StatusReply(
            run=record.run,
            title=record.manifest.title,
            url=self._url(""),
            status=status,
            contributors_here=self._gateway.contributors_here,
            explanation=self._conductor.explanation,
            aggregator=admin.AggregatorStatus(self._aggregator.pid, self._conductor.error_id),
        )

    async def _export(self) -> admin.ExportReply:
        record, status = await self._books.call(lambda store: (store.run(), store.status()))
        blob = status.outer_state or record.manifest.start_keyframe
        path = self._folder.blobs / blob.sha256[:2] / blob.sha256
        return admin.ExportReply(run=record.run, version=status.version, blob=blob, path=str(path))
