"""AdamW for assignments: from zero moments, or from second moments that all devices share.

A fresh second moment of zeros makes the first inner steps of every assignment as large for a rare weight as for a busy
one. With a shared one v starts from what the run has learnt: for each matrix the means of its rows and columns, whose
outer product over their own mean is the estimate (Shazeer and Stern, Adafactor, 2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from sparewatt.training.eight_bit import eight_bit_adamw
from sparewatt.work.manifest import OptimiserSpec

# With so many inner steps behind it, Adam's own correction of the second moment is 1 to the last bit of fp32.
_UNCORRECTED_STEPS: Final = 1_000_000.0

Factors = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Moments:
    """All that AdamW remembers between two inner steps, tensor by tensor in flat order.

    Attributes:
        steps: its own count of inner steps.
    """

    steps: int
    first: list[torch.Tensor]
    second: list[torch.Tensor]


class Optimiser:
    """AdamW over what is trained of a module: decay on matrices, none on norms.

    The fused kernel makes one pass over weights and moments where the plain one makes about ten. With moments of eight
    bits only `step` can be called.

    Args:
        shared: second moments to start from, one pair for each parameter as `second_moments` gives them; the first
            moments then start at zero and are corrected for it, the second ones are not.
    """

    def __init__(self, module: torch.nn.Module, spec: OptimiserSpec, shared: Sequence[Factors] | None = None) -> None:
        self._spec = spec
        trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
        # Parameters are views on one flat buffer (`model.FlatModel`); this is its order.
        self._parameters = sorted(trained, key=lambda parameter: int(parameter.storage_offset()))
        self._steps = 0 if shared is not None else None
        self._adamw: torch.optim.Optimizer
        matrices = [item for item in self._parameters if item.ndim >= 2]
        others = [item for item in self._parameters if item.ndim < 2]
        groups = [{"params": matrices, "weight_decay": self._decay}, {"params": others, "weight_decay": 0.0}]
        betas, epsilon = (spec.beta1_micro * 1e-6, spec.beta2_micro * 1e-6), spec.epsilon_pico * 1e-12
        if spec.eight_bit:
            assert shared is None, "a manifest says so"
            self._adamw = eight_bit_adamw(groups, betas, epsilon)
        else:
            self._adamw = torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=epsilon, fused=True)
        if shared is not None:
            for parameter, factors in zip(self._parameters, shared, strict=True):
                self._adamw.state[parameter] = {
                    "step": torch.tensor(_UNCORRECTED_STEPS, device=parameter.device),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": _expanded(factors, parameter),
                }

    @property
    def resumable(self) -> bool:
        """Whether its state can be written and gone on from."""
        return not self._spec.eight_bit

    @property
    def _decay(self) -> float:
        return self._spec.weight_decay_micro * 1e-6

    def step(self, rate: float) -> None:
        """One inner step at learning rate `rate`, from the gradients that the parameters hold."""
        correction = 1.0
        if self._steps is not None:
            self._steps += 1
            correction = 1 - (self._spec.beta1_micro * 1e-6) ** self._steps
        for group in self._adamw.param_groups:
            # m / correction * rate is m * (rate / correction); weight decay, which also scales with it, must not grow.
            group["lr"] = rate / correction
            group["weight_decay"] = self._decay * correction if group["weight_decay"] else 0.0
        self._adamw.step()

    def moments(self) -> Moments | None:
        """The state as it lies on the device; None before the first inner step."""
        found = [self._adamw.state.get(parameter) for parameter in self._parameters]
        states = [state for state in found if state]
        if len(states) < len(found):
            return None
        return Moments(
            steps=int(states[0]["step"]),
            first=[state["exp_avg"] for state in states],
            second=[state["exp_avg_sq"] for state in states],
        )

    def blank_moments(self) -> Moments:
        """Tensors on the CPU to read a state into, for `restore`."""
        shapes = [parameter.shape for parameter in self._parameters]
        return Moments(0, [torch.empty(shape) for shape in shapes], [torch.empty(shape) for shape in shapes])

    def restore(self, moments: Moments) -> None:
        """Go on from a state that `moments` gave in another process."""
        for parameter, first, second in zip(self._parameters, moments.first, moments.second, strict=True):
            self._adamw.state[parameter] = {
                "step": torch.tensor(float(moments.steps), device=parameter.device),
                "exp_avg": first.to(parameter.device),
                "exp_avg_sq": second.to(parameter.device),
            }
        if self._steps is not None:
            self._steps = moments.steps - int(_UNCORRECTED_STEPS)

    def second_moments(self) -> list[Factors]:
        """For each parameter, in flat order, the means of its second moment over rows and columns; zeros before the
        first step."""
        return [self._factors(parameter) for parameter in self._parameters]

    def _factors(self, parameter: torch.Tensor) -> Factors:
        moment = self._adamw.state.get(parameter, {}).get("exp_avg_sq")
        rows = torch.zeros_like(parameter) if moment is None else moment
        rows = rows.reshape(parameter.shape[0], -1) if parameter.ndim >= 2 else rows.reshape(1, -1)
        correction = 1.0
        if self._steps is None and moment is not None:
            taken = float(self._adamw.state[parameter]["step"])
            correction = 1 - (self._spec.beta2_micro * 1e-6) ** taken
        return rows.mean(dim=1) / correction, rows.mean(dim=0) / correction


def _expanded(factors: Factors, parameter: torch.Tensor) -> torch.Tensor:
    rows, columns = factors
    mean = rows.mean().clamp_min(torch.finfo(torch.float32).tiny)
    return (torch.outer(rows, columns) / mean).reshape(parameter.shape).clone()
