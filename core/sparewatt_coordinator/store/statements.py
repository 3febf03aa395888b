"""The statements that a store signs, and which old ones are still worth keeping. Pure."""

from collections.abc import Sequence

import msgspec

from sparewatt.numeric.merge_plan import MergePlan, PlannedUpdate, sorted_updates, staleness_weight
from sparewatt.signing import Signed
from sparewatt.work.model import flop_per_token
from sparewatt.work.receipt import Announcement, Evaluation, Receipt, Refusal
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.ledger import Credit, credit
from sparewatt_coordinator.store.base import EVALUATIONS_ANNOUNCED, PATCHES_MOST, RunState, Way
from sparewatt_coordinator.store.decide import Entry, Facts


class VersionRow(msgspec.Struct, frozen=True):
    """A version and the blobs that lead to it, while they are kept.

    Attributes:
        announcement: as it was signed when the version was published.
        moments: second moments that it was published with, where the run shares them.
    """

    version: VersionId
    announcement: Signed
    patch: BlobRef | None
    keyframe: BlobRef | None
    moments: BlobRef | None = None

    @property
    def blobs(self) -> tuple[BlobRef, ...]:
        return tuple(blob for blob in (self.patch, self.keyframe, self.moments) if blob is not None)


class RunNumbers(msgspec.Struct, frozen=True):
    """What an announcement says of the run besides its version."""

    run: str
    sequence: int
    evaluations: tuple[Evaluation, ...]
    tokens: int
    contributors: int
    state: RunState
    words: str


def announcement(numbers: RunNumbers, newest: VersionRow, previous: VersionId | None, now_s: int) -> Announcement:
    """The newest version as contributors hear of it; a run that is about to end is still open to them."""
    shown = numbers.evaluations
    if len(shown) > EVALUATIONS_ANNOUNCED:
        shown = (shown[0], *shown[1 - EVALUATIONS_ANNOUNCED :])
    return Announcement(
        run=numbers.run,
        sequence=numbers.sequence,
        version=newest.version,
        previous=previous,
        patch=newest.patch,
        keyframe=newest.keyframe,
        moments=newest.moments,
        evaluations=shown,
        tokens=numbers.tokens,
        contributors=numbers.contributors,
        state="open" if numbers.state == "ending" else numbers.state,
        words=numbers.words,
        at_s=now_s,
    )


def receipt(
    facts: Facts,
    contributor: str,
    update: Update,
    update_sha256: str,
    entry: Entry,
    trusted: bool,
    last_sequence: int,
    now_s: int,
) -> tuple[Receipt, Credit]:
    """The receipt of an accepted update and its credit."""
    manifest = facts.manifest
    each = flop_per_token(manifest.model, manifest.data.sequence_length)
    entered = credit(update.tokens, each, trusted, last_sequence)
    stated = Receipt(
        run=facts.run,
        contributor=contributor,
        device=update.device,
        assignment_id=update.assignment_id,
        update=update_sha256,
        tokens=update.tokens,
        credit_micro=entered.micro,
        state=entered.state,
        round=entry.round,
        merged=entry.merged,
        accepted_at_s=now_s,
        sequence=entered.sequence,
    )
    return stated, entered


def refusal(run: str, contributor: str, assignment_id: str, update_sha256: str, reason: str, now_s: int) -> Refusal:
    return Refusal(
        run=run,
        contributor=contributor,
        assignment_id=assignment_id,
        update=update_sha256,
        reason=reason,
        refused_at_s=now_s,
    )


class Member(msgspec.Struct, frozen=True):
    """An update of a round, as far as it matters to the merge."""

    assignment_id: str
    payload: BlobRef
    tokens: int
    staleness: int


def merge_plan(
    facts: Facts,
    base: VersionId,
    outer_state: BlobRef | None,
    members: Sequence[Member],
    moments: BlobRef | None = None,
) -> MergePlan:
    """The plan of the gathering round; there is at least one member.

    Args:
        moments: that `base` was published with.
    """
    largest = max(member.tokens for member in members)
    state = facts.manifest.inner.state
    return MergePlan(
        run=facts.run,
        round=facts.gathering_round,
        base=base,
        outer_state=outer_state,
        rule=facts.manifest.outer,
        codec=facts.manifest.codec,
        updates=sorted_updates(
            tuple(
                PlannedUpdate(
                    payload=member.payload,
                    assignment_id=member.assignment_id,
                    weight=staleness_weight(member.tokens, member.staleness, largest),
                )
                for member in members
            )
        ),
        inner_state=None if state == "fresh" else state,
        moments=moments,
    )


def shortest_way(versions: Sequence[VersionRow], have: VersionId | None) -> Way:
    """The way from `have` to the newest version that moves fewer bytes: patches, or a keyframe and patches.

    Args:
        versions: ascending, as far back as they are kept; the newest can be reached from some keyframe among them.
    """
    by_patches = _patches_after(versions, have)
    start = max((index for index, row in enumerate(versions) if row.keyframe is not None), default=0)
    root, following = versions[start], versions[start + 1 :]
    if by_patches is not None:
        whole = _size(root.keyframe) + sum(_size(row.patch) for row in following)
        if sum(_size(row.patch) for row in by_patches) <= whole:
            return Way(None, tuple(row.announcement for row in by_patches[:PATCHES_MOST]))
    return Way(root.announcement, tuple(row.announcement for row in following[:PATCHES_MOST]))


def disposable(versions: Sequence[VersionRow]) -> tuple[tuple[VersionId, BlobRef], ...]:
    """Blobs behind the two newest keyframes: nobody who joins or returns needs them.

    Returns:
        (version, blob) of every patch, keyframe and moments that may go; the older of the two keyframes needs no patch.
    """
    roots = [index for index, row in enumerate(versions) if row.keyframe is not None]
    if len(roots) < 2:
        return ()
    kept_from = roots[-2]
    # Two versions of one content share a blob: moments that nobody has reported anew.
    kept = {blob for row in versions[kept_from:] for blob in row.blobs}
    return tuple((row.version, blob) for row in versions[:kept_from] for blob in row.blobs if blob not in kept)


def _patches_after(versions: Sequence[VersionRow], have: VersionId | None) -> Sequence[VersionRow] | None:
    for index, row in enumerate(versions):
        if row.version == have:
            following = versions[index + 1 :]
            return following if all(each.patch is not None for each in following) else None
    return None


def _size(blob: BlobRef | None) -> int:
    return blob.size if blob is not None else 0
