"""What one device does next: a pure function from its state to effects.

The plan is level-triggered: it looks at what is, not at what just happened, so that a lost event cannot leave a device
stuck. Whoever acts records the start of an effect in the state at once, so the same effect is not planned twice.

    worker      what may happen next
    none        start it, when the decision allows computing and there is or could be work
    starting    wait for it
    ready       take up the next work, build its base version, train
    applying    wait for the version
    training    at four fifths of the work ask for more
    stopping    wait for its end; a stop that became urgent is said once more
    encoding    no device is used: an encoder makes an update of what an urgent stop left in the trainable area

What was kept is encoded before anything else, since the next training would overwrite it. Only where a checkpoint of it
lies on the disk it waits for a while, so that the assignment can go on where it stopped.
"""

from dataclasses import dataclass, replace
from typing import Literal

from sparewatt.work.assignment import Assignment
from sparewatt.work.version import VersionId

WorkerState = Literal["none", "starting", "ready", "applying", "training", "stopping", "encoding"]

PREFETCH_NUMERATOR, PREFETCH_DENOMINATOR = 4, 5
# Work that was handed out is given back when it cannot be started for this long, so that others can do it.
UNSTARTED_SECONDS_MOST = 120.0
ENCODING_ATTEMPTS_MOST = 3
_WITH_PERMIT = ("ready", "applying", "training", "encoding")


@dataclass(frozen=True)
class Saved:
    """A checkpoint of an assignment on the disk: so far it was trained from `base`."""

    base: VersionId
    inner_steps: int
    tokens: int


@dataclass(frozen=True)
class Work:
    """An assignment on this device.

    Attributes:
        data: whether its shards are on this computer.
        received_at: monotonic seconds.
        attempts: how often its training was begun; a crash of the worker begins it anew.
        kept_inner_steps: completed by a worker that is gone, and still in the trainable area; 0 when nothing is kept.
        kept_until: monotonic end of waiting for leave to encode it.
        encodings: how often an encoder was started for it.
        saved: its checkpoint; None when there is none to go on from.
        resume_until: monotonic end of waiting to go on from it, while there is no worker.
        ends: nobody goes on from its checkpoint any more, so what is in it becomes a smaller update.
        lease: ``unknown`` for work of an engine that is gone, until the coordinator has said that nobody else has it.
    """

    assignment: Assignment
    received_at: float
    data: Literal["missing", "fetching", "here"] = "missing"
    attempts: int = 0
    inner_steps: int = 0
    tokens: int = 0
    loss_micro: int | None = None
    kept_inner_steps: int = 0
    kept_until: float = 0.0
    encodings: int = 0
    saved: Saved | None = None
    resume_until: float = 0.0
    ends: bool = False
    lease: Literal["held", "unknown", "asking"] = "held"

    @property
    def to_encode(self) -> bool:
        """Whether what is done of it is to become an update now, and nothing else."""
        return self.ends or (self.kept_inner_steps > 0 and self.saved is None)


@dataclass(frozen=True)
class DeviceState:
    """Everything that decides what a device does next.

    Attributes:
        may_compute: the decision allows a worker to run (`full` or `limited`).
        may_encode: what is kept may be encoded, whether or not computing is allowed.
        may_write: an update of what is kept fits the day's limit of disk writes.
        may_save: a checkpoint may be written, and would be of use.
        may_wait: what stops the work is not known to last longer than work with a checkpoint would wait.
        save_due: one is to be written while the work goes on.
        staleness_most: as in the manifest.
        must_leave: the decision wants the worker gone (`stop`), at once when `urgent`.
        leaving_urgently: the worker that is stopping was told so.
        permit_lapsed: a worker lives though its permit expired long ago: it can no longer end by itself.
        connected: whether the run's session stands, so that work can be asked for.
        applied: the version that the base area was proved to hold.
        ready_version: the newest version that can be built from fetched blobs.
        asked: a request for work is under way.
        ask_at: do not ask for work before this moment.
        start_at: do not start a worker before this moment (it failed, or the device is held by another program).
        wait_version: a newer version than this one will hold the device's own last update...
        wait_until: ...and it is waited for until then.
        wait_assignment: whose update that is.
    """

    may_compute: bool = False
    may_encode: bool = False
    may_write: bool = True
    may_save: bool = False
    may_wait: bool = True
    save_due: bool = False
    staleness_most: int = 0
    must_leave: bool = False
    urgent: bool = False
    leaving_urgently: bool = False
    permit_lapsed: bool = False
    connected: bool = False
    worker: WorkerState = "none"
    applied: VersionId | None = None
    ready_version: VersionId | None = None
    current: Work | None = None
    next: Work | None = None
    asked: bool = False
    ask_at: float = 0.0
    start_at: float = 0.0
    wait_version: VersionId | None = None
    wait_until: float = 0.0
    wait_assignment: str = ""


@dataclass(frozen=True)
class StartWorker:
    pass


@dataclass(frozen=True)
class StopWorker:
    urgent: bool
    resumable: bool = False


@dataclass(frozen=True)
class SaveCheckpoint:
    assignment: Assignment


@dataclass(frozen=True)
class AskForWork:
    pass


@dataclass(frozen=True)
class FetchData:
    assignment: Assignment


@dataclass(frozen=True)
class ApplyVersion:
    version: VersionId


@dataclass(frozen=True)
class ApplyBase:
    """Build the version that a checkpoint was trained from."""

    version: VersionId


@dataclass(frozen=True)
class Claim:
    """Ask the coordinator whether an assignment is still this device's."""

    assignment: Assignment


@dataclass(frozen=True)
class Train:
    assignment: Assignment
    resume: bool = False


@dataclass(frozen=True)
class EncodeKept:
    """Start an encoder for what the trainable area holds of an assignment."""

    assignment: Assignment


@dataclass(frozen=True)
class GiveBack:
    assignment: Assignment


Effect = (
    StartWorker
    | StopWorker
    | SaveCheckpoint
    | AskForWork
    | FetchData
    | ApplyVersion
    | ApplyBase
    | Claim
    | Train
    | EncodeKept
    | GiveBack
)


def plan(state: DeviceState, now: float) -> tuple[DeviceState, tuple[Effect, ...]]:
    """The effects that are due at `now` (monotonic seconds), and the state in which they were begun."""
    state, killed = _kill_lapsed(state)
    state = _without_outdated_checkpoint(state, now)
    state, encoding = _encode(state, now)
    if state.must_leave:
        state, left = _leave(state)
        return state, (*killed, *encoding, *left)
    state, given_back = _give_back_stale(state, now)
    state = _promote(state)
    state, asked = _ask(state, now)
    state, worked = _work(state, now)
    return state, (*killed, *encoding, *given_back, *asked, *worked)


def _kill_lapsed(state: DeviceState) -> tuple[DeviceState, tuple[Effect, ...]]:
    if not state.permit_lapsed or state.worker not in _WITH_PERMIT:
        return state, ()
    return replace(state, worker="stopping", leaving_urgently=True), (StopWorker(urgent=True),)


def _without_outdated_checkpoint(state: DeviceState, now: float) -> DeviceState:
    """Nobody goes on from a checkpoint that has waited too long, or that the run has left too far behind; what it has
    is in memory, too, unless another engine wrote it."""
    work = state.current
    if work is None or work.saved is None or work.ends or state.worker != "none":
        return state
    ready, base = state.ready_version, work.saved.base
    left_behind = ready is not None and (
        ready.branch != base.branch or ready.number - base.number >= max(1, state.staleness_most)
    )
    if state.may_wait and now < work.resume_until and not left_behind:
        return state
    ends = replace(work, saved=None) if work.kept_inner_steps else replace(work, ends=True)
    return replace(state, current=ends)


def _encode(state: DeviceState, now: float) -> tuple[DeviceState, tuple[Effect, ...]]:
    """What was kept becomes an update as soon as it may, or goes to others when that takes too long."""
    work = state.current
    if work is None or not work.to_encode:
        return state, ()
    if state.worker == "encoding" and not state.may_encode:
        return replace(state, worker="stopping", leaving_urgently=True), (StopWorker(urgent=True),)
    if state.worker != "none":
        return state, ()
    hopeless = work.encodings >= ENCODING_ATTEMPTS_MOST or not state.may_write
    if hopeless or now >= work.kept_until:
        return replace(state, current=None), (GiveBack(work.assignment),)
    if not state.may_encode:
        return state, ()
    begun = replace(work, encodings=work.encodings + 1)
    return replace(state, worker="encoding", leaving_urgently=False, current=begun), (EncodeKept(work.assignment),)


def _leave(state: DeviceState) -> tuple[DeviceState, tuple[Effect, ...]]:
    effects: list[Effect] = []
    escalates = state.worker == "stopping" and state.urgent and not state.leaving_urgently
    if state.worker not in ("none", "stopping", "encoding") or escalates:
        effects.append(StopWorker(urgent=state.urgent, resumable=_leaves_checkpoint(state)))
        state = replace(state, worker="stopping", leaving_urgently=state.urgent)
    if state.next is not None:
        effects.append(GiveBack(state.next.assignment))
        state = replace(state, next=None)
    # Work that was begun ends as a partial update when the worker stops; work that was not begun goes back now.
    work = state.current
    if work is not None and state.worker == "none" and not work.kept_inner_steps and work.saved is None:
        effects.append(GiveBack(work.assignment))
        state = replace(state, current=None)
    return state, tuple(effects)


def _leaves_checkpoint(state: DeviceState) -> bool:
    work = state.current
    return state.may_save and not state.urgent and state.worker == "training" and work is not None and work.tokens > 0


def _give_back_stale(state: DeviceState, now: float) -> tuple[DeviceState, tuple[Effect, ...]]:
    current = state.current
    if current is None or state.worker == "training" or now - current.received_at < UNSTARTED_SECONDS_MOST:
        return state, ()
    if state.may_compute or current.kept_inner_steps or current.saved is not None:
        return state, ()
    return replace(state, current=None), (GiveBack(current.assignment),)


def _promote(state: DeviceState) -> DeviceState:
    if state.current is None and state.next is not None:
        return replace(state, current=state.next, next=None)
    return state


def _ask(state: DeviceState, now: float) -> tuple[DeviceState, tuple[Effect, ...]]:
    effects: list[Effect] = []
    if state.current is not None and state.current.data == "missing":
        effects.append(FetchData(state.current.assignment))
        state = replace(state, current=replace(state.current, data="fetching"))
    if state.next is not None and state.next.data == "missing":
        effects.append(FetchData(state.next.assignment))
        state = replace(state, next=replace(state.next, data="fetching"))
    if state.connected and state.current is not None and state.current.lease == "unknown":
        effects.append(Claim(state.current.assignment))
        state = replace(state, current=replace(state.current, lease="asking"))
    # What a device that cannot begin holds meanwhile, nobody else could do.
    begins = state.worker != "none" or now >= state.start_at
    due = begins and not state.asked and now >= state.ask_at
    if state.connected and state.may_compute and due and _wants_work(state):
        effects.append(AskForWork())
        state = replace(state, asked=True)
    return state, tuple(effects)


def _wants_work(state: DeviceState) -> bool:
    if state.current is None:
        return True
    if state.next is not None:
        return False
    done, budget = state.current.tokens, state.current.assignment.token_budget
    return done * PREFETCH_DENOMINATOR >= budget * PREFETCH_NUMERATOR


def _work(state: DeviceState, now: float) -> tuple[DeviceState, tuple[Effect, ...]]:
    work = state.current
    if not state.may_compute or (work is not None and work.to_encode):
        return state, ()
    if state.worker == "none":
        useful = state.connected or (work is not None and work.lease == "held")
        if useful and now >= state.start_at:
            # A new worker takes the trainable area, and what was kept there is in the checkpoint, too.
            work = None if work is None else replace(work, kept_inner_steps=0)
            return replace(state, worker="starting", leaving_urgently=False, current=work), (StartWorker(),)
        return state, ()
    if state.worker == "training" and work is not None and state.save_due:
        return replace(state, save_due=False), (SaveCheckpoint(work.assignment),)
    if state.worker != "ready":
        return state, ()
    if work is not None and work.saved is not None:
        return _resume(state, work, work.saved)
    if state.ready_version is None:
        return state, ()
    if state.applied is None or state.ready_version.position > state.applied.position:
        return replace(state, worker="applying"), (ApplyVersion(state.ready_version),)
    return _train(state, now, state.applied)


def _resume(state: DeviceState, work: Work, saved: Saved) -> tuple[DeviceState, tuple[Effect, ...]]:
    """Go on from a checkpoint, on the very version that it was begun from."""
    if work.data != "here" or work.lease != "held":
        return state, ()
    if state.applied != saved.base:
        return replace(state, worker="applying"), (ApplyBase(saved.base),)
    begun = replace(work, attempts=work.attempts + 1, inner_steps=saved.inner_steps, tokens=saved.tokens)
    return replace(state, worker="training", wait_version=None, current=begun), (Train(work.assignment, resume=True),)


def _train(state: DeviceState, now: float, applied: VersionId) -> tuple[DeviceState, tuple[Effect, ...]]:
    work = state.current
    if work is None or work.data != "here" or work.lease != "held" or applied.position < work.assignment.base.position:
        return state, ()
    if applied.branch != work.assignment.base.branch:
        return replace(state, current=None), (GiveBack(work.assignment),)
    waits = state.wait_version is not None and applied.position <= state.wait_version.position
    if waits and now < state.wait_until:
        return state, ()
    begun = replace(work, attempts=work.attempts + 1, inner_steps=0, tokens=0, loss_micro=None)
    return replace(state, worker="training", wait_version=None, current=begun), (Train(work.assignment),)
