"""AdamW with moments of eight bits, by bitsandbytes, an extra of the package: its kernels come compiled.

The library also computes on a processor, where the tests run it; runs use it on cards with CUDA alone, so that all
devices of a run compute the same.
"""

import importlib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

import torch

from sparewatt.errors import InputError, UnavailableError
from sparewatt.training.device import Device
from sparewatt.work.manifest import InnerSpec, OptimiserSpec
from sparewatt.work.memory import EIGHT_BIT_LEAST

_LIBRARY: Final = "bitsandbytes"
_REASON_CHARACTERS_MOST: Final = 160


def check_optimiser(spec: OptimiserSpec, inner: InnerSpec, device: Device) -> None:
    """Whether a run's optimiser can be had on `device`, before anything is loaded for it.

    Raises:
        InputError: ``optimiser.state``.
        UnavailableError: ``optimiser.device``, ``optimiser.library``, ``optimiser.kernels``.
    """
    if not spec.eight_bit:
        return
    if inner.shares_moments:
        raise InputError("optimiser.state")
    if not spec.runs_on(device.kind):
        raise UnavailableError("optimiser.device", device=device.name)
    if find_spec(_LIBRARY) is None:
        raise UnavailableError("optimiser.library", library=_LIBRARY)
    check_kernels(device.torch_device)


def check_kernels(device: torch.device) -> None:
    """One small step on `device`: a library without kernels for its driver says so only then.

    Raises:
        UnavailableError: ``optimiser.kernels``.
    """
    parameter = torch.nn.Parameter(torch.zeros(EIGHT_BIT_LEAST, device=device))
    parameter.grad = torch.ones_like(parameter)
    try:
        eight_bit_adamw([{"params": [parameter], "weight_decay": 0.0, "lr": 1e-3}], (0.9, 0.95), 1e-8).step()
        # A kernel that cannot run says so where its result is waited for.
        if not bool((parameter.detach() < 0).all()):
            raise RuntimeError("a step changed nothing")
    except (RuntimeError, ImportError, OSError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise UnavailableError("optimiser.kernels", reason=said[0][:_REASON_CHARACTERS_MOST]) from error


def eight_bit_adamw(
    groups: Sequence[Mapping[str, object]], betas: tuple[float, float], epsilon: float
) -> torch.optim.Optimizer:
    """As `torch.optim.AdamW` with these groups, which say their own rate and decay.

    Raises:
        ImportError: the library is not there.
    """
    # By name: it is no part of what is checked and installed everywhere.
    library: Any = importlib.import_module(f"{_LIBRARY}.optim")
    made: torch.optim.Optimizer = library.AdamW8bit(
        list(groups), lr=0.0, betas=betas, eps=epsilon, min_8bit_size=EIGHT_BIT_LEAST
    )
    return made
