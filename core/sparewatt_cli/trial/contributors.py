"""The engines of a trial, through their control channels."""

import asyncio
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from sparewatt.control.address import Address
from sparewatt.control.client import ControlClient, connect
from sparewatt.control.messages import (
    InspectInvite,
    JoinRun,
    ListSettings,
    ManifestReply,
    Pause,
    ReceiptsAfter,
    ReceiptsReply,
    SetSetting,
    SettingsReply,
)
from sparewatt.errors import UnavailableError
from sparewatt.snapshot import Snapshot
from sparewatt_cli.receipt_file import PAGE, Bundle, joined_pages, next_position
from sparewatt_cli.trial.processes import Child

ANSWER_SECONDS_MOST: Final = 30.0
DELIVERY_SECONDS_MOST: Final = 30.0
_LOOK_SECONDS: Final = 0.05
# A trial is what the person asked for just now, so it neither waits until they are away nor holds back.
EAGER: Final = MappingProxyType({"when_to_run": "always", "speed_limit_percent": "100"})


class Contributor:
    """One engine: its process, a connection for requests, and the newest snapshot from another one."""

    def __init__(self, child: Child, address: Address) -> None:
        self.child = child
        self.snapshot: Snapshot | None = None
        self._address = address
        self._changed = asyncio.Event()

    async def answering(self) -> None:
        """Wait until the engine greets and has opened its key, without which it can join nothing.

        Raises:
            UnavailableError: ``trial.child_ended``, or ``trial.child_silent`` after thirty seconds.
        """
        for _ in range(round(ANSWER_SECONDS_MOST / _LOOK_SECONDS)):
            if not self.child.running:
                raise self.child.ended_error()
            try:
                async with await connect(self._address) as client:
                    if (await client.snapshot()).key_store not in ("unknown", "waiting"):
                        return
            except UnavailableError as error:
                if error.error_id != "engine.not_running":
                    raise
            await asyncio.sleep(_LOOK_SECONDS)
        raise UnavailableError("trial.child_silent", name=self.child.name)

    async def join(self, invite: str) -> ManifestReply:
        """Consent to the run that `invite` leads to, at full speed and at once: the person asked for exactly that."""
        async with await self._connected() as client:
            for key, value in EAGER.items():
                await _set(client, key, value)
            reply = await client.ask(lambda number: InspectInvite(id=number, invite=invite), ManifestReply)
            await client.command(lambda number: JoinRun(id=number, invite=invite, consent=reply.run))
            return reply

    async def watch(self) -> None:
        """Keep `snapshot` the newest, until cancelled."""
        async with await self._connected() as client:
            async for snapshot in client.watch(interval_milliseconds=100):
                self.snapshot = snapshot
                self._changed.set()

    async def deliver(self) -> bool:
        """Stop training and wait until every result is in; False when some are not after thirty seconds."""
        async with await self._connected() as client:
            await client.command(lambda number: Pause(id=number, until_unix_s=0))
        try:
            async with asyncio.timeout(DELIVERY_SECONDS_MOST):
                while not (self.snapshot is not None and delivered(self.snapshot)):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def receipts(self, run: str) -> Bundle:
        """All receipts of `run`, with what is needed to check them."""
        async with await self._connected() as client:
            pages: list[ReceiptsReply] = []
            position = 0
            while not pages or pages[-1].receipts:
                pages.append(await _page(client, run, position))
                position = next_position(pages[-1], position)
        return joined_pages(run, pages)

    async def _connected(self) -> ControlClient:
        return await connect(self._address)


def snapshots(contributors: Sequence[Contributor]) -> tuple[Snapshot, ...]:
    """The newest snapshot of each that has sent one."""
    return tuple(each.snapshot for each in contributors if each.snapshot is not None)


async def _page(client: ControlClient, run: str, position: int) -> ReceiptsReply:
    return await client.ask(
        lambda number: ReceiptsAfter(id=number, run=run, sequence=position, limit=PAGE), ReceiptsReply
    )


def delivered(snapshot: Snapshot) -> bool:
    """Paused, no worker left that could still hand something in, and a word from the coordinator about everything.

    An outbox that is empty is not enough: it is counted a moment after a worker has ended.
    """
    resting = all(device.worker in ("none", "failed") and device.current is None for device in snapshot.devices)
    trained = sum(device.tokens for device in snapshot.devices)
    answered = sum(run.tokens_accepted for run in snapshot.runs)
    refused = any(run.updates_refused for run in snapshot.runs)
    empty = all(run.outbox == 0 for run in snapshot.runs)
    return snapshot.paused_until_unix_s is not None and resting and empty and (answered >= trained or refused)


async def _set(client: ControlClient, key: str, value: str) -> None:
    settings = await client.ask(lambda number: ListSettings(id=number), SettingsReply)
    await client.command(lambda number: SetSetting(id=number, revision=settings.revision, key=key, value=value))
