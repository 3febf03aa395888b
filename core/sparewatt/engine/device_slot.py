"""What a device is to a worker, and to the computer's other users."""

from pathlib import Path

from sparewatt.host.device import Device
from sparewatt.host.lock import FileLock, HeldSlots, slot_lock, thread_slots
from sparewatt.worker.port import WorkerDevice


def worker_device(device: Device, threads: int, *, compiling: bool = False) -> WorkerDevice:
    """`device` as a worker opens it, with so many threads of the processor where it is that."""
    if device.kind == "cuda":
        uuid = device.device.partition(":")[2]
        return WorkerDevice("cuda", threads=1, cuda_uuid=uuid, driver_version=device.driver_version, compile=compiling)
    if device.kind == "xpu":
        return WorkerDevice("xpu", threads=1, compile=compiling)
    return WorkerDevice("mps" if device.kind == "metal" else "cpu", threads=threads, compile=compiling)


def take_slot(device: Device, threads: int, cores: int, folder: Path) -> FileLock | HeldSlots:
    """The right to compute with it, across all users.

    Raises:
        ConflictError: ``device.busy``: somebody else on this computer computes with it.
        StorageError: ``lock.unusable``.
    """
    if device.kind == "cpu":
        return thread_slots(threads, cores, folder)
    return slot_lock(device.slot, folder)
