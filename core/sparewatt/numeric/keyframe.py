"""Keyframes: a version in full, as a safetensors file that has exactly one spelling for each model.

The header is a function of the model's spec: metadata ``{"format":"pt"}``, then all tensors by name, dtype F32, without
gaps, filled with spaces to a multiple of 8 bytes. The bytes behind it are the flat weights. So a reader need not parse
a stranger's header: it compares. Any safetensors library reads the file.
"""

import json
import struct
from typing import BinaryIO, Final

from sparewatt.errors import IntegrityError
from sparewatt.numeric.weights import Weights, as_bytes, as_floats
from sparewatt.work.model import ModelSpec, parameter_count, tensors

HEADER_BYTES_MOST: Final = 1 << 20
TENSORS_MOST: Final = 4_096
PIECE_BYTES: Final = 1 << 20
_LENGTH: Final = struct.Struct("<Q")


def keyframe_head(spec: ModelSpec) -> bytes:
    """Everything before the weights: the length of the header (u64) and the header.

    Raises:
        IntegrityError: ``keyframe.header`` for a model whose header would exceed 1 MiB or 4,096 tensors.
    """
    listed = tensors(spec)
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    first = 0
    for tensor in listed:
        end = first + 4 * tensor.count
        entries[tensor.name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": (first, end)}
        first = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > HEADER_BYTES_MOST or len(listed) > TENSORS_MOST:
        raise IntegrityError("keyframe.header", size=len(text), tensors=len(listed))
    return _LENGTH.pack(len(text)) + text


def keyframe_bytes(spec: ModelSpec) -> int:
    """Length of a keyframe."""
    return len(keyframe_head(spec)) + 4 * parameter_count(spec)


def write_keyframe(spec: ModelSpec, weights: Weights, sink: BinaryIO) -> None:
    """Write `weights` (flat fp32) as a keyframe.

    Raises:
        IntegrityError: ``weights.size``, ``keyframe.header``.
    """
    view = as_bytes(as_floats(weights, parameter_count(spec)))
    sink.write(keyframe_head(spec))
    sink.writelines(view[first : first + PIECE_BYTES] for first in range(0, len(view), PIECE_BYTES))


def open_keyframe(spec: ModelSpec, source: BinaryIO) -> int:
    """Check all but the numbers of a keyframe; the offset at which its flat weights begin.

    Raises:
        IntegrityError: ``keyframe.malformed`` with part ``header`` or ``length``.
    """
    head = keyframe_head(spec)
    source.seek(0)
    if source.read(len(head)) != head:
        raise IntegrityError("keyframe.malformed", part="header")
    if source.seek(0, 2) != len(head) + 4 * parameter_count(spec):
        raise IntegrityError("keyframe.malformed", part="length")
    return len(head)


def read_keyframe(spec: ModelSpec, source: BinaryIO, into: Weights) -> None:
    """Copy the weights of a keyframe to `into` (flat, writable), 1 MiB at a time. Their hash is the caller's to check.

    Raises:
        IntegrityError: ``keyframe.malformed``, ``weights.size``.
    """
    view = as_bytes(as_floats(into, parameter_count(spec)))
    source.seek(open_keyframe(spec, source))
    for first in range(0, len(view), PIECE_BYTES):
        wanted = view[first : first + PIECE_BYTES]
        piece = source.read(len(wanted))
        if len(piece) != len(wanted):
            raise IntegrityError("keyframe.malformed", part="length")
        wanted[:] = piece
