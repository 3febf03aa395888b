"""A whole engine's steps with a card that answers: what heat and a cap that is too low do to its workers.

The card, its sensors and its worker are made up; the desk, the policy, the governor, the driver and its plan are not.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

from sparewatt.control.server import ControlServer
from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.engine.engine import Engine, EngineParts
from sparewatt.engine.handler import ControlHandler
from sparewatt.engine.options import EngineOptions
from sparewatt.engine.runs import Runs
from sparewatt.history.thread import HistoryThread
from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample
from sparewatt.permit import Grant, PermitKind
from sparewatt.policy import Offer
from sparewatt.session.outbox_thread import OutboxThread, open_in_thread
from sparewatt.settings.intents_store import IntentsStore
from sparewatt.settings.store import SettingsStore
from sparewatt.testing.card import Card, CardSpec
from sparewatt.testing.clock import ManualClock
from sparewatt.testing.run import FakeRun
from sparewatt.testing.run_link import FakeRunLink
from sparewatt.testing.worker import FakeWorkers
from sparewatt.wording.limits import pace_words

CARD = Device("cuda:GPU-1", "cuda", "A card", "gpu-simulated", 8 * 10**9, power_limit_watts=320)
SPEC = CardSpec(gap_watts=60.0, sink_s=40.0)
MAINS = Reading("mains", None, None, None, 2, 720, seat=True, idle_s=900.0, games=())
LOOK_S = 0.5
SECONDS_MOST = 60.0


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


class Bench(Engine):
    """An engine whose time, sensors and workers are a test's."""

    def __init__(self, folder: Path, outbox: OutboxThread, tasks: asyncio.TaskGroup) -> None:
        for name in ("blobs", "locks"):
            (folder / name).mkdir()
        self.clock = ManualClock()
        self.workers = FakeWorkers(step_seconds=0.001)
        self.folder = folder
        settings = SettingsStore(folder)
        super().__init__(
            EngineParts(
                options=EngineOptions(folder),
                version="0",
                clock=self.clock,
                settings=settings,
                intents=IntentsStore(folder),
                outbox=outbox,
                starter=self.workers,
                started_unix_s=0,
                open_history=no_history,
            )
        )
        self.card = Card(SPEC, 25.0, lambda _: None, lambda *_: None)
        self.rules: list[str] = []
        self.words: list[str] = []
        self._tasks = tasks
        self._server = ControlServer(ControlHandler(self), "0")
        self.runs = OneRun(FakeRunLink(FakeRun(), folder / "blobs", work=1_000_000))
        self.set("when_to_run", "always")
        self.sensors.on_reading(MAINS)
        self.sensors.on_devices((CARD,), ())

    @property
    def driver(self) -> DeviceDriver:
        return self.devices[0]

    def set(self, address: str, text: str) -> None:
        store = self.parts.settings
        store.set(store.settings.revision, address, text)

    def _device_tools(self, device: Device) -> DeviceTools:
        return replace(super()._device_tools(device), lock_folder=self.folder / "locks")

    async def live(self, seconds: float) -> None:
        """Sample, look, pace and compute for so long, of the card's time."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.advance(LOOK_S)
            self.card.run(self.clock.now)
            watts = self.card.average_watts()
            self.sensors.on_samples(
                (Sample(CARD.device, self.clock.now, watts, "average_1s", self.card.shown_celsius()),)
            )
            self._step()
            self.pacer.tick()
            await self._settled()
            self._follow()

    async def _settled(self) -> None:
        """The card's time stands still while a worker comes, goes or loads, so that none of it depends on how fast
        this computer is."""
        async with asyncio.timeout(SECONDS_MOST):
            await asyncio.sleep(0.001)
            while self.driver.state.worker in ("starting", "applying", "stopping"):
                await asyncio.sleep(0.001)

    def _follow(self) -> None:
        """The card does what the worker is allowed to do."""
        paced = self.pacer.pace_of(CARD.device)
        assert paced is not None
        running = self.driver.state.worker not in ("none", "starting", "encoding")
        if running and not self.card.attached:
            self.card.attach(self.clock.now + 2.0)
        elif not running and self.card.attached:
            self.card.detach()
        if running:
            kind = PermitKind.COMPUTE if paced.grant == "compute" else PermitKind.HOLD
            self.card.advance(Grant(kind, max(paced.duty, 0.001)))
        decision = self.driver.decision
        rules = [] if decision is None else [match.rule for match in decision.matches]
        told = rules[0] if rules else paced.reason or "computes"
        if self.rules[-1:] != [told]:
            self.rules.append(told)
        if paced.reason is not None:
            self.words.append(pace_words(paced.reason, paced.parameters))

    @property
    def starts(self) -> int:
        """Workers that were started to train."""
        return len(self.workers.started) - len(self.workers.encoders)


async def no_history() -> HistoryThread:
    raise AssertionError("nothing here keeps the account")


def steer(folder: Path, story: Callable[[Bench], Coroutine[object, object, None]]) -> None:
    async def told() -> None:
        outbox, _ = await open_in_thread(folder)
        async with asyncio.TaskGroup() as tasks:
            bench = Bench(folder, outbox, tasks)
            await story(bench)
            bench.set("device_use", "never")
            await bench.live(5.0)
            assert not bench.driver.busy
        await outbox.close()

    asyncio.run(told())


def test_a_card_that_another_program_overheats_rests_with_its_worker_and_goes_on(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.set("temperature_limit_celsius", "60")
        await bench.live(120.0)
        assert bench.rules[-1] == "computes"
        bench.card.other_watts = 250.0
        await bench.live(8.0)
        bench.card.other_watts = 0.0
        await bench.live(10.0)
        assert "cooling" in bench.rules
        busy_s = bench.card.busy_s
        await bench.live(25.0)
        assert bench.card.busy_s == busy_s, "a rest lasts at least a minute"
        await bench.live(120.0)
        assert bench.rules[-1] == "computes"
        assert bench.card.busy_s > busy_s
        assert bench.rules.count("cooling") == 1
        assert bench.starts == 1, "a short rest costs no worker"

    steer(tmp_path, story)


def test_a_rest_that_lasts_lets_the_worker_go_and_starts_one_again(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.set("temperature_limit_celsius", "60")
        await bench.live(120.0)
        bench.card.other_watts = 250.0
        await bench.live(300.0)
        assert bench.rules[-1] == "still_hot"
        assert bench.driver.state.worker == "none"
        assert bench.starts == 1, "nothing is started while it is hot"
        bench.card.other_watts = 0.0
        await bench.live(240.0)
        assert bench.rules[-1] == "computes"
        assert [rule for rule in bench.rules if rule in ("cooling", "still_hot")] == ["cooling", "still_hot"]
        assert bench.starts == 2

    steer(tmp_path, story)


def test_a_cap_that_cannot_be_kept_is_refused_in_words_tried_again_and_kept_once_it_can(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.set("power_cap_watts", "50")
        await bench.live(120.0)
        refused = pace_words("cap_too_low", {"cap": 50, "least": 70})
        assert any(words[:20] == refused[:20] for words in bench.words)
        assert bench.driver.state.worker == "none"
        assert bench.starts == 1
        await bench.live(420.0)
        assert bench.starts == 1, "ten minutes pass before it is tried again"
        await bench.live(240.0)
        assert bench.starts == 2
        assert bench.driver.state.worker == "none", "it draws no less than before"
        bench.set("power_cap_watts", "200")
        busy_s = bench.card.busy_s
        await bench.live(60.0)
        assert bench.rules[-1] == "computes"
        assert bench.card.busy_s > busy_s
        assert bench.starts == 3

    steer(tmp_path, story)
