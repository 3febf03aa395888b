"""What accepted work is worth."""

from hypothesis import given
from hypothesis import strategies as st

from sparewatt_coordinator.ledger import Credit, CreditState, credit, may_follow


def test_one_credit_is_a_thousand_million_million_operations() -> None:
    assert credit(10**6, 10**9, trusted=True, last_sequence=0) == Credit(1_000_000, "verified", 1)


def test_work_of_a_contributor_on_probation_is_pending() -> None:
    assert credit(10**6, 10**9, trusted=False, last_sequence=41) == Credit(1_000_000, "pending", 42)


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(1, 10**12))
def test_splitting_work_gains_nothing(one: int, other: int, flop: int) -> None:
    whole = credit(one + other, flop, True, 0).micro
    parts = credit(one, flop, True, 0).micro + credit(other, flop, True, 1).micro
    assert whole - 1 <= parts <= whole


def test_credit_changes_only_forward() -> None:
    states: tuple[CreditState, ...] = ("pending", "verified", "revoked")
    allowed = {(a, b) for a in states for b in states if may_follow(a, b)}
    assert allowed == {("pending", "verified"), ("pending", "revoked"), ("verified", "revoked")}
