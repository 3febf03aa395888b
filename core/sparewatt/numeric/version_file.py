"""Weights of a version from whichever file holds them, believed only when their hash is the version's."""

from pathlib import Path

import numpy as np

from sparewatt.errors import IntegrityError, StorageError
from sparewatt.numeric.keyframe import read_keyframe
from sparewatt.numeric.outer_state import is_outer_state, read_weights
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.numeric.weights import FLOAT, Floats, as_bytes
from sparewatt.work.model import ModelSpec, parameter_count


def load_version(spec: ModelSpec, path: Path, sha256: str) -> Floats:
    """Flat weights of version `sha256` from a keyframe or an outer state.

    Raises:
        StorageError: ``version.unreadable``.
        IntegrityError: ``version.hash`` for other weights; ``keyframe.malformed``, ``outer_state.malformed``.
    """
    coordinates = parameter_count(spec)
    try:
        with path.open("rb") as source:
            if is_outer_state(source):
                weights = read_weights(source, coordinates)
            else:
                weights = np.empty(coordinates, dtype=FLOAT)
                read_keyframe(spec, source, weights)
    except OSError as error:
        raise StorageError("version.unreadable", file=path.name, code=error.errno or 0) from error
    found = version_sha256(spec, as_bytes(weights))
    if found != sha256:
        raise IntegrityError("version.hash", expected=sha256, found=found)
    return weights
