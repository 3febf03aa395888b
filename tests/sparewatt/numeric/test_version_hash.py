import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from sparewatt.errors import IntegrityError
from sparewatt.numeric.version_hash import VersionHasher, version_sha256
from sparewatt.work.model import ModelSpec, parameter_count, tensors

SPEC = ModelSpec(
    architecture="llama",
    vocabulary_size=16,
    hidden_size=8,
    intermediate_size=12,
    layers=2,
    heads=2,
    key_value_heads=1,
    context_length=16,
)
WEIGHTS = (np.arange(parameter_count(SPEC), dtype=np.float32) / 64).tobytes()


def test_the_hash_is_that_of_the_canonical_list_of_tensors() -> None:
    listed, first = [], 0
    for tensor in tensors(SPEC):
        data = WEIGHTS[first : first + 4 * tensor.count]
        first += 4 * tensor.count
        listed.append([tensor.name, list(tensor.shape), hashlib.sha256(data).hexdigest()])
    assert sorted(listed) == listed
    text = json.dumps(listed, separators=(",", ":"))
    assert version_sha256(SPEC, WEIGHTS) == hashlib.sha256(text.encode()).hexdigest()


def test_one_changed_bit_changes_the_hash() -> None:
    changed = bytearray(WEIGHTS)
    changed[-1] ^= 1
    assert version_sha256(SPEC, changed) != version_sha256(SPEC, WEIGHTS)


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_pieces_of_any_length_give_the_same_hash(piece: int) -> None:
    hasher = VersionHasher(SPEC)
    for first in range(0, len(WEIGHTS), piece):
        hasher.update(WEIGHTS[first : first + piece])
    assert hasher.hexdigest() == version_sha256(SPEC, WEIGHTS)


@pytest.mark.parametrize("weights", [WEIGHTS[:-1], WEIGHTS + b"\0", b""])
def test_weights_of_another_size_have_no_hash(weights: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"version\.size"):
        version_sha256(SPEC, weights)


@pytest.mark.processes
@pytest.mark.parametrize("module", ["version_hash", "merge_plan"])
def test_programs_without_numpy_can_use_it(module: str) -> None:
    code = f"import sys, sparewatt.numeric.{module}; sys.exit(any(m in sys.modules for m in ('numpy', 'torch')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
