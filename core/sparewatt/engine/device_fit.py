"""Whether a run fits into a device's memory, before a worker is started for it. Pure."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from sparewatt.errors import UnavailableError
from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample
from sparewatt.work.manifest import Manifest
from sparewatt.work.memory import Compute, least_bytes


class _OfRun(Protocol):
    @property
    def manifest(self) -> Manifest: ...


Run = TypeVar("Run", bound=_OfRun)


def card_memory(device: Device) -> bool:
    """Whether it has memory of its own."""
    return device.memory_bytes is not None


def free_bytes(device: Device, sample: Sample | None, reading: Reading | None) -> int | None:
    """What other programs have left of the memory that the device computes in; None where nobody knows."""
    if device.memory_bytes is not None:
        others = None if sample is None else sample.memory_others_bytes
        return None if others is None else max(0, device.memory_bytes - others)
    return None if reading is None else reading.memory_available_bytes


def needed_bytes(manifest: Manifest, device: Device) -> int:
    """What has to be free for the run, however slowly it then goes.

    Raises:
        IntegrityError: as `work.model.tensors`.
    """
    # Whether a card computes in bf16 is known to its worker only: refused is what fits in neither.
    choices: tuple[Compute, ...] = ("fp32", "bf16") if card_memory(device) else ("fp32",)
    return min(
        least_bytes(
            manifest.model,
            manifest.data.sequence_length,
            compute,
            card=card_memory(device),
            error_feedback=manifest.codec.error_feedback == "decay",
            eight_bit=manifest.optimiser.eight_bit,
        )
        for compute in choices
    )


def check_optimiser(manifest: Manifest, device: Device) -> None:
    """Raises UnavailableError ``optimiser.device`` when the run's optimiser is none of the device's."""
    if not manifest.optimiser.runs_on(device.kind):
        raise UnavailableError("optimiser.device", device=device.name)


def suited(runs: Sequence[Run], device: Device) -> Sequence[Run]:
    """Those of `runs` whose optimiser the device has; all of them where it has none, so that it can say why."""
    return [run for run in runs if run.manifest.optimiser.runs_on(device.kind)] or runs


def check_memory(manifest: Manifest, device: Device, free: int | None) -> None:
    """Raises UnavailableError ``device.memory_needed`` when the run cannot fit into what is free."""
    if free is None:
        return
    needed = needed_bytes(manifest, device)
    if free < needed:
        raise UnavailableError("device.memory_needed", needed_bytes=needed, free_bytes=free)
