from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from sparewatt.host.device import Device
from sparewatt.host.reading import Game, Reading
from sparewatt.host.sample import PowerKind, Sample, SensorFault
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
    place: str | None = None
    asked_places: int = 0
    sleeps: bool = False
    kind: PowerKind | None = None
    watts: float = 100.0
    discoveries: int = 0

    def devices(self) -> tuple[Device, ...] | SensorFault:
        self.discoveries += 1
        return self.fault or (Device(CARD, "cuda", "Card", "gpu-1", None, 300),)

    def read(self, device: str, now: float) -> Sample | SensorFault:
        self.reads.append(now)
        if self.fault is not None or self.kind is None:
            return self.fault or Sample(device, now)
        return Sample(device, now, power_watts=self.watts, power_kind=self.kind)

    def device_of(self, pid: int) -> str | None:
        self.asked_places += 1
        return self.place

    def asleep(self) -> bool:
        return self.sleeps

    def close(self) -> None:
        self.closed += 1


@dataclass
class StillComputer:
    """What a test says it is; notes what it was asked for."""

    reading: Reading = READING
    players: tuple[int, ...] = ()
    programs: tuple[str, ...] = ()
    delays_sleep: bool = False

    def delay_sleep(self, *, wanted: bool) -> None:
        self.delays_sleep = wanted

    def read(self, unix_s: float, programs: tuple[str, ...], device_of: Callable[[int], str | None]) -> Reading:
        self.programs = programs
        games = tuple(Game("a game", device_of(pid)) for pid in self.players)
        return replace(self.reading, games=games) if games else self.reading


def poller(source: Source, computer: StillComputer | None = None) -> Poller:
    return Poller({"cuda": source}, computer or StillComputer())


def test_nothing_is_sampled_until_it_is_asked_for_but_readings_come() -> None:
    source = Source()
    tested = poller(source)
    assert tested.due(0.0, 0.0) == (Readings(READING),)
    assert tested.next_due_s() == 10.0
    assert source.reads == []


def test_devices_are_sampled_in_the_interval_and_never_made_up_for() -> None:
    source = Source()
    tested = poller(source)
    tested.handle(Poll((CARD,), 500), 0.0, 0.0)
    assert Samples((Sample(CARD, 0.0),)) in tested.due(0.0, 0.0)
    assert tested.next_due_s() == 0.5
    tested.due(10.0, 0.0)
    assert tested.next_due_s() == 10.5
    assert source.reads == [0.0, 10.0]


def test_readings_come_faster_while_something_is_polled() -> None:
    tested = poller(Source())
    tested.due(0.0, 0.0)
    tested.handle(Poll((CARD,), 2000), 0.5, 0.0)
    assert Readings(READING) in tested.due(1.5, 0.0)


def test_a_driver_that_nobody_needs_is_closed() -> None:
    source = Source()
    tested = poller(source)
    tested.handle(Poll((CARD,), 500), 0.0, 0.0)
    assert source.closed == 0
    tested.handle(Poll((), 500), 1.0, 0.0)
    assert source.closed == 1


def test_discovery_leaves_no_driver_open() -> None:
    source = Source()
    (answer,) = poller(source).handle(Discover(), 0.0, 0.0)
    assert answer == Devices((Device(CARD, "cuda", "Card", "gpu-1", None, 300),), ())
    assert source.closed == 1


def test_a_kind_that_cannot_be_looked_for_is_a_fault_beside_the_others() -> None:
    (answer,) = poller(Source(fault=LOST)).handle(Discover(), 0.0, 0.0)
    assert answer == Devices((), (LOST,))


def test_a_lost_sensor_is_tried_again_after_growing_waits_and_then_forgiven() -> None:
    source = Source(fault=LOST)
    tested = poller(source)
    tested.handle(Poll((CARD,), 1000), 0.0, 0.0)
    assert SensorLost(LOST, 5) in tested.due(0.0, 0.0)
    assert tested.due(4.0, 0.0)[-1] == Samples(())
    assert SensorLost(LOST, 10) in tested.due(5.0, 0.0)
    source.fault = None
    assert Samples((Sample(CARD, 15.0),)) in tested.due(15.0, 0.0)
    source.fault = LOST
    assert SensorLost(LOST, 5) in tested.due(16.0, 0.0)


def test_a_device_of_an_unknown_kind_is_a_fault() -> None:
    tested = poller(Source())
    tested.handle(Poll(("quantum:1",), 500), 0.0, 0.0)
    (lost,) = [frame for frame in tested.due(0.0, 0.0) if isinstance(frame, SensorLost)]
    assert lost.fault.error_id == "sensor.unknown_device"


def test_stop_closes_everything() -> None:
    source = Source()
    tested = poller(source)
    tested.handle(Poll((CARD,), 500), 0.0, 0.0)
    tested.handle(Stop(), 1.0, 0.0)
    assert (tested.stopped, source.closed) == (True, 1)


ON_BATTERY = replace(READING, power_source="battery", battery_percent=80)


def kinds(frames: tuple[object, ...]) -> list[type]:
    return [type(frame) for frame in frames]


def test_on_battery_no_driver_is_opened_to_look_for_devices_until_mains_power_is_back() -> None:
    source, computer = Source(), StillComputer(ON_BATTERY)
    tested = poller(source, computer)
    (answer,) = tested.handle(Discover(), 0.0, 0.0)
    assert answer == Devices((), (SensorFault("cuda", "sensor.waits_for_mains", {}, absent=True),))
    assert kinds(tested.due(10.0, 0.0)) == [Readings]
    computer.reading = READING
    assert kinds(tested.due(20.0, 0.0)) == [Readings, Devices]
    assert kinds(tested.due(30.0, 0.0)) == [Readings]
    assert source.discoveries == 1


def test_a_person_who_contributes_on_battery_has_devices_there_too() -> None:
    source = Source()
    tested = poller(source, StillComputer(ON_BATTERY))
    tested.handle(Poll((), 500, on_battery=True), 0.0, 0.0)
    (answer,) = tested.handle(Discover(), 0.0, 0.0)
    assert isinstance(answer, Devices)
    assert len(answer.devices) == 1


def test_where_the_power_source_is_unknown_only_cards_that_are_awake_are_looked_at() -> None:
    unknown = StillComputer(replace(READING, power_source=None))
    for sleeps in (True, False):
        (answer,) = poller(Source(sleeps=sleeps), unknown).handle(Discover(), 0.0, 0.0)
        assert isinstance(answer, Devices)
        assert bool(answer.devices) is not sleeps


def test_sensors_that_know_only_the_instant_are_asked_five_times_a_second() -> None:
    source = Source(kind="instant")
    tested = poller(source)
    tested.handle(Poll((CARD,), 500), 0.0, 0.0)
    tested.due(0.0, 0.0)
    assert tested.next_due_s() == 0.2
    source.kind = "energy"
    tested.due(0.2, 0.0)
    assert tested.next_due_s() == 0.7


def test_what_a_sensor_cannot_mean_is_unknown() -> None:
    source = Source(kind="energy", watts=5000.0)
    tested = poller(source)
    tested.handle(Discover(), 0.0, 0.0)
    tested.handle(Poll((CARD,), 500), 0.0, 0.0)
    (found,) = next(frame for frame in tested.due(0.0, 0.0) if isinstance(frame, Samples)).samples
    assert (found.power_watts, found.missing) == (None, {"power": "sensor.implausible"})


def test_the_programs_of_the_persons_list_are_looked_for() -> None:
    computer = StillComputer()
    tested = poller(Source(), computer)
    tested.handle(Poll((), 500, programs=("blender",)), 0.0, 0.0)
    tested.due(0.0, 0.0)
    assert computer.programs == ("blender",)


def games(frames: tuple[object, ...]) -> tuple[Game, ...] | None:
    return next(frame.reading.games for frame in frames if isinstance(frame, Readings))


def test_a_games_card_is_found_out_once_and_the_driver_is_let_go() -> None:
    source, computer = Source(place=CARD), StillComputer(players=(7,))
    tested = poller(source, computer)
    tested.due(0.0, 0.0)
    assert games(tested.due(10.0, 0.0)) == (Game("a game", CARD),)
    assert games(tested.due(20.0, 0.0)) == (Game("a game", CARD),)
    assert (source.asked_places, source.closed > 0) == (1, True)


def test_a_game_whose_card_cannot_be_told_is_asked_for_a_few_times_only() -> None:
    source, computer = Source(), StillComputer(players=(7,))
    tested = poller(source, computer)
    for second in range(0, 600, 10):
        assert games(tested.due(float(second), 0.0)) == (Game("a game", None),)
    assert source.asked_places == 4


def test_a_game_on_battery_opens_no_driver() -> None:
    source, computer = Source(place=CARD), StillComputer(ON_BATTERY, players=(7,))
    tested = poller(source, computer)
    for second in range(0, 60, 10):
        tested.due(float(second), 0.0)
    assert source.asked_places == 0


def test_a_sleep_is_put_off_as_long_as_the_engine_says_and_no_longer_than_it_is_there() -> None:
    computer = StillComputer()
    tested = poller(Source(), computer)
    tested.handle(Poll((CARD,), 500, delay_sleep=True), 0.0, 0.0)
    assert computer.delays_sleep
    tested.handle(Poll((CARD,), 500), 1.0, 0.0)
    assert not computer.delays_sleep
    tested.handle(Poll((CARD,), 500, delay_sleep=True), 2.0, 0.0)
    tested.handle(Stop(), 3.0, 0.0)
    assert not computer.delays_sleep
