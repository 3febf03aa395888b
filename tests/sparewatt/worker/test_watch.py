"""The worker's eye on its permit, on a clock that a test moves."""

import os
import threading
from collections.abc import Iterator

import msgspec
import pytest

from sparewatt.permit import PERMIT_BYTES, Grant, PermitKind, PermitWriter
from sparewatt.process.channel import Channel
from sparewatt.process.frames import frame
from sparewatt.work.version import VersionId
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.messages import ApplyVersion, EngineFrame, Stop, WorkerFrame
from sparewatt.worker.watch import Inbox, PermitGate, PermitWatch

FULL = Grant(PermitKind.COMPUTE, duty=1.0, micro_batch_seconds=0.125)
APPLY = ApplyVersion(VersionId(0, 0, "0" * 64), None, ())


class Desk:
    """A gate with everything around it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ended: list[int] = []
        memory = memoryview(bytearray(PERMIT_BYTES))
        self.writer = PermitWriter(memory)
        self.watch = PermitWatch(memory, lambda: self.now, self.ended.append)
        source, self._engine = os.pipe()
        self._open = [source, self._engine]
        channel = Channel[EngineFrame, WorkerFrame](EngineFrame, source, source)  # type: ignore[arg-type]
        self.closed = channel.closed
        self.inbox = Inbox(channel)
        self.gate = PermitGate(self.watch, self.inbox, self._tick)

    def _tick(self) -> float:
        """Every look at the clock takes 10 ms, so that a pause comes to its end."""
        self.now += 0.01
        return self.now

    def permit(self, grant: Grant = FULL) -> None:
        """Let the watch see the permit advance."""
        self.watch.grant()
        self.writer.advance(grant)
        self.watch.grant()

    def say(self, message: EngineFrame) -> None:
        os.write(self._engine, frame(msgspec.json.encode(message)))

    def hang_up(self) -> None:
        if self._engine in self._open:
            self._open.remove(self._engine)
            os.close(self._engine)

    def close(self) -> None:
        self.hang_up()
        assert self.closed.wait(10)
        for descriptor in self._open:
            os.close(descriptor)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    made.permit()
    yield made
    made.close()


def test_a_fresh_permit_opens_the_gate_with_its_bound(desk: Desk) -> None:
    desk.permit()
    assert desk.gate.enter() == 0.125


def test_the_gate_waits_for_a_permit(desk: Desk) -> None:
    desk.now += 5.0
    timer = threading.Timer(0.05, desk.permit)
    timer.start()
    assert desk.gate.enter() == 0.125
    timer.join()


def test_a_stop_opens_the_gate_only_to_leave(desk: Desk) -> None:
    desk.permit()
    desk.say(APPLY)
    desk.say(Stop())
    while not desk.inbox.stop_within(1.0):
        pass
    assert desk.gate.enter() is None
    assert [desk.inbox.next(), desk.inbox.next()] == [APPLY, Stop()]


def test_a_closed_pipe_ends_the_work_and_the_frames(desk: Desk) -> None:
    desk.permit()
    desk.say(APPLY)
    desk.hang_up()
    assert desk.closed.wait(10)
    assert desk.gate.enter() is None
    assert desk.inbox.next() == APPLY
    assert desk.inbox.next() is None


@pytest.mark.parametrize(("duty", "pause"), [(1.0, 0.0), (0.5, 0.1), (0.25, 0.3)])
def test_pauses_keep_the_duty(desk: Desk, duty: float, pause: float) -> None:
    desk.permit(Grant(PermitKind.COMPUTE, duty))
    began = desk.now
    desk.gate.leave(busy_seconds=0.1)
    assert desk.now - began == pytest.approx(pause, abs=0.03)


def test_pauses_too_short_for_a_sensor_to_see_are_saved_up(desk: Desk) -> None:
    desk.permit(Grant(PermitKind.COMPUTE, 0.5))
    began = desk.now
    for _ in range(4):
        desk.gate.leave(busy_seconds=0.03)
        desk.permit(Grant(PermitKind.COMPUTE, 0.5))
    assert desk.now - began == pytest.approx(0.12, abs=0.05)


def test_what_was_computed_at_full_speed_is_no_debt(desk: Desk) -> None:
    desk.permit(FULL)
    desk.gate.leave(busy_seconds=5.0)
    desk.permit(Grant(PermitKind.COMPUTE, 0.5))
    began = desk.now
    desk.gate.leave(busy_seconds=0.1)
    assert desk.now - began == pytest.approx(0.1, abs=0.03)


def test_a_pause_ends_when_the_permit_is_taken_back(desk: Desk) -> None:
    desk.permit(Grant(PermitKind.COMPUTE, 0.001))
    desk.writer.withhold()
    began = desk.now
    desk.gate.leave(busy_seconds=1.0)
    assert desk.now - began < 0.1


def test_an_expired_permit_ends_the_process_once_it_holds_a_device(desk: Desk) -> None:
    desk.now += 60.0
    desk.watch.grant()
    assert desk.ended == []
    desk.watch.arm()
    desk.now += 9.0
    desk.watch.grant()
    assert desk.ended == []
    desk.now += 1.0
    desk.watch.grant()
    assert set(desk.ended) == {WorkerExit.PERMIT_EXPIRED}
