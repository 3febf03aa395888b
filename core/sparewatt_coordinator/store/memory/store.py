"""`store.base.Store` in memory."""

from collections.abc import Mapping

from sparewatt.signing import Signed
from sparewatt.work.receipt import Evaluation
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.rounds import Rounds
from sparewatt_coordinator.store.base import (
    Accepted,
    ContributorStatus,
    Fenced,
    InviteStatus,
    Leased,
    LeaseRequest,
    MergeTask,
    NewRun,
    NoWork,
    Publication,
    Published,
    Refused,
    Registered,
    Renewed,
    RunRecord,
    RunStatus,
    Sign,
    Wanted,
    Way,
)
from sparewatt_coordinator.store.memory import admission, leases, merging, reading, updates
from sparewatt_coordinator.store.memory.tables import Tables
from sparewatt_coordinator.store.statements import shortest_way


class MemoryStore:
    """See `store.base.Store`; used by one thread."""

    def __init__(self) -> None:
        self._tables = Tables()

    def create_run(self, new: NewRun, sign: Sign, now_milliseconds: int) -> None:
        merging.create_run(self._tables, new, sign, now_milliseconds)

    def run(self) -> RunRecord:
        return reading.record(self._tables)

    def rotate_key(self, signed: Signed, sign: Sign, now_milliseconds: int) -> None:
        merging.rotate_key(self._tables, signed, sign, now_milliseconds)

    def create_invite(self, secret_sha256: str, uses: int, expires_at_s: int, trusted: bool) -> None:
        admission.create_invite(self._tables, secret_sha256, uses, expires_at_s, trusted)

    def invites(self) -> tuple[InviteStatus, ...]:
        return admission.invites(self._tables)

    def revoke_invite(self, invite_id: str) -> bool:
        return admission.revoke_invite(self._tables, invite_id)

    def register_contributor(
        self, contributor: str, secret_sha256: str | None, now_milliseconds: int
    ) -> Registered | Refused:
        return admission.register(self._tables, contributor, secret_sha256, now_milliseconds)

    def contributors(self) -> tuple[ContributorStatus, ...]:
        return reading.contributors(self._tables)

    def revoke_contributor(self, contributor: str) -> bool:
        return admission.revoke_contributor(self._tables, contributor)

    def note_seen(self, seen: Mapping[str, int]) -> None:
        admission.note_seen(self._tables, seen)

    def lease_assignment(self, request: LeaseRequest, sign: Sign, now_milliseconds: int) -> Leased | NoWork:
        return leases.lease(self._tables, request, sign, now_milliseconds)

    def renew(self, contributor: str, assignments: tuple[str, ...], now_milliseconds: int) -> Renewed:
        return leases.renew(self._tables, contributor, assignments, now_milliseconds)

    def release(self, contributor: str, assignment_id: str, fence: int) -> bool:
        return leases.release(self._tables, contributor, assignment_id, fence)

    def expire_leases(self, now_milliseconds: int) -> int:
        return leases.expire(self._tables, now_milliseconds)

    def live_leases(self, now_milliseconds: int) -> int:
        return leases.live(self._tables, now_milliseconds)

    def consider_update(
        self, contributor: str, update: Update, update_sha256: str, sign: Sign, now_milliseconds: int
    ) -> Wanted | Accepted | Refused:
        return updates.consider(self._tables, contributor, update, update_sha256, sign, now_milliseconds)

    def accept_update(
        self, contributor: str, update: Update, update_sha256: str, sign: Sign, now_milliseconds: int
    ) -> Accepted | Refused:
        return updates.accept(self._tables, contributor, update, update_sha256, sign, now_milliseconds)

    def refuse_update(
        self,
        contributor: str,
        update: Update,
        update_sha256: str,
        reason: str,
        sign: Sign,
        now_milliseconds: int,
    ) -> Accepted | Refused:
        return updates.refuse(self._tables, contributor, update, update_sha256, reason, sign, now_milliseconds)

    def mark_stored(self, contributor: str, assignment_id: str) -> None:
        updates.mark_stored(self._tables, contributor, assignment_id)

    def receipts(self, contributor: str, after_sequence: int, limit: int) -> tuple[Signed, ...]:
        return updates.receipts(self._tables, contributor, after_sequence, limit)

    def rounds(self) -> Rounds:
        return merging.rounds(self._tables)

    def plan_merge(self, round_number: int) -> bool:
        return merging.plan(self._tables, round_number)

    def lease_merge(self, round_number: int) -> MergeTask | None:
        return merging.lease_merge(self._tables, round_number)

    def publish(self, publication: Publication, sign: Sign, now_milliseconds: int) -> Published | Fenced:
        return merging.publish(self._tables, publication, sign, now_milliseconds)

    def fail_merge(
        self, round_number: int, fence: int, stalled: bool, words: str, sign: Sign, now_milliseconds: int
    ) -> None:
        merging.fail(self._tables, round_number, fence, stalled, words, sign, now_milliseconds)

    def resume(self, sign: Sign, now_milliseconds: int) -> None:
        merging.resume(self._tables, sign, now_milliseconds)

    def record_evaluation(self, evaluation: Evaluation, sign: Sign, now_milliseconds: int) -> Signed:
        return merging.record_evaluation(self._tables, evaluation, sign, now_milliseconds)

    def end_run(self, words: str) -> None:
        merging.end_run(self._tables, words)

    def close_run(self, words: str, sign: Sign, now_milliseconds: int) -> Signed:
        return merging.close_run(self._tables, words, sign, now_milliseconds)

    def way(self, have: VersionId | None) -> Way:
        return shortest_way(self._tables.kept_versions(), have)

    def may_fetch(self, blob: BlobRef) -> bool:
        return reading.may_fetch(self._tables, blob)

    def disposable_blobs(self) -> tuple[BlobRef, ...]:
        return reading.disposable_blobs(self._tables)

    def forget_blobs(self, blobs: tuple[BlobRef, ...]) -> None:
        reading.forget_blobs(self._tables, blobs)

    def status(self) -> RunStatus:
        return reading.status(self._tables)

    def close(self) -> None:
        """Nothing is held."""
