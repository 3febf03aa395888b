"""A whole engine in a time of its own: desk, policy, governor, drivers and their plans are real, workers are not."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from sparewatt.control.server import ControlServer
from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.engine.engine import Engine, EngineParts
from sparewatt.engine.handler import ControlHandler
from sparewatt.engine.options import EngineOptions
from sparewatt.engine.runs import Runs
from sparewatt.history.thread import HistoryThread
from sparewatt.host.device import Device
from sparewatt.policy import Offer
from sparewatt.session.outbox_thread import OutboxThread, open_in_thread
from sparewatt.settings.intents_store import IntentsStore
from sparewatt.settings.store import SettingsStore
from sparewatt.testing.clock import ManualClock
from sparewatt.testing.run import FakeRun
from sparewatt.testing.run_link import FakeRunLink
from sparewatt.testing.worker import FakeWorkers

LOOK_S: Final = 0.5
SECONDS_MOST: Final = 60.0


class OneRun(Runs):
    """A run that every device works for."""

    def __init__(self, link: FakeRunLink) -> None:
        self.drivers = {}
        self._link = link

    def choose(self, device: DeviceDriver) -> None:
        device.bind(self._link)

    def offer(self) -> Offer:
        return "work"

    def connected(self) -> bool | None:
        return True


class EngineBench(Engine):
    """An engine whose time, sensors and workers are a test's; contributes always."""

    def __init__(self, folder: Path, outbox: OutboxThread, tasks: asyncio.TaskGroup) -> None:
        for name in ("blobs", "locks"):
            (folder / name).mkdir()
        self.clock = ManualClock()
        self.workers = FakeWorkers(step_seconds=0.001)
        self.folder = folder
        super().__init__(
            EngineParts(
                options=EngineOptions(folder),
                version="0",
                clock=self.clock,
                settings=SettingsStore(folder),
                intents=IntentsStore(folder),
                outbox=outbox,
                starter=self.workers,
                started_unix_s=0,
                open_history=no_history,
            )
        )
        self._tasks = tasks
        self._server = ControlServer(ControlHandler(self), "0")
        self.runs = OneRun(FakeRunLink(FakeRun(), folder / "blobs", work=1_000_000))
        self.set("when_to_run", "always")

    @property
    def driver(self) -> DeviceDriver:
        """Of the first device."""
        return self.devices[0]

    @property
    def starts(self) -> int:
        """Workers that were started to train."""
        return len(self.workers.started) - len(self.workers.encoders)

    @property
    def told(self) -> str:
        """Why the device does not compute, or holds back: the rule that is shown first, else the governor's reason."""
        decision, paced = self.driver.decision, self.pacer.pace_of(self.driver.device.device)
        rules = [] if decision is None else [match.rule for match in decision.matches]
        return rules[0] if rules else (None if paced is None else paced.reason) or "computes"

    def set(self, address: str, text: str) -> None:
        """Change a setting, as the person would."""
        store = self.parts.settings
        store.set(store.settings.revision, address, text)

    def _device_tools(self, device: Device) -> DeviceTools:
        return replace(super()._device_tools(device), lock_folder=self.folder / "locks")

    async def live(self, seconds: float) -> None:
        """Sense, look, pace and compute for so long, of the engine's time."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.advance(LOOK_S)
            self.sense()
            self._step()
            self.pacer.tick()
            await self._settled()
            self.follow()

    def sense(self) -> None:
        """What the sensors say at a look."""

    def follow(self) -> None:
        """What the world does with a look's outcome."""

    async def _settled(self) -> None:
        """The engine's time stands still while a worker comes, goes or loads, so that none of it depends on how fast
        this computer is."""
        async with asyncio.timeout(SECONDS_MOST):
            await asyncio.sleep(0.001)
            while self.driver.state.worker in ("starting", "applying", "stopping"):
                await asyncio.sleep(0.001)


async def no_history() -> HistoryThread:
    """For engines whose account is not served."""
    raise AssertionError("nothing here keeps the account")


Bench = TypeVar("Bench", bound=EngineBench)


def steer(
    folder: Path,
    make: Callable[[Path, OutboxThread, asyncio.TaskGroup], Bench],
    story: Callable[[Bench], Coroutine[object, object, None]],
) -> None:
    """Tell a story to an engine that has let go of its device when this returns."""

    async def told() -> None:
        outbox, _ = await open_in_thread(folder)
        async with asyncio.TaskGroup() as tasks:
            bench = make(folder, outbox, tasks)
            await story(bench)
            bench.set("device_use", "never")
            await bench.live(5.0)
            assert not bench.driver.busy
        await outbox.close()

    asyncio.run(told())
