"""Keyframes: a version in full, as a safetensors file that has exactly one spelling for each model.

The header is a function of the model's spec: metadata ``{"format":"pt"}``, then all tensors by name, dtype F32, without
gaps, filled with spaces to a multiple of 8 bytes. The bytes behind it are the flat weights. So a reader need not parse
a stranger's header: it compares. Any safetensors library reads the file.

Weights that bfloat16 holds exactly are written in half as many bytes, dtype BF16, and read to the same fp32.
"""

import json
import struct
from types import MappingProxyType
from typing import BinaryIO, Final, Literal

import numpy as np

from sparewatt.errors import IntegrityError
from sparewatt.numeric.bfloat16 import HALF, to_floats
from sparewatt.numeric.weights import Floats, Weights, as_bytes, as_floats
from sparewatt.work.model import ModelSpec, parameter_count, tensors

HEADER_BYTES_MOST: Final = 1 << 20
TENSORS_MOST: Final = 4_096
KeyframeType = Literal["F32", "BF16"]
_SIZES: Final = MappingProxyType[KeyframeType, int]({"F32": 4, "BF16": 2})
PIECE_BYTES: Final = 1 << 20
_LENGTH: Final = struct.Struct("<Q")


def keyframe_head(spec: ModelSpec, dtype: KeyframeType = "F32") -> bytes:
    """Everything before the weights: the length of the header (u64) and the header.

    Raises:
        IntegrityError: ``keyframe.header`` for a model whose header would exceed 1 MiB or 4,096 tensors.
    """
    listed = tensors(spec)
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    first = 0
    for tensor in listed:
        end = first + _SIZES[dtype] * tensor.count
        entries[tensor.name] = {"dtype": dtype, "shape": tensor.shape, "data_offsets": (first, end)}
        first = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > HEADER_BYTES_MOST or len(listed) > TENSORS_MOST:
        raise IntegrityError("keyframe.header", size=len(text), tensors=len(listed))
    return _LENGTH.pack(len(text)) + text


def keyframe_bytes(spec: ModelSpec, dtype: KeyframeType = "F32") -> int:
    """Length of a keyframe."""
    return len(keyframe_head(spec, dtype)) + _SIZES[dtype] * parameter_count(spec)


def write_keyframe(spec: ModelSpec, weights: Weights, sink: BinaryIO) -> None:
    """Write `weights` (flat fp32) as a keyframe.

    Raises:
        IntegrityError: ``weights.size``, ``keyframe.header``.
    """
    view = as_bytes(as_floats(weights, parameter_count(spec)))
    sink.write(keyframe_head(spec))
    sink.writelines(view[first : first + PIECE_BYTES] for first in range(0, len(view), PIECE_BYTES))


def open_keyframe(spec: ModelSpec, source: BinaryIO) -> int:
    """Check all but the numbers of a keyframe in fp32; the offset at which its flat weights begin.

    Raises:
        IntegrityError: ``keyframe.malformed`` with part ``header`` or ``length``.
    """
    return _opened(spec, source, "F32")


def read_keyframe(spec: ModelSpec, source: BinaryIO, into: Weights) -> None:
    """Copy the weights of a keyframe to `into` (flat, writable), 1 MiB at a time. Their hash is the caller's to check.

    Raises:
        IntegrityError: ``keyframe.malformed``, ``weights.size``.
    """
    flat = as_floats(into, parameter_count(spec))
    head = keyframe_head(spec, "BF16")
    source.seek(0)
    if source.read(len(head)) == head:
        _read_halves(spec, source, flat)
        return
    view = as_bytes(flat)
    source.seek(open_keyframe(spec, source))
    for first in range(0, len(view), PIECE_BYTES):
        wanted = view[first : first + PIECE_BYTES]
        piece = source.read(len(wanted))
        if len(piece) != len(wanted):
            raise IntegrityError("keyframe.malformed", part="length")
        wanted[:] = piece


def _opened(spec: ModelSpec, source: BinaryIO, dtype: KeyframeType) -> int:
    head = keyframe_head(spec, dtype)
    source.seek(0)
    if source.read(len(head)) != head:
        raise IntegrityError("keyframe.malformed", part="header")
    if source.seek(0, 2) != keyframe_bytes(spec, dtype):
        raise IntegrityError("keyframe.malformed", part="length")
    return len(head)


def _read_halves(spec: ModelSpec, source: BinaryIO, into: Floats) -> None:
    source.seek(_opened(spec, source, "BF16"))
    for first in range(0, len(into), PIECE_BYTES):
        part = into[first : first + PIECE_BYTES]
        piece = source.read(HALF.itemsize * len(part))
        if len(piece) != HALF.itemsize * len(part):
            raise IntegrityError("keyframe.malformed", part="length")
        part[:] = to_floats(np.frombuffer(piece, dtype=HALF))
