"""The name of a version: a hash of its weights that does not depend on any file format. Needs hashlib only."""

import hashlib
from mmap import mmap

from sparewatt.errors import IntegrityError
from sparewatt.signing import digest
from sparewatt.work.model import ModelSpec, tensors

_PIECE_BYTES = 1 << 22


class VersionHasher:
    """Takes flat weights (little-endian fp32 in the order of `work.model.tensors`) in pieces of any length."""

    def __init__(self, spec: ModelSpec) -> None:
        self._tensors = tensors(spec)
        self._finished: list[tuple[str, tuple[int, ...], str]] = []
        self._open = hashlib.sha256()
        self._missing_bytes = 4 * self._tensors[0].count

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes of the weights.

        Raises:
            IntegrityError: ``version.size`` when they are more than the model has.
        """
        view = memoryview(data).cast("B")
        while view:
            if len(self._finished) == len(self._tensors):
                raise IntegrityError("version.size")
            taken = view[: self._missing_bytes]
            self._open.update(taken)
            self._missing_bytes -= len(taken)
            view = view[len(taken) :]
            if self._missing_bytes == 0:
                self._close_tensor()

    def hexdigest(self) -> str:
        """SHA-256 of the canonical JSON ``[[name, shape, SHA-256 of the tensor's bytes], …]`` by name.

        Raises:
            IntegrityError: ``version.size`` when bytes are missing.
        """
        if len(self._finished) < len(self._tensors):
            raise IntegrityError("version.size")
        return digest(self._finished)

    def _close_tensor(self) -> None:
        tensor = self._tensors[len(self._finished)]
        self._finished.append((tensor.name, tensor.shape, self._open.hexdigest()))
        if len(self._finished) < len(self._tensors):
            self._open = hashlib.sha256()
            self._missing_bytes = 4 * self._tensors[len(self._finished)].count


def version_sha256(spec: ModelSpec, weights: memoryview | bytes | bytearray | mmap) -> str:
    """Hash of the version with these flat weights; hashlib lets other threads run meanwhile.

    Raises:
        IntegrityError: ``version.size`` when `weights` is not exactly the model's size; ``model.heads``,
            ``model.size`` for a spec that is no model.
    """
    hasher = VersionHasher(spec)
    with memoryview(weights) as held, held.cast("B") as view:
        for first in range(0, len(view), _PIECE_BYTES):
            with view[first : first + _PIECE_BYTES] as piece:
                hasher.update(piece)
    return hasher.hexdigest()
