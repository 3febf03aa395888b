"""The outer step: weighted mean of updates in integers, one division, then a patch.

For every coordinate ``num = sum(factor * units)`` and ``den = sum(weight)`` are integers, so neither the order of the
updates nor the number of processes matters. Bounds: 2**10 updates, factors of at most 2**16, units below 2**36, hence
sums below 2**62. Of codecs with levels only leading bits of factor x level count (`numeric.dense_sum`). What follows is
one float64 division and then separate numpy operations, none of which may be fused.

Where updates name only some coordinates, the weights of those that name one are its denominator, but never less than
the manifest's support floor, a share of all weight: a floor of 0 averages over the senders of a coordinate, a floor of
1 over all updates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.errors import IntegrityError
from sparewatt.numeric import bfloat16
from sparewatt.numeric.blocks import block_count, block_size
from sparewatt.numeric.codec import CODECS, UNIT_BITS, UpdateReader
from sparewatt.numeric.dense_sum import DenseSum
from sparewatt.numeric.levels import UNIT
from sparewatt.numeric.merge_plan import MergePlan, sorted_updates
from sparewatt.numeric.outer_state import OuterBlock, OuterState
from sparewatt.numeric.patch import add_change, encode_block
from sparewatt.numeric.sparse_sum import sums_of_senders
from sparewatt.numeric.update_blocks import Dense
from sparewatt.numeric.weights import FLOAT
from sparewatt.work.manifest import OuterSpec

_UNIT: Final = 2.0**-UNIT_BITS


@dataclass(frozen=True)
class MergedBlock:
    """What a merge makes of one block.

    Attributes:
        patch: its bytes in the patch.
        state: the outer state after the step.
    """

    patch: bytes
    state: OuterBlock


class RoundMerge:
    """Carries out a plan, in any order of blocks.

    Args:
        updates: readers of the plan's payloads, in its order.
        state: as of the plan's base.

    Raises:
        IntegrityError: ``merge.plan`` when updates are not sorted, occur twice or are not those of the plan.
    """

    def __init__(self, plan: MergePlan, updates: Sequence[UpdateReader], state: OuterState, coordinates: int) -> None:
        places = {update.place for update in plan.updates}
        if len(updates) != len(places) or plan.updates != sorted_updates(plan.updates):
            raise IntegrityError("merge.plan", updates=len(plan.updates))
        self._plan = plan
        self._updates = updates
        self._state = state
        self._coordinates = coordinates
        self._weight = sum(update.weight for update in plan.updates)
        codec = CODECS[plan.codec.name]
        factors = [update.factor for update in plan.updates]
        self._dense = DenseSum(codec, updates, factors) if isinstance(codec, Dense) else None
        self.blocks: Final = block_count(coordinates)

    def merge_block(self, index: int) -> MergedBlock:
        """Block `index` of the patch and of the next outer state.

        Raises:
            IntegrityError: ``update.malformed`` and its like for a payload that should not have been accepted.
        """
        rounded = self._plan.rule.rounds_weights(self._plan.base.number + 1)
        return outer_step(self._plan.rule, self._state.block(index), self.mean(index), rounded=rounded)

    def mean(self, index: int) -> NDArray[np.float64]:
        """Block `index` of the mean pseudo-gradient; each update's block is read once. Errors as of `merge_block`."""
        if self._plan.codec.name == "topk":
            return self._mean_of_senders(index)
        # A power of two changes no digit of a quotient, so units cost no operation of their own.
        divisor = self._weight * UNIT
        if self._dense is not None:
            return self._dense.quotient(index, divisor)
        total = np.zeros(block_size(index, self._coordinates), dtype=np.int64)
        for update, reader in zip(self._plan.updates, self._updates, strict=True):
            units = reader.block(index)
            total += np.multiply(units, update.factor, out=units)
        merged: NDArray[np.float64] = total / divisor
        return merged

    def _mean_of_senders(self, index: int) -> NDArray[np.float64]:
        total, support = sums_of_senders(self._plan.updates, self._updates, index, self._plan.codec.kept)
        floor = max(1, self._weight * self._plan.rule.support_floor_micro // 1_000_000)
        np.maximum(support, floor, out=support)
        merged: NDArray[np.float64] = np.divide(total, support, out=support)
        merged *= _UNIT
        return merged


def outer_step(
    rule: OuterSpec, before: OuterBlock, merged: NDArray[np.float64], *, rounded: bool = False
) -> MergedBlock:
    """The outer optimiser on one block; `merged` is the mean pseudo-gradient.

    ``sgd`` steps by rate x merged; ``nesterov`` as Sutskever et al. (2013) in the form of PyTorch:
    m' = momentum m + merged, step by rate x (merged + momentum m').

    Args:
        rounded: weights are rounded to bfloat16 after the patch; what that cuts off stays in the remainder.
    """
    momentum: NDArray[np.float32] | None = None
    direction = merged
    if rule.rule == "nesterov":
        assert before.momentum is not None, "the state of a rule with momentum has it"
        keep = rule.momentum_micro / 1e6
        grown = before.momentum.astype(np.float64) * keep
        grown += merged
        momentum = grown.astype(FLOAT)
        direction = momentum.astype(np.float64) * keep
        direction += merged
    wanted = before.remainder.astype(np.float64)
    wanted -= direction * (rule.rate_micro / 1e6)
    patch, change = encode_block(wanted, rule.patch)
    weights = add_change(before.weights, change)
    if rounded:
        weights = bfloat16.rounded(weights)
    target = before.weights.astype(np.float64)
    target += wanted
    target -= weights
    return MergedBlock(patch, OuterBlock(weights, target.astype(FLOAT), momentum))
