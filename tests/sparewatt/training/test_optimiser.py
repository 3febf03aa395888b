import pytest
import torch

from sparewatt.training.optimiser import Optimiser
from sparewatt.work.manifest import OptimiserSpec

SPEC = OptimiserSpec("adamw", 900_000, 950_000, 10_000, 100_000, 1_000, 1, 100_000, 0, 200_000)
RATE = 0.01


class Module(torch.nn.Module):
    """A matrix and a norm, with gradients that look random and need no generator."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = torch.nn.Parameter(torch.ones(3, 4))
        self.norm = torch.nn.Parameter(torch.ones(4))

    def set_gradients(self, step: int) -> None:
        self.matrix.grad = torch.sin(torch.arange(12.0) + step).reshape(3, 4)
        self.norm.grad = torch.cos(torch.arange(4.0) + step)


def trained(optimiser: Optimiser, module: Module, steps: int, first: int = 0) -> None:
    for step in range(first, first + steps):
        module.set_gradients(step)
        optimiser.step(RATE)


def test_a_fresh_one_is_adamw_with_decay_on_matrices_only() -> None:
    ours, theirs = Module(), Module()
    groups = [{"params": [theirs.matrix], "weight_decay": 0.1}, {"params": [theirs.norm], "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95), eps=1e-8)
    optimiser = Optimiser(ours, SPEC)
    for step in range(5):
        trained(optimiser, ours, 1, step)
        theirs.set_gradients(step)
        reference.step()
    assert torch.allclose(ours.matrix, theirs.matrix, atol=1e-6)
    assert torch.allclose(ours.norm, theirs.norm, atol=1e-6)


def test_a_shared_second_moment_takes_the_place_of_what_was_forgotten() -> None:
    """With gradients of one size everywhere the factors hold v exactly, so only the first moment is begun anew."""
    module = Module()
    optimiser = Optimiser(module, SPEC)
    for _ in range(400):
        module.matrix.grad, module.norm.grad = torch.full((3, 4), 0.5), torch.full((4,), 0.25)
        optimiser.step(RATE)
    moments = optimiser.second_moments()
    assert moments[0][0].tolist() == pytest.approx([0.25] * 3, rel=1e-4)
    assert moments[1][1].tolist() == pytest.approx([0.0625] * 4, rel=1e-4)
    before = module.matrix.detach().clone()
    shared = Optimiser(module, SPEC, moments)
    module.matrix.grad, module.norm.grad = torch.full((3, 4), 0.5), torch.full((4,), 0.25)
    shared.step(RATE)
    # The first moment is corrected for its zeros, the second needs no correction: a step of one rate, and decay.
    assert torch.allclose(module.matrix, before * (1 - RATE * 0.1) - RATE, atol=1e-5)


def test_factors_keep_what_rows_and_columns_have_in_common() -> None:
    module = Module()
    optimiser = Optimiser(module, SPEC)
    rows, columns = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 3.0, 0.5, 2.0])
    for _ in range(3):
        module.matrix.grad, module.norm.grad = torch.outer(rows, columns), columns.clone()
        optimiser.step(RATE)
    means, across = optimiser.second_moments()[0]
    assert (torch.outer(means, across) / means.mean()).tolist() == [
        pytest.approx(row, rel=1e-4) for row in torch.outer(rows, columns).square().tolist()
    ]


def test_nothing_was_learnt_before_the_first_step() -> None:
    for rows, columns in Optimiser(Module(), SPEC).second_moments():
        assert not rows.any()
        assert not columns.any()


def test_a_kept_state_goes_on_also_from_shared_second_moments() -> None:
    whole, first, second = Module(), Module(), Module()
    shared = [(torch.full((3,), 0.3), torch.full((4,), 0.3)), (torch.full((1,), 0.2), torch.full((4,), 0.2))]
    trained(Optimiser(whole, SPEC, shared), whole, 5)
    stopped = Optimiser(first, SPEC, shared)
    trained(stopped, first, 2)
    kept = stopped.moments()
    assert kept is not None
    second.load_state_dict(first.state_dict())
    again = Optimiser(second, SPEC, shared)
    again.restore(kept)
    trained(again, second, 3, 2)
    assert torch.equal(second.matrix, whole.matrix)
    assert torch.equal(second.norm, whole.norm)
