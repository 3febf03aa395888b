"""`store.base.Store` over SQLite: every method is one transaction."""

import sqlite3
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from sparewatt.signing import Signed
from sparewatt.work.receipt import Evaluation
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.rounds import Rounds
from sparewatt_coordinator.store.base import (
    RECEIPTS_MOST,
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
from sparewatt_coordinator.store.sqlite import admission, leases, merging, reading, updates
from sparewatt_coordinator.store.sqlite.schema import transaction
from sparewatt_coordinator.store.sqlite.tables import Tables


class SqliteStore:
    """Opened by `sparewatt_coordinator.store.sqlite.open`; see `store.base.Store` for what each method promises."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path: Final = path
        self._connection = connection
        self._tables = Tables(connection)

    def create_run(self, new: NewRun, sign: Sign, now_milliseconds: int) -> None:
        with self._transaction():
            merging.create_run(self._tables, new, sign, now_milliseconds)

    def run(self) -> RunRecord:
        with self._transaction():
            return self._tables.record()

    def rotate_key(self, signed: Signed, sign: Sign, now_milliseconds: int) -> None:
        with self._transaction():
            merging.rotate_key(self._tables, signed, sign, now_milliseconds)

    def create_invite(self, secret_sha256: str, uses: int, expires_at_s: int, trusted: bool) -> None:
        with self._transaction():
            admission.create_invite(self._tables, secret_sha256, uses, expires_at_s, trusted)

    def invites(self) -> tuple[InviteStatus, ...]:
        with self._transaction():
            return admission.invites(self._tables)

    def revoke_invite(self, invite_id: str) -> bool:
        with self._transaction():
            return admission.revoke_invite(self._tables, invite_id)

    def register_contributor(
        self, contributor: str, secret_sha256: str | None, now_milliseconds: int
    ) -> Registered | Refused:
        with self._transaction():
            return admission.register(self._tables, contributor, secret_sha256, now_milliseconds)

    def contributors(self) -> tuple[ContributorStatus, ...]:
        with self._transaction():
            return reading.contributors(self._tables)

    def revoke_contributor(self, contributor: str) -> bool:
        with self._transaction():
            return admission.revoke_contributor(self._tables, contributor)

    def note_seen(self, seen: Mapping[str, int]) -> None:
        with self._transaction():
            admission.note_seen(self._tables, seen)

    def lease_assignment(self, request: LeaseRequest, sign: Sign, now_milliseconds: int) -> Leased | NoWork:
        with self._transaction():
            return leases.lease(self._tables, request, sign, now_milliseconds)

    def renew(self, contributor: str, assignments: tuple[str, ...], now_milliseconds: int) -> Renewed:
        with self._transaction():
            return leases.renew(self._tables, contributor, assignments, now_milliseconds)

    def release(self, contributor: str, assignment_id: str, fence: int) -> bool:
        with self._transaction():
            return leases.release(self._tables, contributor, assignment_id, fence)

    def expire_leases(self, now_milliseconds: int) -> int:
        with self._transaction():
            return leases.expire(self._tables, now_milliseconds)

    def live_leases(self, now_milliseconds: int) -> int:
        with self._transaction():
            return self._tables.number(
                "SELECT count(*) FROM assignments WHERE state = 'leased' AND expires_milliseconds > ?",
                now_milliseconds,
            )

    def consider_update(
        self, contributor: str, update: Update, update_sha256: str, sign: Sign, now_milliseconds: int
    ) -> Wanted | Accepted | Refused:
        with self._transaction():
            return updates.consider(self._tables, contributor, update, update_sha256, sign, now_milliseconds)

    def accept_update(
        self, contributor: str, update: Update, update_sha256: str, sign: Sign, now_milliseconds: int
    ) -> Accepted | Refused:
        with self._transaction():
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
        with self._transaction():
            return updates.refuse(self._tables, contributor, update, update_sha256, reason, sign, now_milliseconds)

    def mark_stored(self, contributor: str, assignment_id: str) -> None:
        with self._transaction():
            updates.mark_stored(self._tables, contributor, assignment_id)

    def receipts(self, contributor: str, after_sequence: int, limit: int) -> tuple[Signed, ...]:
        with self._transaction():
            return updates.receipts(self._tables, contributor, after_sequence, min(limit, RECEIPTS_MOST))

    def rounds(self) -> Rounds:
        with self._transaction():
            return merging.rounds(self._tables)

    def plan_merge(self, round_number: int) -> bool:
        with self._transaction():
            return merging.plan(self._tables, round_number)

    def lease_merge(self, round_number: int) -> MergeTask | None:
        with self._transaction():
            return merging.lease_merge(self._tables, round_number)

    def publish(self, publication: Publication, sign: Sign, now_milliseconds: int) -> Published | Fenced:
        with self._transaction():
            return merging.publish(self._tables, publication, sign, now_milliseconds)

    def fail_merge(
        self, round_number: int, fence: int, stalled: bool, words: str, sign: Sign, now_milliseconds: int
    ) -> None:
        with self._transaction():
            merging.fail(self._tables, round_number, fence, stalled, words, sign, now_milliseconds)

    def resume(self, sign: Sign, now_milliseconds: int) -> None:
        with self._transaction():
            merging.resume(self._tables, sign, now_milliseconds)

    def record_evaluation(self, evaluation: Evaluation, sign: Sign, now_milliseconds: int) -> Signed:
        with self._transaction():
            return merging.record_evaluation(self._tables, evaluation, sign, now_milliseconds)

    def end_run(self, words: str) -> None:
        with self._transaction():
            merging.end_run(self._tables, words)

    def close_run(self, words: str, sign: Sign, now_milliseconds: int) -> Signed:
        with self._transaction():
            return merging.close_run(self._tables, words, sign, now_milliseconds)

    def way(self, have: VersionId | None) -> Way:
        with self._transaction():
            return reading.way(self._tables, have)

    def may_fetch(self, blob: BlobRef) -> bool:
        with self._transaction():
            return reading.may_fetch(self._tables, blob)

    def disposable_blobs(self) -> tuple[BlobRef, ...]:
        with self._transaction():
            return reading.disposable_blobs(self._tables)

    def forget_blobs(self, blobs: tuple[BlobRef, ...]) -> None:
        with self._transaction():
            reading.forget_blobs(self._tables, blobs)

    def status(self) -> RunStatus:
        with self._transaction():
            return reading.status(self._tables)

    def close(self) -> None:
        self._connection.close()

    def _transaction(self) -> AbstractContextManager[None]:
        return transaction(self._connection, self.path)
