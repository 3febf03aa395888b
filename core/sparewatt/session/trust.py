"""What a session believes, and why: pure checks of everything that a coordinator signs."""

import msgspec

from sparewatt.credit.keychain import KeyChain
from sparewatt.credit.receipts import verify_receipt
from sparewatt.errors import IntegrityError
from sparewatt.signing import Signed, digest, verify
from sparewatt.wire.messages import HANDSHAKE_KIND, Challenge, DeviceOffer, Transcript, Versions
from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment
from sparewatt.work.receipt import ANNOUNCEMENT_KIND, REFUSAL_KIND, Announcement, Receipt, Refusal
from sparewatt.work.update import Update
from sparewatt.work.version import VersionId


class HighestSeen(msgspec.Struct, frozen=True):
    """The newest that was ever announced to this contributor; nothing below it is believed again."""

    branch: int
    number: int
    sequence: int


class Identity(msgspec.Struct, frozen=True):
    """Who talks to whom: the run, the contributor's public key, and the keys that speak for the run."""

    run: str
    contributor: str
    chain: KeyChain


def check_challenge(challenge: Challenge, identity: Identity, client_nonce: str) -> tuple[KeyChain, Transcript]:
    """The chain with the coordinator's key, and the transcript for the contributor to sign in its turn.

    Raises:
        IntegrityError: as `KeyChain.extended` and `signing.verify`; ``session.transcript`` when the proof is about
            another session, for example a recorded one.
    """
    chain = identity.chain
    for earlier in challenge.earlier_keys:
        chain = chain.with_earlier(earlier)
    chain = chain.extended(challenge.online_key)
    newest = chain.newest
    assert newest is not None
    expected = Transcript(
        side="coordinator",
        run=identity.run,
        contributor=identity.contributor,
        online_key=newest.key,
        client_nonce=client_nonce,
        server_nonce=challenge.nonce,
        session=challenge.session,
    )
    if verify(challenge.proof, HANDSHAKE_KIND, newest.key, Transcript) != expected:
        raise IntegrityError("session.transcript")
    return chain, msgspec.structs.replace(expected, side="contributor")


def check_announcement(signed: Signed, chain: KeyChain) -> Announcement:
    """Raises IntegrityError: ``announcement.run``, or as `KeyChain.verify`."""
    announcement = chain.verify(signed, ANNOUNCEMENT_KIND, Announcement)
    if announcement.run != chain.run:
        raise IntegrityError("announcement.run")
    return announcement


def raise_highest(announcement: Announcement, highest: HighestSeen | None) -> HighestSeen:
    """The new mark.

    Raises:
        IntegrityError: ``announcement.rollback`` when the version or the sequence is below what was seen.
    """
    version = announcement.version
    if highest is not None:
        seen = (highest.branch, highest.number)
        if version.position < seen or announcement.sequence < highest.sequence:
            raise IntegrityError("announcement.rollback", number=version.number, seen=highest.number)
    return HighestSeen(branch=version.branch, number=version.number, sequence=announcement.sequence)


def check_versions(
    versions: Versions, have: VersionId | None, chain: KeyChain
) -> tuple[Announcement | None, tuple[Announcement, ...]]:
    """The keyframe and the patches of an unbroken way that starts from `have` or from the keyframe.

    Raises:
        IntegrityError: ``versions.keyframe`` or ``versions.chain``, or as `check_announcement`.
    """
    keyframe = None
    at = have
    if versions.keyframe is not None:
        keyframe = check_announcement(versions.keyframe, chain)
        if keyframe.keyframe is None:
            raise IntegrityError("versions.keyframe", number=keyframe.version.number)
        at = keyframe.version
    patches = tuple(check_announcement(each, chain) for each in versions.patches)
    for patch in patches:
        if patch.patch is None or at is None or patch.previous != at:
            raise IntegrityError("versions.chain", number=patch.version.number)
        at = patch.version
    return keyframe, patches


def check_assignment(signed: Signed, identity: Identity, offer: DeviceOffer) -> Assignment:
    """An assignment for this contributor's device.

    Raises:
        IntegrityError: ``assignment.run``, ``assignment.contributor``, ``assignment.device``, ``assignment.tokens``
            when its ranges hold another number of tokens than its budget, or as `KeyChain.verify`.
    """
    assignment = identity.chain.verify(signed, ASSIGNMENT_KIND, Assignment)
    if assignment.run != identity.run:
        raise IntegrityError("assignment.run")
    if assignment.contributor != identity.contributor:
        raise IntegrityError("assignment.contributor")
    if assignment.device != offer.device:
        raise IntegrityError("assignment.device")
    if sum(each.count for each in assignment.ranges) != assignment.token_budget:
        raise IntegrityError("assignment.tokens")
    return assignment


def check_receipt(signed: Signed, identity: Identity, update: Update) -> Receipt:
    """The receipt of `update`.

    Raises:
        IntegrityError: ``receipt.update`` when it is about something else, or as `verify_receipt`.
    """
    receipt = verify_receipt(signed, identity.chain, identity.contributor)
    fits = (
        receipt.assignment_id == update.assignment_id
        and receipt.update == digest(update)
        and receipt.device == update.device
        and receipt.tokens == update.tokens
    )
    if not fits:
        raise IntegrityError("receipt.update", assignment=update.assignment_id)
    return receipt


def check_refusal(signed: Signed, identity: Identity, update: Update) -> Refusal:
    """The final refusal of `update`; raises IntegrityError ``refusal.update`` when it is about something else."""
    refusal = identity.chain.verify(signed, REFUSAL_KIND, Refusal)
    expected = (identity.run, identity.contributor, update.assignment_id, digest(update))
    if (refusal.run, refusal.contributor, refusal.assignment_id, refusal.update) != expected:
        raise IntegrityError("refusal.update", assignment=update.assignment_id)
    return refusal
