"""A store that forgets everything at its end: for tests, and as the plain reading of what a store promises."""

from collections.abc import Iterable

import msgspec

from sparewatt.errors import ConflictError, UnavailableError
from sparewatt.numeric.merge_plan import MergePlan, plan_digest
from sparewatt.signing import Signed, digest
from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment, Range
from sparewatt.work.manifest import Manifest
from sparewatt.work.receipt import ANNOUNCEMENT_KIND, RECEIPT_KIND, REFUSAL_KIND, Evaluation, Receipt
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator import schedule
from sparewatt_coordinator.ranges import (
    GAP_PIECES_MOST,
    Cursor,
    Gap,
    Piece,
    after,
    position_tokens,
    rest,
    shard_order,
)
from sparewatt_coordinator.rounds import Gathering, Merge, Rounds
from sparewatt_coordinator.store.base import (
    Accepted,
    ContributorStatus,
    Fenced,
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
    RunState,
    RunStatus,
    Sign,
    Wanted,
    Way,
)
from sparewatt_coordinator.store.decide import (
    AssignmentRow,
    Declined,
    Entry,
    Facts,
    InviteRow,
    Judgement,
    Repeated,
    admit,
    check_run,
    check_successor,
    judge,
    lease_to_repeat,
    plan_work,
)
from sparewatt_coordinator.store.statements import (
    Member,
    RunNumbers,
    VersionRow,
    announcement,
    disposable,
    merge_plan,
    receipt,
    refusal,
    shortest_way,
)


class _Round(msgspec.Struct):
    state: str = "gathering"
    plan: MergePlan | None = None
    plan_digest: str = ""
    fence: int = 0
    failures: int = 0


class _Member(msgspec.Struct):
    update: Update
    sha256: str
    entry: Entry
    receipt: Receipt
    signed: Signed
    accepted_milliseconds: int
    stored: bool = False


class MemoryStore:
    """See `store.base.Store`; used by one thread."""

    def __init__(self) -> None:
        self._new: NewRun | None = None
        self._manifest: Manifest | None = None
        self._shard_tokens: tuple[int, ...] = ()
        self._state: RunState = "open"
        self._words = ""
        self._latest: Signed | None = None
        self._sequence = 0
        self._cursor = Cursor()
        self._trained = 0
        self._started: int | None = None
        self._invites: dict[str, InviteRow] = {}
        self._contributors: dict[str, bool] = {}
        self._assignments: dict[str, AssignmentRow] = {}
        self._gaps: dict[int, Gap] = {}
        self._gap_last = 0
        self._rounds: dict[int, _Round] = {}
        self._members: list[_Member] = []
        self._versions: list[VersionRow] = []
        self._outer_states: dict[int, BlobRef] = {}
        self._evaluations: dict[int, Evaluation] = {}
        self._forgotten: set[str] = set()

    def create_run(self, new: NewRun, sign: Sign, now_milliseconds: int) -> None:
        manifest, tokens = check_run(new)
        if self._manifest is not None:
            if self._manifest != manifest:
                raise ConflictError("run.exists")
            return
        self._new, self._manifest, self._shard_tokens = new, manifest, tokens
        self._rounds[manifest.start.number + 1] = _Round()
        self._publish(
            VersionRow(manifest.start, new.manifest, None, manifest.start_keyframe), None, sign, now_milliseconds
        )

    def run(self) -> RunRecord:
        new, manifest = self._created()
        return RunRecord(
            run=digest(manifest),
            manifest_signed=new.manifest,
            manifest=manifest,
            online_key=new.online_key,
            state=self._state,
            words=self._words,
            version=self._newest,
            latest=self._announced(),
            trained_tokens=self._trained,
            credited_tokens=self._credited,
            started_milliseconds=self._started,
        )

    def create_invite(self, secret_sha256: str, uses: int, expires_at_s: int, trusted: bool) -> None:
        self._invites.setdefault(secret_sha256, InviteRow(uses, expires_at_s, trusted))

    def register_contributor(
        self, contributor: str, secret_sha256: str | None, now_milliseconds: int
    ) -> Registered | Refused:
        invite = None if secret_sha256 is None else self._invites.get(secret_sha256)
        known = self._contributors.get(contributor)
        admission = admit(known, secret_sha256 is not None, invite, now_milliseconds // 1000)
        if isinstance(admission, Refused):
            return admission
        if admission.uses_invite and invite is not None and secret_sha256 is not None:
            self._invites[secret_sha256] = msgspec.structs.replace(invite, uses_left=invite.uses_left - 1)
            self._contributors[contributor] = admission.trusted
        return Registered(admission.trusted)

    def lease_assignment(self, request: LeaseRequest, sign: Sign, now_milliseconds: int) -> Leased | NoWork:
        self.expire_leases(now_milliseconds)
        expires = self._expiry(now_milliseconds)
        _, manifest = self._created()
        mine = [
            row
            for row in self._assignments.values()
            if (row.assignment.contributor, row.assignment.device) == (request.contributor, request.offer.device)
        ]
        live = [row for row in mine if row.state == "leased"]
        again = lease_to_repeat(live, request, manifest, now_milliseconds)
        if again is not None:
            self._keep(
                msgspec.structs.replace(
                    again, session=request.session, request=request.request, expires_milliseconds=expires
                )
            )
            return Leased(again.signed, again.assignment)
        facts = self._facts()
        work = plan_work(
            facts,
            request,
            len(live),
            sum(row.version == self._newest.number for row in mine),
            self._knows(request.base),
            list(self._gaps.values())[:GAP_PIECES_MOST],
            self._cursor,
            self._shard_tokens,
            self._order,
            now_milliseconds,
        )
        if isinstance(work, NoWork):
            return work
        assignment = Assignment(
            assignment_id=request.assignment_id,
            run=facts.run,
            contributor=request.contributor,
            device=request.offer.device,
            kind="train",
            base=work.base,
            ranges=self._ranges(work.drawn.pieces),
            token_budget=work.drawn.tokens,
            inner_steps=work.inner_steps,
            seed=request.seed,
            rate_first_nano=work.rate_first_nano,
            rate_last_nano=work.rate_last_nano,
            fence=1,
            ttl_s=schedule.lease_seconds(facts.manifest),
        )
        signed = sign(ASSIGNMENT_KIND, assignment)
        for gap, taken in work.drawn.gaps:
            self._use_gap(gap, taken)
        self._cursor = work.drawn.cursor
        self._started = now_milliseconds if self._started is None else self._started
        self._keep(
            AssignmentRow(assignment, signed, request.session, request.request, "leased", expires, self._newest.number)
        )
        return Leased(signed, assignment)

    def renew(self, contributor: str, assignments: tuple[str, ...], now_milliseconds: int) -> Renewed:
        renewed: list[str] = []
        lost: list[str] = []
        for assignment_id in assignments:
            row = self._assignments.get(assignment_id)
            if row is None or row.assignment.contributor != contributor or not row.holds_its_ranges:
                lost.append(assignment_id)
                continue
            self._remove_gaps(assignment_id)
            self._keep(
                msgspec.structs.replace(
                    row, state="leased", renewed=True, expires_milliseconds=self._expiry(now_milliseconds)
                )
            )
            renewed.append(assignment_id)
        return Renewed(tuple(renewed), tuple(lost))

    def release(self, contributor: str, assignment_id: str, fence: int) -> bool:
        row = self._assignments.get(assignment_id)
        if row is None or row.state != "leased":
            return False
        if (row.assignment.contributor, row.assignment.fence) != (contributor, fence):
            return False
        self._end(row)
        return True

    def expire_leases(self, now_milliseconds: int) -> int:
        over = [
            row
            for row in self._assignments.values()
            if row.state == "leased" and row.expires_milliseconds <= now_milliseconds
        ]
        for row in over:
            self._end(row)
        return len(over)

    def live_leases(self, now_milliseconds: int) -> int:
        return sum(
            row.state == "leased" and row.expires_milliseconds > now_milliseconds for row in self._assignments.values()
        )

    def consider_update(
        self, contributor: str, update: Update, update_sha256: str, sign: Sign, now_milliseconds: int
    ) -> Wanted | Accepted | Refused:
        judgement = self._judge(contributor, update, update_sha256, now_milliseconds)
        if isinstance(judgement, Entry):
            return Wanted(update.payload)
        return self._answer(contributor, update, update_sha256, judgement, sign, now_milliseconds)

    def accept_update(
        self, contributor: str, update: Update, update_sha256: str, sign: Sign, now_milliseconds: int
    ) -> Accepted | Refused:
        judgement = self._judge(contributor, update, update_sha256, now_milliseconds)
        if not isinstance(judgement, Entry):
            return self._answer(contributor, update, update_sha256, judgement, sign, now_milliseconds)
        row = self._assignments[update.assignment_id]
        trusted = self._contributors[contributor]
        now_s = now_milliseconds // 1000
        stated, _ = receipt(
            self._facts(), contributor, update, update_sha256, judgement, trusted, len(self._members), now_s
        )
        signed = sign(RECEIPT_KIND, stated)
        if judgement.consumes:
            self._remove_gaps(update.assignment_id)
            self._add_gaps(update.assignment_id, rest(_pieces(row.assignment), update.tokens))
            self._trained += update.tokens
        self._keep(msgspec.structs.replace(row, state="accepted", update_sha256=update_sha256, answer=signed))
        self._members.append(_Member(update, update_sha256, judgement, stated, signed, now_milliseconds))
        return Accepted(signed, update.tokens if judgement.merged == "yes" else None)

    def refuse_update(
        self,
        contributor: str,
        update: Update,
        update_sha256: str,
        reason: str,
        sign: Sign,
        now_milliseconds: int,
    ) -> Accepted | Refused:
        judgement = self._judge(contributor, update, update_sha256, now_milliseconds)
        if isinstance(judgement, Entry):
            judgement = Declined(reason, final=True)
        return self._answer(contributor, update, update_sha256, judgement, sign, now_milliseconds)

    def mark_stored(self, contributor: str, assignment_id: str) -> None:
        for member in self._members:
            if (member.receipt.contributor, member.update.assignment_id) == (contributor, assignment_id):
                member.stored = True

    def receipts(self, contributor: str, after_sequence: int, limit: int) -> tuple[Signed, ...]:
        found = [
            member.signed
            for member in self._members
            if member.receipt.contributor == contributor and member.receipt.sequence > after_sequence
        ]
        return tuple(found[:limit])

    def rounds(self) -> Rounds:
        _, manifest = self._created()
        members = self._gathered()
        total, reached = 0, None
        for member in members:
            total += member.update.tokens
            if reached is None and total >= manifest.rounds.tokens_target:
                reached = member.accepted_milliseconds
        merging = self._merging()
        return Rounds(
            spec=manifest.rounds,
            gathering=Gathering(
                number=self._gathering,
                updates=len(members),
                tokens=total,
                first_milliseconds=members[0].accepted_milliseconds if members else None,
                target_milliseconds=reached,
            ),
            merge=None
            if merging is None
            else Merge(merging, "due", due_milliseconds=0, fence=self._rounds[merging].fence),
            ending=self._state in ("ending", "closed"),
        )

    def plan_merge(self, round_number: int) -> bool:
        members = self._gathered()
        if round_number != self._gathering or self._merging() is not None or not members:
            return False
        listed = [
            Member(each.update.assignment_id, each.update.payload, each.update.tokens, each.entry.staleness)
            for each in members
        ]
        plan = merge_plan(self._facts(), self._newest, self._outer_states.get(self._newest.number), listed)
        self._rounds[round_number] = _Round("merging", plan, plan_digest(plan))
        self._rounds[round_number + 1] = _Round()
        return True

    def lease_merge(self, round_number: int) -> MergeTask | None:
        found = self._rounds.get(round_number)
        if found is None or found.state != "merging" or found.plan is None:
            return None
        _, manifest = self._created()
        found.fence += 1
        keyframe = (found.plan.base.number + 1) % manifest.outer.keyframe_every == 0
        return MergeTask(found.plan, found.plan_digest, found.fence, keyframe)

    def publish(self, publication: Publication, sign: Sign, now_milliseconds: int) -> Published | Fenced:
        wanted = ("merging", publication.plan_digest, publication.fence)
        for found in self._rounds.values():
            if (found.state, found.plan_digest, found.fence) == wanted and found.plan is not None:
                check_successor(found.plan.base, publication.version)
                found.state = "published"
                row = VersionRow(publication.version, self._announced(), publication.patch, publication.keyframe)
                signed = self._publish(row, found.plan.base, sign, now_milliseconds)
                self._outer_states[publication.version.number] = publication.outer_state
                return Published(signed, publication.version)
        return Fenced()

    def fail_merge(
        self, round_number: int, fence: int, stalled: bool, words: str, sign: Sign, now_milliseconds: int
    ) -> None:
        found = self._rounds.get(round_number)
        if found is None or found.state != "merging" or found.fence != fence:
            return
        found.failures += 1
        if stalled:
            found.state = "stalled"
            self._state, self._words = "stalled", words
            self._announce(sign, now_milliseconds)

    def resume(self, sign: Sign, now_milliseconds: int) -> None:
        for found in self._rounds.values():
            if found.state == "stalled":
                found.state, found.failures = "merging", 0
        if self._state == "stalled":
            self._state, self._words = "open", ""
            self._announce(sign, now_milliseconds)

    def record_evaluation(self, evaluation: Evaluation, sign: Sign, now_milliseconds: int) -> Signed:
        known = self._evaluations.get(evaluation.version)
        if known is not None and known.tokens >= evaluation.tokens:
            return self._announced()
        self._evaluations[evaluation.version] = evaluation
        return self._announce(sign, now_milliseconds)

    def end_run(self) -> None:
        if self._state == "open":
            self._state = "ending"

    def close_run(self, words: str, sign: Sign, now_milliseconds: int) -> Signed:
        if self._state == "closed":
            return self._announced()
        self._state, self._words = "closed", words
        return self._announce(sign, now_milliseconds)

    def way(self, have: VersionId | None) -> Way:
        return shortest_way(self._kept_versions(), have)

    def may_fetch(self, blob: BlobRef) -> bool:
        new, manifest = self._created()
        versions = [each for row in self._versions for each in (row.patch, row.keyframe)]
        return blob in (manifest.data.index, *new.shards, *versions)

    def disposable_blobs(self) -> tuple[BlobRef, ...]:
        before = self._newest.number - 2
        old = {blob for _, blob in disposable(self._kept_versions())}
        versions = {each for row in self._versions for each in (row.patch, row.keyframe) if each is not None}
        payloads = [(member.entry.round, member.update.payload) for member in self._members]
        numbered = [*payloads, *self._outer_states.items()]
        old |= {blob for number, blob in numbered if number <= before}
        needed = {blob for number, blob in numbered if number > before} | (versions - old)
        return tuple(sorted(old - needed - self._forgotten_blobs(old), key=lambda blob: blob.sha256))

    def forget_blobs(self, blobs: tuple[BlobRef, ...]) -> None:
        gone = {blob.sha256 for blob in blobs}
        self._forgotten |= gone
        self._versions = [
            msgspec.structs.replace(
                row,
                patch=None if row.patch is not None and row.patch.sha256 in gone else row.patch,
                keyframe=None if row.keyframe is not None and row.keyframe.sha256 in gone else row.keyframe,
            )
            for row in self._versions
        ]

    def status(self) -> RunStatus:
        gathered = self._gathered()
        merging = self._merging()
        rows = self._assignments.values()
        return RunStatus(
            state=self._state,
            words=self._words,
            version=self._newest,
            versions=len(self._versions),
            outer_state=self._outer_states.get(self._newest.number),
            evaluations=tuple(self._evaluations[number] for number in sorted(self._evaluations)),
            gathering_round=self._gathering,
            gathering_updates=len(gathered),
            gathering_tokens=sum(member.update.tokens for member in gathered),
            merging_round=merging,
            merge_failures=0 if merging is None else self._rounds[merging].failures,
            live_leases=sum(row.state == "leased" for row in rows),
            leased_tokens=self._leased,
            gap_tokens=sum(gap.piece.count for gap in self._gaps.values()),
            trained_tokens=self._trained,
            credited_tokens=self._credited,
            tokens_drawn=position_tokens(self._cursor, self._shard_tokens, self._order),
            updates_accepted=len(self._members),
            updates_late=sum(member.entry.merged == "late" for member in self._members),
            updates_refused=sum(row.state == "refused" for row in rows),
            updates_stored=sum(member.stored for member in self._members),
            credit_micro=sum(member.receipt.credit_micro for member in self._members),
            contributors=tuple(
                sorted(self._contributor_status(), key=lambda each: (-each.credit_micro, each.contributor))
            ),
            contributors_total=len(self._contributors),
        )

    def close(self) -> None:
        """Nothing is held."""

    @property
    def _newest(self) -> VersionId:
        return self._versions[-1].version

    @property
    def _gathering(self) -> int:
        return max(self._rounds)

    @property
    def _credited(self) -> int:
        return sum(member.update.tokens for member in self._members)

    @property
    def _leased(self) -> int:
        return sum(row.assignment.token_budget for row in self._assignments.values() if row.state == "leased")

    def _created(self) -> tuple[NewRun, Manifest]:
        if self._new is None or self._manifest is None:
            raise UnavailableError("run.missing")
        return self._new, self._manifest

    def _announced(self) -> Signed:
        if self._latest is None:
            raise UnavailableError("run.missing")
        return self._latest

    def _merging(self) -> int | None:
        return next((number for number, each in self._rounds.items() if each.state in ("merging", "stalled")), None)

    def _gathered(self) -> list[_Member]:
        return [
            member for member in self._members if member.entry.round == self._gathering and member.entry.merged == "yes"
        ]

    def _facts(self) -> Facts:
        _, manifest = self._created()
        return Facts(
            run=digest(manifest),
            manifest=manifest,
            state=self._state,
            version=self._newest,
            trained_tokens=self._trained,
            leased_tokens=self._leased,
            started_milliseconds=self._started,
            gathering_round=self._gathering,
            gathering_updates=len(self._gathered()),
        )

    def _knows(self, version: VersionId | None) -> bool:
        return any(row.version == version for row in self._versions)

    def _kept_versions(self) -> list[VersionRow]:
        return [row for row in self._versions if row.patch is not None or row.keyframe is not None]

    def _forgotten_blobs(self, blobs: Iterable[BlobRef]) -> set[BlobRef]:
        return {blob for blob in blobs if blob.sha256 in self._forgotten}

    def _order(self, pass_number: int) -> tuple[int, ...]:
        _, manifest = self._created()
        return shard_order(bytes.fromhex(digest(manifest)), pass_number, len(self._shard_tokens))

    def _ranges(self, pieces: Iterable[Piece]) -> tuple[Range, ...]:
        new, _ = self._created()
        return tuple(
            Range(
                pass_number=piece.pass_number,
                shard=piece.shard,
                blob=new.shards[piece.shard],
                first=piece.first,
                count=piece.count,
            )
            for piece in pieces
        )

    def _expiry(self, now: int) -> int:
        _, manifest = self._created()
        return now + 1000 * schedule.lease_seconds(manifest)

    def _keep(self, row: AssignmentRow) -> None:
        self._assignments[row.assignment.assignment_id] = row

    def _end(self, row: AssignmentRow) -> None:
        self._keep(msgspec.structs.replace(row, state="ended"))
        self._add_gaps(row.assignment.assignment_id, _pieces(row.assignment))

    def _add_gaps(self, origin: str, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._gap_last += 1
            self._gaps[self._gap_last] = Gap(self._gap_last, piece, origin)

    def _remove_gaps(self, origin: str) -> None:
        self._gaps = {number: gap for number, gap in self._gaps.items() if gap.origin != origin}

    def _use_gap(self, gap: Gap, taken: int) -> None:
        origin = self._assignments[gap.origin]
        self._keep(msgspec.structs.replace(origin, handed_on=True))
        left = after(gap.piece, taken)
        if left is None:
            del self._gaps[gap.gap_id]
        else:
            self._gaps[gap.gap_id] = Gap(gap.gap_id, left, gap.origin)

    def _judge(self, contributor: str, update: Update, update_sha256: str, now: int) -> Judgement:
        row = self._assignments.get(update.assignment_id)
        return judge(row, contributor, update, update_sha256, self._knows(update.base), self._facts(), now)

    def _answer(
        self, contributor: str, update: Update, sha256: str, judgement: Judgement, sign: Sign, now: int
    ) -> Accepted | Refused:
        match judgement:
            case Repeated(answer=answer, accepted=True):
                return Accepted(answer)
            case Repeated(answer=answer):
                return Refused("update.refused", answer)
            case Declined(reason=reason, final=final):
                run = digest(self._created()[1])
                stated = refusal(run, contributor, update.assignment_id, sha256, reason, now // 1000)
                signed = sign(REFUSAL_KIND, stated)
                row = self._assignments.get(update.assignment_id)
                if final and row is not None:
                    if row.state == "leased":
                        self._end(row)
                    refused = msgspec.structs.replace(
                        self._assignments[update.assignment_id],
                        state="refused",
                        update_sha256=sha256,
                        answer=signed,
                    )
                    self._keep(refused)
                return Refused(reason, signed)
            case Entry():
                raise TypeError("an update that would be accepted has no other answer")

    def _publish(self, row: VersionRow, previous: VersionId | None, sign: Sign, now: int) -> Signed:
        stated = announcement(self._numbers(), row, previous, now // 1000)
        self._sequence = stated.sequence
        self._latest = sign(ANNOUNCEMENT_KIND, stated)
        self._versions.append(msgspec.structs.replace(row, announcement=self._latest))
        return self._latest

    def _announce(self, sign: Sign, now: int) -> Signed:
        previous = self._versions[-2].version if len(self._versions) > 1 else None
        stated = announcement(self._numbers(), self._versions[-1], previous, now // 1000)
        self._sequence = stated.sequence
        self._latest = sign(ANNOUNCEMENT_KIND, stated)
        return self._latest

    def _numbers(self) -> RunNumbers:
        _, manifest = self._created()
        return RunNumbers(
            run=digest(manifest),
            sequence=self._sequence + 1,
            evaluations=tuple(self._evaluations[number] for number in sorted(self._evaluations)),
            tokens=self._credited,
            contributors=len({member.receipt.contributor for member in self._members}),
            state=self._state,
            words=self._words,
        )

    def _contributor_status(self) -> Iterable[ContributorStatus]:
        for contributor, trusted in self._contributors.items():
            mine = [member for member in self._members if member.receipt.contributor == contributor]
            yield ContributorStatus(
                contributor,
                trusted,
                len(mine),
                sum(member.update.tokens for member in mine),
                sum(member.receipt.credit_micro for member in mine),
            )


def _pieces(assignment: Assignment) -> tuple[Piece, ...]:
    return tuple(Piece(each.pass_number, each.shard, each.first, each.count) for each in assignment.ranges)
