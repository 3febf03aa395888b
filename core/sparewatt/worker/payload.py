"""Versions into the base area, updates out of the trainable one."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sparewatt.durable import storage_errors, sync_folder
from sparewatt.errors import InputError, StorageError
from sparewatt.numeric.codec import EncodedUpdate, encode_update
from sparewatt.numeric.keyframe import read_keyframe
from sparewatt.numeric.patch import apply_patch
from sparewatt.numeric.residual import Residual
from sparewatt.numeric.weights import Floats
from sparewatt.work.manifest import CodecSpec, OuterSpec
from sparewatt.work.model import ModelSpec
from sparewatt.worker.messages import ApplyVersion

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def apply_version(frame: ApplyVersion, spec: ModelSpec, outer: OuterSpec, base: memoryview) -> None:
    """Build the version of `frame` in `base`. Whether it is that version the engine finds by its hash.

    Raises:
        StorageError: ``blob.unreadable``.
        IntegrityError: ``keyframe.malformed``, ``patch.malformed``, ``patch.coordinates``. `base` then
            holds no version.
    """
    if frame.keyframe is not None:
        with _opened(Path(frame.keyframe)) as source:
            read_keyframe(spec, source, base)
    first = frame.version.number - len(frame.patches) + 1
    for number, patch in enumerate(frame.patches, first):
        with _opened(Path(patch)) as source:
            apply_patch(source, base, outer.patch, rounded=outer.rounds_weights(number))


def write_payload(
    path: Path,
    *,
    base: Floats,
    trained: Floats,
    codec: CodecSpec,
    residual: Residual | None = None,
    tail: bytes = b"",
    may_go_on: Callable[[], None] = lambda: None,
) -> EncodedUpdate:
    """Encode ``base - trained`` into the file at `path`, which is whole and synced, or not there.

    Args:
        residual, tail: as `numeric.codec.encode_update`.
        may_go_on: called before each block; waits, or raises to give up.

    Raises:
        StorageError: ``storage.full``, ``storage.unusable``.
        IntegrityError: ``update.not_finite``, ``update.too_large``.
    """
    beside = path.with_name(path.name + ".new")
    with storage_errors(path.parent):
        try:
            with _Paced(io.FileIO(beside, "wb"), may_go_on) as sink:
                encoded = encode_update(base, trained, codec, sink, residual, tail)
                sink.flush()
                os.fsync(sink.fileno())
            beside.replace(path)
            sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)
    return encoded


def inside(folder: Path, path: str) -> Path:
    """`path` if it lies in `folder`, the only place a worker writes to.

    Raises:
        InputError: ``worker.path``.
    """
    resolved = Path(path).resolve()
    if not resolved.is_relative_to(folder.resolve()):
        raise InputError("worker.path", path=resolved.name)
    return resolved


class _Paced(io.BufferedWriter):
    """A file that asks before each write."""

    def __init__(self, file: io.FileIO, may_go_on: Callable[[], None]) -> None:
        super().__init__(file)
        self._may_go_on = may_go_on

    def write(self, data: "ReadableBuffer", /) -> int:
        self._may_go_on()
        return super().write(data)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        source = path.open("rb")
    except OSError as error:
        raise StorageError("blob.unreadable", blob=path.name) from error
    with source:
        yield source
