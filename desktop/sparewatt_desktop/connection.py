"""How the desktop stands with the engine: a table of phases and events, without Qt and without I/O."""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from sparewatt.errors import SparewattError

Phase = Literal[
    "looking",
    "missing",
    "starting",
    "overdue",
    "failed",
    "talking",
    "slow",
    "ended",
    "other_version",
    "replacing",
    "refused",
    "stopping",
    "stopped",
]
Event = Literal[
    "absent",
    "greeted",
    "heard",
    "silent",
    "lost",
    "left",
    "other_version",
    "refused",
    "start",
    "start_died",
    "start_overdue",
    "replace",
    "replace_overdue",
    "stop",
]

# What follows an event in a phase; an event that is not listed changes nothing there.
_ROWS: Final[dict[Event, dict[Phase, Phase]]] = {
    # Nobody listens at the engine's address.
    "absent": {
        "looking": "missing",
        "other_version": "missing",
        "refused": "missing",
        "slow": "missing",
        "talking": "missing",
        "stopping": "stopped",
    },
    "greeted": {
        "looking": "talking",
        "missing": "talking",
        "starting": "talking",
        "overdue": "talking",
        "failed": "talking",
        "slow": "talking",
        "ended": "talking",
        "other_version": "talking",
        "replacing": "talking",
        "refused": "talking",
    },
    "heard": {"slow": "talking"},
    "silent": {"looking": "slow", "missing": "slow", "ended": "slow", "failed": "slow", "talking": "slow"},
    # The connection broke: unlooked for, or after the engine had said that it is stopping.
    "lost": {"talking": "ended", "slow": "ended"},
    "left": {"talking": "missing", "slow": "missing"},
    "other_version": {
        "looking": "other_version",
        "missing": "other_version",
        "starting": "other_version",
        "overdue": "other_version",
        "failed": "other_version",
        "slow": "other_version",
        "talking": "other_version",
        "ended": "other_version",
        "refused": "other_version",
    },
    "refused": {
        "looking": "refused",
        "missing": "refused",
        "starting": "refused",
        "overdue": "refused",
        "failed": "refused",
        "slow": "refused",
        "ended": "refused",
        "talking": "refused",
        "other_version": "refused",
        "refused": "refused",
    },
    "start": {
        "looking": "starting",
        "missing": "starting",
        "overdue": "starting",
        "failed": "starting",
        "ended": "starting",
        "replacing": "starting",
    },
    "start_died": {"starting": "failed", "overdue": "failed"},
    "start_overdue": {"starting": "overdue"},
    "replace": {"other_version": "replacing"},
    "replace_overdue": {"replacing": "other_version"},
    "stop": {
        "looking": "stopped",
        "missing": "stopped",
        "starting": "stopped",
        "overdue": "stopped",
        "failed": "stopped",
        "ended": "stopped",
        "replacing": "stopped",
        "refused": "stopped",
        "other_version": "stopped",
        "talking": "stopping",
        "slow": "stopping",
    },
}
TABLE: Final = MappingProxyType({event: MappingProxyType(row) for event, row in _ROWS.items()})

# An engine that starts is looked for often; one that is missing may be started by somebody else at any time, and a
# look costs 0.1 ms.
STARTING_RETRY_S: Final = 0.1
_RETRIES_S: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
# A first start may have to read libraries from a slow disk.
START_MOST_S: Final = 30.0
# An engine that was started here and crashed is started again, but not for ever.
_RESTARTS_S: Final = (2.0, 15.0, 60.0)
# The engine sends a snapshot every two seconds when nothing happens.
SILENCE_MOST_S: Final = 8.0
GREETING_MOST_S: Final = 5.0
ANSWER_MOST_S: Final = 60.0
STOP_MOST_S: Final = 30.0
SEEN_INTERVAL_MS: Final = 250
HIDDEN_INTERVAL_MS: Final = 3_000


@dataclass(frozen=True)
class Link:
    """How it stands.

    Attributes:
        error: why, where an error says more than the phase.
        misses: looks in a row that found nobody.
        restarts: how often a crashed engine was started again since it last worked for a while.
        started_here: whether the engine is this desktop's own, so that it ends with it.
    """

    phase: Phase = "looking"
    error: SparewattError | None = None
    misses: int = 0
    restarts: int = 0
    started_here: bool = False

    @property
    def heard(self) -> bool:
        """Whether there is an engine whose snapshots can be shown, although it may be slow."""
        return self.phase in ("talking", "slow", "stopping")


def after(link: Link, event: Event, error: SparewattError | None = None) -> Link:
    """`link` after `event`, which `error` explains."""
    phase = TABLE[event].get(link.phase)
    misses = link.misses + 1 if event == "absent" else 0
    if phase is None:
        return replace(link, misses=misses)
    started_here = link.started_here
    if event == "start":
        started_here = True
    elif phase in ("missing", "other_version", "refused"):
        started_here = False
    return replace(link, phase=phase, error=error, misses=misses, started_here=started_here)


def retry_s(link: Link) -> float:
    """Seconds until the next look for an engine."""
    if link.phase in ("starting", "replacing", "stopping"):
        return STARTING_RETRY_S
    if link.phase in ("other_version", "refused"):
        return _RETRIES_S[-1]
    return _RETRIES_S[min(link.misses, len(_RETRIES_S) - 1)]


def restart_s(link: Link) -> float | None:
    """Seconds until a crashed engine is started again; None when it is left to the person."""
    if link.phase not in ("ended", "failed") or not link.started_here or link.restarts >= len(_RESTARTS_S):
        return None
    return _RESTARTS_S[link.restarts]


def silence_s(watch_interval_ms: int) -> float:
    """How long a watched engine may say nothing before it counts as slow."""
    return SILENCE_MOST_S + watch_interval_ms / 1000
