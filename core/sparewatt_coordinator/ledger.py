"""What accepted work is worth. Pure.

Credit is proportional to the arithmetic of the work alone, so that splitting an identity gains nothing.
"""

from typing import Final, Literal

import msgspec

from sparewatt.work.receipt import FLOP_PER_CREDIT

FLOP_PER_CREDIT_MICRO: Final = FLOP_PER_CREDIT // 1_000_000

CreditState = Literal["pending", "verified", "revoked"]

# state -> states that may follow; a revoked credit stays revoked, a verified one can still be revoked on evidence.
FOLLOWING: Final[dict[CreditState, frozenset[CreditState]]] = {
    "pending": frozenset({"verified", "revoked"}),
    "verified": frozenset({"revoked"}),
    "revoked": frozenset(),
}


class Credit(msgspec.Struct, frozen=True):
    """Credit for one accepted assignment, in 1e-6 credits, as it enters the log at `sequence`."""

    micro: int
    state: CreditState
    sequence: int


def credit(tokens: int, flop_per_token: int, trusted: bool, last_sequence: int) -> Credit:
    """Credit for `tokens` trained tokens; work of trusted contributors is verified at once."""
    return Credit(
        micro=tokens * flop_per_token // FLOP_PER_CREDIT_MICRO,
        state="verified" if trusted else "pending",
        sequence=last_sequence + 1,
    )


def may_follow(state: CreditState, following: CreditState) -> bool:
    """Whether a credit may change from one state to the other."""
    return following in FOLLOWING[state]
