"""Runs, contributors and invites are named by hex digits; people type the first few."""

from collections.abc import Mapping
from typing import TypeVar

from sparewatt.errors import InputError

Run = TypeVar("Run")


def run_named(text: str, runs: Mapping[str, Run]) -> Run:
    """The one run whose digest begins with `text`.

    Raises:
        InputError: ``run.unknown`` or ``run.ambiguous``.
    """
    return named(text, runs, unknown="run.unknown", ambiguous="run.ambiguous")


def named(text: str, known: Mapping[str, Run], *, unknown: str, ambiguous: str) -> Run:
    """The one of `known` whose name begins with `text`.

    Args:
        unknown, ambiguous: ids of the InputError where there is none, or more than one.
    """
    wanted = text.strip().lower()
    found = [each for name, each in known.items() if wanted and name.startswith(wanted)]
    if not found:
        raise InputError(unknown, name=text[:64])
    if len(found) > 1:
        raise InputError(ambiguous, name=text[:64], matches=len(found))
    return found[0]
