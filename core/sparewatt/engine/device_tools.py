"""What a device's driver works with, whatever the device."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

from sparewatt.clock import Clock
from sparewatt.engine.disk_writes import DiskWrites
from sparewatt.errors import SparewattError
from sparewatt.sensing.pacer import Pacer
from sparewatt.worker.port import WorkerStarter

Spawn = Callable[[Coroutine[object, object, None]], object]


@dataclass(frozen=True)
class DeviceTools:
    """What a driver works with.

    Attributes:
        spawn: runs a coroutine in the engine's task group, so that a bug in it ends the engine.
        wake: makes the engine look at its devices again.
        work_folder: the only folder that this device's workers write to.
        lock_folder: where machine-wide locks of devices are.
        cores: threads of this computer's processor, each of which is a slot.
        disk_writes: shared by all devices.
        left_checkpoint: of an earlier engine, in the work folder.
    """

    clock: Clock
    starter: WorkerStarter
    pacer: Pacer
    spawn: Spawn
    wake: Callable[[], None]
    work_folder: Path
    lock_folder: Path
    cores: int
    disk_writes: DiskWrites = field(default_factory=DiskWrites)
    left_checkpoint: Path | None = None


@dataclass(frozen=True)
class DeviceError:
    """What went wrong last, and when it is tried again (monotonic seconds)."""

    error: SparewattError
    retry_at: float | None
