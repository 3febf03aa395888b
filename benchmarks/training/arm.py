"""What an experiment compares: one way of training, as a value."""

from typing import Final, Literal

import msgspec

from sparewatt.work.manifest import CodecSpec, OuterSpec, PatchSpec

Begins = Literal["new weights", "trained weights", "adapter"]
InnerState = Literal["fresh", "fresh-shared-v", "kept"]
Way = Literal["contributors", "one worker, large batch", "one worker, small batch"]

DENSE: Final = CodecSpec("int8", "none")
EXACT: Final = CodecSpec("fp16", "none")
MEAN: Final = OuterSpec(rule="sgd", rate_micro=1_000_000, momentum_micro=0, staleness_most=4, keyframe_every=25)
NESTEROV: Final = OuterSpec(
    rule="nesterov", rate_micro=700_000, momentum_micro=900_000, staleness_most=4, keyframe_every=25
)


class Arm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way of training. A finished arm is found again by what differs from the defaults here.

    Attributes:
        begins: with which weights; an ``adapter`` is new, stands on trained weights and is all that is trained.
        way: one worker takes either the batches of all contributors in each inner step, which is what data-parallel
            training does, or a single contributor's batch in each of as many more inner steps; of what is below only
            `decay_micro`, the optimiser's own numbers and the number of `speeds_milli` then count.
        rate_micro: peak learning rate, in 1e-6.
        decay_micro: share of the whole training over whose end the learning rate falls.
        beta1_micro, beta2_micro: how slowly AdamW's moments forget.
        ramp_micro: share of the learning rate that an assignment starts at; it rises linearly to the whole one.
        speeds_milli: of each contributor, in 1e-3 of what trains `inner_steps` in a round.
        wait_micro: how long a contributor waits for the version that holds its own update before it starts again from
            an older one, as a share of an assignment's time.
        stopped_micro: share of assignments that end early, at a random inner step, and leave a smaller update.
        killed_micro: share of assignments of which nothing comes back and whose device loses its residual.
        killed_a_round_micro: chance of each contributor to be killed in the time that all together need for a round's
            target, at any instant alike.
        killed: what that ends: with its computer everything of its assignment is gone and its device begins without a
            residual; of a worker alone the engine keeps every finished inner step and sends them as a smaller update.
        joins_at_round: the last contributor joins at this round.
        target_steps: accepted inner steps after which a round closes; 0: as many as all contributors do in one
            assignment each.
        grace_micro: how much longer a round stays open then, as a share of an assignment's time.
        sized_by: what a contributor's assignment lasts. By ``time``: as long as `inner_steps` take a contributor of
            speed 1, up to four times as many. By ``rounds``: what the program gives a device at the run's pace.
        muon_momentum_micro: above 0 the inner matrices are trained by Muon with this momentum, from a fresh state.
        dense_versions: updates from versions before this one are int8 whatever `codec` says.
    """

    name: str
    begins: Begins = "new weights"
    way: Way = "contributors"
    rate_micro: int = 3_000
    decay_micro: int = 200_000
    beta1_micro: int = 900_000
    beta2_micro: int = 950_000
    ramp_micro: int = 1_000_000
    codec: CodecSpec = DENSE
    outer: OuterSpec = MEAN
    state: InnerState = "fresh"
    inner_steps: int = 15
    speeds_milli: tuple[int, ...] = (1_000, 1_000, 1_000, 1_000)
    wait_micro: int = 500_000
    stopped_micro: int = 0
    killed_micro: int = 0
    killed_a_round_micro: int = 0
    killed: Literal["computer", "worker"] = "computer"
    joins_at_round: int = 0
    target_steps: int = 0
    grace_micro: int = 0
    sized_by: Literal["time", "rounds"] = "time"
    muon_momentum_micro: int = 0
    dense_versions: int = 0

    def codec_from(self, base: int) -> CodecSpec:
        """Of an update that was trained from version `base`."""
        return DENSE if base < self.dense_versions else self.codec


def topk(kept: int) -> CodecSpec:
    """Sparse updates with error feedback."""
    return CodecSpec("topk", "decay", kept=kept, decay_micro=950_000)


def with_patch(outer: OuterSpec, patch: PatchSpec) -> OuterSpec:
    """`outer` with another patch."""
    return msgspec.structs.replace(outer, patch=patch)
