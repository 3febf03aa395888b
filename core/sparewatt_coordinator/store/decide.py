"""What every store decides alike, from values it has read. Pure, so that stores differ only in how they keep things."""

from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from sparewatt.errors import IntegrityError
from sparewatt.numeric.merge_plan import UPDATES_MOST
from sparewatt.signing import Signed, digest, verify
from sparewatt.work.assignment import Assignment
from sparewatt.work.manifest import MANIFEST_KIND, ROTATION_KIND, Manifest, OnlineKey
from sparewatt.work.update import Update
from sparewatt.work.version import VersionId
from sparewatt_coordinator import schedule
from sparewatt_coordinator.ranges import Cursor, Drawn, Gap, draw
from sparewatt_coordinator.rounds import staleness
from sparewatt_coordinator.store.base import (
    LATE_MILLISECONDS_MOST,
    LEASES_PER_DEVICE_MOST,
    AssignmentState,
    LeaseRequest,
    NewRun,
    NoWork,
    Refused,
    RunState,
)

# A device that gets no new version does not pile up work on an old one.
LEASES_PER_BASE_MOST: Final = 8
TOKEN_BYTES: Final = {"u8": 1, "u16": 2, "u32": 4}
SOON_S: Final = 5
LATER_S: Final = 60
MUCH_LATER_S: Final = 3600
REVOKED: Final = NoWork("contributor.revoked", MUCH_LATER_S)


class InviteRow(msgspec.Struct, frozen=True):
    uses: int
    uses_left: int
    expires_at_s: int
    trusted: bool
    revoked: bool = False


class Admission(msgspec.Struct, frozen=True):
    """Whether the contributor is trusted from now on, and whether that takes a use of the invite."""

    trusted: bool
    uses_invite: bool


class AssignmentRow(msgspec.Struct, frozen=True):
    """One assignment as it is kept.

    Attributes:
        signed: what the contributor was sent.
        renewed: a heartbeat named it, so its answer arrived.
        handed_on: after its end somebody else was given some of its ranges.
        version: number of the newest version when it was handed out.
        answer: signed receipt or refusal, once decided.
    """

    assignment: Assignment
    signed: Signed
    session: str
    request: int
    state: AssignmentState
    expires_milliseconds: int
    version: int
    renewed: bool = False
    handed_on: bool = False
    update_sha256: str | None = None
    answer: Signed | None = None

    @property
    def holds_its_ranges(self) -> bool:
        """Nobody else was given any of its tokens."""
        return self.state == "leased" or (self.state == "ended" and not self.handed_on)


class Facts(msgspec.Struct, frozen=True):
    """What decisions about work need to know of the run.

    Attributes:
        version: the newest.
        gathering_updates: updates in the gathering round.
        round_milliseconds: what a round has lately taken; None before that is known.
    """

    run: str
    manifest: Manifest
    state: RunState
    version: VersionId
    trained_tokens: int
    leased_tokens: int
    started_milliseconds: int | None
    gathering_round: int
    gathering_updates: int
    round_milliseconds: int | None = None


class WorkPlan(msgspec.Struct, frozen=True):
    """Attributes:
    lease_seconds: lifetime of its lease from the last renewal.
    """

    drawn: Drawn
    inner_steps: int
    base: VersionId
    rate_first_nano: int
    rate_last_nano: int
    lease_seconds: int


class Entry(msgspec.Struct, frozen=True):
    """How an update enters the books.

    Attributes:
        merged: whether it carries weight in `round` and its tokens count as trained; one that came too late is only
            credited, and somebody else has its tokens or will have them.
        staleness: rounds that its base is older than the round's.
    """

    round: int
    merged: Literal["yes", "late"]
    staleness: int

    @property
    def carries_weight(self) -> bool:
        return self.merged == "yes"

    def merged_in(self, round_number: int) -> bool:
        return self.carries_weight and self.round == round_number


class Repeated(msgspec.Struct, frozen=True):
    """Decided earlier, by the same update."""

    answer: Signed
    accepted: bool


class Declined(msgspec.Struct, frozen=True):
    """`final` when the assignment ends by it; otherwise the assignment is not touched."""

    reason: str
    final: bool


Judgement: TypeAlias = Entry | Repeated | Declined


def check_run(new: NewRun) -> tuple[Manifest, tuple[int, ...]]:
    """The manifest and the tokens of every shard.

    Raises:
        IntegrityError: ``signature.*``, ``run.shards`` or ``run.shard_size``.
    """
    manifest = msgspec.json.decode(new.manifest.body, type=Manifest)
    verify(new.manifest, MANIFEST_KIND, manifest.run_key, Manifest)
    online = verify(new.online_key, ROTATION_KIND, manifest.run_key, OnlineKey)
    if online.run != digest(manifest):
        raise IntegrityError("signature.run", kind=ROTATION_KIND)
    if len(new.shards) != manifest.data.shards:
        raise IntegrityError("run.shards", expected=manifest.data.shards, found=len(new.shards))
    each = TOKEN_BYTES[manifest.data.token_dtype]
    sequence_bytes = each * manifest.data.sequence_length
    for number, shard in enumerate(new.shards):
        if shard.size == 0 or shard.size % sequence_bytes:
            raise IntegrityError("run.shard_size", shard=number, size=shard.size, multiple=sequence_bytes)
    tokens = tuple(shard.size // each for shard in new.shards)
    if sum(tokens) != manifest.data.tokens:
        raise IntegrityError("run.tokens", expected=manifest.data.tokens, found=sum(tokens))
    return manifest, tokens


def check_next_key(manifest: Manifest, newest: Signed, signed: Signed) -> None:
    """Whether `signed` states the online key after `newest`.

    Raises:
        IntegrityError: ``signature.*``, or ``key.retired``.
    """
    stated = verify(signed, ROTATION_KIND, manifest.run_key, OnlineKey)
    if stated.run != digest(manifest):
        raise IntegrityError("signature.run", kind=ROTATION_KIND)
    before = msgspec.json.decode(newest.body, type=OnlineKey)
    if stated.sequence <= before.sequence:
        raise IntegrityError("key.retired", sequence=stated.sequence, newest=before.sequence)


def check_successor(base: VersionId, version: VersionId) -> None:
    """Raises IntegrityError ``version.number`` when `version` is not the one right after `base`."""
    if (version.branch, version.number) != (base.branch, base.number + 1):
        raise IntegrityError("version.number", expected=base.number + 1, found=version.number)


def admit(trusted: bool | None, secret_given: bool, invite: InviteRow | None, now_s: int) -> Admission | Refused:
    """Args:
    trusted: trust of a known key; None for an unknown one.
    invite: the invite that the secret leads to.
    """
    if invite is None:
        if trusted is not None:
            return Admission(trusted, uses_invite=False)
        return Refused("invite.unknown" if secret_given else "invite.needed")
    if trusted is not None and (trusted or not invite.trusted):
        return Admission(trusted, uses_invite=False)
    unusable = _why_unusable(invite, now_s)
    if unusable is None:
        return Admission(invite.trusted, uses_invite=True)
    if trusted is not None:
        return Admission(trusted, uses_invite=False)
    return Refused(unusable)


def _why_unusable(invite: InviteRow, now_s: int) -> str | None:
    if invite.revoked:
        return "invite.revoked"
    if now_s >= invite.expires_at_s:
        return "invite.expired"
    return "invite.used_up" if invite.uses_left <= 0 else None


def lease_to_repeat(
    rows: Sequence[AssignmentRow], request: LeaseRequest, manifest: Manifest, now_milliseconds: int
) -> AssignmentRow | None:
    """The live lease that this very request got, or one whose answer was lost with an earlier session.

    Args:
        rows: live leases of the device, oldest first. One that no heartbeat has named although there was time for
            two never arrived, or was lost in a crash.
    """
    silent_since = now_milliseconds - 2000 * schedule.heartbeat_seconds(manifest)
    for row in rows:
        if (row.session, row.request) == (request.session, request.request):
            return row
    for row in rows:
        if row.session != request.session and not row.renewed and row.expires_milliseconds <= expiry(row, silent_since):
            return row
    return None


def expiry(row: AssignmentRow, now_milliseconds: int) -> int:
    """When a lease that is renewed now runs out."""
    return now_milliseconds + 1000 * row.assignment.ttl_s


def plan_work(
    facts: Facts,
    request: LeaseRequest,
    held: int,
    on_this_version: int,
    base_known: bool,
    gaps: Sequence[Gap],
    cursor: Cursor,
    shard_tokens: Sequence[int],
    order: Callable[[int], Sequence[int]],
    now_milliseconds: int,
) -> WorkPlan | NoWork:
    """The next work of a device.

    Args:
        held: live leases of the device.
        on_this_version: assignments it was given since the newest version was published.
        base_known: whether the version that it has applied is one of the run's.
    """
    manifest = facts.manifest
    refused = _no_work(facts, request, held, on_this_version)
    if refused is not None:
        return refused
    sized = schedule.size(manifest, request.offer.tokens_per_s, facts.round_milliseconds)
    if isinstance(sized, schedule.TooSlow):
        return NoWork("run.device_too_slow", MUCH_LATER_S)
    others_are_at_work = facts.leased_tokens >= manifest.rounds.tokens_target
    if others_are_at_work and schedule.comes_too_late(manifest, request.offer.tokens_per_s, facts.round_milliseconds):
        return NoWork("run.device_too_slow", LATER_S)
    each = schedule.step_tokens(manifest)
    handed_out = facts.trained_tokens + facts.leased_tokens
    remaining = manifest.rounds.tokens_total - handed_out
    if remaining <= 0:
        return NoWork("run.all_handed_out", SOON_S)
    steps = min(sized.inner_steps, -(-remaining // each))
    drawn = draw(gaps, cursor, shard_tokens, order, steps * each, each)
    if not drawn.pieces:
        return NoWork("run.shards_too_small", MUCH_LATER_S)
    expected = facts.gathering_updates + facts.leased_tokens // schedule.full_tokens(manifest)
    speed = request.offer.tokens_per_s
    if schedule.rounds_are_full(expected, drawn.tokens, speed, facts.round_milliseconds):
        return NoWork("run.rounds_are_full", LATER_S)
    started = now_milliseconds if facts.started_milliseconds is None else facts.started_milliseconds
    elapsed = max(0, now_milliseconds - started) // 1000
    lasts = drawn.tokens // speed if speed else 0
    first, last = schedule.rates(
        manifest,
        schedule.Progress(handed_out, elapsed),
        schedule.Progress(handed_out + drawn.tokens, elapsed + lasts),
    )
    base = request.base if base_known and _fresh_enough(facts, request.base) else facts.version
    lease = schedule.work_lease_seconds(manifest, drawn.tokens, speed, facts.round_milliseconds)
    return WorkPlan(drawn, drawn.tokens // each, base or facts.version, first, last, lease)


def judge(
    row: AssignmentRow | None,
    contributor: str,
    update: Update,
    update_sha256: str,
    base_known: bool,
    revoked: bool,
    facts: Facts,
    now_milliseconds: int,
) -> Judgement:
    """What becomes of an update, whatever its payload holds.

    Args:
        revoked: the contributor is, since the update was begun.
    """
    if row is None or row.assignment.contributor != contributor:
        return Declined("update.unknown_assignment", final=False)
    if row.answer is not None:
        if row.update_sha256 == update_sha256:
            return Repeated(row.answer, accepted=row.state == "accepted")
        return Declined("update.assignment_done", final=False)
    if revoked:
        return Declined("contributor.revoked", final=True)
    wrong = _wrong_field(row.assignment, update, base_known, facts)
    if wrong is not None:
        return Declined(wrong, final=True)
    if now_milliseconds > row.expires_milliseconds + LATE_MILLISECONDS_MOST:
        return Declined("update.too_late", final=True)
    age = staleness(facts.gathering_round, update.base.number)
    merges = row.holds_its_ranges and age <= facts.manifest.outer.staleness_most and _round_is_merged(facts)
    return Entry(facts.gathering_round, "yes" if merges else "late", age)


def needs_more(manifest: Manifest, gathered_tokens: int, leased_tokens: int, own_tokens: int) -> bool:
    """Whether the gathering round stays open, after all that others are training, until a device has brought more.

    Then its next assignment need not wait for the version. A round does close once nobody trains anything.

    Args:
        gathered_tokens: that have joined the round.
        leased_tokens, own_tokens: that are leased to all, and to the device.
    """
    others = leased_tokens - own_tokens
    return own_tokens > 0 and gathered_tokens + others < manifest.rounds.tokens_target


def _round_is_merged(facts: Facts) -> bool:
    """Once a run ends, the gathering round is its last; nothing joins a round that is full or will not be merged."""
    if facts.gathering_updates >= UPDATES_MOST:
        return False
    return facts.state in ("open", "stalled") or (facts.state == "ending" and facts.gathering_updates > 0)


def _no_work(facts: Facts, request: LeaseRequest, held: int, on_this_version: int) -> NoWork | None:
    if facts.state != "open":
        return NoWork(f"run.{facts.state}", MUCH_LATER_S if facts.state == "closed" else LATER_S)
    if held >= LEASES_PER_DEVICE_MOST:
        return NoWork("device.leases_held", LATER_S)
    if on_this_version >= LEASES_PER_BASE_MOST:
        return NoWork("run.next_version_awaited", SOON_S)
    if 0 < request.offer.memory_bytes < facts.manifest.costs.memory_bytes:
        return NoWork("run.device_memory", MUCH_LATER_S)
    return None


def _fresh_enough(facts: Facts, base: VersionId | None) -> bool:
    if base is None or base.branch != facts.version.branch:
        return False
    return facts.version.number - base.number <= facts.manifest.outer.staleness_most


def _wrong_field(assignment: Assignment, update: Update, base_known: bool, facts: Facts) -> str | None:
    if update.run != facts.run:
        return "update.run"
    if update.device != assignment.device:
        return "update.device"
    if update.fence != assignment.fence:
        return "update.fence"
    if not base_known or update.base.position < assignment.base.position:
        return "update.base"
    if update.inner_steps > assignment.inner_steps:
        return "update.inner_steps"
    if update.tokens != update.inner_steps * schedule.step_tokens(facts.manifest):
        return "update.tokens"
    if update.payload.size > facts.manifest.costs.upload_bytes_per_update:
        return "update.payload_size"
    return None
