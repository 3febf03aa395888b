import subprocess
from dataclasses import dataclass, field

from sparewatt.host.state.programs import ALL_AGAIN_SECONDS, YOUNG_SECONDS, ProgramWatch


@dataclass
class Computer:
    """Processes by number; counts how often a name was looked up."""

    names: dict[int, str] = field(default_factory=dict)
    looked: int = 0
    now: float = 0.0

    def pids(self) -> list[int]:
        return list(self.names)

    def name(self, pid: int) -> str:
        self.looked += 1
        return self.names[pid]

    def clock(self) -> float:
        return self.now

    def watch(self, *listed: str) -> ProgramWatch:
        return ProgramWatch(self.clock, listed, self.pids, self.name)


def test_only_words_of_the_list_are_told_however_they_are_written() -> None:
    computer = Computer({1: "Blender", 2: "secret-project", 3: "game.EXE"})
    assert computer.watch("blender", "Game", "kdenlive").read() == ("Game", "blender")


def test_without_a_list_no_process_is_looked_at() -> None:
    computer = Computer({1: "blender"})
    assert computer.watch().read() == ()
    assert computer.looked == 0


def test_a_program_that_has_run_for_a_while_is_not_looked_up_each_time() -> None:
    computer = Computer(dict.fromkeys(range(100), "other"))
    watch = computer.watch("blender")
    for computer.now in range(0, int(YOUNG_SECONDS) + 1, 5):
        watch.read()
    before = computer.looked
    computer.now += 5
    watch.read()
    assert computer.looked == before


def test_a_launcher_that_becomes_the_program_is_noticed() -> None:
    computer = Computer({1: "launcher"})
    watch = computer.watch("blender")
    assert watch.read() == ()
    computer.names[1] = "blender"
    computer.now = 5.0
    assert watch.read() == ("blender",)


def test_one_that_becomes_it_late_is_noticed_within_a_minute() -> None:
    computer = Computer({1: "launcher"})
    watch = computer.watch("blender")
    watch.read()
    computer.now = 50.0
    computer.names[1] = "blender"
    watch.read()
    computer.now = ALL_AGAIN_SECONDS
    assert watch.read() == ("blender",)


def test_a_real_program_is_found() -> None:
    watch = ProgramWatch(lambda: 0.0, ("Sleep.exe", "no-such-program"))
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        found = watch.read()
        sleeping.kill()
    assert found == ("Sleep.exe",)
