"""What becomes of the wish to compile models: asked of a worker, given up in words, asked anew."""

import asyncio
from pathlib import Path

from sparewatt.engine.snapshots import Moments, device_snapshot
from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample
from sparewatt.session.outbox_thread import OutboxThread
from sparewatt.testing.engine_bench import EngineBench, steer
from sparewatt.wording.errors import error_words
from sparewatt.worker.messages import Configure, Uncompiled

PROCESSOR = Device("cpu", "cpu", "Processor", "cpu-test", None)
MAINS = Reading("mains", None, None, None, 2, 720, seat=True, idle_s=900.0, games=())


class Bench(EngineBench):
    """An engine with a processor whose power can be read."""

    def __init__(self, folder: Path, outbox: OutboxThread, tasks: asyncio.TaskGroup) -> None:
        super().__init__(folder, outbox, tasks)
        self.sensors.on_reading(MAINS)
        self.sensors.on_devices((PROCESSOR,), ())
        self.set("compile@cpu", "on")

    def sense(self) -> None:
        self.sensors.on_samples((Sample("cpu", self.clock.now, 20.0, "average_1s", 50.0),))

    async def next_worker(self) -> tuple[bool, bool]:
        """Send the worker away and see the next one: whether it may start a compiler, and is told to use it."""
        self.set("device_use", "never")
        await self.live(5.0)
        count = self.starts
        self.set("device_use", "always")
        for _ in range(400):
            if self.starts > count and self.driver.state.worker == "training":
                break
            await self.live(0.5)
        told = next(frame for frame in self.workers.started[-1].frames if isinstance(frame, Configure))
        return self.workers.let_compile[-1], told.compile

    @property
    def said(self) -> str | None:
        """What a screen is told."""
        moments = Moments(self.clock.now, 0.0)
        shown = device_snapshot(self.driver, None, None, 100, moments).uncompiled
        return None if shown is None else error_words(shown.error_id, shown.parameters)


def test_a_worker_is_let_and_told_to_compile_only_where_the_person_wants_it(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        assert await bench.next_worker() == (True, True)
        assert bench.said is None
        bench.set("compile@cpu", "off")
        assert await bench.next_worker() == (False, False)
        assert bench.said is None

    steer(tmp_path, Bench, story)


def test_what_cannot_be_compiled_is_said_and_not_tried_again_before_the_person_wants_that(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.workers.uncompiled = Uncompiled("compile.no_compiler", {"program": "g++"})
        assert await bench.next_worker() == (True, True)
        assert (bench.said or "").startswith("There is no g++ on this computer")
        assert await bench.next_worker() == (False, False)
        assert bench.said is not None
        bench.set("compile@cpu", "off")
        await bench.live(1.0)
        assert bench.said is None
        bench.set("compile@cpu", "on")
        bench.workers.uncompiled = None
        assert await bench.next_worker() == (True, True)

    steer(tmp_path, Bench, story)


def test_after_a_worker_that_compiled_and_was_killed_the_next_one_does_not(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        assert await bench.next_worker() == (True, True)
        bench.workers.started[-1].kill()
        await bench.live(10.0)
        assert (bench.said or "").startswith("A training process that had compiled its model ended")
        assert await bench.next_worker() == (False, False)

    steer(tmp_path, Bench, story)


def test_on_a_processor_with_a_cap_nothing_is_compiled_for_as_long_as_there_is_one(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.set("power_cap_watts@cpu", "60")
        assert await bench.next_worker() == (False, False)
        assert "60 W" in (bench.said or "")
        bench.set("power_cap_watts@cpu", "0")
        assert await bench.next_worker() == (True, True)
        assert bench.said is None

    steer(tmp_path, Bench, story)
