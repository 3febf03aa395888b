"""The run's side of the simulation: the shipped deciders with everything in memory, in virtual milliseconds."""

from collections import Counter
from functools import cache
from itertools import islice

import msgspec

from benchmarks.scale.costs import merge_seconds
from sparewatt.numeric.merge_plan import UPDATES_MOST
from sparewatt.signing import Signed
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.assignment import Assignment
from sparewatt.work.manifest import Manifest
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator import rounds, schedule
from sparewatt_coordinator.ranges import GAP_PIECES_MOST, Cursor, Gap, Piece, after, rest, shard_order
from sparewatt_coordinator.store.base import LeaseRequest, NoWork
from sparewatt_coordinator.store.decide import AssignmentRow, Entry, Facts, WorkPlan, judge, plan_work

_NOTHING = BlobRef("0" * 64, 0)
_UNSIGNED = Signed("", "", "", "")


class Held(msgspec.Struct):
    """An assignment that a device holds."""

    row: AssignmentRow
    pieces: tuple[Piece, ...]
    tokens: int


class RunSide:
    """Gives out work, takes updates, closes rounds and merges them.

    Args:
        parameters: of the model; what a merge costs follows from them.
    """

    def __init__(self, manifest: Manifest, parameters: int, shard_tokens: tuple[int, ...], seed: int) -> None:
        self.manifest = manifest
        self.versions = [0]
        self.staleness: Counter[int] = Counter()
        self.merged_tokens = self.late_tokens = self.gap_tokens = 0
        self.waits_ms: list[int] = []
        self.merge_ms = 0
        self._parameters = parameters
        self._shard_tokens = shard_tokens
        self._seed = seed
        self._order = cache(lambda number: shard_order(seed.to_bytes(8, "little"), number, len(shard_tokens)))
        self._cursor = Cursor()
        self._gaps: dict[int, Gap] = {}
        self._next_gap = 0
        self._rounds = rounds.Rounds(manifest.rounds, rounds.Gathering(number=1))
        self._began: list[int] = []
        self._closing_since: int | None = None
        self._members = 0
        self._fence = 0
        self._merge_done: int | None = None
        self._trained = self._leased = 0
        self._given = 0

    # Work

    @property
    def version(self) -> VersionId:
        return VersionId(0, len(self.versions) - 1, "0" * 64)

    @property
    def ended(self) -> bool:
        """Whether the plan is fulfilled."""
        return schedule.ended(self.manifest, self._trained, 0)

    @property
    def gap_tokens_left(self) -> int:
        return sum(gap.piece.count for gap in self._gaps.values())

    def lease(self, device: int, speed: int, base: int, given_on_version: int, now: int) -> Held | NoWork:
        """The next work of a device that has applied version `base`."""
        offer = DeviceOffer(device=str(device), kind="cuda", tokens_per_s=speed, memory_bytes=0)
        applied = VersionId(0, base, "0" * 64)
        request = LeaseRequest(str(device), offer, applied, "", self._given, str(self._given), self._seed)
        work = plan_work(
            self._facts(),
            request,
            0,
            given_on_version,
            True,
            tuple(islice(self._gaps.values(), GAP_PIECES_MOST)),
            self._cursor,
            self._shard_tokens,
            self._order,
            now,
        )
        return work if isinstance(work, NoWork) else self._hand_out(request, work, now)

    def _hand_out(self, request: LeaseRequest, work: WorkPlan, now: int) -> Held:
        for gap, taken in work.drawn.gaps:
            left = after(gap.piece, taken)
            if left is None:
                del self._gaps[gap.gap_id]
            else:
                self._gaps[gap.gap_id] = Gap(gap.gap_id, left, gap.origin)
        self._cursor = work.drawn.cursor
        self._given += 1
        self._leased += work.drawn.tokens
        assignment = Assignment(
            assignment_id=request.assignment_id,
            run="",
            contributor=request.contributor,
            device=request.offer.device,
            kind="train",
            base=work.base,
            ranges=(),
            token_budget=work.drawn.tokens,
            inner_steps=work.inner_steps,
            seed=request.seed,
            rate_first_nano=work.rate_first_nano,
            rate_last_nano=work.rate_last_nano,
            fence=1,
            ttl_s=work.lease_seconds,
        )
        number = len(self.versions) - 1
        row = AssignmentRow(assignment, _UNSIGNED, "", request.request, "leased", now + 1000 * assignment.ttl_s, number)
        return Held(row, work.drawn.pieces, work.drawn.tokens)

    def give_back(self, held: Held, done_tokens: int) -> None:
        """What was not trained becomes gaps."""
        self._leased -= held.tokens
        for piece in rest(held.pieces, done_tokens):
            self._gaps[self._next_gap] = Gap(self._next_gap, piece, held.row.assignment.assignment_id)
            self._next_gap += 1
            self.gap_tokens += piece.count

    # Updates and rounds

    def accept(self, held: Held, base: int, inner_steps: int, now: int) -> bool:
        """Enter an update of the first `inner_steps`; whether it is merged."""
        each = schedule.step_tokens(self.manifest)
        update = Update(
            assignment_id=held.row.assignment.assignment_id,
            run="",
            device=held.row.assignment.device,
            fence=1,
            base=VersionId(0, base, "0" * 64),
            payload=_NOTHING,
            tokens=inner_steps * each,
            inner_steps=inner_steps,
            loss_first_micro=0,
            loss_last_micro=0,
            train_milliseconds=0,
            delta_root="",
        )
        held.row = msgspec.structs.replace(held.row, expires_milliseconds=max(held.row.expires_milliseconds, now))
        entry = judge(held.row, held.row.assignment.contributor, update, "", True, False, self._facts(), now)
        assert isinstance(entry, Entry), entry
        self.give_back(held, update.tokens if entry.carries_weight else 0)
        self._trained += update.tokens if entry.carries_weight else 0
        if not entry.carries_weight:
            self.late_tokens += update.tokens
            return False
        self.staleness[entry.staleness] += 1
        self.merged_tokens += update.tokens
        if not self._rounds.gathering.updates:
            self._began.append(now)
        self._tick(rounds.Joined(update.tokens), now)
        return True

    def time_passes(self, live_leases: int, now: int) -> None:
        """Publish a merge that is done, and let rounds close."""
        if self._merge_done is not None and now >= self._merge_done:
            self._merge_done = None
            self.versions.append(now)
            self._tick(rounds.MergePublished(self._fence), now)
        self._tick(rounds.TimePassed(live_leases), now)

    def _tick(self, event: rounds.Event, now: int) -> None:
        self._rounds, effects, _ = rounds.tick(self._rounds, event, now, self._seed)
        if self._rounds.gathering.phase == "closing" and self._closing_since is None:
            self._closing_since = now
        for effect in effects:
            match effect:
                case rounds.FixPlan(round=number):
                    self.waits_ms.append(now - (now if self._closing_since is None else self._closing_since))
                    self._closing_since = None
                    self._members = min(self._rounds.gathering.updates, UPDATES_MOST)
                    self._tick(rounds.PlanFixed(number), now)
                case rounds.LeaseMerge():
                    self._fence += 1
                    lasts = round(1000 * merge_seconds(self._parameters, self._members))
                    self.merge_ms += lasts
                    self._merge_done = now + lasts
                    self._tick(rounds.MergeLeased(self._fence), now)
                case rounds.NoteFailure():
                    # A merge that takes longer than its lease is taken from its aggregator and begun again.
                    self._merge_done = None

    def _facts(self) -> Facts:
        gathering = self._rounds.gathering
        return Facts(
            run="",
            manifest=self.manifest,
            state="open",
            version=self.version,
            trained_tokens=self._trained,
            leased_tokens=self._leased,
            started_milliseconds=0,
            gathering_round=gathering.number,
            gathering_updates=gathering.updates,
            round_milliseconds=schedule.round_milliseconds(1, gathering.number, lambda number: self._began[number - 1]),
        )
