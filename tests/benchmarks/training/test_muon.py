import pytest
import torch

from benchmarks.training.arm import Arm
from benchmarks.training.lab import optimiser_of
from benchmarks.training.muon import Muon

RATE = 0.01


class Tiny(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(8, 16)
        self.inner = torch.nn.Linear(16, 16, bias=False)
        self.norm = torch.nn.LayerNorm(16, bias=False)


def test_it_steps_equally_far_in_all_directions_of_inner_matrices_and_leaves_the_rest_to_adamw() -> None:
    module = Tiny()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    uneven = torch.diag(torch.logspace(0, -2, 16))
    module.inner.weight.grad = uneven.clone()
    module.embed_tokens.weight.grad = torch.linspace(-1, 1, 128).reshape(8, 16)
    module.norm.weight.grad = torch.ones(16)
    Muon(module, optimiser_of(Arm(name="muon", beta1_micro=0)), 0.9).step(RATE)
    moved = torch.linalg.svdvals(module.inner.weight.detach())
    # Five Newton-Schulz steps bring to about 0.7 … 1.2 what was 0.01 … 1.
    assert moved.max() / moved.min() < 2.5
    assert module.embed_tokens.weight.detach().abs().max() == pytest.approx(RATE, rel=0.01)
    assert module.norm.weight.detach().abs().max() == pytest.approx(RATE, rel=0.01)
