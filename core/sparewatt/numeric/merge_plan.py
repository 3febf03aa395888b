"""Everything that determines a merge. Loads no numpy: gateways and stores write plans, aggregators carry them out."""

from typing import Annotated, Final, Literal

import msgspec

from sparewatt.signing import digest
from sparewatt.work.bounds import Count, Identifier, Sha256
from sparewatt.work.manifest import CodecSpec, OuterSpec
from sparewatt.work.version import BlobRef, VersionId

# With at most 2**10 updates of weights up to 2**16, sums of coordinates below 2**36 stay below 2**62.
UPDATES_MOST: Final = 1_024
WEIGHT_MOST: Final = 1 << 16
# clip is a factor in 2**-16; this one leaves an update as it is.
UNCLIPPED: Final = 1 << 16
# round(65536 exp(-0.3 t)): a table, for exp differs in its last bit between math libraries.
STALENESS_WEIGHTS: Final = (65_536, 48_550, 35_967, 26_645, 19_739)


class PlannedUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One update of a merge.

    Attributes:
        weight: how much it counts, for example from `staleness_weight`.
        clip: factor in 2**-16 that its coordinates are multiplied by, because its norm was too large; 65,536 for none.
    """

    payload: BlobRef
    assignment_id: Identifier
    weight: Annotated[int, msgspec.Meta(ge=1, le=WEIGHT_MOST)]
    clip: Annotated[int, msgspec.Meta(ge=0, le=UNCLIPPED)] = UNCLIPPED

    @property
    def factor(self) -> int:
        """What its coordinates are multiplied by: weight times clip, an integer of at most 2**16."""
        return self.weight * self.clip >> 16

    @property
    def place(self) -> tuple[str, str]:
        """Its place in a plan."""
        return (self.payload.sha256, self.assignment_id)


class MergePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One outer step.

    Attributes:
        round: number of the round, and of the version that comes out.
        base: the version that the outer step starts from.
        outer_state: weights, remainder and momentum as of `base`; absent before the first merge of a run, where the
            manifest's first keyframe stands for them.
        rule, codec: as in the manifest.
        updates: sorted by `place`.
        inner_state: as in the manifest; absent for ``fresh``.
        moments: second moments as of `base`, where they are shared and there are any.
    """

    run: Sha256
    round: Count
    base: VersionId
    outer_state: BlobRef | None
    rule: OuterSpec
    codec: CodecSpec
    updates: Annotated[tuple[PlannedUpdate, ...], msgspec.Meta(min_length=1, max_length=UPDATES_MOST)]
    inner_state: Literal["fresh-shared-v", "kept"] | None = None
    moments: BlobRef | None = None


def plan_digest(plan: MergePlan) -> str:
    """The name of the merge: SHA-256 of the plan's canonical JSON."""
    return digest(plan)


def sorted_updates(updates: tuple[PlannedUpdate, ...]) -> tuple[PlannedUpdate, ...]:
    """`updates` in the order that a plan needs."""
    return tuple(sorted(updates, key=lambda update: update.place))


def staleness_weight(tokens: int, staleness: int, tokens_largest: int) -> int:
    """Integer weight of an update, 1 … 2**16: its tokens' share of the round's largest, less exp(-0.3) for every round
    that its base is behind.

    Args:
        tokens: trained for it, 1 … `tokens_largest`.
        staleness: 0 … 4 rounds.
    """
    share = tokens * WEIGHT_MOST // tokens_largest
    return max(1, share * STALENESS_WEIGHTS[staleness] >> 16)
