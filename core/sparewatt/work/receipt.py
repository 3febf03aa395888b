"""The coordinator's signed words: receipts, refusals and announcements."""

from typing import Literal

import msgspec

from sparewatt.work.bounds import Count, Identifier, Positive, PublicKey, Sha256, Words
from sparewatt.work.version import BlobRef, VersionId

RECEIPT_KIND = "receipt"
REFUSAL_KIND = "refusal"
ANNOUNCEMENT_KIND = "announcement"

FLOP_PER_CREDIT = 10**15


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An update was accepted and entered as credit.

    Attributes:
        update: SHA-256 of the canonical bytes of the accepted `Update`.
        round: number of the round that the update joined; it may carry weight there.
        merged: ``yes`` when it will carry weight in that round, ``late`` when it was too old and is only credited.
        credit_micro: credit in 1e-6; one credit is 1e15 verified FLOP.
        sequence: position in the coordinator's log of credit changes, from 1 without gaps.
    """

    run: Sha256
    contributor: PublicKey
    device: Identifier
    assignment_id: Identifier
    update: Sha256
    tokens: Positive
    credit_micro: Count
    state: Literal["pending", "verified", "revoked"]
    round: Count
    merged: Literal["yes", "late"]
    accepted_at_s: Count
    sequence: Positive


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An update was refused for good; `reason` is an error id with words, for example ``update.not_finite``."""

    run: Sha256
    contributor: PublicKey
    assignment_id: Identifier
    update: Sha256
    reason: str
    refused_at_s: Count


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Held-out loss of one version over the first `tokens` of the held-out blob, in 1e-6 of the run's loss unit."""

    version: Count
    loss_micro: Count
    tokens: Positive


class Announcement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A published version and how to reach it.

    Attributes:
        sequence: grows with every announcement of the run; an engine refuses to go back.
        previous: the version that `patch` starts from; absent for the first version of a branch.
        patch: exact difference from `previous`.
        keyframe: the version in full, where one is kept.
        moments: second moments that an assignment from this version begins with, where the run shares them; absent for
            the version that a run starts with.
        evaluations: the first and the most recent measurements of held-out loss, oldest first.
        tokens: trained in the whole run so far; late work that others did again is not among them.
        words: what the organiser says to contributors, for example why a run was closed.
    """

    run: Sha256
    sequence: Positive
    version: VersionId
    previous: VersionId | None = None
    patch: BlobRef | None = None
    keyframe: BlobRef | None = None
    moments: BlobRef | None = None
    evaluations: tuple[Evaluation, ...]
    tokens: Count
    contributors: Count
    state: Literal["open", "stalled", "closed"]
    words: Words
    at_s: Count
