"""The device layer: what differs between the CPU, CUDA (and ROCm, which torch calls so), XPU and Metal."""

from dataclasses import dataclass
from typing import Final, Literal

import torch

from sparewatt.errors import InputError, UnavailableError

# Used for a first guess of the micro-batch only: deliberately low, so that the guess errs towards short.
_GUESSED_FLOP_PER_S: Final = {"cpu": 2e10, "cuda": 5e12, "xpu": 2e12, "mps": 1e12}
# Unified memory: torch's default would let a job push the whole computer into swap.
_METAL_SHARE: Final = 0.5


@dataclass(frozen=True)
class PassMemory:
    """What one micro-batch took of a card.

    Attributes:
        before_bytes: held before it; `peak_bytes` at most while it was computed.
        free_bytes: that the card had left besides what this process holds.
    """

    before_bytes: int
    peak_bytes: int
    free_bytes: int

    def sequences_fitting(self, sequences: int) -> int:
        """How many sequences would fit, when so many were computed."""
        each = max(1, (self.peak_bytes - self.before_bytes) // sequences)
        return max(1, (self.peak_bytes - self.before_bytes + self.free_bytes) // each)


@dataclass(frozen=True)
class Device:
    """One opened accelerator.

    Attributes:
        kind: ``cpu``, ``cuda``, ``xpu``, ``mps``.
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

    @property
    def compute(self) -> Literal["fp32", "bf16"]:
        """Type of its matrix products."""
        return "fp32" if self.autocast is None else "bf16"

    def free_bytes(self) -> int | None:
        """What of its own memory, or of its part of the computer's, is free now; None where only the system knows."""
        if self.kind == "cuda":
            return int(torch.cuda.mem_get_info(self.torch_device)[0])
        if self.kind == "xpu":
            return int(torch.xpu.mem_get_info(self.torch_device)[0])
        if self.kind == "mps":
            allowed = _METAL_SHARE * torch.mps.recommended_max_memory()
            return max(0, int(allowed) - int(torch.mps.driver_allocated_memory()))
        return None

    def begin_pass(self) -> int:
        """Bytes held now; the next `pass_memory` tells the peak from here on."""
        if self.kind == "cuda":
            torch.cuda.reset_peak_memory_stats(self.torch_device)
            return int(torch.cuda.memory_allocated(self.torch_device))
        if self.kind == "xpu":
            torch.xpu.reset_peak_memory_stats(self.torch_device)
            return int(torch.xpu.memory_allocated(self.torch_device))
        return 0

    def pass_memory(self, before_bytes: int) -> PassMemory | None:
        """What was taken since `begin_pass` said `before_bytes`; None where the device cannot tell."""
        free = self.free_bytes()
        if free is None or self.kind not in ("cuda", "xpu"):
            return None
        memory = torch.cuda if self.kind == "cuda" else torch.xpu
        peak, allocated = memory.max_memory_allocated(self.torch_device), memory.memory_allocated(self.torch_device)
        # What the allocator holds for later is this process's to use, too.
        spare = memory.memory_reserved(self.torch_device) - max(allocated, peak)
        return PassMemory(before_bytes, int(peak), free + max(0, int(spare)))

    def synchronize(self) -> None:
        """Return when all work given to the device is done."""
        if self.kind == "cuda":
            torch.cuda.synchronize(self.torch_device)
        elif self.kind == "xpu":
            torch.xpu.synchronize(self.torch_device)
        elif self.kind == "mps":
            torch.mps.synchronize()

    def free_cache(self) -> None:
        """Give back memory that torch keeps for later."""
        if self.kind == "cuda":
            torch.cuda.empty_cache()
        elif self.kind == "xpu":
            torch.xpu.empty_cache()
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
        case "xpu":
            return _xpu()
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
    # Cards before Ampere only emulate bf16; fp16 would need loss scaling, so they compute in fp32.
    native_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return Device(
        kind="cuda",
        name=str(properties.name),
        torch_device=device,
        memory_bytes=int(properties.total_memory),
        autocast=torch.bfloat16 if native_bf16 else None,
        guessed_flop_per_s=_GUESSED_FLOP_PER_S["cuda"],
    )


def _xpu() -> Device:
    if not torch.xpu.is_available():
        raise UnavailableError("device.absent", kind="xpu")
    device = torch.device("xpu", 0)
    properties = torch.xpu.get_device_properties(device)
    return Device(
        kind="xpu",
        name=str(properties.name),
        torch_device=device,
        memory_bytes=int(properties.total_memory),
        autocast=torch.bfloat16 if torch.xpu.is_bf16_supported(including_emulation=False) else None,
        guessed_flop_per_s=_GUESSED_FLOP_PER_S["xpu"],
    )


def _mps() -> Device:
    if not torch.backends.mps.is_available():
        raise UnavailableError("device.absent", kind="mps")
    torch.mps.set_per_process_memory_fraction(_METAL_SHARE)
    return Device(
        kind="mps",
        name="Apple GPU",
        torch_device=torch.device("mps"),
        memory_bytes=None,
        autocast=torch.bfloat16 if torch.backends.mps.is_macos_or_newer(14, 0) else None,
        guessed_flop_per_s=_GUESSED_FLOP_PER_S["mps"],
    )
