"""AdamW with moments of eight bits: the real library, on its own kernels for a processor; and who is refused it."""

import dataclasses
import sys

import msgspec
import pytest
import torch

from sparewatt.errors import InputError, UnavailableError
from sparewatt.training import eight_bit
from sparewatt.training.device import Device, open_device
from sparewatt.training.eight_bit import check_kernels, check_optimiser
from sparewatt.training.model import FlatModel, build_flat, next_token_loss
from sparewatt.training.optimiser import Optimiser
from sparewatt.work.manifest import InnerSpec, OptimiserSpec
from sparewatt.work.memory import moment_bytes
from sparewatt.work.model import ModelSpec, parameter_count

FULL = OptimiserSpec("adamw", 900_000, 950_000, 10_000, 100_000, 1_000, 1, 100_000, 0, 200_000)
EIGHT = msgspec.structs.replace(FULL, name="adamw-8bit")
FRESH, SHARED, KEPT = (InnerSpec(4, 4, state) for state in ("fresh", "fresh-shared-v", "kept"))
SPEC = ModelSpec("llama", 256, 64, 128, 2, 4, 4, 64)
RATE, STEPS = 3e-3, 40


def model() -> FlatModel:
    made = build_flat(SPEC, torch.device("cpu"))
    torch.manual_seed(3)
    with torch.no_grad():
        made.weights.normal_(0.0, 0.05)
        for parameter in made.module.parameters():
            if parameter.ndim == 1:
                parameter.fill_(1.0)
    return made


def losses(trained: FlatModel, optimiser: Optimiser) -> list[float]:
    """Of a text that says the same again and again."""
    batch = (torch.arange(32) * 7 % 50).repeat(4, 1)
    found = []
    for _ in range(STEPS):
        trained.module.zero_grad(set_to_none=True)
        loss = next_token_loss(trained.module, batch)
        loss.backward()
        optimiser.step(RATE)
        found.append(float(loss.detach()))
    return found


def card() -> Device:
    """What a worker would have on a computer with a card, as far as it can be had here."""
    return dataclasses.replace(open_device("cpu", 1), kind="cuda", name="A card")


def test_it_learns_as_the_one_with_full_moments_does_and_moves_the_same_weights() -> None:
    full, eight = model(), model()
    before = eight.weights.clone()
    expected = losses(full, Optimiser(full.module, FULL))
    found = losses(eight, Optimiser(eight.module, EIGHT))
    assert found[0] == expected[0]
    assert expected[-1] < expected[0] / 4
    assert found[-1] == pytest.approx(expected[-1], abs=0.1)
    assert not torch.equal(eight.weights, before), "parameters are views on the flat buffer, and stay so"
    assert not torch.equal(eight.weights, full.weights), "eight bits are not the same as thirty-two"


def test_its_moments_take_what_the_estimate_says() -> None:
    eight = model()
    optimiser = Optimiser(eight.module, EIGHT)
    losses(eight, optimiser)
    states = optimiser._adamw.state.values()
    # The two tables of 256 values belong to all tensors together.
    held = {name: sum(state[name].nbytes for state in states if name in state)
            for name in ("state1", "state2", "absmax1", "absmax2")}  # fmt: skip
    assert sum(held.values()) == moment_bytes(SPEC, eight_bit=True)
    assert moment_bytes(SPEC, eight_bit=False) == 8 * parameter_count(SPEC)


def test_its_state_is_not_written() -> None:
    eight = model()
    assert not Optimiser(eight.module, EIGHT).resumable
    assert Optimiser(eight.module, FULL).resumable


def test_a_processor_is_refused_in_words() -> None:
    device = open_device("cpu", 1)
    with pytest.raises(UnavailableError) as refused:
        check_optimiser(EIGHT, FRESH, device)
    assert (refused.value.error_id, refused.value.parameters) == ("optimiser.device", {"device": device.name})
    check_optimiser(FULL, SHARED, device)


def test_moments_that_are_published_go_only_with_full_ones() -> None:
    with pytest.raises(InputError, match=r"optimiser\.state"):
        check_optimiser(EIGHT, SHARED, card())
    for inner in (FRESH, KEPT):
        check_optimiser(EIGHT, inner, card())


def test_a_card_without_the_library_is_told_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eight_bit, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError) as refused:
        check_optimiser(EIGHT, FRESH, card())
    assert (refused.value.error_id, refused.value.parameters) == ("optimiser.library", {"library": "bitsandbytes"})


def test_a_library_that_cannot_be_loaded_is_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    # So Python itself refuses an import.
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(UnavailableError, match=r"optimiser\.kernels"):
        check_kernels(torch.device("cpu"))


def test_a_library_without_kernels_for_a_device_is_found_out_before_anything_is_trained() -> None:
    check_kernels(torch.device("cpu"))
    with pytest.raises(UnavailableError) as refused:
        check_kernels(torch.device("meta"))
    assert refused.value.error_id == "optimiser.kernels"
    assert refused.value.parameters["reason"]
