from dataclasses import dataclass, field

from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.sensing.messages import Devices, Discover, Poll, Readings, Samples, SensorLost, Stop
from sparewatt.sensing.poller import Poller

CARD = "cuda:GPU-1"
READING = Reading("mains", None, 1, 1, 0, 0)
LOST = SensorFault(CARD, "sensor.nvidia_lost", {})


@dataclass
class Source:
    """A device source that counts how often it is opened for reading and closed."""

    fault: SensorFault | None = None
    reads: list[float] = field(default_factory=list)
    closed: int = 0

    def devices(self) -> tuple[Device, ...] | SensorFault:
        return self.fault or (Device(CARD, "cuda", "Card", "gpu-1", None),)

    def read(self, device: str, now: float) -> Sample | SensorFault:
        self.reads.append(now)
        return self.fault or Sample(device, now)

    def close(self) -> None:
        self.closed += 1


class StillComputer:
    def read(self, unix_s: float) -> Reading:
        return READING


def poller(source: Source) -> Poller:
    return Poller({"cuda": source}, StillComputer())


def test_nothing_is_sampled_until_it_is_asked_for_but_readings_come() -> None:
    source = Source()
    tested = poller(source)
    assert tested.due(0.0, 0.0) == (Readings(READING),)
    assert tested.next_due_s() == 5.0
    assert source.reads == []


def test_devices_are_sampled_in_the_interval_and_never_made_up_for() -> None:
    source = Source()
    tested = poller(source)
    tested.handle(Poll((CARD,), 500), 0.0)
    assert Samples((Sample(CARD, 0.0),)) in tested.due(0.0, 0.0)
    assert tested.next_due_s() == 0.5
    tested.due(10.0, 0.0)
    assert tested.next_due_s() == 10.5
    assert source.reads == [0.0, 10.0]


def test_readings_come_faster_while_something_is_polled() -> None:
    tested = poller(Source())
    tested.due(0.0, 0.0)
    tested.handle(Poll((CARD,), 2000), 0.5)
    assert Readings(READING) in tested.due(1.5, 0.0)


def test_a_driver_that_nobody_needs_is_closed() -> None:
    source = Source()
    tested = poller(source)
    tested.handle(Poll((CARD,), 500), 0.0)
    assert source.closed == 0
    tested.handle(Poll((), 500), 1.0)
    assert source.closed == 1


def test_discovery_leaves_no_driver_open() -> None:
    source = Source()
    (answer,) = poller(source).handle(Discover(), 0.0)
    assert answer == Devices((Device(CARD, "cuda", "Card", "gpu-1", None),), ())
    assert source.closed == 1


def test_a_kind_that_cannot_be_looked_for_is_a_fault_beside_the_others() -> None:
    (answer,) = poller(Source(fault=LOST)).handle(Discover(), 0.0)
    assert answer == Devices((), (LOST,))


def test_a_lost_sensor_is_tried_again_after_growing_waits_and_then_forgiven() -> None:
    source = Source(fault=LOST)
    tested = poller(source)
    tested.handle(Poll((CARD,), 1000), 0.0)
    assert SensorLost(LOST, 5) in tested.due(0.0, 0.0)
    assert tested.due(4.0, 0.0)[-1] == Samples(())
    assert SensorLost(LOST, 10) in tested.due(5.0, 0.0)
    source.fault = None
    assert Samples((Sample(CARD, 15.0),)) in tested.due(15.0, 0.0)
    source.fault = LOST
    assert SensorLost(LOST, 5) in tested.due(16.0, 0.0)


def test_a_device_of_an_unknown_kind_is_a_fault() -> None:
    tested = poller(Source())
    tested.handle(Poll(("quantum:1",), 500), 0.0)
    (lost,) = [frame for frame in tested.due(0.0, 0.0) if isinstance(frame, SensorLost)]
    assert lost.fault.error_id == "sensor.unknown_device"


def test_stop_closes_everything() -> None:
    source = Source()
    tested = poller(source)
    tested.handle(Poll((CARD,), 500), 0.0)
    tested.handle(Stop(), 1.0)
    assert (tested.stopped, source.closed) == (True, 1)
