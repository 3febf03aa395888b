import io

import numpy as np
import pytest

from sparewatt.errors import IntegrityError
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.numeric.outer_state import OuterBlock, OuterStateReader, OuterStateWriter, StartState, read_weights
from sparewatt.work.model import ModelSpec, parameter_count

SPEC = ModelSpec(
    architecture="llama",
    vocabulary_size=256,
    hidden_size=64,
    intermediate_size=64,
    layers=10,
    heads=2,
    key_value_heads=2,
    context_length=8,
)


def test_before_the_first_merge_the_keyframe_is_the_state() -> None:
    weights = np.arange(parameter_count(SPEC), dtype=np.float32)
    keyframe = io.BytesIO()
    write_keyframe(SPEC, weights, keyframe)
    block = StartState(SPEC, keyframe, momentum=True).block(1)
    assert np.array_equal(block.weights, weights[2**18 :])
    assert not block.remainder.any()
    assert block.momentum is not None
    assert not block.momentum.any()


def written(*, momentum: bool) -> io.BytesIO:
    file = io.BytesIO()
    values = np.arange(15, dtype=np.float32).reshape(3, 5)
    block = OuterBlock(values[0], values[1], values[2] if momentum else None)
    OuterStateWriter(file, 5, momentum=momentum).write(0, block)
    return file


@pytest.mark.parametrize("momentum", [False, True])
def test_what_is_written_is_read(momentum: bool) -> None:
    file = written(momentum=momentum)
    block = OuterStateReader(file, 5, momentum=momentum).block(0)
    assert block.weights.tolist() == read_weights(file, 5).tolist() == [0, 1, 2, 3, 4]
    assert block.remainder.tolist() == [5, 6, 7, 8, 9]
    assert (block.momentum is not None) == momentum


@pytest.mark.parametrize("place", range(24))
def test_a_damaged_header_is_refused(place: int) -> None:
    damaged = bytearray(written(momentum=False).getvalue())
    damaged[place] ^= 1
    with pytest.raises(IntegrityError, match=r"outer_state\.malformed"):
        OuterStateReader(io.BytesIO(damaged), 5, momentum=False)


def test_a_cut_file_and_another_rule_are_refused() -> None:
    data = written(momentum=True).getvalue()
    with pytest.raises(IntegrityError, match=r"outer_state\.malformed"):
        OuterStateReader(io.BytesIO(data[:-1]), 5, momentum=True)
    with pytest.raises(IntegrityError, match=r"outer_state\.malformed"):
        OuterStateReader(io.BytesIO(data), 5, momentum=False)
