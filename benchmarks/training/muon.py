"""Muon (Jordan et al., 2024) for assignments, to be compared with AdamW: the momentum of every inner matrix is made
orthogonal, so that all its directions are stepped equally far. Embedding, output and norms stay with AdamW."""

import torch

from sparewatt.training.optimiser import Optimiser
from sparewatt.work.manifest import OptimiserSpec


class Muon(Optimiser):
    """From a fresh state; updates are scaled to the size of AdamW's (Liu et al., 2025), so that rates compare.

    Args:
        momentum: over an assignment's own inner steps, Nesterov's.
    """

    def __init__(self, module: torch.nn.Module, spec: OptimiserSpec, momentum: float) -> None:
        super().__init__(module, spec)
        named = dict(module.named_parameters())
        outside = [item for name, item in named.items() if item.ndim < 2 or "embed" in name or "lm_head" in name]
        matrices = [item for item in named.values() if not any(item is other for other in outside)]
        decay = spec.weight_decay_micro * 1e-6
        self._adamw = torch.optim.AdamW(
            [
                {"params": [item for item in outside if item.ndim >= 2], "weight_decay": decay},
                {"params": [item for item in outside if item.ndim < 2], "weight_decay": 0.0},
            ],
            lr=0.0,
            betas=(spec.beta1_micro * 1e-6, spec.beta2_micro * 1e-6),
            eps=spec.epsilon_pico * 1e-12,
        )
        self._muon = torch.optim.Muon(
            matrices, lr=0.0, weight_decay=decay, momentum=momentum, adjust_lr_fn="match_rms_adamw"
        )

    def step(self, rate: float) -> None:
        """As `Optimiser.step`."""
        super().step(rate)
        for group in self._muon.param_groups:
            group["lr"] = rate
        self._muon.step()
