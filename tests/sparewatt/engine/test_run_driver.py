"""What a run may transfer, over a real session with a coordinator in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import SystemClock
from sparewatt.engine.run_driver import RunDriver, RunTools
from sparewatt.keys.derive import MasterSecret
from sparewatt.session.inspection import Tools
from sparewatt.session.joined import JoinedRun
from sparewatt.session.outbox import Outbox
from sparewatt.session.outbox_thread import open_in_thread
from sparewatt.testing.run import FakeRun
from sparewatt.testing.transport import FakeCoordinator, FakeDial

RUN = FakeRun()
JOINED = JoinedRun(
    run=RUN.run,
    url="ws://127.0.0.1:1",
    run_key_sha256=RUN.run_key_sha256,
    invite_secret="s" * 32,
    manifest=RUN.signed_manifest,
    consented_at_s=5,
)


class Bench:
    """A run's driver that is told what may be transferred."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.coordinator = FakeCoordinator(RUN)
        self.dial = FakeDial(self.coordinator)
        self.woken = asyncio.Event()
        self.driver: RunDriver

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.woken.clear()
            await self.woken.wait()

    def asked_for_versions(self) -> bool:
        return any(isinstance(frame, str) and '"get_versions"' in frame for frame in self.dial.frames)

    async def serve(self, test: Callable[["Bench"], Awaitable[None]]) -> None:
        outbox, _ = await open_in_thread(self.folder / "outbox")
        await outbox.call(Outbox.join, JOINED)
        session = Tools(
            dial=self.dial,
            clock=SystemClock(),
            random_bytes=lambda count: b"\x0c" * count,
            jitter=float,
            software="t",
        )
        tools = RunTools(
            outbox=outbox,
            blobs=BlobFolder(self.folder / "blobs"),
            session=session,
            secret=MasterSecret(b"\x07" * 32),
            wake=self.woken.set,
            announced=lambda _: None,
            lease_lost=lambda _: None,
        )
        self.driver = RunDriver(JOINED, tools)
        serving = asyncio.create_task(self.driver.serve())
        try:
            async with asyncio.timeout(20):
                await test(self)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await outbox.close()


def run_test(folder: Path, test: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        await Bench(folder).serve(test)

    asyncio.run(run())


def test_until_it_is_allowed_nothing_is_fetched(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        await bench.until(lambda: bench.driver.connected and bench.driver.latest is not None)
        # The follower had its turn: it was woken by the announcement, before anything that comes after it.
        for _ in range(5):
            await asyncio.sleep(0)
        assert not bench.asked_for_versions()
        bench.driver.allow("allowed")
        await bench.dial.until(bench.asked_for_versions)

    run_test(tmp_path, test)


def test_a_barred_run_parts_and_comes_back_when_it_may(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        await bench.until(lambda: bench.driver.connected)
        bench.driver.allow("none")
        await bench.until(lambda: bench.driver.state.connection == "disconnected")
        frames = len(bench.dial.frames)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (len(bench.dial.frames), bench.coordinator.sessions) == (frames, 1)
        bench.driver.allow("essential")
        await bench.until(lambda: bench.driver.connected)
        assert bench.coordinator.sessions == 2

    run_test(tmp_path, test)
