"""Receipts as rows, and what they prove."""

from datetime import UTC, timedelta, timezone

from sparewatt.signing import Signed
from sparewatt_desktop.presentation.receipt_words import (
    ReceiptList,
    credit_sums,
    last_receipt_facts,
    moment_words,
    newest_receipts,
    proof_sentence,
    receipt_row,
)
from sparewatt_desktop.testing.examples import NOW_UNIX_S, receipt, run, signed


def test_the_newest_word_about_an_assignment_counts_and_the_newest_comes_first() -> None:
    told = [
        signed(receipt(1)),
        signed(receipt(2)),
        signed(receipt(1, state="verified", sequence=9)),
    ]
    listed = newest_receipts(told)
    assert [(each.assignment_id[-1], each.state) for each in listed.receipts] == [("2", "pending"), ("1", "verified")]
    assert newest_receipts(reversed(told)) == listed


def test_what_cannot_be_read_is_counted_and_loses_nothing_else() -> None:
    listed = newest_receipts(
        [Signed("receipt", '{"run":', "", ""), signed(receipt(1)), Signed("receipt", "[]", "", "")]
    )
    assert (len(listed.receipts), listed.unreadable) == (1, 2)
    assert "2 cannot be read by this version." in proof_sentence(listed)


def test_a_row_has_everything_in_words() -> None:
    row = receipt_row(receipt(1, accepted_at_s=NOW_UNIX_S - 60), "A run", NOW_UNIX_S, zone=UTC)
    assert (row.time, row.run, row.round, row.tokens, row.credit, row.state) == (
        "today 11:05", "A run", "281", "311 k", "0.2398", "to be checked",
    )  # fmt: skip
    assert receipt_row(receipt(1, state="revoked"), "", NOW_UNIX_S).state == "taken back"
    assert receipt_row(receipt(1, state="verified", merged="late"), "", NOW_UNIX_S).state == "verified, came late"


def test_a_day_is_the_person_s_own() -> None:
    east = timezone(timedelta(hours=14))
    assert moment_words(NOW_UNIX_S - 3_600, NOW_UNIX_S, zone=UTC).startswith("today")
    assert moment_words(NOW_UNIX_S - 7_200, NOW_UNIX_S, zone=east) == "2026-11-18 23:06"


def test_the_states_are_summed_up_in_a_sentence() -> None:
    states = ("verified", "verified", "pending", "revoked")
    listed = ReceiptList(tuple(receipt(number, state=state) for number, state in enumerate(states)))
    assert proof_sentence(listed) == (
        "Of the newest 4 receipts: 2 are verified. 1 may still be checked. 1 was taken back."
    )
    assert proof_sentence(ReceiptList(())).startswith("No receipts yet.")


def test_credit_is_of_all_runs() -> None:
    assert credit_sums([run(), run(credit_today_micro=1_000_000, credit_micro=2_000_000)]) == (
        "3.31 credits", "33.41 credits",
    )  # fmt: skip
    assert credit_sums([]) == ("0.0000 credits", "0.0000 credits")


def test_the_last_receipts_are_short_lines() -> None:
    (fact,) = last_receipt_facts([receipt(1, accepted_at_s=NOW_UNIX_S)], NOW_UNIX_S, zone=UTC)
    assert (fact.name, fact.value) == ("today 11:06", "311 k tokens, 0.2398 credits, to be checked")
