"""How hard a device may compute: the decision and the newest sample, turned into a duty.

`pace` is a pure function and the whole of it. Its parts: `trust` judges whether a sample may be believed, `power` keeps
the mean watts of a minute under the cap, `heat` keeps the temperature under its limit, `window` is the minute that is
remembered. `presets` turns what was learnt of a device into settings a person may choose from.
"""

from sparewatt.governor.law import pace
from sparewatt.governor.values import (
    DECISION_AGE_MOST_S,
    SAMPLE_AGE_MOST_S,
    Facts,
    Grant,
    Learnt,
    Limit,
    Pace,
    Reason,
)

__all__ = [
    "DECISION_AGE_MOST_S",
    "SAMPLE_AGE_MOST_S",
    "Facts",
    "Grant",
    "Learnt",
    "Limit",
    "Pace",
    "Reason",
    "pace",
]
