"""What every store of a run promises: whole transactions that return outcomes, never rows to be changed outside.

A method that returns has made its effect durable; one that raises has had none. Every method may be repeated with the
same arguments: the second time it answers as the first. Time is an argument (the coordinator's clock, in milliseconds
since 1970-01-01 UTC), and so is everything random.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from sparewatt.numeric.merge_plan import MergePlan
from sparewatt.signing import Signed
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.assignment import Assignment
from sparewatt.work.manifest import Manifest
from sparewatt.work.receipt import Evaluation
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.rounds import Rounds

# An update of work whose lease ended longer ago is refused.
LATE_MILLISECONDS_MOST: Final = 24 * 3600 * 1000
LEASES_PER_DEVICE_MOST: Final = 4
PATCHES_MOST: Final = 32
EVALUATIONS_ANNOUNCED: Final = 8
RECEIPTS_MOST: Final = 500
CONTRIBUTORS_MOST: Final = 1_000
# An invite is named by the beginning of its secret's hash, which says nothing about the secret.
INVITE_ID_LENGTH: Final = 12

Sign: TypeAlias = Callable[[str, object], Signed]
RunState = Literal["open", "ending", "stalled", "closed"]
AssignmentState = Literal["leased", "ended", "accepted", "refused"]


class NewRun(msgspec.Struct, frozen=True):
    """Attributes:
    manifest, online_key: as the organiser signed them.
    shards: the blobs of the manifest's index, in order.
    """

    manifest: Signed
    online_key: Signed
    shards: tuple[BlobRef, ...]


class RunRecord(msgspec.Struct, frozen=True):
    """The run as it stands.

    Attributes:
        run: digest of the manifest.
        online_keys: every one that the organiser ever stated, oldest first.
        latest: signed newest announcement.
        trained_tokens: consumed for good; with leased tokens and gaps they are all that the walk has passed.
        credited_tokens: accepted in all, with late work that somebody else did again.
        started_milliseconds: when the first assignment was handed out; None before.
    """

    run: str
    manifest_signed: Signed
    manifest: Manifest
    online_keys: tuple[Signed, ...]
    state: RunState
    words: str
    version: VersionId
    latest: Signed
    trained_tokens: int
    credited_tokens: int
    started_milliseconds: int | None


class Registered(msgspec.Struct, frozen=True):
    trusted: bool


class Refused(msgspec.Struct, frozen=True):
    """No. `refusal` is the signed form where an update is refused for good."""

    reason: str
    refusal: Signed | None = None


class LeaseRequest(msgspec.Struct, frozen=True):
    """A device asks for its next assignment.

    Attributes:
        base: the newest version that it has applied.
        session, request: together they name the request; repeated, it has the same answer.
        assignment_id, seed: fresh and random, used when there is work.
    """

    contributor: str
    offer: DeviceOffer
    base: VersionId | None
    session: str
    request: int
    assignment_id: str
    seed: int


class Leased(msgspec.Struct, frozen=True):
    signed: Signed
    assignment: Assignment


class NoWork(msgspec.Struct, frozen=True):
    reason: str
    retry_after_s: int


class Renewed(msgspec.Struct, frozen=True):
    renewed: tuple[str, ...]
    lost: tuple[str, ...]


class Wanted(msgspec.Struct, frozen=True):
    """An offered update would be accepted now: its payload may be sent."""

    payload: BlobRef


class Accepted(msgspec.Struct, frozen=True):
    """The update is in the books.

    Attributes:
        joined_tokens: tokens that joined the gathering round now; None for a repeated answer and for late work.
        needs_more: that round stays open after all that other devices are training, until the update's own device has
            brought what it holds beside.
    """

    receipt: Signed
    joined_tokens: int | None = None
    needs_more: bool = False


class MergeTask(msgspec.Struct, frozen=True):
    """A merge to be done under `fence`; `keyframe` asks for the new version in full, too."""

    plan: MergePlan
    plan_digest: str
    fence: int
    keyframe: bool


class Publication(msgspec.Struct, frozen=True):
    """Durable results of a merge."""

    plan_digest: str
    fence: int
    version: VersionId
    patch: BlobRef
    outer_state: BlobRef
    keyframe: BlobRef | None
    moments: BlobRef | None = None


class Published(msgspec.Struct, frozen=True):
    announcement: Signed
    version: VersionId


class Fenced(msgspec.Struct, frozen=True):
    """Somebody else holds the merge, or it is done; the results are not needed."""


class Way(msgspec.Struct, frozen=True):
    """The cheaper way to the newest version, as signed announcements."""

    keyframe: Signed | None
    patches: tuple[Signed, ...]


class InviteStatus(msgspec.Struct, frozen=True):
    """An invite as its organiser sees it; its secret is known to nobody here."""

    invite_id: str
    uses: int
    uses_left: int
    expires_at_s: int
    trusted: bool
    revoked: bool


class ContributorStatus(msgspec.Struct, frozen=True):
    """`seen_milliseconds` is when it was last known to be connected."""

    contributor: str
    trusted: bool
    updates: int
    tokens: int
    credit_micro: int
    revoked: bool = False
    seen_milliseconds: int = 0


class RunStatus(msgspec.Struct, frozen=True):
    """The run in numbers.

    Attributes:
        tokens_drawn: passed by the walk over the data; equals trained + leased + gaps.
        evaluations: all of them, oldest first.
        outer_state: of the newest version, for export.
        contributors: at most 100, by credit.
    """

    state: RunState
    words: str
    version: VersionId
    versions: int
    outer_state: BlobRef | None
    evaluations: tuple[Evaluation, ...]
    gathering_round: int
    gathering_updates: int
    gathering_tokens: int
    merging_round: int | None
    merge_failures: int
    live_leases: int
    leased_tokens: int
    gap_tokens: int
    trained_tokens: int
    credited_tokens: int
    tokens_drawn: int
    updates_accepted: int
    updates_late: int
    updates_refused: int
    updates_stored: int
    credit_micro: int
    contributors: tuple[ContributorStatus, ...]
    contributors_total: int


class Store(Protocol):
    """One run and everything that happened in it."""

    def create_run(self, new: NewRun, sign: Sign, now_milliseconds: int) -> None:
        """Enter the run with its version 0.

        Raises:
            ConflictError: ``run.exists`` when the store holds another run.
            IntegrityError: a signature, the shards' number or their sizes do not fit the manifest.
        """
        ...

    def run(self) -> RunRecord:
        """Raises UnavailableError ``run.missing`` in an empty store."""
        ...

    def rotate_key(self, signed: Signed, sign: Sign, now_milliseconds: int) -> None:
        """Enter the organiser's word for the next online key, and announce with it.

        Args:
            sign: with the new key.

        Raises:
            IntegrityError: ``signature.*``, or ``key.retired`` when its sequence is not above that of the newest.
        """
        ...

    def create_invite(self, secret_sha256: str, uses: int, expires_at_s: int, trusted: bool) -> None:
        """Enter an invite by the hash of its secret."""
        ...

    def invites(self) -> tuple[InviteStatus, ...]:
        """All of them, oldest first."""
        ...

    def revoke_invite(self, invite_id: str) -> bool:
        """Nobody new comes in by it; whoever came in by it stays. False when there is no such invite."""
        ...

    def register_contributor(
        self, contributor: str, secret_sha256: str | None, now_milliseconds: int
    ) -> Registered | Refused:
        """Let a known key in, or a new one by an invite.

        A trusted invite raises the trust of a known key, for one use; nothing ever lowers it. Refused:
        ``contributor.revoked``, ``invite.needed``, ``invite.unknown``, ``invite.expired``, ``invite.used_up``,
        ``invite.revoked``.
        """
        ...

    def contributors(self) -> tuple[ContributorStatus, ...]:
        """At most 1,000, the last seen first."""
        ...

    def revoke_contributor(self, contributor: str) -> bool:
        """No session, no work and no new update of this key any more; its receipts stand, its leases end. False when
        it is unknown."""
        ...

    def note_seen(self, seen: Mapping[str, int]) -> None:
        """Contributors were connected at these milliseconds."""
        ...

    def lease_assignment(self, request: LeaseRequest, sign: Sign, now_milliseconds: int) -> Leased | NoWork:
        """Hand out the next work.

        A lease of this device from an earlier session that was never renewed while there was time for two heartbeats is
        handed out again: its answer was lost.
        """
        ...

    def renew(self, contributor: str, assignments: tuple[str, ...], now_milliseconds: int) -> Renewed:
        """Extend live leases; an ended one that nobody else has been given is alive again."""
        ...

    def release(self, contributor: str, assignment_id: str, fence: int) -> bool:
        """End a lease; its ranges become gaps. False when there is no such live lease."""
        ...

    def expire_leases(self, now_milliseconds: int) -> int:
        """End every lease that ran out; answers how many did."""
        ...

    def live_leases(self, now_milliseconds: int) -> int: ...

    def consider_update(
        self, contributor: str, update: Update, update_sha256: str, sign: Sign, now_milliseconds: int
    ) -> Wanted | Accepted | Refused:
        """What would become of an update before its payload is here; a decision of the past is repeated."""
        ...

    def accept_update(
        self, contributor: str, update: Update, update_sha256: str, sign: Sign, now_milliseconds: int
    ) -> Accepted | Refused:
        """Enter an update whose payload is durable and valid: update, credit, round, receipt, in one transaction."""
        ...

    def refuse_update(
        self, contributor: str, update: Update, update_sha256: str, reason: str, sign: Sign, now_milliseconds: int
    ) -> Accepted | Refused:
        """Refuse an invalid update for good; an earlier decision about its assignment stands and is repeated."""
        ...

    def mark_stored(self, contributor: str, assignment_id: str) -> None:
        """The contributor holds the receipt."""
        ...

    def receipts(self, contributor: str, after_sequence: int, limit: int) -> tuple[Signed, ...]: ...

    def rounds(self) -> Rounds:
        """Round state rebuilt from what is stored; a merge under way is due again."""
        ...

    def plan_merge(self, round_number: int) -> bool:
        """Fix the plan of the gathering round and open the next one; False when that round is not gathering, has no
        update, or another one is being merged."""
        ...

    def lease_merge(self, round_number: int) -> MergeTask | None:
        """Take a new fence for the planned round; None when it is not being merged."""
        ...

    def publish(self, publication: Publication, sign: Sign, now_milliseconds: int) -> Published | Fenced: ...

    def fail_merge(
        self, round_number: int, fence: int, stalled: bool, words: str, sign: Sign, now_milliseconds: int
    ) -> None:
        """Count a failure of the merge under `fence`; `stalled` announces that the run stands still."""
        ...

    def resume(self, sign: Sign, now_milliseconds: int) -> None:
        """A stalled run goes on."""
        ...

    def record_evaluation(self, evaluation: Evaluation, sign: Sign, now_milliseconds: int) -> Signed:
        """Enter the held-out loss of a version (one each, the one over more tokens) and announce it."""
        ...

    def end_run(self, words: str) -> None:
        """Hand out no more work; `words` are kept for the end. Nothing changes in a run that is stalled or closed."""
        ...

    def close_run(self, words: str, sign: Sign, now_milliseconds: int) -> Signed:
        """No work and no updates any more; answers the announcement."""
        ...

    def way(self, have: VersionId | None) -> Way: ...

    def may_fetch(self, blob: BlobRef) -> bool:
        """Whether a contributor may have this blob: data, keyframes and patches of the run."""
        ...

    def disposable_blobs(self) -> tuple[BlobRef, ...]:
        """At most 1,000 blobs that nobody needs any more: payloads and states of merges long published, and versions
        behind the two newest keyframes."""
        ...

    def forget_blobs(self, blobs: tuple[BlobRef, ...]) -> None:
        """These were deleted."""
        ...

    def status(self) -> RunStatus: ...

    def close(self) -> None: ...
