"""The device layer: what differs between the CPU, CUDA and Metal, and nothing else."""

from dataclasses import dataclass
from typing import Final

import torch

from sparewatt.errors import InputError, UnavailableError

# Used for a first guess of the micro-batch only: deliberately low, so that the guess errs towards short.
_GUESSED_FLOP_PER_S: Final = {"cpu": 2e10, "cuda": 5e12, "mps": 1e12}


@dataclass(frozen=True)
class Device:
    """One opened accelerator.

    Attributes:
        kind: ``cpu``, ``cuda``, ``mps``.
        memory_bytes: of the card; None for memory that is shared with the computer.
        autocast: type that matrix products are computed in; None where weights' own fp32 is used.
        guessed_flop_per_s: a low guess of its speed.
    """

    kind: str
    name: str
    torch_device: torch.device
    memory_bytes: int | None
    autocast: torch.dtype | None
    guessed_flop_per_s: float

    def synchronize(self) -> None:
        """Return when all work given to the device is done."""
        if self.kind == "cuda":
            torch.cuda.synchronize(self.torch_device)
        elif self.kind == "mps":
            torch.mps.synchronize()

    def free_cache(self) -> None:
        """Give back memory that torch keeps for later."""
        if self.kind == "cuda":
            torch.cuda.empty_cache()
        elif self.kind == "mps":
            torch.mps.empty_cache()

    def computing(self) -> torch.autocast:
        """A fresh context for a forward pass."""
        return torch.autocast(self.kind, dtype=self.autocast, enabled=self.autocast is not None)


def open_device(kind: str, threads: int) -> Device:
    """Open the device of `kind`; on the CPU compute with `threads` threads.

    A CUDA card is chosen by ``CUDA_VISIBLE_DEVICES`` of this process: the first visible one is used.

    Raises:
        InputError: ``device.kind_unknown``, ``device.threads``.
        UnavailableError: ``device.absent`` when torch finds none of this kind.
    """
    if threads < 1:
        raise InputError("device.threads", threads=threads)
    torch.set_num_threads(threads)
    match kind:
        case "cpu":
            return _cpu(threads)
        case "cuda":
            return _cuda()
        case "mps":
            return _mps()
    raise InputError("device.kind_unknown", kind=kind)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that the device's memory is used up: only CUDA has a type of its own for it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)


def _cpu(threads: int) -> Device:
    return Device(
        kind="cpu",
        name=f"CPU ({threads} threads)" if threads > 1 else "CPU (1 thread)",
        torch_device=torch.device("cpu"),
        memory_bytes=None,
        # bf16 on a CPU without AMX or AVX-512 BF16 is slower than fp32.
        autocast=None,
        guessed_flop_per_s=_GUESSED_FLOP_PER_S["cpu"] * threads,
    )


def _cuda() -> Device:
    if not torch.cuda.is_available():
        raise UnavailableError("device.absent", kind="cuda")
    device = torch.device("cuda", 0)
    properties = torch.cuda.get_device_properties(device)
    # Cards before Ampere (8.0) only emulate bf16; fp16 would need loss scaling, so they compute in fp32.
    native_bf16 = properties.major >= 8
    return Device(
        kind="cuda",
        name=str(properties.name),
        torch_device=device,
        memory_bytes=int(properties.total_memory),
        autocast=torch.bfloat16 if native_bf16 else None,
        guessed_flop_per_s=_GUESSED_FLOP_PER_S["cuda"],
    )


def _mps() -> Device:
    if not torch.backends.mps.is_available():
        raise UnavailableError("device.absent", kind="mps")
    # Unified memory: torch's default would let a job push the whole computer into swap.
    torch.mps.set_per_process_memory_fraction(0.5)
    return Device(
        kind="mps",
        name="Apple GPU",
        torch_device=torch.device("mps"),
        memory_bytes=None,
        # bf16 autocast needs macOS 14 and differs in speed between chips; fp32 is right on all of them.
        autocast=None,
        guessed_flop_per_s=_GUESSED_FLOP_PER_S["mps"],
    )
