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
        matrices = [
            item
            for name, item in module.named_parameters()
            if item.ndim >= 2 and "embed" not in name and "lm_head" not in name
        ]
        for group in self._adamw.param_groups:
            group["params"] = [item for item in group["params"] if not any(item is matrix for matrix in matrices)]
        self._muon = torch.optim.Muon(
            matrices, lr=0.0, weight_decay=self._decay, momentum=momentum, adjust_lr_fn="match_rms_adamw"
        )

    def step(self, rate: float) -> None:
        """As `Optimiser.step`."""
        super().step(rate)
        for group in self._muon.param_groups:
            group["lr"] = rate
        self._muon.step()
