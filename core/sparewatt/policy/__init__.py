"""What a device may do now, and why.

Every rule that matches is kept; the decision is the strictest of them on each of two axes. A rule that no longer
holds may linger for a while, so that a flickering fact (a loose plug, memory at its bound) does not start and stop
work all the time.
"""

from sparewatt.policy.conflict_rules import Conflict, Lent, conflicts
from sparewatt.policy.decider import decide, strictest
from sparewatt.policy.decision import (
    COMPUTE_ORDER,
    TRANSFERS_ORDER,
    Compute,
    Decision,
    Match,
    Moment,
    Offer,
    Offers,
    Parameters,
    Spent,
    Transfers,
    Usage,
)
from sparewatt.policy.rule import Rule
from sparewatt.policy.rules import RULES, URGENT_RULES, WITHOUT_ENCODING_RULES

__all__ = [
    "COMPUTE_ORDER",
    "RULES",
    "TRANSFERS_ORDER",
    "URGENT_RULES",
    "WITHOUT_ENCODING_RULES",
    "Compute",
    "Conflict",
    "Decision",
    "Lent",
    "Match",
    "Moment",
    "Offer",
    "Offers",
    "Parameters",
    "Rule",
    "Spent",
    "Transfers",
    "Usage",
    "conflicts",
    "decide",
    "strictest",
]
