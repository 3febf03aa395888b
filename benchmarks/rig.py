"""A whole system in a throwaway folder: a run, its coordinator and one engine, each a process of its own."""

import asyncio
import json
import os
import sys
import sysconfig
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec
import psutil

from benchmarks.metered import Wire, wire
from sparewatt.control.client import connect
from sparewatt.control.messages import Pause, Resume
from sparewatt.snapshot import DeviceSnapshot
from sparewatt.work.invite import format_invite, parse_invite
from sparewatt_cli.organiser import make_run
from sparewatt_cli.surroundings import Surroundings, settle
from sparewatt_cli.trial import run_side
from sparewatt_cli.trial.contributors import Contributor
from sparewatt_cli.trial.folder import throwaway_folder
from sparewatt_cli.trial.plan import TrialPlan, TrialRequest, plan_trial
from sparewatt_cli.trial.processes import Child, Children
from sparewatt_coordinator.create.profile import Profile, try_profile
from sparewatt_coordinator.create.run import RunOptions

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS_MOST = 180.0
# Longer than any benchmark, so that no run ends within one.
RUN_MINUTES = 120.0


@dataclass
class Rig:
    """Attributes:
    contributor: the engine, joined and at full speed.
    between: the wire between engine and coordinator.
    """

    plan: TrialPlan
    place: Surroundings
    children: Children
    coordinator: Child
    contributor: Contributor
    between: Wire
    _watching: "asyncio.Task[None] | None" = None

    async def stop_engine(self) -> None:
        """End the engine; what it has fetched and joined stays."""
        self.unwatch()
        await self.children.end([self.contributor.child])

    async def start_engine(self) -> None:
        """Start the engine of the same folder again."""
        engine = await self.children.start("engine", self.plan.engines[0].arguments)
        self.contributor = Contributor(engine, self.place.control_address(self.plan.engines[0].folder))
        await self.contributor.answering()
        self.watch()

    def watch(self) -> None:
        self._watching = asyncio.create_task(self.contributor.watch())

    def unwatch(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def pause(self) -> None:
        async with await connect(self.place.control_address(self.plan.engines[0].folder)) as client:
            await client.command(lambda number: Pause(id=number, until_unix_s=0))

    async def resume(self) -> None:
        async with await connect(self.place.control_address(self.plan.engines[0].folder)) as client:
            await client.command(lambda number: Resume(id=number))

    def device(self) -> DeviceSnapshot | None:
        """The engine's first device as last seen."""
        snapshot = self.contributor.snapshot
        return snapshot.devices[0] if snapshot is not None and snapshot.devices else None

    async def until_worker(self, state: str, inner_steps: int = 0) -> DeviceSnapshot:
        """Wait for a state of the worker, and for so many inner steps of its assignment."""
        async with asyncio.timeout(START_SECONDS_MOST):
            while True:
                self.children.check()
                device = self.device()
                steps = device.current.inner_steps if device is not None and device.current is not None else 0
                if device is not None and device.worker == state and steps >= inner_steps:
                    return device
                await asyncio.sleep(0.02)

    def engine_processes(self) -> list[psutil.Process]:
        """The engine and everything it started."""
        engine = psutil.Process(self.contributor.child.pid)
        return [engine, *engine.children(recursive=True)]


def unchanged(profile: Profile) -> Profile:
    """The profile of a trial as it is."""
    return profile


@asynccontextmanager
async def rig(
    threads: int,
    up_bytes_per_s: float = 0,
    change: Callable[[Profile], Profile] = unchanged,
) -> AsyncIterator[Rig]:
    """A system that trains with `threads` until it is told otherwise; what goes up may be held to a rate.

    Args:
        change: what is other than in a trial's run.
    """
    place = settle(None)
    with throwaway_folder() as folder:
        request = TrialRequest(minutes=RUN_MINUTES, contributors=2, on_battery=True)
        plan = plan_trial(request, folder, folder / "checkpoint", cores=2 * threads)
        await asyncio.to_thread(_create_run, plan, change)
        async with Children(folder / "logs") as children:
            coordinator = await children.start("coordinator", plan.coordinator, says_ready=True)
            engine = await children.start("engine", plan.engines[0].arguments)
            await coordinator.ready()
            contributor = Contributor(engine, place.control_address(plan.engines[0].folder))
            await contributor.answering()
            (text,) = await asyncio.to_thread(run_side.invites, plan.run_folder, 1)
            invite = parse_invite(text)
            address = urlsplit(invite.url)
            assert address.port is not None, "an invite states a port"
            async with wire(address.port, up_bytes_per_s) as between:
                url = urlunsplit(address._replace(netloc=f"{address.hostname}:{between.port}"))
                await contributor.join(format_invite(msgspec.structs.replace(invite, url=url)))
                system = Rig(plan, place, children, coordinator, contributor, between)
                system.watch()
                try:
                    yield system
                finally:
                    system.unwatch()


def _create_run(plan: TrialPlan, change: Callable[[Profile], Profile]) -> None:
    """A trial's run in which nobody waits for the version that holds its own update: what is measured is training."""
    profile = try_profile(len(plan.engines), plan.seconds)
    rounds = msgspec.structs.replace(profile.rounds, next_version_wait_milliseconds=0)
    options = RunOptions(
        title="A benchmark",
        purpose="To measure speed",
        organiser="You",
        licence="PSF-2.0",
        description="sources of Python's standard library",
        text=Path(sysconfig.get_path("stdlib")),
        profile=change(replace(profile, rounds=rounds)),
    )
    make_run(plan.run_folder, plan.organiser_key, options)


def pin(process: psutil.Process, core: int) -> None:
    """Keep every thread of a process, and those that it starts from now on, on one core."""
    for thread in process.threads():
        os.sched_setaffinity(thread.id, {core})


async def bare(arguments: tuple[str, ...], core: int | None = None) -> dict[str, float]:
    """What the reference loop prints."""
    prefix = () if core is None else ("taskset", "-c", str(core))
    process = await asyncio.create_subprocess_exec(
        *prefix, sys.executable, "-m", "benchmarks.bare", *arguments, stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None, "it was asked for"
    line = await process.stdout.readline()
    await process.wait()
    found: dict[str, float] = json.loads(line)
    return found
