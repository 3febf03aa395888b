"""Random histories: both stores agree on every outcome, every accepted assignment has one credit row, no token is
lost."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sparewatt.signing import public_key_hex, verify
from sparewatt.work.assignment import Assignment
from sparewatt.work.receipt import RECEIPT_KIND, Receipt
from sparewatt.work.version import VersionId
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.base import Accepted, Leased, Publication
from sparewatt_coordinator.store.memory import MemoryStore
from sparewatt_coordinator.testing.runs import (
    ONLINE_KEY,
    blob,
    key,
    lease_request,
    manifest,
    new_run,
    online_sign,
    sha256,
    update_for,
    update_sha256,
)

MANIFEST = manifest(shard_tokens=(128, 64, 72))
CONTRIBUTORS = tuple(public_key_hex(key(number)) for number in (10, 11, 12))
WHO = st.integers(0, len(CONTRIBUTORS) - 1)
MOSTLY_ITS_OWNER = st.sampled_from([None, None, None, None, None, 0, 1])
# Leases live 120 s and late work is refused after a day; most histories happen around the former.
WAITS_S = st.sampled_from([20, 60, 121, 121, 121, 90_000])


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "run.sqlite3"
        self.memory = MemoryStore()
        self.sqlite = sqlite.open(self.path, create=True)
        self.now = 10_000_000
        self.leased: list[Assignment] = []
        self.receipts: dict[str, Receipt] = {}
        self.requests = 0
        self.published = 0

    @initialize()
    def create(self) -> None:
        for store in (self.memory, self.sqlite):
            store.create_run(new_run(MANIFEST, (128, 64, 72)), online_sign, self.now)
            store.create_invite(sha256("secret"), 9, self.now, trusted=True)
            for contributor in CONTRIBUTORS:
                store.register_contributor(contributor, sha256("secret"), self.now)

    @rule(who=WHO, session=st.sampled_from(["one", "two"]))
    def ask(self, who: int, session: str) -> None:
        self.requests += 1
        request = lease_request(CONTRIBUTORS[who], self.requests, session=session)
        outcome, other = (
            store.lease_assignment(request, online_sign, self.now) for store in (self.memory, self.sqlite)
        )
        assert outcome == other
        if isinstance(outcome, Leased) and outcome.assignment not in self.leased:
            self.leased.append(outcome.assignment)

    @rule(pick=st.integers(0, 10**6), steps=st.integers(1, 9), who=MOSTLY_ITS_OWNER, offered=st.booleans())
    def bring(self, pick: int, steps: int, who: int | None, offered: bool) -> None:
        if not self.leased:
            return
        assignment = self.leased[pick % len(self.leased)]
        update = update_for(assignment, steps)
        contributor = assignment.contributor if who is None else CONTRIBUTORS[who]
        arguments = (contributor, update, update_sha256(update), online_sign, self.now)
        if offered:
            considered, same = (store.consider_update(*arguments) for store in (self.memory, self.sqlite))
            assert considered == same
        outcome, other = (store.accept_update(*arguments) for store in (self.memory, self.sqlite))
        assert outcome == other
        if isinstance(outcome, Accepted):
            receipt = verify(outcome.receipt, RECEIPT_KIND, public_key_hex(ONLINE_KEY), Receipt)
            assert self.receipts.setdefault(assignment.assignment_id, receipt) == receipt

    @rule(pick=st.integers(0, 10**6))
    def find_invalid(self, pick: int) -> None:
        if not self.leased:
            return
        assignment = self.leased[pick % len(self.leased)]
        update = update_for(assignment)
        arguments = (assignment.contributor, update, update_sha256(update), "update.not_finite", online_sign, self.now)
        outcome, other = (store.refuse_update(*arguments) for store in (self.memory, self.sqlite))
        assert outcome == other

    @rule(pick=st.integers(0, 10**6), give_back=st.booleans())
    def touch(self, pick: int, give_back: bool) -> None:
        if not self.leased:
            return
        each = self.leased[pick % len(self.leased)]
        answers = [
            store.release(each.contributor, each.assignment_id, 1)
            if give_back
            else store.renew(each.contributor, (each.assignment_id,), self.now)
            for store in (self.memory, self.sqlite)
        ]
        assert answers[0] == answers[1]

    @rule(who=WHO, steps=st.integers(1, 9), seconds=WAITS_S)
    def work(self, who: int, steps: int, seconds: int) -> None:
        """The usual course, in time or late: chance alone rarely puts it together."""
        self.ask(who, "one")
        self.wait(seconds)
        self.bring(len(self.leased) - 1 if self.leased else 0, steps, None, offered=True)

    @rule(seconds=WAITS_S)
    def wait(self, seconds: int) -> None:
        self.now += 1000 * seconds
        assert self.memory.expire_leases(self.now) == self.sqlite.expire_leases(self.now)

    @rule(crash=st.booleans())
    def merge(self, crash: bool) -> None:
        number = self.memory.rounds().gathering.number
        assert self.memory.plan_merge(number) == self.sqlite.plan_merge(number)
        merging = self.memory.rounds().merge
        if merging is None:
            return
        tasks = [store.lease_merge(merging.round) for store in (self.memory, self.sqlite)]
        assert tasks[0] == tasks[1]
        task = tasks[0]
        assert task is not None
        if crash:
            return
        next_number = task.plan.base.number + 1
        publication = Publication(
            task.plan_digest,
            task.fence,
            VersionId(branch=0, number=next_number, sha256=sha256(f"version {next_number}")),
            blob(f"patch {next_number}"),
            blob(f"state {next_number}"),
            blob(f"keyframe {next_number}") if task.keyframe else None,
        )
        outcomes = [store.publish(publication, online_sign, self.now) for store in (self.memory, self.sqlite)]
        assert outcomes[0] == outcomes[1]

    @rule()
    def restart(self) -> None:
        self.sqlite.close()
        self.sqlite = sqlite.open(self.path)

    @invariant()
    def every_accepted_assignment_has_one_credit_row(self) -> None:
        status = self.sqlite.status()
        assert status.updates_accepted == len(self.receipts)
        assert status.credited_tokens == sum(receipt.tokens for receipt in self.receipts.values())
        assert sorted(receipt.sequence for receipt in self.receipts.values()) == list(range(1, len(self.receipts) + 1))

    @invariant()
    def no_token_is_lost(self) -> None:
        status = self.sqlite.status()
        assert status.trained_tokens + status.leased_tokens + status.gap_tokens == status.tokens_drawn

    @invariant()
    def both_stores_say_the_same(self) -> None:
        assert self.memory.status() == self.sqlite.status()
        assert self.memory.rounds() == self.sqlite.rounds()

    def teardown(self) -> None:
        self.sqlite.close()
        self.folder.cleanup()


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
