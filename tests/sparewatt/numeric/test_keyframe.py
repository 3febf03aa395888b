import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from sparewatt.errors import IntegrityError
from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.keyframe import keyframe_bytes, keyframe_head, read_keyframe, write_keyframe
from sparewatt.work.model import ModelSpec, tensors

SPEC = ModelSpec(
    architecture="llama",
    vocabulary_size=16,
    hidden_size=8,
    intermediate_size=8,
    layers=1,
    heads=1,
    key_value_heads=1,
    context_length=8,
)
WEIGHTS = initial_weights(SPEC, seed=1)


def keyframe() -> bytes:
    sink = io.BytesIO()
    write_keyframe(SPEC, WEIGHTS, sink)
    return sink.getvalue()


def test_what_is_written_is_read() -> None:
    area = bytearray(4 * len(WEIGHTS))
    read_keyframe(SPEC, io.BytesIO(keyframe()), memoryview(area))
    assert bytes(area) == WEIGHTS.tobytes()
    assert len(keyframe()) == keyframe_bytes(SPEC)


def test_any_safetensors_library_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(keyframe())
    loaded = load_file(path)
    assert {name: value.shape for name, value in loaded.items()} == {each.name: each.shape for each in tensors(SPEC)}
    assert np.array_equal(np.concatenate([loaded[each.name].reshape(-1) for each in tensors(SPEC)]), WEIGHTS)


def test_the_largest_model_has_a_header_within_bounds() -> None:
    spec = ModelSpec(
        architecture="llama",
        vocabulary_size=262_144,
        hidden_size=2_048,
        intermediate_size=5_632,
        layers=256,
        heads=16,
        key_value_heads=16,
        context_length=131_072,
        embeddings="separate",
    )
    assert len(keyframe_head(spec)) <= 2**20


@given(st.data())
@settings(max_examples=100)
def test_hostile_bytes_are_an_integrity_error_or_other_numbers(data: st.DataObject) -> None:
    damaged = bytearray(keyframe())
    head = len(keyframe_head(SPEC))
    place = data.draw(st.one_of(st.integers(0, head - 1), st.integers(0, len(damaged) - 1)))
    damaged[place] ^= data.draw(st.integers(1, 255))
    area = bytearray(4 * len(WEIGHTS))
    if place < head:
        with pytest.raises(IntegrityError, match=r"keyframe\.malformed"):
            read_keyframe(SPEC, io.BytesIO(damaged), area)
    else:
        read_keyframe(SPEC, io.BytesIO(damaged), area)
        assert bytes(area) == bytes(damaged[head:])


@pytest.mark.parametrize("damaged", [b"", b"{}", keyframe()[:-1], keyframe() + b"\0"])
def test_a_file_of_another_length_is_refused(damaged: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"keyframe\.malformed"):
        read_keyframe(SPEC, io.BytesIO(damaged), bytearray(4 * len(WEIGHTS)))


def test_golden_head() -> None:
    head = keyframe_head(SPEC)
    assert int.from_bytes(head[:8], "little") == len(head) - 8 == 1_064
    assert head[8:].startswith(
        b'{"__metadata__":{"format":"pt"},'
        b'"model.embed_tokens.weight":{"dtype":"F32","shape":[16,8],"data_offsets":[0,512]},'
        b'"model.layers.0.input_layernorm.weight":{"dtype":"F32","shape":[8],"data_offsets":[512,544]},'
    )
    assert head.endswith(b'"model.norm.weight":{"dtype":"F32","shape":[8],"data_offsets":[2368,2400]}}      ')
