"""A checkpoint that a run goes on from: a folder as the Hugging Face hub has them, read without running anything of it.

Only two kinds of file are looked at: ``config.json``, whose every field must be understood, and safetensors. Tensors
must be exactly those of the model, by name and shape.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from sparewatt.errors import InputError
from sparewatt.numeric.weights import FLOAT, Floats, canonicalise
from sparewatt.plain_json import Unreadable, decoded
from sparewatt.work.hub_config import spec_of
from sparewatt.work.model import OUTPUT_NAME, ModelSpec, TensorSpec, parameter_count, tensors

CONFIG_FILE: Final = "config.json"
WEIGHTS_FILE: Final = "model.safetensors"
INDEX_FILE: Final = "model.safetensors.index.json"
CONFIG_BYTES_MOST: Final = 1 << 20
HEADER_BYTES_MOST: Final = 16 << 20
FILES_MOST: Final = 256
NUMBERS_AT_A_TIME: Final = 1 << 20
_LENGTH: Final = struct.Struct("<Q")
# Bytes of one number. bfloat16 is the upper half of fp32, which numpy has no name for.
_WIDTHS: Final = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_DTYPES: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
# What older checkpoints carry beside their weights and every class computes anew.
_BUFFERS: Final = (".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias", ".inv_freq")


@dataclass(frozen=True)
class Checkpoint:
    """Attributes:
    weights: flat fp32, in the order of `work.model.tensors`, in their one spelling.
    end_token: the first one that ends a text, where the configuration names one.
    """

    spec: ModelSpec
    weights: Floats
    end_token: int | None = None


class _Entry(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


@dataclass(frozen=True)
class _Stored:
    """Where a tensor's numbers are."""

    path: Path
    offset: int
    entry: _Entry


def read_checkpoint(folder: Path) -> Checkpoint:
    """The model in `folder`.

    Raises:
        InputError: ``checkpoint.missing`` for a folder or file that is not there or cannot be read,
            ``checkpoint.malformed``, ``checkpoint.architecture``, ``checkpoint.field``, ``checkpoint.tensors``.
        IntegrityError: ``model.heads``, ``model.size``, ``weights.not_finite``.
    """
    config = _json(folder / CONFIG_FILE, CONFIG_BYTES_MOST)
    spec = spec_of(config)
    stored = {name: found for path in _files(folder) for name, found in _listed(path)}
    listed = tensors(spec)
    _check(spec, listed, stored)
    weights = np.empty(parameter_count(spec), dtype=FLOAT)
    first = 0
    for tensor in listed:
        _read(stored[_stored_name(tensor.name, stored)], weights[first : first + tensor.count])
        first += tensor.count
    canonicalise(weights)
    return Checkpoint(spec, weights, _end_token(config))


def _end_token(config: Mapping[str, object]) -> int | None:
    """Its configuration has one number, several, or none."""
    said = config.get("eos_token_id")
    first = said[0] if isinstance(said, list) and said else said
    return first if isinstance(first, int) and not isinstance(first, bool) else None


def _files(folder: Path) -> list[Path]:
    if (folder / WEIGHTS_FILE).exists() or not (folder / INDEX_FILE).exists():
        return [folder / WEIGHTS_FILE]
    index = _json(folder / INDEX_FILE, HEADER_BYTES_MOST).get("weight_map")
    names = set(index.values()) if isinstance(index, dict) else set()
    plain = all(isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name for name in names)
    if not names or not plain or len(names) > FILES_MOST:
        raise InputError("checkpoint.malformed", file=INDEX_FILE, part="weight_map")
    return [folder / name for name in sorted(names)]


def _json(path: Path, bytes_most: int) -> dict[str, object]:
    with _opened(path) as source:
        data = source.read(bytes_most + 1)
    try:
        found = json.loads(data) if len(data) <= bytes_most else None
    except (ValueError, RecursionError) as error:
        raise InputError("checkpoint.malformed", file=path.name, part="json") from error
    if not isinstance(found, dict):
        raise InputError("checkpoint.malformed", file=path.name, part="json")
    return found


def _listed(path: Path) -> Iterator[tuple[str, _Stored]]:
    """Every tensor of a file, its place checked against the file's length."""
    with _opened(path) as source:
        size = source.seek(0, 2)
        source.seek(0)
        (length,) = _LENGTH.unpack(source.read(_LENGTH.size).ljust(_LENGTH.size, b"\xff"))
        if length > min(HEADER_BYTES_MOST, size - _LENGTH.size):
            raise InputError("checkpoint.malformed", file=path.name, part="header")
        begin = _LENGTH.size + length
        try:
            header = decoded(source.read(length), dict[str, msgspec.Raw])
            header.pop("__metadata__", None)
            entries = {name: decoded(raw, _Entry) for name, raw in header.items()}
        except Unreadable as error:
            raise InputError("checkpoint.malformed", file=path.name, part="header") from error
    for name, entry in entries.items():
        first, end = entry.data_offsets
        count = int(np.prod(entry.shape, dtype=object)) if entry.shape else 1
        width = _WIDTHS.get(entry.dtype, 0)
        known = name.endswith(_BUFFERS) or (width and end - first == width * count)
        if not known or not 0 <= first <= end <= size - begin or min(entry.shape, default=0) < 0:
            raise InputError("checkpoint.malformed", file=path.name, part=name[:80])
        yield name, _Stored(path, begin + first, entry)


def _check(spec: ModelSpec, listed: tuple[TensorSpec, ...], stored: Mapping[str, _Stored]) -> None:
    named = {_stored_name(tensor.name, stored) for tensor in listed}
    missing = sorted(named - stored.keys())
    beside = {name for name in stored.keys() - named if not name.endswith(_BUFFERS)}
    if spec.embeddings == "tied":
        beside.discard(OUTPUT_NAME)
    wrong = [tensor.name for tensor in listed if tensor.name not in missing and _shape(tensor, stored) != tensor.shape]
    for kind, names in (("missing", missing), ("unknown", sorted(beside)), ("shape", wrong)):
        if names:
            raise InputError("checkpoint.tensors", kind=kind, name=names[0][:80], count=len(names))


def _shape(tensor: TensorSpec, stored: Mapping[str, _Stored]) -> tuple[int, ...] | None:
    found = stored.get(_stored_name(tensor.name, stored))
    return None if found is None else found.entry.shape


def _stored_name(name: str, stored: Mapping[str, _Stored]) -> str:
    """GPT-2 and others were saved without the name of their inner model before their tensors."""
    shorter = name.partition(".")[2]
    return shorter if name not in stored and shorter in stored else name


def _read(found: _Stored, into: Floats) -> None:
    width = _WIDTHS[found.entry.dtype]
    with _opened(found.path) as source:
        source.seek(found.offset)
        for first in range(0, len(into), NUMBERS_AT_A_TIME):
            part = into[first : first + NUMBERS_AT_A_TIME]
            data = source.read(width * len(part))
            if len(data) != width * len(part):
                raise InputError("checkpoint.malformed", file=found.path.name, part="length")
            part[:] = _floats(np.frombuffer(data, dtype=_DTYPES[found.entry.dtype]), found.entry.dtype)


def _floats(numbers: NDArray[np.generic], dtype: str) -> NDArray[np.float32]:
    if dtype == "BF16":
        return (numbers.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):  # an fp64 number beyond fp32 is found by the check for infinities
        return numbers.astype(np.float32)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError("checkpoint.missing", path=str(path), reason=error.strerror or "") from error
