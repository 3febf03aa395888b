"""Options about what a run's updates and versions are written with."""

from collections.abc import Sequence
from typing import TypeVar

from sparewatt.errors import InputError
from sparewatt.work.manifest import Manifest
from sparewatt_coordinator.create.exchange import CODECS, INNER_STATES, OPTIMISERS, PATCHES, Wishes, exchange_words

Name = TypeVar("Name", bound=str)


def wishes_of(
    codec: str | None,
    kept_up: int | None,
    patch: str | None,
    kept_down: int | None,
    inner_state: str | None,
    keyframe_type: str = "bf16",
    optimiser: str = "adamw",
) -> Wishes:
    """What the organiser asks for.

    Raises:
        InputError: ``run.form`` for a name that is none of the allowed.
    """
    halved = _one_of(("fp32", "bf16"), keyframe_type, "--keyframe-type") == "bf16"
    return Wishes(
        codec=None if codec is None else _one_of(CODECS, codec, "--codec"),
        kept_up=kept_up,
        patch=None if patch is None else _one_of(PATCHES, patch, "--patch"),
        kept_down=kept_down,
        inner_state=None if inner_state is None else _one_of(INNER_STATES, inner_state, "--inner-state"),
        keyframe_type="bf16" if halved else None,
        optimiser=_one_of(OPTIMISERS, optimiser, "--optimiser"),
    )


def exchange_line(manifest: Manifest) -> str:
    """What was chosen."""
    steps = manifest.rounds.tokens_total // manifest.rounds.tokens_target
    said = exchange_words(manifest.codec, manifest.outer.patch, manifest.inner.state, steps)
    return f"{said} Only NVIDIA graphics cards can train it." if manifest.optimiser.eight_bit else said


def _one_of(allowed: Sequence[Name], said: str, option: str) -> Name:
    found = next((each for each in allowed if each == said), None)
    if found is None:
        raise InputError("run.form", option=option, allowed=", ".join(allowed))
    return found
