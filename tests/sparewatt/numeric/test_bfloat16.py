"""bfloat16 on the bits of fp32."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.torch import load_file

from sparewatt.errors import IntegrityError
from sparewatt.numeric.bfloat16 import rounded, to_floats, to_halves
from sparewatt.numeric.blocks import block_range
from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.keyframe import keyframe_bytes, keyframe_head, read_keyframe
from sparewatt.numeric.merge import outer_step
from sparewatt.numeric.outer_state import OuterBlock
from sparewatt.numeric.patch import apply_patch, patch_head
from sparewatt.numeric.weights import Floats
from sparewatt.work.manifest import OuterSpec
from sparewatt.work.model import ModelSpec, tensors

SPEC = ModelSpec("llama", 16, 8, 8, 1, 1, 1, 8)
OUTER = OuterSpec("sgd", 1_000_000, 0, staleness_most=1, keyframe_every=5, keyframe_type="bf16")
floats = arrays(np.float32, 50, elements=st.floats(-(2.0**100), 2.0**100, width=32))


@given(floats)
def test_it_rounds_as_torch_does(values: Floats) -> None:
    expected = torch.from_numpy(values.copy()).to(torch.bfloat16).to(torch.float32).numpy()
    assert rounded(values).tobytes() == expected.tobytes()


@given(floats)
def test_what_was_rounded_once_stays(values: Floats) -> None:
    once = rounded(values)
    assert rounded(once).tobytes() == once.tobytes()
    assert to_floats(to_halves(once)).tobytes() == once.tobytes()


def keyframe(weights: Floats) -> bytes:
    return keyframe_head(SPEC, "BF16") + to_halves(weights).tobytes()


def test_a_keyframe_has_two_bytes_a_parameter_and_gives_the_same_fp32(tmp_path: Path) -> None:
    weights = rounded(initial_weights(SPEC, seed=1))
    data = keyframe(weights)
    assert len(data) == keyframe_bytes(SPEC, "BF16") < keyframe_bytes(SPEC) - len(weights)
    area = bytearray(4 * len(weights))
    read_keyframe(SPEC, io.BytesIO(data), area)
    assert bytes(area) == weights.tobytes()
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    loaded = load_file(path)
    assert torch.equal(
        torch.cat([loaded[each.name].float().reshape(-1) for each in tensors(SPEC)]), torch.from_numpy(weights)
    )


def test_one_of_another_length_is_refused() -> None:
    data = keyframe(rounded(initial_weights(SPEC, seed=1)))
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(IntegrityError, match=r"keyframe\.malformed"):
            read_keyframe(SPEC, io.BytesIO(wrong), bytearray(4 * len(initial_weights(SPEC, seed=1))))


def test_only_versions_with_a_keyframe_are_rounded_and_only_where_the_run_says_so() -> None:
    assert [number for number in range(1, 16) if OUTER.rounds_weights(number)] == [5, 10, 15]
    plain = OuterSpec("sgd", 1_000_000, 0, staleness_most=1, keyframe_every=5)
    assert not any(plain.rounds_weights(number) for number in range(16))


def test_what_rounding_cuts_off_is_not_lost() -> None:
    """A hundred steps that are each too small for bfloat16 arrive all the same, for the remainder keeps them."""
    count = 100
    block = OuterBlock(np.ones(count, np.float32), np.zeros(count, np.float32), None)
    for _ in range(100):
        block = outer_step(OUTER, block, np.full(count, -1e-4), rounded=True).state
        assert rounded(block.weights).tobytes() == block.weights.tobytes()
    assert block.weights + block.remainder == pytest.approx(np.full(count, 1.01), abs=1e-5)
    assert block.weights == pytest.approx(np.full(count, 1.01), abs=2.0**-8)


def test_whoever_applies_the_patch_rounds_to_the_same_weights() -> None:
    count = 5_000
    start = initial_weights(ModelSpec("llama", 64, 64, 64, 1, 1, 1, 8), 1)[:count].copy()
    assert block_range(0, count) == (0, count)
    merged = outer_step(
        OUTER, OuterBlock(start, np.zeros(count, np.float32), None), start.astype(np.float64) * 0.3, rounded=True
    )
    patched = start.copy()
    patch = patch_head(count, [len(merged.patch)]) + merged.patch
    apply_patch(io.BytesIO(patch), patched, rounded=True)
    assert patched.tobytes() == merged.state.weights.tobytes()
