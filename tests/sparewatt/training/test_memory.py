"""The estimate of memory against what autograd really saves of a pass."""

import pytest
import torch

from sparewatt.training.model import build_flat, next_token_loss, use_checkpointing
from sparewatt.work.architecture import Architecture
from sparewatt.work.memory import Compute, saved_bytes
from sparewatt.work.model import ModelSpec

ARCHITECTURES: tuple[Architecture, ...] = ("llama", "qwen2", "qwen3", "gpt2", "gpt_neox")
LENGTH = 32


def spec(architecture: Architecture, layers: int) -> ModelSpec:
    grouped = 2 if architecture in ("llama", "qwen2", "qwen3") else 4
    return ModelSpec(architecture, 64, 96, 256, layers, 4, grouped, 64)


def saved(model: ModelSpec, compute: Compute, sequences: int, *, checkpointing: bool = False) -> int:
    """Bytes that autograd holds after a forward pass, each storage once, without the weights'."""
    torch.set_num_threads(1)
    built = build_flat(model, torch.device("cpu"))
    built.weights.normal_(0, 0.02)
    built.module.train()
    if checkpointing:
        use_checkpointing(built.module)
    held: dict[int, torch.Tensor] = {}
    own = built.weights.untyped_storage().data_ptr()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() != own:
            held[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    tokens = torch.arange(sequences * LENGTH).reshape(sequences, LENGTH) % model.vocabulary_size
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=compute == "bf16"),
    ):
        loss = next_token_loss(built.module, tokens)
    size = sum(tensor.untyped_storage().nbytes() for tensor in held.values())
    loss.backward()
    return size


def of_a_layer(architecture: Architecture, compute: Compute, *, checkpointing: bool = False) -> float:
    """What one more layer saves of one more token: nothing that does not grow with both is in it."""
    few, many = (
        saved(spec(architecture, layers), compute, 4, checkpointing=checkpointing)
        - saved(spec(architecture, layers), compute, 2, checkpointing=checkpointing)
        for layers in (1, 3)
    )
    return (many - few) / 2 / (2 * LENGTH)


@pytest.mark.parametrize("compute", ["fp32", "bf16"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_a_layer_saves_is_known_beforehand(architecture: Architecture, compute: Compute) -> None:
    estimate = saved_bytes(spec(architecture, 1), compute)
    assert of_a_layer(architecture, compute) == pytest.approx(estimate, rel=0.04)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_with_checkpointing_a_layer_saves_its_input_only(architecture: Architecture) -> None:
    assert of_a_layer(architecture, "fp32", checkpointing=True) == pytest.approx(4 * 96)


def test_checkpointing_does_not_change_the_gradient() -> None:
    model = spec("llama", 2)
    tokens = torch.arange(2 * LENGTH).reshape(2, LENGTH) % model.vocabulary_size
    gradients = []
    for checkpointing in (False, True):
        built = build_flat(model, torch.device("cpu"))
        built.weights.copy_(torch.sin(torch.arange(len(built.weights))) * 0.05)
        built.module.train()
        if checkpointing:
            use_checkpointing(built.module)
        next_token_loss(built.module, tokens).backward()
        found = [each.grad for each in built.module.parameters()]
        gradients.append(torch.cat([each.reshape(-1) for each in found if each is not None]))
    assert torch.equal(*gradients)
