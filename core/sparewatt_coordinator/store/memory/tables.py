"""What a run has in memory, and the reading of it that several transactions share."""

from collections.abc import Iterable

import msgspec

from sparewatt.errors import UnavailableError
from sparewatt.numeric.merge_plan import MergePlan
from sparewatt.signing import Signed, digest
from sparewatt.work.assignment import Assignment, Range
from sparewatt.work.manifest import Manifest
from sparewatt.work.receipt import ANNOUNCEMENT_KIND, Evaluation, Receipt
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator import schedule
from sparewatt_coordinator.ranges import Cursor, Gap, Piece, shard_order
from sparewatt_coordinator.store.base import NewRun, RunState, Sign
from sparewatt_coordinator.store.decide import AssignmentRow, Entry, Facts, InviteRow
from sparewatt_coordinator.store.statements import RunNumbers, VersionRow, announcement


class Round(msgspec.Struct):
    state: str = "gathering"
    plan: MergePlan | None = None
    plan_digest: str = ""
    fence: int = 0
    failures: int = 0


class Taken(msgspec.Struct):
    """An accepted update."""

    update: Update
    sha256: str
    entry: Entry
    receipt: Receipt
    signed: Signed
    accepted_milliseconds: int
    stored: bool = False


class ContributorRow(msgspec.Struct):
    trusted: bool
    seen_milliseconds: int
    revoked: bool = False


class Tables:
    """One run; used by one thread."""

    def __init__(self) -> None:
        self.new: NewRun | None = None
        self.known_manifest: Manifest | None = None
        self.shard_tokens: tuple[int, ...] = ()
        self.online_keys: list[Signed] = []
        self.state: RunState = "open"
        self.words = ""
        self.latest: Signed | None = None
        self.sequence = 0
        self.cursor = Cursor()
        self.trained = 0
        self.started: int | None = None
        self.invites: dict[str, InviteRow] = {}
        self.contributors: dict[str, ContributorRow] = {}
        self.assignments: dict[str, AssignmentRow] = {}
        self.gaps: dict[int, Gap] = {}
        self.gap_last = 0
        self.rounds: dict[int, Round] = {}
        self.taken: list[Taken] = []
        self.versions: list[VersionRow] = []
        self.outer_states: dict[int, BlobRef] = {}
        self.evaluations: dict[int, Evaluation] = {}
        self.forgotten: set[str] = set()

    def created(self) -> tuple[NewRun, Manifest]:
        if self.new is None or self.known_manifest is None:
            raise UnavailableError("run.missing")
        return self.new, self.known_manifest

    @property
    def manifest(self) -> Manifest:
        return self.created()[1]

    @property
    def announced(self) -> Signed:
        if self.latest is None:
            raise UnavailableError("run.missing")
        return self.latest

    @property
    def newest(self) -> VersionId:
        return self.versions[-1].version

    @property
    def gathering(self) -> int:
        return max(self.rounds)

    @property
    def credited(self) -> int:
        return sum(each.update.tokens for each in self.taken)

    @property
    def leased(self) -> int:
        return sum(row.assignment.token_budget for row in self.assignments.values() if row.state == "leased")

    def merging(self) -> int | None:
        return next((number for number, each in self.rounds.items() if each.state in ("merging", "stalled")), None)

    def gathered(self) -> list[Taken]:
        return [each for each in self.taken if each.entry.merged_in(self.gathering)]

    def facts(self) -> Facts:
        return Facts(
            run=digest(self.manifest),
            manifest=self.manifest,
            state=self.state,
            version=self.newest,
            trained_tokens=self.trained,
            leased_tokens=self.leased,
            started_milliseconds=self.started,
            gathering_round=self.gathering,
            gathering_updates=len(self.gathered()),
            round_milliseconds=schedule.round_milliseconds(
                self.manifest.start.number + 1, self.gathering, self.round_began
            ),
        )

    def round_began(self, number: int) -> int:
        """When the first update of a round was accepted."""
        return min(each.accepted_milliseconds for each in self.taken if each.entry.merged_in(number))

    def revoked(self, contributor: str) -> bool:
        row = self.contributors.get(contributor)
        return row is not None and row.revoked

    def knows(self, version: VersionId | None) -> bool:
        return any(row.version == version for row in self.versions)

    def kept_versions(self) -> list[VersionRow]:
        return [row for row in self.versions if row.patch is not None or row.keyframe is not None]

    def order(self, pass_number: int) -> tuple[int, ...]:
        return shard_order(bytes.fromhex(digest(self.manifest)), pass_number, len(self.shard_tokens))

    def ranges(self, parts: Iterable[Piece]) -> tuple[Range, ...]:
        new, _ = self.created()
        return tuple(
            Range(
                pass_number=piece.pass_number,
                shard=piece.shard,
                blob=new.shards[piece.shard],
                first=piece.first,
                count=piece.count,
            )
            for piece in parts
        )

    def keep(self, row: AssignmentRow) -> None:
        self.assignments[row.assignment.assignment_id] = row

    def end(self, row: AssignmentRow) -> None:
        """A lease is over without an update: its ranges become gaps."""
        self.keep(msgspec.structs.replace(row, state="ended"))
        self.add_gaps(row.assignment.assignment_id, pieces(row.assignment))

    def add_gaps(self, origin: str, parts: Iterable[Piece]) -> None:
        for piece in parts:
            self.gap_last += 1
            self.gaps[self.gap_last] = Gap(self.gap_last, piece, origin)

    def remove_gaps(self, origin: str) -> None:
        self.gaps = {number: gap for number, gap in self.gaps.items() if gap.origin != origin}

    def numbers(self) -> RunNumbers:
        """What the next announcement says of the run."""
        return RunNumbers(
            run=digest(self.manifest),
            sequence=self.sequence + 1,
            evaluations=tuple(self.evaluations[number] for number in sorted(self.evaluations)),
            tokens=self.trained,
            contributors=len({each.receipt.contributor for each in self.taken}),
            state=self.state,
            words=self.words,
        )

    def announce(self, sign: Sign, now: int) -> Signed:
        """Sign an announcement of the newest version with the run's present numbers, and remember it."""
        previous = self.versions[-2].version if len(self.versions) > 1 else None
        return self.remember(self.versions[-1], previous, sign, now)

    def publish(self, row: VersionRow, previous: VersionId | None, sign: Sign, now: int) -> Signed:
        signed = self.remember(row, previous, sign, now)
        self.versions.append(msgspec.structs.replace(row, announcement=signed))
        return signed

    def remember(self, row: VersionRow, previous: VersionId | None, sign: Sign, now: int) -> Signed:
        stated = announcement(self.numbers(), row, previous, now // 1000)
        self.sequence = stated.sequence
        self.latest = sign(ANNOUNCEMENT_KIND, stated)
        return self.latest


def pieces(assignment: Assignment) -> tuple[Piece, ...]:
    return tuple(Piece(each.pass_number, each.shard, each.first, each.count) for each in assignment.ranges)
