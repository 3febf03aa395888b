"""Runs are named by 64 hex digits; people type the first few."""

from collections.abc import Mapping
from typing import TypeVar

from sparewatt.errors import InputError

Run = TypeVar("Run")


def run_named(text: str, runs: Mapping[str, Run]) -> Run:
    """The one run whose digest begins with `text`.

    Raises:
        InputError: ``run.unknown`` or ``run.ambiguous``.
    """
    wanted = text.strip().lower()
    found = [run for digest, run in runs.items() if wanted and digest.startswith(wanted)]
    if not found:
        raise InputError("run.unknown", name=text[:64])
    if len(found) > 1:
        raise InputError("run.ambiguous", name=text[:64], matches=len(found))
    return found[0]
