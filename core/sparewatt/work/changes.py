"""What is different between two manifests. Pure."""

from collections.abc import Iterator, Mapping
from typing import cast

import msgspec

from sparewatt.work.manifest import Manifest
from sparewatt.work.plain import plain_text


class Change(msgspec.Struct, frozen=True):
    """One field that has another value; an empty text is a field that is not there.

    Attributes:
        field: dotted name, such as ``rounds.tokens_total``.
    """

    field: str
    before: str
    after: str


def manifest_changes(before: Manifest, after: Manifest) -> tuple[Change, ...]:
    """Every field whose value differs, in the order of a manifest; empty for equal manifests."""
    earlier, later = dict(_fields(before)), dict(_fields(after))
    return tuple(
        Change(field, earlier.get(field, ""), later.get(field, ""))
        for field in (*earlier, *(each for each in later if each not in earlier))
        if earlier.get(field) != later.get(field)
    )


def manifest_fields(manifest: Manifest) -> tuple[str, ...]:
    """The dotted names of all fields."""
    return tuple(field for field, _ in _fields(manifest))


def _fields(manifest: Manifest) -> Iterator[tuple[str, str]]:
    return _flat("", cast("Mapping[str, object]", msgspec.to_builtins(manifest)))


def _flat(prefix: str, values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", plain_text(str(value))
