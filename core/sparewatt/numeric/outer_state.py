"""The outer optimiser's state: a content-addressed file of fp32 sections.

    offset    field (little-endian)
         0    magic "SPWOUTER", format 1 (u16), sections (u16: 2, or 3 with momentum), zero (u32), coordinates (u64)
        24    zero, up to 64
        64    weights of the version, then the remainder that patches have left out so far, then momentum

Sections are whole, so that the weights can be mapped and hashed as they lie, and every block has a fixed place, so
that several aggregators can write one file.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

import numpy as np

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import block_range
from sparewatt.numeric.keyframe import open_keyframe
from sparewatt.numeric.weights import FLOAT, Floats, as_bytes
from sparewatt.work.model import ModelSpec, parameter_count

HEAD_BYTES: Final = 64
_HEADER: Final = struct.Struct("<8sHHIQ40x")
_MAGIC: Final = b"SPWOUTER"
_FORMAT: Final = 1


@dataclass(frozen=True)
class OuterBlock:
    """One block of the state, fp32.

    Attributes:
        remainder: exact target minus weights: what patches have left out so far.
        momentum: None for a rule that has none.
    """

    weights: Floats
    remainder: Floats
    momentum: Floats | None


class OuterState(Protocol):
    """Where a merge starts from."""

    def block(self, index: int) -> OuterBlock:
        """Block `index` of the state."""
        ...


class StartState:
    """The state before the first merge: the weights of a keyframe, nothing left out, no momentum yet.

    Raises:
        IntegrityError: ``keyframe.malformed``.
    """

    def __init__(self, spec: ModelSpec, keyframe: BinaryIO, *, momentum: bool) -> None:
        self._source = keyframe
        self._coordinates = parameter_count(spec)
        self._offset = open_keyframe(spec, keyframe)
        self._momentum = momentum

    def block(self, index: int) -> OuterBlock:
        first, end = block_range(index, self._coordinates)
        weights = _read_floats(self._source, self._offset + 4 * first, end - first)
        zeros = np.zeros(end - first, dtype=FLOAT)
        return OuterBlock(weights, zeros, zeros if self._momentum else None)


class OuterStateReader:
    """A state file whose frame was checked.

    Raises:
        IntegrityError: ``outer_state.malformed`` when it is not a state of a model with `coordinates` under a rule with
            or without `momentum`.
    """

    def __init__(self, source: BinaryIO, coordinates: int, *, momentum: bool) -> None:
        source.seek(0)
        size_found = source.seek(0, 2)
        source.seek(0)
        if source.read(HEAD_BYTES) != outer_state_head(coordinates, momentum=momentum):
            raise IntegrityError("outer_state.malformed", part="header")
        if size_found != outer_state_bytes(coordinates, momentum=momentum):
            raise IntegrityError("outer_state.malformed", part="length")
        self._source = source
        self._coordinates = coordinates
        self._momentum = momentum

    def block(self, index: int) -> OuterBlock:
        first, end = block_range(index, self._coordinates)
        weights, remainder, *momentum = (
            _read_floats(self._source, _place(section, first, self._coordinates), end - first)
            for section in range(_sections(momentum=self._momentum))
        )
        return OuterBlock(weights, remainder, momentum[0] if momentum else None)


class OuterStateWriter:
    """Writes a state file in blocks, in any order; every block must be written once."""

    def __init__(self, sink: BinaryIO, coordinates: int, *, momentum: bool) -> None:
        sink.write(outer_state_head(coordinates, momentum=momentum))
        self._sink = sink
        self._coordinates = coordinates

    def write(self, index: int, block: OuterBlock) -> None:
        """Put block `index` in its place."""
        first, _ = block_range(index, self._coordinates)
        for section, values in enumerate((block.weights, block.remainder, block.momentum)):
            if values is not None:
                self._sink.seek(_place(section, first, self._coordinates))
                self._sink.write(as_bytes(values))


def outer_state_head(coordinates: int, *, momentum: bool) -> bytes:
    """The first 64 bytes of a state file."""
    return _HEADER.pack(_MAGIC, _FORMAT, _sections(momentum=momentum), 0, coordinates)


def outer_state_bytes(coordinates: int, *, momentum: bool) -> int:
    """Length of a state file."""
    return HEAD_BYTES + 4 * coordinates * _sections(momentum=momentum)


def is_outer_state(source: BinaryIO) -> bool:
    """Whether a file begins like an outer state."""
    source.seek(0)
    return source.read(len(_MAGIC)) == _MAGIC


def read_weights(source: BinaryIO, coordinates: int) -> Floats:
    """All weights of a state file, whatever other sections it has.

    Raises:
        IntegrityError: ``outer_state.malformed``.
    """
    source.seek(0)
    head = source.read(HEAD_BYTES)
    if head not in (outer_state_head(coordinates, momentum=each) for each in (False, True)):
        raise IntegrityError("outer_state.malformed", part="header")
    return _read_floats(source, HEAD_BYTES, coordinates)


def _sections(*, momentum: bool) -> int:
    return 3 if momentum else 2


def _place(section: int, first: int, coordinates: int) -> int:
    return HEAD_BYTES + 4 * (section * coordinates + first)


def _read_floats(source: BinaryIO, offset: int, count: int) -> Floats:
    source.seek(offset)
    values = np.empty(count, dtype=FLOAT)
    view = as_bytes(values)
    data = source.read(len(view))
    if len(data) != len(view):
        raise IntegrityError("outer_state.malformed", part="length")
    view[:] = data
    return values
