"""All joined runs of an engine: joining, leaving, and their drivers."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import Clock
from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_fit import suited
from sparewatt.engine.run_driver import RunDriver, RunTools
from sparewatt.errors import InputError, UnavailableError
from sparewatt.keys.identity import ContributorIdentity
from sparewatt.policy import Offer
from sparewatt.session.inspection import Inspected, Tools, inspect
from sparewatt.session.joined import JoinedRun
from sparewatt.session.outbox import Outbox
from sparewatt.session.outbox_thread import OutboxThread
from sparewatt.work.invite import Invite
from sparewatt.work.receipt import Announcement

LEAVE_SECONDS: Final = 10.0
# From the offer that comes closest to work to the one that is farthest from it.
OFFERS: Final[tuple[Offer, ...]] = (
    "work",
    "unsuitable",
    "stalled",
    "changed",
    "untrusted",
    "refused",
    "closed",
    "none_joined",
)


class Runs:
    """Starts a driver for every joined run as soon as the identity can be read."""

    def __init__(
        self,
        outbox: OutboxThread,
        blobs: BlobFolder,
        session: Tools,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        wake: Callable[[], None],
        announced: Callable[[Announcement], None],
        lease_lost: Callable[[str], None],
        waits_in_vain: Callable[[str], None],
        resumable: frozenset[str] = frozenset(),
    ) -> None:
        self.outbox = outbox
        self.drivers: dict[str, RunDriver] = {}
        self.identity: ContributorIdentity | None = None
        self._blobs = blobs
        self._session = session
        self._clock = clock
        self._tasks = tasks
        self._wake = wake
        self._announced = announced
        self._lease_lost = lease_lost
        self._waits_in_vain = waits_in_vain
        self._resumable = resumable
        self._serving: dict[str, asyncio.Task[None]] = {}

    async def open(self, identity: ContributorIdentity) -> None:
        """Begin with the runs that were joined earlier."""
        self.identity = identity
        for joined in await self.outbox.call(Outbox.runs):
            self._begin(joined, identity)

    async def inspect(self, invite: Invite) -> Inspected:
        """The manifest behind an invite; raises as `session.run_session.inspect`."""
        return await inspect(invite, self._identity().secret.run_key(invite.run), self._session)

    async def join(self, invite: Invite) -> None:
        """Consent to the invite's manifest and begin with it; joining again renews the address.

        Raises:
            SparewattError: as `inspect`; nothing has changed then.
        """
        identity = self._identity()
        inspected = await self.inspect(invite)
        joined = JoinedRun(
            run=invite.run,
            url=invite.url,
            run_key_sha256=invite.run_key_sha256,
            invite_secret=invite.secret,
            manifest=inspected.manifest.signed,
            consented_at_s=round(self._clock.unix()),
            pin=invite.pin,
        )
        await self.outbox.call(Outbox.join, joined)
        await self._end(invite.run)
        known = {each.run: each for each in await self.outbox.call(Outbox.runs)}
        self._begin(known[invite.run], identity)

    async def consent_again(self, run: str, consent: str, devices: Sequence[DeviceDriver]) -> None:
        """Go on with what the organiser made of a run. Receipts of what it was stay; it is a run of its own.

        Args:
            consent: digest of the manifest that the person has seen and agreed to.

        Raises:
            InputError: ``run.unknown``; ``join.consent`` when the run is something else again, or as it was.
        """
        identity, driver = self._identity(), self.drivers.get(run)
        if driver is None:
            raise InputError("run.unknown", run=run[:16])
        changed = driver.state.changed
        if changed is None or changed.run != consent:
            raise InputError("join.consent", run=run[:16])
        joined = msgspec.structs.replace(
            driver.joined,
            run=changed.run,
            manifest=changed.signed,
            invite_secret=None,
            consented_at_s=round(self._clock.unix()),
            online_keys=(),
            highest=None,
        )
        await self.outbox.call(Outbox.join, joined)
        await self.leave(run, devices)
        self._begin(joined, identity)

    async def leave(self, run: str, devices: Sequence[DeviceDriver]) -> None:
        """Take back the consent to a run: its devices stop, its data are deleted, its receipts stay.

        Raises:
            InputError: ``run.unknown``.
        """
        driver = self.drivers.get(run)
        if driver is None:
            raise InputError("run.unknown", run=run[:16])
        driver.leaving = True
        self._wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                while any(device.run is driver and device.busy for device in devices):
                    await asyncio.sleep(0.05)
        for device in devices:
            if device.run is driver:
                device.bind(None)
            await device.forget_run(run)
        await self._end(run)
        await self.outbox.call(Outbox.leave, run)
        await asyncio.to_thread(driver.forget_blobs)

    def offer(self) -> Offer:
        """The offer of the run that comes closest to giving work."""
        offers: list[Offer] = [driver.offer for driver in self.drivers.values()] or ["none_joined"]
        return min(offers, key=OFFERS.index)

    def connected(self) -> bool | None:
        """Whether any coordinator is reached; None while none was tried."""
        states = [driver.state for driver in self.drivers.values()]
        if any(state.connection == "connected" for state in states):
            return True
        return False if any(state.error is not None for state in states) else None

    def choose(self, device: DeviceDriver) -> None:
        """Bind an idle device to the first run that has work which it can do; a busy one keeps its run."""
        working = [driver for driver in self.drivers.values() if driver.offer == "work"]
        candidates = suited(working, device.device)
        if device.run not in candidates:
            device.bind(candidates[0] if candidates else None)

    def _identity(self) -> ContributorIdentity:
        if self.identity is None:
            raise UnavailableError("keys.keyring_locked", outcome="waiting")
        return self.identity

    def _begin(self, joined: JoinedRun, identity: ContributorIdentity) -> None:
        tools = RunTools(
            outbox=self.outbox,
            blobs=self._blobs,
            session=self._session,
            secret=identity.secret,
            wake=self._wake,
            announced=self._announced,
            lease_lost=self._lease_lost,
            waits_in_vain=self._waits_in_vain,
            resumable=self._resumable,
        )
        driver = RunDriver(joined, tools)
        self.drivers[joined.run] = driver
        self._serving[joined.run] = self._tasks.create_task(driver.serve(), name=f"run {joined.run[:8]}")

    async def _end(self, run: str) -> None:
        self.drivers.pop(run, None)
        serving = self._serving.pop(run, None)
        if serving is not None:
            serving.cancel()
            await asyncio.wait((serving,))
