"""When a round closes, is merged, is published: a pure state machine.

    gathering   event                                                        next
    open        an update is accepted                                        open, it joins
    open        tokens >= target plus grace | T since the first accept |
                no live lease is left | 1,024 updates | the run ends         closing; an empty round stays open
    closing     no merge is under way                                        effect `FixPlan`; stays closing
    any         the plan is fixed (one transaction opened the next round)    open, empty, number + 1

    merge       event                                                        next
    idle        the plan is fixed                                            due, effect `LeaseMerge`
    due         leased under a fence                                         merging
    merging     its lease ran out | it failed                                due later | stalled at the third time
    merging     published under the fence                                    idle

At most one round is merged at a time, and updates are accepted all the while. Every effect is idempotent and is asked
for again until its event arrives, so that a lost effect cannot stop a run.
"""

from typing import Final, Literal, TypeAlias

import msgspec

from sparewatt.numeric.merge_plan import UPDATES_MOST
from sparewatt.work.manifest import RoundSpec

FAILURES_MOST: Final = 3
MERGE_LEASE_MILLISECONDS: Final = 30 * 60 * 1000
RETRY_MILLISECONDS: Final = 1_000
# Effects that were asked for and brought no event are asked for again after this long.
EFFECT_MILLISECONDS: Final = 10_000


class Gathering(msgspec.Struct, frozen=True):
    """The round that accepted updates join.

    Attributes:
        first_milliseconds, target_milliseconds: when its first update was accepted and when its tokens reached the
            target; None before.
        planned_milliseconds: when its plan was last asked for.
    """

    number: int
    phase: Literal["open", "closing"] = "open"
    updates: int = 0
    tokens: int = 0
    first_milliseconds: int | None = None
    target_milliseconds: int | None = None
    planned_milliseconds: int | None = None


class Merge(msgspec.Struct, frozen=True):
    """The merge of an earlier round.

    Attributes:
        due_milliseconds: when to lease it, in phase ``due``; when its lease runs out, in phase ``merging``.
        fence: of the last lease; an older one publishes nothing.
    """

    round: int
    phase: Literal["due", "merging", "stalled"]
    due_milliseconds: int
    fence: int = 0
    failures: int = 0


class Rounds(msgspec.Struct, frozen=True):
    """Everything that decides; `ending` closes the round at once and opens no more work."""

    spec: RoundSpec
    gathering: Gathering
    merge: Merge | None = None
    ending: bool = False


class Joined(msgspec.Struct, frozen=True):
    """An update of `tokens` tokens was accepted into the gathering round."""

    tokens: int


class TimePassed(msgspec.Struct, frozen=True):
    """Nothing else happened. `live_leases` of all contributors may still bring an update."""

    live_leases: int


class PlanFixed(msgspec.Struct, frozen=True):
    """The plan of `round` is in the store and the next round is open."""

    round: int


class MergeLeased(msgspec.Struct, frozen=True):
    fence: int


class MergePublished(msgspec.Struct, frozen=True):
    fence: int


class MergeFailed(msgspec.Struct, frozen=True):
    fence: int


class Ending(msgspec.Struct, frozen=True):
    """No more work is handed out."""


class FixPlan(msgspec.Struct, frozen=True):
    """Fix the merge plan of `round` and open the next round, in one transaction."""

    round: int


class LeaseMerge(msgspec.Struct, frozen=True):
    """Take a new fence for the merge of `round` and have it done."""

    round: int


class NoteFailure(msgspec.Struct, frozen=True):
    """Store that the merge failed; with `stalled`, that the run stands still until somebody looks at it."""

    round: int
    fence: int
    stalled: bool


class Explanation(msgspec.Struct, frozen=True):
    """Why the state is what it is: an id with words, and the round that it is about."""

    reason: str
    round: int


Event: TypeAlias = Joined | TimePassed | PlanFixed | MergeLeased | MergePublished | MergeFailed | Ending
Effect: TypeAlias = FixPlan | LeaseMerge | NoteFailure


def tick(
    state: Rounds, event: Event, now_milliseconds: int, seed: int
) -> tuple[Rounds, tuple[Effect, ...], Explanation]:
    """The state after `event`, what is to be done, and why.

    Args:
        now_milliseconds: the coordinator's clock, which alone decides.
        seed: spreads retries, so that several aggregators do not return at once.
    """
    failure: tuple[Effect, ...] = ()
    match event:
        case Joined():
            state = _joined(state, event, now_milliseconds)
        case PlanFixed():
            state = _planned(state, event, now_milliseconds)
        case MergeLeased():
            state = _leased(state, event, now_milliseconds)
        case MergePublished():
            if state.merge is not None and state.merge.fence == event.fence:
                state = _with_merge(state, None)
        case MergeFailed():
            state, failure = _failed(state, event.fence, now_milliseconds, seed)
        case Ending():
            state = msgspec.structs.replace(state, ending=True)
        case TimePassed():
            state, failure = _expired(state, now_milliseconds, seed)
    leases = event.live_leases if isinstance(event, TimePassed) else None
    state, reason = _closed(state, now_milliseconds, leases)
    state, effects = _due(state, now_milliseconds)
    return state, failure + effects, Explanation(reason, state.gathering.number)


def staleness(round_number: int, base_number: int) -> int:
    """How many rounds older than the round's base an update's base is; round n is merged onto version n - 1."""
    return max(0, round_number - 1 - base_number)


def _joined(state: Rounds, event: Joined, now: int) -> Rounds:
    gathering = state.gathering
    tokens = gathering.tokens + event.tokens
    reached = gathering.target_milliseconds
    if reached is None and tokens >= state.spec.tokens_target:
        reached = now
    first = now if gathering.first_milliseconds is None else gathering.first_milliseconds
    changed = msgspec.structs.replace(
        gathering,
        updates=gathering.updates + 1,
        tokens=tokens,
        first_milliseconds=first,
        target_milliseconds=reached,
    )
    return msgspec.structs.replace(state, gathering=changed)


def _planned(state: Rounds, event: PlanFixed, now: int) -> Rounds:
    if event.round != state.gathering.number:
        return state
    merge = Merge(round=event.round, phase="due", due_milliseconds=now)
    return msgspec.structs.replace(state, gathering=Gathering(number=event.round + 1), merge=merge)


def _leased(state: Rounds, event: MergeLeased, now: int) -> Rounds:
    merge = state.merge
    if merge is None or merge.phase == "stalled" or event.fence <= merge.fence:
        return state
    until = now + MERGE_LEASE_MILLISECONDS
    leased = msgspec.structs.replace(merge, phase="merging", fence=event.fence, due_milliseconds=until)
    return _with_merge(state, leased)


def _failed(state: Rounds, fence: int, now: int, seed: int) -> tuple[Rounds, tuple[Effect, ...]]:
    """The third failure stalls the run; the others are retried after 1 s and 4 s, spread by up to a half."""
    merge = state.merge
    if merge is None or merge.phase != "merging" or merge.fence != fence:
        return state, ()
    failures = merge.failures + 1
    stalled = failures >= FAILURES_MOST
    wait = RETRY_MILLISECONDS * 4 ** (failures - 1)
    wait += seed % (wait // 2)
    changed = msgspec.structs.replace(
        merge, phase="stalled" if stalled else "due", due_milliseconds=now + wait, failures=failures
    )
    return _with_merge(state, changed), (NoteFailure(merge.round, fence, stalled),)


def _expired(state: Rounds, now: int, seed: int) -> tuple[Rounds, tuple[Effect, ...]]:
    merge = state.merge
    if merge is None or merge.phase != "merging" or now < merge.due_milliseconds:
        return state, ()
    return _failed(state, merge.fence, now, seed)


def _closed(state: Rounds, now: int, live_leases: int | None) -> tuple[Rounds, str]:
    gathering = state.gathering
    if gathering.phase == "closing":
        return state, "round.closing"
    reason = _closing_reason(state, now, live_leases)
    if reason is None:
        return state, "round.open"
    return msgspec.structs.replace(state, gathering=msgspec.structs.replace(gathering, phase="closing")), reason


def _closing_reason(state: Rounds, now: int, live_leases: int | None) -> str | None:
    gathering, spec = state.gathering, state.spec
    if gathering.first_milliseconds is None:
        return None
    if state.ending:
        return "round.run_ends"
    if gathering.updates >= UPDATES_MOST:
        return "round.full"
    reached = gathering.target_milliseconds
    if reached is not None and now >= reached + spec.grace_milliseconds:
        return "round.target_reached"
    if now >= gathering.first_milliseconds + 1000 * spec.seconds_most:
        return "round.time_over"
    if live_leases == 0:
        return "round.nobody_left"
    return None


def _due(state: Rounds, now: int) -> tuple[Rounds, tuple[Effect, ...]]:
    """Effects that are due, each at most every `EFFECT_MILLISECONDS`."""
    gathering, merge = state.gathering, state.merge
    if merge is not None:
        if merge.phase != "due" or now < merge.due_milliseconds:
            return state, ()
        again = msgspec.structs.replace(merge, due_milliseconds=now + EFFECT_MILLISECONDS)
        return _with_merge(state, again), (LeaseMerge(merge.round),)
    if gathering.phase != "closing":
        return state, ()
    asked = gathering.planned_milliseconds
    if asked is not None and now < asked + EFFECT_MILLISECONDS:
        return state, ()
    noted = msgspec.structs.replace(gathering, planned_milliseconds=now)
    return msgspec.structs.replace(state, gathering=noted), (FixPlan(gathering.number),)


def _with_merge(state: Rounds, merge: Merge | None) -> Rounds:
    return msgspec.structs.replace(state, merge=merge)
