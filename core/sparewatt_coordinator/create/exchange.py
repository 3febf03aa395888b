"""What a run's updates and versions are written with, chosen by the size of the model and the length of the run. Pure.

Sparse updates need some 200 outer steps until error feedback has brought up what each of them left out, and small
models are no burden to a home's uplink: a model below 50 M parameters or a shorter run goes dense, int8 up and int4
down. Above, 64 of 4,096 coordinates go up, some fifty times less than int8, and 512 come down: with half as many the
loss suffered.
"""

from dataclasses import replace
from typing import Final, Literal

import msgspec

from sparewatt.errors import InputError
from sparewatt.work.manifest import CodecSpec, InnerSpec, OptimiserSpec, OuterSpec, PatchSpec
from sparewatt.work.model import parameter_count
from sparewatt_coordinator.create.profile import OUTER_STEPS_LEAST, Profile, Stepping

DENSE_PARAMETERS_BELOW: Final = 50_000_000
KEPT_UP: Final = 64
KEPT_DOWN: Final = 512
# Of what an update left out, for every version since.
DECAY_MICRO: Final = 950_000

CodecName = Literal["int8", "int4", "fp16", "topk"]
PatchName = Literal["int8", "int4", "topk"]
InnerState = Literal["fresh", "fresh-shared-v", "kept"]
CODECS: Final[tuple[CodecName, ...]] = ("int8", "int4", "fp16", "topk")
PATCHES: Final[tuple[PatchName, ...]] = ("int8", "int4", "topk")
INNER_STATES: Final[tuple[InnerState, ...]] = ("fresh", "fresh-shared-v", "kept")
OptimiserName = Literal["adamw", "adamw-8bit"]
OPTIMISERS: Final[tuple[OptimiserName, ...]] = ("adamw", "adamw-8bit")


class Wishes(msgspec.Struct, frozen=True):
    """What the organiser asks for; None leaves it to the model and the run.

    Attributes:
        kept_up, kept_down: coordinates of each 4,096, for ``topk``.
        inner_state: as `InnerSpec.state`.
        keyframe_type: as `OuterSpec.keyframe_type`.
        optimiser: as `OptimiserSpec.name`.
    """

    codec: CodecName | None = None
    kept_up: int | None = None
    patch: PatchName | None = None
    kept_down: int | None = None
    inner_state: InnerState | None = None
    keyframe_type: Literal["bf16"] | None = None
    optimiser: OptimiserName = "adamw"


class Exchange(msgspec.Struct, frozen=True):
    """Up and down."""

    codec: CodecSpec
    patch: PatchSpec


def exchange_for(parameters: int, outer_steps: int, wishes: Wishes) -> Exchange:
    """The codecs of a run.

    Raises:
        InputError: ``run.kept`` when coordinates are counted for a codec that writes all, or their number is none that
            a codec can have.
    """
    sparse = parameters >= DENSE_PARAMETERS_BELOW and outer_steps >= OUTER_STEPS_LEAST
    up = wishes.codec or ("topk" if sparse or wishes.kept_up is not None else "int8")
    down = wishes.patch or ("topk" if sparse or wishes.kept_down is not None else "int4")
    kept_up = _kept(up, wishes.kept_up, KEPT_UP)
    kept_down = _kept(down, wishes.kept_down, KEPT_DOWN)
    feedback: Literal["none", "decay"] = "decay" if up == "topk" else "none"
    return Exchange(
        codec=CodecSpec(up, feedback, kept=kept_up, decay_micro=DECAY_MICRO if up == "topk" else 0),
        patch=PatchSpec(down, kept=kept_down),
    )


def with_exchange(profile: Profile, wishes: Wishes) -> Profile:
    """`profile` with the codecs that fit it and what was asked for.

    Moments of eight bits cannot be shared, so with them states are fresh unless something else is asked for.

    Sparse updates are made and stepped by in a way of their own, which the profile has.

    Raises:
        InputError: as `exchange_for`; ``optimiser.state`` for moments that could neither be published nor begun with.
    """
    steps = profile.rounds.tokens_total // profile.rounds.tokens_target
    found = exchange_for(parameter_count(profile.model), steps, wishes)
    steps_by = profile.sparse if found.codec.name == "topk" else Stepping(profile.optimiser, profile.outer)
    outer: OuterSpec = msgspec.structs.replace(steps_by.outer, patch=found.patch, keyframe_type=wishes.keyframe_type)
    optimiser: OptimiserSpec = msgspec.structs.replace(steps_by.optimiser, name=wishes.optimiser)
    usual = "fresh" if optimiser.eight_bit else profile.inner.state
    inner: InnerSpec = msgspec.structs.replace(profile.inner, state=wishes.inner_state or usual)
    if optimiser.eight_bit and inner.shares_moments:
        raise InputError("optimiser.state")
    return replace(profile, codec=found.codec, outer=outer, inner=inner, optimiser=optimiser)


def exchange_words(codec: CodecSpec, patch: PatchSpec, state: InnerState, steps: int) -> str:
    """The choice in a line for the organiser, with the outer steps that are planned."""
    up = f"topk {codec.kept} of 4096" if codec.kept else codec.name
    down = f"topk {patch.kept} of 4096" if patch.kept else patch.name
    said = f"Updates go up as {up}, versions come down as {down}; about {steps} outer steps are planned."
    return said if state == "fresh" else f"{said} Assignments begin with the optimiser state {state}."


def _kept(name: str, wished: int | None, usual: int) -> int:
    if name != "topk":
        if wished is not None:
            raise InputError("run.kept", codec=name)
        return 0
    kept = usual if wished is None else wished
    if not 1 <= kept <= 2_048:
        raise InputError("run.kept", codec=name)
    return kept
