"""Receipts prove what they say from the organiser's key down, offline, and nothing else does."""

import msgspec
import pytest

from sparewatt.credit.keychain import KeyChain, key_chain, verify_manifest
from sparewatt.credit.receipts import Fault, ReceiptsReport, verify_receipts
from sparewatt.errors import IntegrityError
from sparewatt.signing import Signed, public_key_hex, sign
from sparewatt.testing.run import FakeRun, private_key
from sparewatt.work.receipt import RECEIPT_KIND, Receipt

RUN = FakeRun()
CONTRIBUTOR = public_key_hex(private_key(7))


def receipt(number: int, sequence: int, **changes: object) -> Receipt:
    honest = Receipt(
        run=RUN.run,
        contributor=CONTRIBUTOR,
        device="d0" * 16,
        assignment_id=f"{number:032x}",
        update=f"{number:064x}",
        tokens=100,
        credit_micro=7,
        state="verified",
        round=0,
        merged="yes",
        accepted_at_s=1,
        sequence=sequence,
    )
    return msgspec.structs.replace(honest, **changes)


def signed(*stated: Receipt) -> list[Signed]:
    return [sign(RECEIPT_KIND, each, RUN.online) for each in stated]


def report(receipts: list[Signed], keys: tuple[Signed, ...] = (RUN.signed_online_key,)) -> ReceiptsReport:
    return verify_receipts(RUN.run, RUN.run_key_sha256, RUN.signed_manifest, keys, receipts, CONTRIBUTOR)


def test_honest_receipts_add_up() -> None:
    found = report(signed(receipt(1, 1), receipt(2, 2, state="pending"), receipt(3, 3, credit_micro=0)))
    assert found == ReceiptsReport(
        receipts=3, assignments=3, tokens=300, pending_micro=7, verified_micro=7, revoked=0, faults=()
    )
    assert found.credit_micro == 14


def test_the_newest_word_about_an_assignment_counts_in_any_order() -> None:
    words = signed(receipt(1, 1, state="pending"), receipt(1, 5, state="revoked"), receipt(1, 3))
    for order in (words, words[::-1]):
        found = report(order)
        assert (found.assignments, found.receipts, found.tokens, found.credit_micro, found.revoked) == (1, 3, 0, 0, 1)


def test_the_same_receipt_twice_counts_once() -> None:
    assert report(signed(receipt(1, 1), receipt(1, 1))).credit_micro == 7


@pytest.mark.parametrize(
    ("forged", "error_id"),
    [
        (sign(RECEIPT_KIND, receipt(2, 2), private_key(66)), "key.unknown"),
        (sign("refusal", receipt(2, 2), RUN.online), "signature.kind"),
        (sign(RECEIPT_KIND, receipt(2, 2, run="12" * 32), RUN.online), "receipt.run"),
        (sign(RECEIPT_KIND, receipt(2, 2, contributor="12" * 32), RUN.online), "receipt.contributor"),
        (sign(RECEIPT_KIND, {"tokens": 1}, RUN.online), "signature.body"),
        (sign(RECEIPT_KIND, receipt(1, 2, update="12" * 32), RUN.online), "receipt.contradiction"),
        (sign(RECEIPT_KIND, receipt(1, 1, credit_micro=8), RUN.online), "receipt.contradiction"),
        (msgspec.structs.replace(signed(receipt(2, 2))[0], signature="00" * 64), "signature.invalid"),
    ],
)
def test_a_receipt_that_does_not_hold_is_named_and_adds_nothing(forged: Signed, error_id: str) -> None:
    found = report([*signed(receipt(1, 1)), forged])
    assert found.faults == (Fault(index=1, error_id=error_id),)
    assert (found.receipts, found.credit_micro) == (1, 7)


def test_receipts_of_an_older_online_key_still_hold() -> None:
    newer = private_key(50)
    keys = (RUN.signed_online_key, RUN.online_key(1, newer))
    both = [*signed(receipt(1, 1)), sign(RECEIPT_KIND, receipt(2, 2), newer)]
    assert report(both, keys).receipts == 2
    assert report(both).faults == (Fault(index=1, error_id="key.unknown"),)


# The chain of keys


def test_a_chain_grows_only_forward_and_only_by_the_organiser() -> None:
    first, second = RUN.signed_online_key, RUN.online_key(1, private_key(50))
    chain = key_chain(RUN.run, RUN.run_key_sha256, [first, second])
    assert chain.extended(second) is chain
    assert [each.sequence for each in chain.keys] == [0, 1]
    for wrong, error_id in (
        (first, "key.retired"),
        (RUN.online_key(1, private_key(51)), "key.forked"),
        (FakeRun(seed=2).signed_online_key, "key.run_key"),
        (msgspec.structs.replace(second, key="zz"), "key.run_key"),
        (msgspec.structs.replace(second, signature="00" * 64), "signature.invalid"),
    ):
        with pytest.raises(IntegrityError) as caught:
            chain.extended(wrong)
        assert caught.value.error_id == error_id


def test_an_empty_chain_believes_nobody() -> None:
    chain = KeyChain(run=RUN.run, run_key_sha256=RUN.run_key_sha256)
    assert chain.newest is None
    with pytest.raises(IntegrityError, match=r"key\.unknown"):
        chain.verify(signed(receipt(1, 1))[0], RECEIPT_KIND, Receipt)


def test_a_manifest_that_names_another_key_than_its_signer_is_refused() -> None:
    changed = msgspec.structs.replace(RUN.manifest, run_key="12" * 32)
    with pytest.raises(IntegrityError, match=r"manifest\.key"):
        verify_manifest(sign("manifest", changed, RUN.run_key), RUN.run, RUN.run_key_sha256)
