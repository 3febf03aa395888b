import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import BLOCK_COORDINATES
from sparewatt.numeric.patch import (
    PatchReader,
    add_change,
    apply_patch,
    encode_block,
    patch_bytes_most,
    patch_head,
)
from sparewatt.numeric.weights import Floats
from sparewatt.work.manifest import PatchSpec

changes = st.floats(min_value=-200.0, max_value=200.0)


INT8, INT4, TOPK = PatchSpec("int8"), PatchSpec("int4"), PatchSpec("topk", kept=512)
every = pytest.mark.parametrize("spec", [INT8, INT4, TOPK], ids=lambda spec: spec.name)


def patch_of(wanted: np.ndarray, spec: PatchSpec = INT8) -> bytes:
    firsts = range(0, len(wanted), BLOCK_COORDINATES)
    blocks = [encode_block(wanted[first : first + BLOCK_COORDINATES], spec)[0] for first in firsts]
    return patch_head(len(wanted), list(map(len, blocks)), spec) + b"".join(blocks)


@given(hnp.arrays(np.float64, st.integers(1, 9_000), elements=changes, fill=changes))
@settings(max_examples=30)
def test_a_patch_comes_within_half_a_step_of_what_is_wanted(wanted: np.ndarray) -> None:
    _, change = encode_block(wanted)
    for first in range(0, len(wanted), 4_096):
        part = np.clip(wanted[first : first + 4_096], -127, 127)
        # A power of two that reaches the largest change is less than twice the best scale.
        step = min(1.0, max(2 * np.abs(part).max() / 127, 2.0**-40))
        assert np.abs(change[first : first + 4_096] - part).max() <= step / 2


@every
def test_applying_is_one_fp32_addition_of_what_the_encoder_said(spec: PatchSpec) -> None:
    random = np.random.default_rng(5)
    coordinates = BLOCK_COORDINATES + 5_000
    weights = random.standard_normal(coordinates).astype(np.float32)
    wanted = random.standard_normal(coordinates) * 1e-3
    patch = patch_of(wanted, spec)
    assert len(patch) <= patch_bytes_most(coordinates, spec)
    expected = np.concatenate(
        [
            add_change(weights[first:end], encode_block(wanted[first:end], spec)[1])
            for first, end in ((0, BLOCK_COORDINATES), (BLOCK_COORDINATES, coordinates))
        ]
    )
    applied = bytearray(weights.tobytes())
    apply_patch(io.BytesIO(patch), memoryview(applied), spec)
    assert bytes(applied) == expected.tobytes()


def test_weights_and_patches_never_make_a_subnormal_or_a_negative_zero() -> None:
    weights = np.array([2.0**-40, -(2.0**-40), 2.0**-60, 0.0], dtype=np.float32)
    _, change = encode_block(-weights.astype(np.float64))
    summed = add_change(weights, change)
    assert summed.tobytes() == np.array([0, 0, 2.0**-60, 0], np.float32).tobytes()


def test_a_sparse_patch_is_as_small_as_is_promised_and_brings_most_of_the_change() -> None:
    coordinates = 4 * BLOCK_COORDINATES
    wanted = np.random.default_rng(6).standard_normal(coordinates) * 1e-3
    patch = patch_of(wanted, TOPK)
    assert 8 * len(patch) / coordinates < 0.82
    weights = np.zeros(coordinates, np.float32)
    apply_patch(io.BytesIO(patch), weights, TOPK)
    # The eighth with the largest coordinates holds 46 % of a normal distribution's squares.
    assert np.square(weights - wanted).sum() < 0.58 * np.square(wanted).sum()


@every
def test_nothing_wanted_is_nothing_changed(spec: PatchSpec) -> None:
    weights = np.ones(5_000, np.float32)
    apply_patch(io.BytesIO(patch_of(np.zeros(5_000), spec)), weights, spec)
    assert weights.tolist() == [1.0] * 5_000


@every
@given(data=st.data())
@settings(max_examples=150)
def test_hostile_bytes_are_an_integrity_error_or_a_bounded_change(spec: PatchSpec, data: st.DataObject) -> None:
    coordinates = 5_000
    patch = bytearray(patch_of(np.linspace(-1e-3, 1e-3, coordinates), spec))
    places = st.one_of(st.integers(0, 40), st.integers(0, len(patch) - 1))
    for place in data.draw(st.lists(places, max_size=4)):
        patch[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(patch)), st.integers(0, len(patch))))
    weights: Floats = np.zeros(coordinates, np.float32)
    try:
        apply_patch(io.BytesIO(bytes(patch[:cut])), weights, spec)
    except IntegrityError:
        return
    assert np.abs(weights).max() <= 127


def test_a_patch_for_another_model_is_refused() -> None:
    with pytest.raises(IntegrityError, match=r"patch\.coordinates"):
        PatchReader(io.BytesIO(patch_of(np.zeros(10))), 11)


def test_golden_patch() -> None:
    assert patch_of(np.array([0.5, -0.25, 0.0, 2.0**-20, 127 / 1024])) == bytes.fromhex(
        "5350575041544348 0100 0100 00100000 0500000000000000 01000000 00000000 06000000 07 40e0000010"
    )
