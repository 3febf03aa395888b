"""The engine: one loop that looks at what is and begins what is due."""

import asyncio
import logging
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import Clock
from sparewatt.control.server import ControlServer
from sparewatt.control.transport import Listener
from sparewatt.engine.account import Account, Doing
from sparewatt.engine.attendance import Attendance
from sparewatt.engine.decisions import DecisionDesk, mildest_transfers, urgent
from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.engine.disk_writes import GIGABYTE, DiskWrites, Ledger
from sparewatt.engine.handler import ControlHandler
from sparewatt.engine.isolation import worst
from sparewatt.engine.logon_desk import LogonDesk
from sparewatt.engine.options import EngineOptions
from sparewatt.engine.overview import rates
from sparewatt.engine.runs import Runs
from sparewatt.engine.sensor_desk import SensorDesk
from sparewatt.engine.series import Series
from sparewatt.engine.ticks import sample_milliseconds, tick_seconds
from sparewatt.engine.usage import RECOVERING_RULES, UsageDesk
from sparewatt.engine.whole import Phase, Progress, whole_snapshot
from sparewatt.engine.work_folder import left_checkpoints, tidy
from sparewatt.errors import UnavailableError
from sparewatt.history.thread import HistoryThread
from sparewatt.host.desktop_session import session_variables
from sparewatt.host.device import Device
from sparewatt.host.lock import machine_lock_folder
from sparewatt.host.logon import LogonEntry
from sparewatt.keys.identity import open_identity
from sparewatt.keys.keyring import HelperKeyring
from sparewatt.policy import Decision
from sparewatt.process.child import Child, ChildCommand, environment_for
from sparewatt.process.child import start as start_child
from sparewatt.process.isolation.apply import available
from sparewatt.process.isolation.layers import Isolation
from sparewatt.sensing.pacer import Pacer
from sparewatt.sensing.supervisor import SensingSupervisor
from sparewatt.session.connection import WebsocketDial
from sparewatt.session.inspection import Tools
from sparewatt.session.outbox_thread import OutboxThread
from sparewatt.session.traffic import Limits, Traffic
from sparewatt.settings import schema
from sparewatt.settings.intents_store import IntentsStore
from sparewatt.settings.store import SettingsStore
from sparewatt.snapshot import Snapshot
from sparewatt.work.receipt import Announcement
from sparewatt.worker.port import WorkerStarter

IDENTITY_RETRY_SECONDS: Final = 30.0
FLUSH_SECONDS: Final = 5.0
KILOBYTE: Final = 1_000
LOSS_POINTS_APART_SECONDS: Final = 1.0

log = logging.getLogger("sparewatt.engine")
sensing_log = logging.getLogger("sparewatt.sensing")


@dataclass(frozen=True)
class EngineParts:
    """What an engine is made of; everything here lives as long as it does.

    Attributes:
        open_history: opens the account of energy; raises StorageError.
        logon: the entry of what starts at logon; None for an engine that must leave no trace.
    """

    options: EngineOptions
    version: str
    clock: Clock
    settings: SettingsStore
    intents: IntentsStore
    outbox: OutboxThread
    starter: WorkerStarter
    started_unix_s: int
    open_history: Callable[[], Awaitable[HistoryThread]]
    logon: LogonEntry | None = None


class Engine:
    """Owns the drivers of devices and runs, and the loop."""

    def __init__(self, parts: EngineParts) -> None:
        self.parts = parts
        self.desk = DecisionDesk(parts.settings, parts.intents, parts.clock, parts.options)
        self.series = Series()
        self.devices: list[DeviceDriver] = []
        self.pacer = Pacer(parts.clock)
        self.sensors = SensorDesk(self.desk, self.pacer, self.series, parts.clock, self._found, self.wake)
        self.usage = UsageDesk(self.desk, self.pacer, self.sensors, parts.clock)
        self.account = Account(parts.open_history, parts.clock)
        self.sensing = SensingSupervisor(
            self._start_sensing,
            parts.clock,
            self.sensors,
        )
        self.logon = LogonDesk(parts.logon, self._spawn, self.wake)
        self.traffic = Traffic(parts.clock, self._traffic_limits)
        self.runs: Runs
        self._tasks: asyncio.TaskGroup
        self._server: ControlServer
        self._disk_writes = DiskWrites(self._ledger, self.account.wrote)
        self._wakened = asyncio.Event()
        self._stopping = asyncio.Event()
        self._phase: Phase = "starting"
        self._sequence = 0
        self._key_store: Literal["keyring", "file", "waiting", "unknown"] = "unknown"
        self._speed_point_at = 0.0
        self._offered_isolation = available()
        self._attendance = Attendance(parts.clock.monotonic()) if parts.options.desktop else None

    # What others call

    def wake(self) -> None:
        """Look at everything again soon."""
        self._wakened.set()

    def stop(self) -> None:
        """Stop the workers, then end; `run` returns when that is done."""
        self._stopping.set()
        self.wake()

    # The loop

    async def run(self, listener: Listener) -> None:
        """Serve until `stop`.

        Args:
            listener: where clients of the control channel arrive.

        Raises:
            ExceptionGroup: a bug in any part; the engine cannot go on with it.
        """
        parts = self.parts
        blobs = await asyncio.to_thread(self._open_blobs)
        resumable = await asyncio.to_thread(left_checkpoints, self._work_folder.glob("*"))
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self.runs = Runs(
                    parts.outbox,
                    blobs,
                    self._session_tools(),
                    parts.clock,
                    tasks,
                    self.wake,
                    self._announced,
                    self._lease_lost,
                    self._waits_in_vain,
                    resumable,
                )
                self._server = ControlServer(ControlHandler(self), parts.version)
                await self._server.start(listener)
                self.pacer.start()
                background = [
                    tasks.create_task(self.sensing.run(), name="sensing"),
                    tasks.create_task(self._server.failed(), name="control"),
                    tasks.create_task(self._open_identity(), name="identity"),
                ]
                counting = tasks.create_task(self.account.serve(), name="account")
                self._phase = "running"
                await self._loop()
                await self._wind_down()
                for task in background:
                    task.cancel()
                self.account.stop()
                await counting
                raise _EndTasks
        except* _EndTasks:
            pass
        finally:
            self.pacer.stop()
            await self._server.close()

    async def _start_sensing(self) -> Child:
        folder = str(self.parts.options.data_folder)
        command = ChildCommand(
            arguments=(sys.executable, "-P", "-m", "sparewatt.sensing", folder),
            environment=environment_for(os.environ, session_variables(os.environ)),
        )
        return await start_child(command, sensing_log.info)

    def _open_blobs(self) -> BlobFolder:
        limit = self.desk.settings.get(schema.DISK_CACHE_LIMIT_GB) * 10**9
        return BlobFolder(self.parts.options.data_folder / "blobs", limit)

    def _session_tools(self) -> Tools:
        return Tools(
            dial=WebsocketDial(),
            clock=self.parts.clock,
            random_bytes=secrets.token_bytes,
            jitter=lambda: secrets.randbelow(1 << 20) / (1 << 20),
            software=f"sparewatt {self.parts.version}",
            traffic=self.traffic,
        )

    def _traffic_limits(self) -> Limits:
        settings = self.desk.settings
        up, down = settings.get(schema.UPLOAD_LIMIT_KB_PER_S), settings.get(schema.DOWNLOAD_LIMIT_KB_PER_S)
        return Limits(up * KILOBYTE, down * KILOBYTE)

    async def _open_identity(self) -> None:
        options = self.parts.options
        while True:
            try:
                identity = await asyncio.to_thread(
                    open_identity,
                    options.data_folder,
                    HelperKeyring(),
                    secrets.token_bytes,
                    "file" if options.key_store == "file" else None,
                )
            except UnavailableError as error:
                log.warning("waiting for the keyring: %s", error)
                self._key_store = "waiting"
                self.wake()
                await asyncio.sleep(IDENTITY_RETRY_SECONDS)
                continue
            self._key_store = identity.place
            await self.runs.open(identity)
            self.wake()
            return

    async def _loop(self) -> None:
        while not self._stopping.is_set():
            self._wakened.clear()
            self._step()
            try:
                async with asyncio.timeout(tick_seconds(self.devices)):
                    await self._wakened.wait()
            except TimeoutError:
                pass
            if not self.pacer.alive:
                raise RuntimeError("the pacer's thread died; without it no permit is advanced")

    def _step(self) -> None:
        """Decide for every device and begin what is due."""
        self.logon.step(self.desk.settings)
        self.pacer.rest()
        polled: list[str] = []
        decisions: list[Decision] = []
        for driver in self.devices:
            self.runs.choose(driver)
            device = driver.device.device
            driver.threads = self.desk.threads(os.cpu_count() or 1)
            self.usage.look(driver)
            driver.memory_free_bytes = self.usage.memory_free_bytes(driver)
            usage = self.usage.of(driver, self.account.spent)
            decision = self.desk.decide(device, usage, self.runs.offer(), self.runs.connected())
            if decision is None:
                continue
            wanted = self.desk.settings.of_device(schema.COMPILE, device)
            driver.want_compiled(wanted, decision.power_cap_watts)
            self.pacer.decided(decision)
            decisions.append(decision)
            pace = self.pacer.pace_of(device)
            if pace is not None and pace.leave and decision.compute != "stop":
                # The governor wants no worker for a while; the policy's own reasons stay what they are.
                driver.step(replace(decision, compute="stop"), urgent=False)
                driver.decision = decision
            else:
                driver.step(decision, urgent=urgent(decision))
            recovering = all(match.rule in RECOVERING_RULES for match in decision.matches)
            if driver.state.worker != "none" or recovering or decision.compute in ("full", "limited"):
                polled.append(device)
        self.traffic.permit(mildest_transfers(decisions))
        settings = self.desk.settings
        lent = any(driver.lent for driver in self.devices)
        self.sensing.poll(
            tuple(polled),
            sample_milliseconds(self.pacer.pace_of(device) for device in polled),
            programs=settings.get(schema.PAUSE_PROGRAMS),
            on_battery=settings.get(schema.RUN_ON_BATTERY),
            delay_sleep=lent,
        )
        self.sensors.every_reading_wakes = not lent
        for run in self.runs.drivers.values():
            bound = [driver for driver in self.devices if driver.run is run]
            run.hold(frozenset[str]().union(*(driver.held_assignments for driver in bound)))
            run.shorten(frozenset(driver.state.applied for driver in bound if driver.state.applied is not None))
        if self.desk.game_pause_over:
            self._spawn(self.desk.end_game_pause())
        self._note_speed()
        self._note_use()
        self._look_who_is_there()
        self._sequence += 1
        self._server.changed()

    def _look_who_is_there(self) -> None:
        if self._attendance is None or not self._attendance.alone(self._server.clients, self.parts.clock.monotonic()):
            return
        log.info("the desktop that this engine was started for has gone")
        self.stop()

    async def _wind_down(self) -> None:
        """Workers first, each leaving the update of what it has done; then what is finished is sent, if it can be."""
        self._phase = "stopping"
        self._server.changed()
        await asyncio.gather(*(driver.end() for driver in self.devices))
        # What the workers left as they went is part of the account, too.
        self._note_use()
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                while any(run.connected and run.state.totals.pending for run in self.runs.drivers.values()):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            log.info("finished updates are kept and sent at the next start")

    def _found(self, devices: tuple[Device, ...]) -> None:
        """Devices that appeared get a driver; one that vanished keeps its driver and loses its sensors."""
        known = {driver.device.device for driver in self.devices}
        for device in devices:
            if device.device in known or not self.desk.wanted(device):
                continue
            self.desk.sensors.setdefault(device.device, "waiting")
            self.devices.append(DeviceDriver(device, self._device_tools(device)))

    def _device_tools(self, device: Device) -> DeviceTools:
        folder = self._work_folder / device.device.replace(":", "-")
        return DeviceTools(
            clock=self.parts.clock,
            starter=self.parts.starter,
            pacer=self.pacer,
            spawn=self._spawn,
            wake=self.wake,
            work_folder=folder,
            lock_folder=machine_lock_folder(),
            cores=os.cpu_count() or 1,
            disk_writes=self._disk_writes,
            left_checkpoint=tidy(folder),
        )

    @property
    def _work_folder(self) -> Path:
        return self.parts.options.data_folder / "work"

    def _ledger(self) -> Ledger | None:
        spent, limit = self.account.spent, self.desk.settings.get(schema.DISK_WRITE_LIMIT_GB_PER_DAY)
        return None if spent is None else Ledger(limit * GIGABYTE, spent.disk_bytes)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.create_task(work)

    def _announced(self, announcement: Announcement) -> None:
        if announcement.evaluations:
            self.series.add("loss", self.parts.clock.unix(), announcement.evaluations[-1].loss_micro / 1e6)

    def _lease_lost(self, assignment_id: str) -> None:
        for driver in self.devices:
            driver.lease_lost(assignment_id)

    def _waits_in_vain(self, assignment_id: str) -> None:
        for driver in self.devices:
            driver.waits_in_vain(assignment_id)

    def _note_speed(self) -> None:
        now = self.parts.clock.monotonic()
        speeds = [speed for driver in self.devices if (speed := driver.tokens_per_s) is not None]
        if speeds and now >= self._speed_point_at:
            self._speed_point_at = now + LOSS_POINTS_APART_SECONDS
            self.series.add("tokens_per_s", self.parts.clock.unix(), sum(speeds))

    def _note_use(self) -> None:
        """What devices and runs took since the last look, for the account."""
        doings = [
            Doing(
                device=driver.device.device,
                run="" if driver.run is None else driver.run.run,
                busy=driver.state.worker != "none",
                assignment_id=None if driver.state.current is None else driver.state.current.assignment.assignment_id,
                tokens=driver.tokens,
            )
            for driver in self.devices
        ]
        self.account.look(doings, self.sensors.samples, rates(self.desk.settings, self.desk.reading))
        for run in self.runs.drivers.values():
            self.account.transferred(run.run, run.state.bytes_up, run.state.bytes_down)

    def isolation(self) -> Isolation:
        """How strongly the workers of this computer are held in."""
        return worst(self._offered_isolation, [driver.isolation for driver in self.devices if driver.isolation])

    def snapshot(self) -> Snapshot:
        """The whole state now."""
        return whole_snapshot(self, Progress(self._phase, self._sequence, self._key_store))


class _EndTasks(Exception):
    """Ends the task group once everything was wound down."""
