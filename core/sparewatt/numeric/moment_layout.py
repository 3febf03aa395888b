"""Where shared second moments stand: how many numbers a model has of them, and how long what holds them is. No numpy.

A matrix has one number for each row and one for each column, any other tensor one for each coordinate. They follow each
other in the order of `work.model.tensors`, rows before columns, as integers of 16 bits.
"""

import struct
from typing import Final

from sparewatt.work.model import ModelSpec, TensorSpec, tensors

HEAD: Final = struct.Struct("<8sHHIQ")
NUMBER_BYTES: Final = 2


def rows_and_columns(tensor: TensorSpec) -> tuple[int, int]:
    """How many numbers it has for rows, 0 where it is no matrix, and for columns."""
    return (tensor.shape[0], tensor.count // tensor.shape[0]) if len(tensor.shape) >= 2 else (0, tensor.count)


def moment_numbers(spec: ModelSpec) -> int:
    """All numbers of a model."""
    return sum(sum(rows_and_columns(tensor)) for tensor in tensors(spec))


def moments_tail_bytes(spec: ModelSpec) -> int:
    """What they take at the end of an update."""
    return NUMBER_BYTES * moment_numbers(spec)


def moments_file_bytes(spec: ModelSpec) -> int:
    """Length of the file that a version is published with."""
    return HEAD.size + moments_tail_bytes(spec)
