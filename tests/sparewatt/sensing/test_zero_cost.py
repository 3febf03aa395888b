"""What the sensor process costs while nothing computes: the real poller and sources over a library that counts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from sparewatt.host.cpu import CpuSource
from sparewatt.host.nvidia import NvidiaSource
from sparewatt.host.reading import Game, Reading
from sparewatt.sensing.messages import Discover, Poll, Readings, Samples
from sparewatt.sensing.poller import Poller
from sparewatt.testing.nvml import FakeCard, FakeNvml, FakeProcess

CARD = "cuda:GPU-1"
GAME = 7
MAINS = Reading("mains", 100, 8 * 2**30, 2**40, 0, 0)


class Laptop:
    """A computer whose power source and games a test changes."""

    def __init__(self) -> None:
        self.reading = MAINS
        self.players: tuple[int, ...] = ()

    def delay_sleep(self, *, wanted: bool) -> None:
        pass

    def read(self, unix_s: float, programs: tuple[str, ...], device_of: Callable[[int], str | None]) -> Reading:
        return replace(self.reading, games=tuple(Game("a game", device_of(pid)) for pid in self.players))

    def unplug(self) -> None:
        self.reading = replace(MAINS, power_source="battery", battery_percent=90)


class Bench:
    """The poller in simulated time."""

    def __init__(self, root: Path) -> None:
        self.library = FakeNvml([FakeCard(drawing=(FakeProcess(GAME, 1),))])
        self.laptop = Laptop()
        cpu = CpuSource(root / "powercap", lambda: 3.0, lambda: None)
        nvidia = NvidiaSource(self.library.load, lambda _pid: False, root)
        self.poller = Poller({"cpu": cpu, "cuda": nvidia}, self.laptop)
        self.now = 0.0
        self.wakeups = 0
        self.samples = 0

    def tell(self, frame: Discover | Poll) -> None:
        self.poller.handle(frame, self.now, 0.0)

    def live(self, seconds: float) -> None:
        """Let the process wake whenever it wants to, as its main loop does."""
        end = self.now + seconds
        while self.poller.next_due_s() <= end:
            self.now = max(self.now, self.poller.next_due_s())
            frames = self.poller.due(self.now, 0.0)
            assert frames, "it woke for nothing"
            assert any(isinstance(frame, Readings | Samples) for frame in frames)
            self.samples += sum(isinstance(frame, Samples) for frame in frames)
            self.wakeups += 1
        self.now = end


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_battery_pause_makes_no_call_into_the_cards_library(bench: Bench) -> None:
    bench.tell(Discover())
    bench.tell(Poll((CARD, "cpu"), 500))
    bench.live(60)
    assert bench.library.opened
    bench.laptop.unplug()
    bench.live(1)
    bench.tell(Poll((), 500))  # what the engine answers to the reading
    assert not bench.library.opened, "shut at once, not within 10 s"
    bench.library.calls.clear()
    bench.laptop.players = (GAME,)
    bench.live(3600)
    bench.tell(Discover())
    bench.live(3600)
    assert bench.library.calls.total() == 0


def test_an_engine_that_starts_on_battery_makes_none_either(bench: Bench) -> None:
    bench.laptop.unplug()
    bench.tell(Discover())
    bench.tell(Poll((), 500))
    bench.live(3600)
    assert bench.library.calls.total() == 0


def test_every_other_stop_lets_go_of_the_library_too(bench: Bench) -> None:
    bench.tell(Discover())
    bench.tell(Poll((CARD,), 500))
    bench.live(10)
    bench.tell(Poll((), 500))
    assert not bench.library.opened
    bench.library.calls.clear()
    bench.live(3600)
    assert bench.library.calls.total() == 0


def test_a_game_costs_one_look_at_the_card_and_not_one_each_reading(bench: Bench) -> None:
    bench.tell(Discover())
    bench.tell(Poll((), 500))
    bench.live(30)
    bench.library.calls.clear()
    bench.laptop.players = (GAME,)
    bench.live(3600)
    assert bench.library.calls["nvmlInit"] == 1
    assert not bench.library.opened


def test_at_rest_it_wakes_every_10_seconds(bench: Bench) -> None:
    bench.tell(Discover())
    bench.tell(Poll((), 500))
    bench.live(1)
    bench.wakeups = 0
    bench.live(600)
    assert bench.wakeups == 60


@pytest.mark.parametrize(("energy", "per_second"), [(True, 2), (False, 5)])
def test_while_computing_it_samples_2_or_5_times_a_second(bench: Bench, energy: bool, per_second: int) -> None:
    if not energy:
        bench.library.cards[0].failures["nvmlDeviceGetTotalEnergyConsumption"] = 3
    bench.tell(Discover())
    bench.tell(Poll((CARD,), 500))
    for second in range(60):
        bench.library.cards[0].energy_millijoules = 200_000 * second
        bench.live(1)
    assert bench.samples == pytest.approx(60 * per_second, abs=4)
