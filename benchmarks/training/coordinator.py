"""The run's side of an experiment, in memory: the production round machine, staleness weights, merge and patches."""

import hashlib
import io
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.training.arm import Arm
from benchmarks.training.lab import mean_moments
from sparewatt.numeric.blocks import block_range
from sparewatt.numeric.codec import UpdateReader
from sparewatt.numeric.merge import RoundMerge
from sparewatt.numeric.merge_plan import MergePlan, PlannedUpdate, sorted_updates, staleness_weight
from sparewatt.numeric.outer_state import OuterBlock
from sparewatt.numeric.patch import apply_patch, patch_head
from sparewatt.numeric.weights import Floats
from sparewatt.training.optimiser import Factors
from sparewatt.work.manifest import RoundSpec
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator import rounds as r
from sparewatt_coordinator import schedule

_NOWHERE: Final = "0" * 64


@dataclass(frozen=True)
class Sent:
    """An update as it arrives.

    Attributes:
        base: number of the version it was trained from.
        moments: second moments that its device reported, where they are shared.
    """

    payload: bytes
    tokens: int
    base: int
    moments: list[Factors] | None


class State:
    """Weights, remainder and momentum of the newest version; what `RoundMerge` calls an outer state."""

    def __init__(self, weights: Floats, *, momentum: bool) -> None:
        self.weights = weights.copy()
        self.remainder = np.zeros_like(weights)
        self.momentum = np.zeros_like(weights) if momentum else None

    def block(self, index: int) -> OuterBlock:
        part = slice(*block_range(index, len(self.weights)))
        momentum = None if self.momentum is None else self.momentum[part]
        return OuterBlock(self.weights[part], self.remainder[part], momentum)

    def put(self, index: int, block: OuterBlock) -> None:
        part = slice(*block_range(index, len(self.weights)))
        self.weights[part], self.remainder[part] = block.weights, block.remainder
        if self.momentum is not None:
            self.momentum[part] = block.momentum


class Coordinator:
    """Accepts updates and publishes versions; a merge takes no simulated time.

    Attributes:
        version: number of the newest version.
        merged_tokens, late_tokens: of updates in versions, and of those that came too late for any.
        patch_bytes: of all patches.
        staleness_rounds: of all merged updates together, which are `merged_updates`.
    """

    def __init__(self, arm: Arm, start: Floats, rounds: RoundSpec) -> None:
        self._arm = arm
        self._state = State(start, momentum=arm.outer.rule == "nesterov")
        self._rounds = r.Rounds(rounds, r.Gathering(number=1))
        self._gathered: list[Sent] = []
        self._began: list[int] = []
        self.moments: list[Factors] | None = None
        self.version = self.merged_tokens = self.late_tokens = self.patch_bytes = 0
        self.staleness_rounds = self.merged_updates = 0

    @property
    def weights(self) -> Floats:
        """Of the newest version; only read."""
        return self._state.weights

    @property
    def round(self) -> int:
        """Number of the round that an update accepted now joins, and of the version that will hold it."""
        return self._rounds.gathering.number

    @property
    def round_lasts_milliseconds(self) -> int | None:
        """What a round has lately taken, as stores measure it."""
        return schedule.round_milliseconds(1, self.round, lambda number: self._began[number - 1])

    def accept(self, sent: Sent, now_milliseconds: int) -> bool:
        """Take an update; whether a version was published by it."""
        if r.staleness(self.round, sent.base) > self._arm.outer.staleness_most:
            self.late_tokens += sent.tokens
            return False
        if not self._gathered:
            self._began.append(now_milliseconds)
        self._gathered.append(sent)
        return self._tick(r.Joined(sent.tokens), now_milliseconds)

    def look(self, now_milliseconds: int) -> bool:
        """Let time pass, with somebody still at work; whether a version was published by it."""
        return self._tick(r.TimePassed(live_leases=1), now_milliseconds)

    def end(self, now_milliseconds: int) -> bool:
        """Close the round that is open, if it holds anything."""
        return self._tick(r.Ending(), now_milliseconds)

    def _tick(self, event: r.Event, now: int) -> bool:
        self._rounds, effects, _ = r.tick(self._rounds, event, now, seed=0)
        published = False
        for effect in effects:
            match effect:
                case r.FixPlan(round=number):
                    gathered, self._gathered = self._gathered, []
                    self._publish(number, gathered)
                    published = True
                    self._tick(r.PlanFixed(number), now)
                case r.LeaseMerge():
                    self._tick(r.MergeLeased(fence=1), now)
                    self._tick(r.MergePublished(fence=1), now)
                case r.NoteFailure():
                    raise AssertionError("no merge fails here")
        return published

    def _publish(self, number: int, gathered: list[Sent]) -> None:
        merge = RoundMerge(*self._planned(number, gathered), self._state, len(self.weights))
        before = self._state.weights.copy()
        patches: list[bytes] = []
        for index in range(merge.blocks):
            merged = merge.merge_block(index)
            patches.append(merged.patch)
            self._state.put(index, merged.state)
        patch = patch_head(len(before), list(map(len, patches)), self._arm.outer.patch) + b"".join(patches)
        rounded = self._arm.outer.rounds_weights(number)
        apply_patch(io.BytesIO(patch), before, self._arm.outer.patch, rounded=rounded)
        assert before.tobytes() == self._state.weights.tobytes(), "a patch makes exactly the next version"
        self.version = number
        self.patch_bytes += len(patch)
        self.merged_tokens += sum(sent.tokens for sent in gathered)
        self.merged_updates += len(gathered)
        self.staleness_rounds += sum(r.staleness(number, sent.base) for sent in gathered)
        reported = [sent.moments for sent in gathered if sent.moments is not None]
        self.moments = mean_moments(reported) if reported else self.moments

    def _planned(self, number: int, gathered: list[Sent]) -> tuple[MergePlan, list[UpdateReader]]:
        (codec,) = {self._arm.codec_from(sent.base) for sent in gathered}
        largest = max(sent.tokens for sent in gathered)
        listed = {}
        for place, sent in enumerate(gathered):
            weight = staleness_weight(sent.tokens, r.staleness(number, sent.base), largest)
            blob = BlobRef(hashlib.sha256(sent.payload).hexdigest(), len(sent.payload))
            listed[PlannedUpdate(blob, f"{place:032x}", weight).place] = (
                PlannedUpdate(blob, f"{place:032x}", weight),
                sent,
            )
        updates = sorted_updates(tuple(planned for planned, _ in listed.values()))
        payloads = [listed[update.place][1].payload for update in updates]
        readers = [UpdateReader(io.BytesIO(payload), codec, len(self.weights)) for payload in payloads]
        base = VersionId(0, number - 1, _NOWHERE)
        return MergePlan(_NOWHERE, number, base, None, self._arm.outer, codec, updates), readers
