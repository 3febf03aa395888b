"""What every store of a run promises, checked on each of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sparewatt.errors import ConflictError, IntegrityError, UnavailableError
from sparewatt.numeric.merge_plan import sorted_updates
from sparewatt.signing import Signed, public_key_hex, sign, verify
from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment
from sparewatt.work.manifest import ROTATION_KIND, FrozenBase, OnlineKey
from sparewatt.work.receipt import (
    ANNOUNCEMENT_KIND,
    RECEIPT_KIND,
    REFUSAL_KIND,
    Announcement,
    Evaluation,
    Receipt,
    Refusal,
)
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.base import (
    LATE_MILLISECONDS_MOST,
    LEASES_PER_DEVICE_MOST,
    Accepted,
    Fenced,
    Leased,
    MergeTask,
    NoWork,
    Publication,
    Published,
    Refused,
    Registered,
    Store,
    Wanted,
)
from sparewatt_coordinator.store.memory import MemoryStore
from sparewatt_coordinator.testing.runs import (
    FULL_TOKENS,
    ONLINE_KEY,
    RUN_KEY,
    STEP_TOKENS,
    blob,
    identifier,
    key,
    lease_request,
    manifest,
    new_run,
    online_sign,
    sha256,
    update_for,
    update_sha256,
    with_rounds,
)

MANIFEST = manifest()
ALICE, BOB = public_key_hex(key(10)), public_key_hex(key(11))
ONLINE = public_key_hex(ONLINE_KEY)
NOW = 1_000_000_000
LEASE_MILLISECONDS = 120_000
TWO_HEARTBEATS = 40_000


@pytest.fixture(params=["memory", "sqlite"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store: Store = MemoryStore() if request.param == "memory" else sqlite.open(tmp_path / "run.sqlite3", create=True)
    yield store
    store.close()


@pytest.fixture
def store(empty: Store) -> Store:
    empty.create_run(new_run(MANIFEST), online_sign, NOW)
    empty.create_invite(sha256("secret"), uses=5, expires_at_s=NOW, trusted=True)
    for contributor in (ALICE, BOB):
        assert empty.register_contributor(contributor, sha256("secret"), NOW) == Registered(trusted=True)
    return empty


def announced(signed: Signed) -> Announcement:
    return verify(signed, ANNOUNCEMENT_KIND, ONLINE, Announcement)


def lease(store: Store, number: int = 1, contributor: str = ALICE, now: int = NOW, **offer: Any) -> Assignment:
    outcome = store.lease_assignment(lease_request(contributor, number, **offer), online_sign, now)
    assert isinstance(outcome, Leased)
    assert verify(outcome.signed, ASSIGNMENT_KIND, ONLINE, Assignment) == outcome.assignment
    return outcome.assignment


def accept(
    store: Store, assignment: Assignment, steps: int | None = None, now: int = NOW, base: VersionId | None = None
) -> tuple[Accepted, Receipt]:
    update = update_for(assignment, steps, base)
    outcome = store.accept_update(assignment.contributor, update, update_sha256(update), online_sign, now)
    assert isinstance(outcome, Accepted)
    return outcome, verify(outcome.receipt, RECEIPT_KIND, ONLINE, Receipt)


def merge(store: Store, round_number: int, now: int = NOW) -> Published:
    assert store.plan_merge(round_number)
    task = store.lease_merge(round_number)
    assert task is not None
    outcome = store.publish(results(task), online_sign, now)
    assert isinstance(outcome, Published)
    return outcome


def results(task: MergeTask) -> Publication:
    number = task.plan.base.number + 1
    return Publication(
        plan_digest=task.plan_digest,
        fence=task.fence,
        version=VersionId(branch=0, number=number, sha256=sha256(f"version {number}")),
        patch=blob(f"patch {number}", 50),
        outer_state=blob(f"state {number}"),
        keyframe=blob(f"keyframe {number}", 100) if task.keyframe else None,
    )


def conserved(store: Store) -> bool:
    status = store.status()
    return status.trained_tokens + status.leased_tokens + status.gap_tokens == status.tokens_drawn


class TestCreation:
    def test_an_empty_store_has_no_run(self, empty: Store) -> None:
        with pytest.raises(UnavailableError, match=r"run\.missing"):
            empty.run()

    def test_a_new_run_starts_with_its_announced_version_0(self, store: Store) -> None:
        record = store.run()
        first = announced(record.latest)
        assert (first.sequence, first.version, first.keyframe) == (1, MANIFEST.start, MANIFEST.start_keyframe)
        assert (first.patch, first.state, first.run) == (None, "open", record.run)

    def test_entering_the_same_run_again_changes_nothing(self, store: Store) -> None:
        before = store.status()
        store.create_run(new_run(MANIFEST), online_sign, NOW + 5)
        assert store.status() == before

    def test_a_store_holds_one_run(self, store: Store) -> None:
        with pytest.raises(ConflictError, match=r"run\.exists"):
            store.create_run(new_run(with_rounds(MANIFEST, tokens_target=1)), online_sign, NOW)

    def test_shards_must_be_those_of_the_manifest(self, empty: Store) -> None:
        with pytest.raises(IntegrityError, match=r"run\.tokens"):
            empty.create_run(new_run(MANIFEST, (1024, 512, 528)), online_sign, NOW)


class TestContributors:
    def test_an_unknown_key_needs_an_invite(self, store: Store) -> None:
        stranger = public_key_hex(key(12))
        assert store.register_contributor(stranger, None, NOW) == Refused("invite.needed")
        assert store.register_contributor(stranger, sha256("guess"), NOW) == Refused("invite.unknown")

    def test_an_invite_is_used_up(self, store: Store) -> None:
        store.create_invite(sha256("one"), uses=1, expires_at_s=NOW, trusted=False)
        first, second = (public_key_hex(key(number)) for number in (20, 21))
        assert store.register_contributor(first, sha256("one"), NOW) == Registered(trusted=False)
        assert store.register_contributor(first, sha256("one"), NOW) == Registered(trusted=False)
        assert store.register_contributor(second, sha256("one"), NOW) == Refused("invite.used_up")

    def test_an_invite_expires_by_the_coordinators_clock(self, store: Store) -> None:
        store.create_invite(sha256("old"), uses=1, expires_at_s=NOW // 1000, trusted=True)
        assert store.register_contributor(public_key_hex(key(20)), sha256("old"), NOW) == Refused("invite.expired")

    def test_a_trusted_invite_raises_trust_and_nothing_lowers_it(self, store: Store) -> None:
        store.create_invite(sha256("plain"), uses=9, expires_at_s=NOW, trusted=False)
        someone = public_key_hex(key(20))
        assert store.register_contributor(someone, sha256("plain"), NOW) == Registered(trusted=False)
        assert store.register_contributor(someone, sha256("secret"), NOW) == Registered(trusted=True)
        assert store.register_contributor(someone, sha256("plain"), NOW) == Registered(trusted=True)
        assert store.register_contributor(someone, None, NOW) == Registered(trusted=True)


class TestLeases:
    def test_work_is_a_full_assignment_from_the_newest_version(self, store: Store) -> None:
        work = lease(store)
        assert (work.token_budget, work.inner_steps, work.base) == (FULL_TOKENS, 8, MANIFEST.start)
        assert sum(each.count for each in work.ranges) == FULL_TOKENS
        assert (work.fence, work.contributor, work.ttl_s) == (1, ALICE, LEASE_MILLISECONDS // 1000)
        assert conserved(store)

    def test_a_repeated_request_has_the_same_answer(self, store: Store) -> None:
        assert lease(store, 1) == lease(store, 1)
        assert store.status().live_leases == 1

    def test_work_whose_answer_was_lost_with_its_session_is_handed_out_again(self, store: Store) -> None:
        work = lease(store, 1, session="first")
        assert lease(store, 2, now=NOW + TWO_HEARTBEATS, session="second") == work

    def test_work_that_showed_or_may_yet_show_a_sign_of_life_is_not(self, store: Store) -> None:
        work = lease(store, 1, session="first")
        assert lease(store, 2, now=NOW + TWO_HEARTBEATS - 1, session="second") != work
        store.renew(ALICE, (work.assignment_id,), NOW)
        assert lease(store, 3, now=NOW + TWO_HEARTBEATS - 1, session="second") != work

    def test_a_device_holds_a_bounded_number_of_leases(self, store: Store) -> None:
        for number in range(LEASES_PER_DEVICE_MOST):
            lease(store, number)
        outcome = store.lease_assignment(lease_request(ALICE, 99), online_sign, NOW)
        assert isinstance(outcome, NoWork)
        assert outcome.reason == "device.leases_held"
        lease(store, 100, device="another")

    def test_a_device_does_not_pile_up_work_on_one_version(self, store: Store) -> None:
        for number in range(8):
            accept(store, lease(store, number))
        outcome = store.lease_assignment(lease_request(ALICE, 99), online_sign, NOW)
        assert isinstance(outcome, NoWork)
        assert outcome.reason == "run.next_version_awaited"
        merge(store, 1)
        lease(store, 100)

    def test_a_slow_device_gets_what_fits_the_rounds_of_others_and_nothing_once_it_would_come_too_late(
        self, store: Store
    ) -> None:
        for number in (1, 2, 3):
            accept(store, lease(store, number), now=NOW + 2_000 * number)
            merge(store, number)
        # Rounds last 2 s and an update may be one round old.
        request = lease_request(ALICE, 10)
        slow = msgspec.structs.replace(request, offer=msgspec.structs.replace(request.offer, tokens_per_s=STEP_TOKENS))
        found = store.lease_assignment(slow, online_sign, NOW)
        assert isinstance(found, Leased)
        assert found.assignment.inner_steps == 3
        slower = msgspec.structs.replace(
            request, request=11, offer=msgspec.structs.replace(request.offer, tokens_per_s=STEP_TOKENS // 4)
        )
        alone = msgspec.structs.replace(slower, assignment_id=identifier("assignment 11"))
        assert isinstance(store.lease_assignment(alone, online_sign, NOW), Leased), "nobody else keeps rounds going"
        lease(store, 12, BOB)
        another = msgspec.structs.replace(slower, request=13, assignment_id=identifier("assignment 13"))
        outcome = store.lease_assignment(another, online_sign, NOW)
        assert outcome == NoWork("run.device_too_slow", 60)

    def test_a_lease_ends_with_its_time_and_its_ranges_are_handed_out_first(self, store: Store) -> None:
        work = lease(store, 1)
        assert store.expire_leases(NOW + LEASE_MILLISECONDS - 1) == 0
        assert store.expire_leases(NOW + LEASE_MILLISECONDS) == 1
        assert (store.status().gap_tokens, store.live_leases(NOW)) == (FULL_TOKENS, 0)
        assert lease(store, 2, BOB, NOW + LEASE_MILLISECONDS).ranges == work.ranges
        assert conserved(store)

    def test_a_renewed_lease_lives_on(self, store: Store) -> None:
        work = lease(store)
        later = NOW + LEASE_MILLISECONDS - 1
        assert store.renew(ALICE, (work.assignment_id,), later).renewed == (work.assignment_id,)
        assert store.expire_leases(NOW + LEASE_MILLISECONDS) == 0

    def test_once_rounds_are_known_to_be_short_so_are_leases_of_short_work(self, store: Store) -> None:
        for number in (1, 2, 3):
            accept(store, lease(store, number), now=NOW + 2_000 * number)
            merge(store, number)
        request = lease_request(ALICE, 10)
        quick = msgspec.structs.replace(request.offer, tokens_per_s=FULL_TOKENS)
        found = store.lease_assignment(msgspec.structs.replace(request, offer=quick), online_sign, NOW)
        assert isinstance(found, Leased)
        work = found.assignment
        assert work.ttl_s == TWO_HEARTBEATS // 1000
        assert store.expire_leases(NOW + TWO_HEARTBEATS - 1) == 0
        store.renew(ALICE, (work.assignment_id,), NOW + TWO_HEARTBEATS - 1)
        assert store.expire_leases(NOW + 2 * TWO_HEARTBEATS - 2) == 0
        assert store.expire_leases(NOW + 2 * TWO_HEARTBEATS - 1) == 1
        assert lease(store, 11, BOB, NOW + 2 * TWO_HEARTBEATS).ranges == work.ranges

    def test_renewing_revives_work_that_nobody_else_was_given(self, store: Store) -> None:
        work = lease(store)
        store.expire_leases(NOW + LEASE_MILLISECONDS)
        assert store.renew(ALICE, (work.assignment_id,), NOW + LEASE_MILLISECONDS).renewed == (work.assignment_id,)
        assert store.status().gap_tokens == 0
        assert conserved(store)

    def test_somebody_elses_work_is_lost(self, store: Store) -> None:
        work = lease(store)
        store.expire_leases(NOW + LEASE_MILLISECONDS)
        lease(store, 2, BOB, NOW + LEASE_MILLISECONDS)
        ids = (work.assignment_id, identifier("never"))
        assert store.renew(ALICE, ids, NOW + LEASE_MILLISECONDS).lost == ids

    def test_only_its_holder_releases_a_lease(self, store: Store) -> None:
        work = lease(store)
        assert not store.release(BOB, work.assignment_id, 1)
        assert not store.release(ALICE, work.assignment_id, 2)
        assert store.release(ALICE, work.assignment_id, 1)
        assert not store.release(ALICE, work.assignment_id, 1)
        assert store.status().gap_tokens == FULL_TOKENS

    def test_the_device_starts_from_what_it_has_while_that_is_fresh_enough(self, store: Store) -> None:
        accept(store, lease(store, 1))
        merge(store, 1)
        behind = store.lease_assignment(lease_request(ALICE, 2, base=MANIFEST.start), online_sign, NOW)
        assert isinstance(behind, Leased)
        assert behind.assignment.base == MANIFEST.start
        accept(store, behind.assignment)
        merge(store, 2)
        too_old = store.lease_assignment(lease_request(ALICE, 3, base=MANIFEST.start), online_sign, NOW)
        assert isinstance(too_old, Leased)
        assert too_old.assignment.base.number == 2

    def test_no_more_is_handed_out_than_the_run_wants(self, empty: Store) -> None:
        of = with_rounds(MANIFEST, tokens_total=FULL_TOKENS + STEP_TOKENS)
        empty.create_run(new_run(of), online_sign, NOW)
        empty.create_invite(sha256("secret"), uses=5, expires_at_s=NOW, trusted=True)
        empty.register_contributor(ALICE, sha256("secret"), NOW)
        lease(empty, 1)
        assert lease(empty, 2).token_budget == STEP_TOKENS
        outcome = empty.lease_assignment(lease_request(ALICE, 3), online_sign, NOW)
        assert isinstance(outcome, NoWork)
        assert outcome.reason == "run.all_handed_out"

    def test_a_run_that_ends_hands_out_nothing(self, store: Store) -> None:
        store.end_run("")
        outcome = store.lease_assignment(lease_request(ALICE, 1), online_sign, NOW)
        assert isinstance(outcome, NoWork)
        assert outcome.reason == "run.ending"


class TestWhoMayCome:
    def test_invites_are_listed_by_a_name_that_tells_nothing_of_the_secret(self, store: Store) -> None:
        store.create_invite(sha256("other"), uses=1, expires_at_s=5, trusted=False)
        first, second = store.invites()
        assert (first.uses, first.uses_left, first.trusted, first.revoked) == (5, 3, True, False)
        assert (second.invite_id, second.uses, second.expires_at_s) == (sha256("other")[:12], 1, 5)

    def test_a_revoked_invite_lets_nobody_in_and_puts_nobody_out(self, store: Store) -> None:
        (invite,) = store.invites()
        assert store.revoke_invite(invite.invite_id)
        assert not store.revoke_invite("0" * 12)
        assert store.register_contributor("c" * 64, sha256("secret"), NOW) == Refused("invite.revoked")
        assert store.register_contributor(ALICE, sha256("secret"), NOW) == Registered(trusted=True)
        assert store.invites()[0].revoked

    def test_a_revoked_contributor_gets_and_brings_nothing_and_keeps_its_receipts(self, store: Store) -> None:
        done, open_work = lease(store, 1), lease(store, 2)
        _, receipt = accept(store, done)
        assert store.revoke_contributor(ALICE)
        assert not store.revoke_contributor("c" * 64)
        assert store.register_contributor(ALICE, sha256("secret"), NOW) == Refused("contributor.revoked")
        outcome = store.lease_assignment(lease_request(ALICE, 3), online_sign, NOW)
        assert isinstance(outcome, NoWork)
        assert outcome.reason == "contributor.revoked"
        assert store.renew(ALICE, (open_work.assignment_id,), NOW).lost == (open_work.assignment_id,)
        update = update_for(open_work)
        refused = store.accept_update(ALICE, update, update_sha256(update), online_sign, NOW)
        assert isinstance(refused, Refused)
        assert verify(refused.refusal, REFUSAL_KIND, ONLINE, Refusal).reason == "contributor.revoked"  # type: ignore[arg-type]
        assert [verify(each, RECEIPT_KIND, ONLINE, Receipt) for each in store.receipts(ALICE, 0, 10)] == [receipt]
        assert lease(store, 4, BOB).ranges == open_work.ranges
        assert conserved(store)

    def test_contributors_are_listed_as_they_were_last_seen(self, store: Store) -> None:
        store.note_seen({ALICE: NOW + 5, "c" * 64: NOW})
        assert [each.contributor for each in store.contributors()] == [ALICE, BOB]
        store.note_seen({ALICE: NOW, BOB: NOW + 6})
        first, second = store.contributors()
        assert (first.contributor, second.seen_milliseconds, second.revoked) == (BOB, NOW + 5, False)


class TestKeys:
    def test_every_key_is_kept_and_the_newest_speaks(self, store: Store) -> None:
        new_key = key(77)

        def new_sign(kind: str, value: object) -> Signed:
            return sign(kind, value, new_key)

        stated = OnlineKey(run=store.run().run, sequence=1, key=public_key_hex(new_key), not_before_s=0)
        rotation = sign(ROTATION_KIND, stated, RUN_KEY)
        before = store.run().latest
        for _ in range(2):
            store.rotate_key(rotation, new_sign, NOW)
        record = store.run()
        assert record.online_keys[1:] == (rotation,)
        said = verify(record.latest, ANNOUNCEMENT_KIND, public_key_hex(new_key), Announcement)
        assert said.sequence == announced(before).sequence + 1

    def test_a_key_that_the_organiser_did_not_state_or_that_is_old_is_refused(self, store: Store) -> None:
        stated = OnlineKey(run=store.run().run, sequence=1, key=ALICE, not_before_s=0)
        for wrong in (
            sign(ROTATION_KIND, stated, key(78)),
            sign(ROTATION_KIND, msgspec.structs.replace(stated, run="0" * 64), RUN_KEY),
            sign(ROTATION_KIND, msgspec.structs.replace(stated, sequence=0), RUN_KEY),
        ):
            with pytest.raises(IntegrityError):
                store.rotate_key(wrong, online_sign, NOW)
        assert len(store.run().online_keys) == 1


class TestUpdates:
    @pytest.mark.parametrize("others", [0, 1])
    def test_a_device_hears_whether_the_round_needs_more_of_it(self, empty: Store, others: int) -> None:
        empty.create_run(new_run(with_rounds(MANIFEST, tokens_target=2 * FULL_TOKENS)), online_sign, NOW)
        empty.create_invite(sha256("secret"), uses=5, expires_at_s=NOW, trusted=True)
        for contributor in (ALICE, BOB):
            empty.register_contributor(contributor, sha256("secret"), NOW)
        first, second = lease(empty, 1), lease(empty, 2)
        for number in range(others):
            lease(empty, 3 + number, BOB)
        assert accept(empty, first)[0].needs_more == (others == 0)
        assert not accept(empty, second)[0].needs_more, "the round is full"

    def test_accepting_pays_credit_once_and_joins_the_round(self, store: Store) -> None:
        work = lease(store)
        outcome, receipt = accept(store, work)
        assert outcome.joined_tokens == FULL_TOKENS
        assert (receipt.sequence, receipt.round, receipt.merged, receipt.state) == (1, 1, "yes", "verified")
        assert (receipt.tokens, receipt.contributor, receipt.device) == (FULL_TOKENS, ALICE, work.device)
        status = store.status()
        assert (status.updates_accepted, status.gathering_tokens) == (1, FULL_TOKENS)
        assert status.credit_micro == receipt.credit_micro
        assert conserved(store)

    def test_a_lost_answer_is_repeated_and_pays_nothing_again(self, store: Store) -> None:
        work = lease(store)
        first, _ = accept(store, work)
        again, _ = accept(store, work, now=NOW + LATE_MILLISECONDS_MOST * 2)
        update = update_for(work)
        offered = store.consider_update(ALICE, update, update_sha256(update), online_sign, NOW)
        assert again == Accepted(first.receipt, joined_tokens=None) == offered
        assert store.status().updates_accepted == 1

    def test_an_offered_update_is_wanted_before_its_payload_is_here(self, store: Store) -> None:
        update = update_for(lease(store))
        outcome = store.consider_update(ALICE, update, update_sha256(update), online_sign, NOW)
        assert outcome == Wanted(update.payload)
        assert store.status().updates_accepted == 0

    def test_a_partial_update_leaves_a_gap(self, store: Store) -> None:
        work = lease(store)
        _, receipt = accept(store, work, steps=3)
        assert receipt.tokens == 3 * STEP_TOKENS
        assert store.status().gap_tokens == 5 * STEP_TOKENS
        assert conserved(store)

    def test_a_second_different_update_of_an_accepted_assignment_is_refused(self, store: Store) -> None:
        work = lease(store)
        accept(store, work)
        other = update_for(work, steps=2)
        outcome = store.accept_update(ALICE, other, update_sha256(other), online_sign, NOW)
        assert isinstance(outcome, Refused)
        assert outcome.reason == "update.assignment_done"
        assert accept(store, work)[0].joined_tokens is None

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"device": identifier("other")}, "update.device"),
            ({"fence": 2}, "update.fence"),
            ({"run": sha256("other")}, "update.run"),
            ({"base": VersionId(branch=0, number=0, sha256=sha256("other"))}, "update.base"),
            ({"inner_steps": 9, "tokens": 9 * STEP_TOKENS}, "update.inner_steps"),
            ({"tokens": FULL_TOKENS - 1}, "update.tokens"),
            ({"payload": blob("large", 1_000_001)}, "update.payload_size"),
        ],
    )
    def test_a_wrong_field_is_refused_for_good_and_the_work_goes_to_others(
        self, store: Store, changes: dict[str, object], reason: str
    ) -> None:
        work = lease(store)
        update = msgspec.structs.replace(update_for(work), **changes)
        digest = update_sha256(update)
        outcome = store.accept_update(ALICE, update, digest, online_sign, NOW)
        assert isinstance(outcome, Refused)
        assert outcome.refusal is not None
        assert verify(outcome.refusal, REFUSAL_KIND, ONLINE, Refusal).reason == reason
        again = store.consider_update(ALICE, update, digest, online_sign, NOW + 5)
        assert isinstance(again, Refused)
        assert again.refusal == outcome.refusal
        assert lease(store, 2, BOB).ranges == work.ranges
        assert conserved(store)

    def test_somebody_elses_assignment_is_unknown(self, store: Store) -> None:
        work = lease(store)
        update = update_for(work)
        outcome = store.accept_update(BOB, update, update_sha256(update), online_sign, NOW)
        assert isinstance(outcome, Refused)
        assert outcome.reason == "update.unknown_assignment"
        accept(store, work)

    def test_an_invalid_payload_is_refused_for_good(self, store: Store) -> None:
        update = update_for(lease(store))
        arguments = (ALICE, update, update_sha256(update))
        outcome = store.refuse_update(*arguments, "update.not_finite", online_sign, NOW)
        again = store.accept_update(*arguments, online_sign, NOW)
        assert isinstance(outcome, Refused)
        assert isinstance(again, Refused)
        assert outcome.refusal == again.refusal
        assert store.status().updates_refused == 1

    def test_an_accepted_update_is_not_refused_afterwards(self, store: Store) -> None:
        work = lease(store)
        first, _ = accept(store, work)
        update = update_for(work)
        outcome = store.refuse_update(ALICE, update, update_sha256(update), "update.x", online_sign, NOW)
        assert outcome == Accepted(first.receipt)

    def test_late_work_that_nobody_else_was_given_counts_in_full(self, store: Store) -> None:
        work = lease(store)
        store.expire_leases(NOW + LEASE_MILLISECONDS)
        _, receipt = accept(store, work, now=NOW + LEASE_MILLISECONDS)
        assert receipt.merged == "yes"
        assert store.status().gap_tokens == 0
        assert conserved(store)

    def test_late_work_that_somebody_else_does_again_is_credited_only(self, store: Store) -> None:
        work = lease(store)
        store.expire_leases(NOW + LEASE_MILLISECONDS)
        other = lease(store, 2, BOB, NOW + LEASE_MILLISECONDS)
        outcome, receipt = accept(store, work, now=NOW + LEASE_MILLISECONDS)
        assert (outcome.joined_tokens, receipt.merged) == (None, "late")
        assert receipt.credit_micro == accept(store, other, now=NOW + LEASE_MILLISECONDS)[1].credit_micro
        status = store.status()
        assert (status.trained_tokens, status.credited_tokens) == (FULL_TOKENS, 2 * FULL_TOKENS)
        assert conserved(store)

    def test_work_that_is_a_day_late_is_refused(self, store: Store) -> None:
        work = lease(store)
        update = update_for(work)
        late = NOW + LEASE_MILLISECONDS + LATE_MILLISECONDS_MOST + 1
        outcome = store.accept_update(ALICE, update, update_sha256(update), online_sign, late)
        assert isinstance(outcome, Refused)
        assert outcome.reason == "update.too_late"

    def test_an_update_from_too_old_a_version_is_credited_only(self, store: Store) -> None:
        old = lease(store, 1)
        for number in (1, 2):
            accept(store, lease(store, 10 + number))
            merge(store, number)
        assert accept(store, old)[1].merged == "late"
        status = store.status()
        store.close_run("Enough.", online_sign, NOW)
        assert announced(store.run().latest).tokens == 2 * FULL_TOKENS, "what a run has done is never counted twice"
        assert (status.trained_tokens, status.gap_tokens) == (2 * FULL_TOKENS, FULL_TOKENS), "others train it again"
        assert status.credited_tokens == 3 * FULL_TOKENS
        assert conserved(store)

    def test_receipts_are_listed_in_order_and_stored_marks_are_kept(self, store: Store) -> None:
        first = accept(store, lease(store, 1))[0].receipt
        accept(store, lease(store, 2, BOB))
        third = accept(store, lease(store, 3))[0].receipt
        assert store.receipts(ALICE, 0, 10) == (first, third)
        assert store.receipts(ALICE, 1, 10) == (third,)
        assert store.receipts(ALICE, 0, 1) == (first,)
        store.mark_stored(ALICE, identifier("assignment 1"))
        store.mark_stored(ALICE, identifier("assignment 2"))
        assert store.status().updates_stored == 1


class TestRounds:
    def test_an_empty_round_has_no_plan(self, store: Store) -> None:
        assert not store.plan_merge(1)

    def test_the_plan_is_fixed_once_and_the_next_round_gathers_at_once(self, store: Store) -> None:
        accept(store, lease(store, 1))
        assert store.plan_merge(1)
        assert not store.plan_merge(1)
        assert accept(store, lease(store, 2))[1].round == 2
        state = store.rounds()
        assert (state.gathering.number, state.gathering.tokens) == (2, FULL_TOKENS)
        assert state.merge is not None
        assert (state.merge.round, state.merge.phase) == (1, "due")

    def test_one_round_is_merged_at_a_time(self, store: Store) -> None:
        accept(store, lease(store, 1))
        accept_second = lease(store, 2)
        assert store.plan_merge(1)
        accept(store, accept_second)
        assert not store.plan_merge(2)

    def test_a_plan_names_everything_that_determines_the_merge(self, store: Store) -> None:
        for number in (1, 2, 3):
            accept(store, lease(store, number), steps=number)
        store.plan_merge(1)
        task = store.lease_merge(1)
        again = store.lease_merge(1)
        assert task is not None
        assert again is not None
        assert (task.fence, again.fence) == (1, 2)
        assert (task.plan, task.plan_digest) == (again.plan, again.plan_digest)
        assert (task.plan.base, task.plan.outer_state) == (MANIFEST.start, None)
        assert (task.plan.rule, task.plan.codec) == (MANIFEST.outer, MANIFEST.codec)
        assert task.plan.updates == sorted_updates(task.plan.updates)
        assert sorted(each.weight for each in task.plan.updates) == [65536 // 3, 65536 * 2 // 3, 65536]

    def test_late_work_carries_no_weight_in_the_plan(self, store: Store) -> None:
        work = lease(store)
        store.expire_leases(NOW + LEASE_MILLISECONDS)
        other = lease(store, 2, BOB, NOW + LEASE_MILLISECONDS)
        accept(store, work, now=NOW + LEASE_MILLISECONDS)
        accept(store, other, now=NOW + LEASE_MILLISECONDS)
        store.plan_merge(1)
        task = store.lease_merge(1)
        assert task is not None
        assert [each.assignment_id for each in task.plan.updates] == [other.assignment_id]

    def test_publishing_announces_the_next_version(self, store: Store) -> None:
        accept(store, lease(store))
        published = merge(store, 1)
        said = announced(published.announcement)
        assert (said.sequence, said.version.number, said.previous) == (2, 1, MANIFEST.start)
        assert (said.patch, said.keyframe) == (blob("patch 1", 50), None)
        assert (said.tokens, said.contributors) == (FULL_TOKENS, 1)
        assert store.run().latest == published.announcement
        assert store.rounds().merge is None
        assert store.status().outer_state == blob("state 1")

    def test_an_old_fence_publishes_nothing(self, store: Store) -> None:
        accept(store, lease(store))
        store.plan_merge(1)
        old, new = store.lease_merge(1), store.lease_merge(1)
        assert old is not None
        assert new is not None
        assert store.publish(results(old), online_sign, NOW) == Fenced()
        assert isinstance(store.publish(results(new), online_sign, NOW), Published)
        assert store.publish(results(new), online_sign, NOW) == Fenced()
        assert store.lease_merge(1) is None

    def test_a_stalled_merge_stands_until_the_run_is_resumed(self, store: Store) -> None:
        accept(store, lease(store))
        store.plan_merge(1)
        task = store.lease_merge(1)
        assert task is not None
        store.fail_merge(1, task.fence, True, "The disk is full.", online_sign, NOW)
        said = announced(store.run().latest)
        assert (said.state, said.words) == ("stalled", "The disk is full.")
        assert store.lease_merge(1) is None
        assert isinstance(store.lease_assignment(lease_request(ALICE, 2), online_sign, NOW), NoWork)
        store.resume(online_sign, NOW)
        assert announced(store.run().latest).state == "open"
        again = store.lease_merge(1)
        assert again is not None
        assert again.fence == task.fence + 1

    def test_every_few_versions_a_keyframe_is_wanted(self, store: Store) -> None:
        wanted = []
        for number in range(1, 8):
            accept(store, lease(store, number))
            store.plan_merge(number)
            task = store.lease_merge(number)
            assert task is not None
            wanted.append(task.keyframe)
            store.publish(results(task), online_sign, NOW)
        assert wanted == [False, False, True, False, False, True, False]

    def test_an_evaluation_is_announced_and_the_one_over_more_tokens_stays(self, store: Store) -> None:
        small, large = Evaluation(0, 5_000_000, 16), Evaluation(0, 4_900_000, 128)
        assert announced(store.record_evaluation(small, online_sign, NOW)).evaluations == (small,)
        said = announced(store.record_evaluation(large, online_sign, NOW))
        assert (said.evaluations, said.sequence) == ((large,), 3)
        assert announced(store.record_evaluation(small, online_sign, NOW)) == said

    def test_the_first_and_the_last_evaluations_are_announced(self, store: Store) -> None:
        for version in range(20):
            last = store.record_evaluation(Evaluation(version, version, 1), online_sign, NOW)
        assert [each.version for each in announced(last).evaluations] == [0, *range(13, 20)]
        assert len(store.status().evaluations) == 20


class TestTheEnd:
    def test_a_run_that_ends_merges_what_has_joined_and_nothing_after(self, store: Store) -> None:
        first, second = lease(store, 1), lease(store, 2)
        third = lease(store, 3)
        accept(store, first)
        store.end_run("")
        assert accept(store, second)[1].merged == "yes"
        merge(store, 1)
        assert accept(store, third)[1].merged == "late"
        assert store.rounds().ending

    def test_the_words_of_the_end_are_kept_for_it(self, store: Store) -> None:
        store.end_run("Soon over.")
        assert (store.run().state, store.run().words) == ("ending", "Soon over.")
        store.end_run("Over.")
        assert store.run().words == "Over."
        store.close_run("Thank you.", online_sign, NOW)
        store.end_run("Too late.")
        assert (store.run().state, store.run().words) == ("closed", "Thank you.")

    def test_closing_is_said_in_words_and_work_under_way_is_still_credited(self, store: Store) -> None:
        work = lease(store)
        said = announced(store.close_run("Thank you.", online_sign, NOW))
        assert (said.state, said.words) == ("closed", "Thank you.")
        assert store.close_run("Again.", online_sign, NOW) == store.run().latest
        assert accept(store, work)[1].merged == "late"


class TestVersions:
    def advance(self, store: Store, versions: int) -> None:
        for number in range(1, versions + 1):
            accept(store, lease(store, number))
            merge(store, number)

    def versions(self, signed: tuple[Signed, ...]) -> list[int]:
        return [announced(each).version.number for each in signed]

    def test_a_newcomer_gets_the_newest_keyframe_and_the_patches_behind_it(self, store: Store) -> None:
        self.advance(store, 5)
        way = store.way(None)
        assert way.keyframe is not None
        assert announced(way.keyframe).keyframe == blob("keyframe 3", 100)
        assert self.versions(way.patches) == [4, 5]

    def test_whoever_is_close_gets_patches_only(self, store: Store) -> None:
        self.advance(store, 5)
        have = VersionId(branch=0, number=4, sha256=sha256("version 4"))
        way = store.way(have)
        assert (way.keyframe, self.versions(way.patches)) == (None, [5])
        newest = store.way(store.run().version)
        assert (newest.keyframe, newest.patches) == (None, ())

    def test_whoever_is_far_gets_what_moves_fewer_bytes(self, store: Store) -> None:
        self.advance(store, 5)
        way = store.way(MANIFEST.start)
        assert way.keyframe is not None
        assert self.versions(way.patches) == [4, 5]

    def test_only_the_runs_data_and_versions_may_be_fetched(self, store: Store) -> None:
        self.advance(store, 3)
        public = [MANIFEST.data.index, blob("shard 1", 512), blob("patch 2", 50), blob("keyframe 3", 100)]
        assert all(store.may_fetch(each) for each in public)
        private = [MANIFEST.data.held_out, blob("state 1"), blob("shard 1", 511)]
        private.append(update_for(lease(store, 10)).payload)
        assert not any(store.may_fetch(each) for each in private)

    def test_shared_moments_go_with_their_version_from_plan_to_plan(self, store: Store) -> None:
        def with_moments(task: MergeTask, moments: BlobRef) -> Publication:
            return msgspec.structs.replace(results(task), moments=moments)

        first, later = blob("moments 1", 30), blob("moments 2 to 6", 30)
        for number in range(1, 7):
            accept(store, lease(store, number), now=NOW + number)
            assert store.plan_merge(number)
            task = store.lease_merge(number)
            assert task is not None
            assert task.plan.moments == (None if number == 1 else first if number == 2 else later)
            outcome = store.publish(with_moments(task, first if number == 1 else later), online_sign, NOW)
            assert isinstance(outcome, Published)
            assert announced(outcome.announcement).moments == task.plan.moments or number <= 2
        assert announced(store.run().latest).moments == later
        assert store.may_fetch(later)
        gone = store.disposable_blobs()
        assert first in gone
        assert later not in gone, "versions that are still kept have it, too"
        store.forget_blobs(gone)
        assert not store.may_fetch(first)
        assert store.may_fetch(later)
        assert store.disposable_blobs() == ()
        store.record_evaluation(Evaluation(6, 1_000, 10), online_sign, NOW)
        assert announced(store.run().latest).moments == later

    def test_what_an_adapter_stands_on_may_be_fetched_and_is_always_needed(self, empty: Store) -> None:
        base = blob("base", 5_000)
        adapter = AdapterSpec(2, 4, ("self_attn.q_proj",))
        adapted = msgspec.structs.replace(
            MANIFEST,
            task="causal-lm-lora",
            model=msgspec.structs.replace(MANIFEST.model, adapter=adapter),
            frozen=FrozenBase(base, sha256("base weights")),
        )
        empty.create_run(new_run(adapted), online_sign, NOW)
        assert empty.may_fetch(base)
        assert base not in empty.disposable_blobs()
        assert not empty.may_fetch(blob("base", 5_001))

    def test_what_nobody_needs_any_more_is_named_until_it_is_forgotten(self, store: Store) -> None:
        self.advance(store, 6)
        gone = set(store.disposable_blobs())
        payloads = {blob(f"payload {identifier(f'assignment {number}')} 8") for number in range(1, 5)}
        versions = {MANIFEST.start_keyframe, blob("patch 1", 50), blob("patch 2", 50)}
        assert gone == payloads | versions | {blob(f"state {number}") for number in range(1, 5)}
        store.forget_blobs(tuple(gone))
        assert store.disposable_blobs() == ()
        assert not store.may_fetch(blob("patch 1", 50))
        way = store.way(None)
        assert way.keyframe is not None
        assert announced(way.keyframe).version.number == 6
