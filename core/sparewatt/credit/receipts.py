"""Checking receipts offline: everything needed travels with them."""

from collections.abc import Iterable, Sequence

import msgspec

from sparewatt.credit.keychain import KeyChain, key_chain, verify_manifest
from sparewatt.errors import IntegrityError
from sparewatt.signing import Signed
from sparewatt.work.receipt import RECEIPT_KIND, Receipt


class Fault(msgspec.Struct, frozen=True):
    """A receipt that proves nothing: its place in the list (from 0) and why, as the id of an error."""

    index: int
    error_id: str


class ReceiptsReport(msgspec.Struct, frozen=True):
    """What a list of receipts proves.

    Attributes:
        receipts: receipts that hold.
        assignments: different assignments among them; the newest word about each counts.
        tokens: trained in assignments whose credit is not revoked.
        pending_micro, verified_micro: credit in 1e-6, by newest state; one credit is 1e15 verified FLOP.
        revoked: assignments whose credit was taken back.
        faults: receipts that do not hold.
    """

    receipts: int
    assignments: int
    tokens: int
    pending_micro: int
    verified_micro: int
    revoked: int
    faults: tuple[Fault, ...]

    @property
    def credit_micro(self) -> int:
        return self.pending_micro + self.verified_micro


def verify_receipts(
    run: str,
    run_key_hash: str,
    manifest: Signed,
    online_keys: Iterable[Signed],
    receipts: Sequence[Signed],
    contributor: str | None = None,
) -> ReceiptsReport:
    """Checks every receipt from the organiser's key down, and adds up what they prove.

    Args:
        run: digest of the manifest.
        run_key_hash: SHA-256 of the organiser's public key, as in the invite.
        online_keys: signed online keys, oldest first.
        contributor: whose receipts they must be; None takes anybody's.

    Raises:
        IntegrityError: the manifest or an online key does not hold, so that no receipt can.
    """
    verify_manifest(manifest, run, run_key_hash)
    chain = key_chain(run, run_key_hash, online_keys)
    newest: dict[str, Receipt] = {}
    faults: list[Fault] = []
    for index, signed in enumerate(receipts):
        try:
            receipt = verify_receipt(signed, chain, contributor)
            _check_consistent(receipt, newest.get(receipt.assignment_id))
        except IntegrityError as error:
            faults.append(Fault(index=index, error_id=error.error_id))
            continue
        known = newest.get(receipt.assignment_id)
        if known is None or receipt.sequence > known.sequence:
            newest[receipt.assignment_id] = receipt
    return _report(list(newest.values()), len(receipts) - len(faults), tuple(faults))


def verify_receipt(signed: Signed, chain: KeyChain, contributor: str | None) -> Receipt:
    """One receipt.

    Raises:
        IntegrityError: ``receipt.run``, ``receipt.contributor``, or as `KeyChain.verify`.
    """
    receipt = chain.verify(signed, RECEIPT_KIND, Receipt)
    if receipt.run != chain.run:
        raise IntegrityError("receipt.run")
    if contributor is not None and receipt.contributor != contributor:
        raise IntegrityError("receipt.contributor")
    return receipt


def _check_consistent(receipt: Receipt, known: Receipt | None) -> None:
    """Two receipts of one assignment must speak of the same update, and one place in the log says one thing."""
    if known is None:
        return
    if receipt.update != known.update or (receipt.sequence == known.sequence and receipt != known):
        raise IntegrityError("receipt.contradiction", assignment=receipt.assignment_id)


def _report(newest: list[Receipt], receipts: int, faults: tuple[Fault, ...]) -> ReceiptsReport:
    return ReceiptsReport(
        receipts=receipts,
        assignments=len(newest),
        tokens=sum(each.tokens for each in newest if each.state != "revoked"),
        pending_micro=sum(each.credit_micro for each in newest if each.state == "pending"),
        verified_micro=sum(each.credit_micro for each in newest if each.state == "verified"),
        revoked=sum(each.state == "revoked" for each in newest),
        faults=faults,
    )
