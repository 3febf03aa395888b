import asyncio
from pathlib import Path

import msgspec
import pytest

from sparewatt.engine.decisions import DecisionDesk, urgent
from sparewatt.engine.options import EngineOptions
from sparewatt.host.reading import Game, Reading
from sparewatt.policy import Compute, Decision, Match, Transfers, Usage
from sparewatt.settings.intents import Intents
from sparewatt.settings.intents_store import IntentsStore
from sparewatt.settings.store import SettingsStore
from sparewatt.testing.clock import ManualClock

QUIET = Reading("mains", None, None, None, 2, 720, seat=True, idle_s=900.0, games=())
PLAYING = msgspec.structs.replace(QUIET, games=(Game("A game"),))


def decision(*rules: tuple[str, Compute, Transfers]) -> Decision:
    matches = tuple(Match(rule, compute, transfers, {}, None, None) for rule, compute, transfers in rules)
    return Decision("cpu", "full", "allowed", matches, 100, decided_s=0.0)


def test_a_stop_is_urgent_when_any_of_its_reasons_is() -> None:
    assert urgent(decision(("battery", "stop", "essential"), ("in_use", "stop", "essential")))
    assert not urgent(decision(("battery", "stop", "essential"), ("outside_hours", "stop", "essential")))


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.folder = folder
        self.desk = DecisionDesk(
            SettingsStore(folder), IntentsStore(folder), self.clock, EngineOptions(data_folder=folder)
        )

    def see(self, reading: Reading, seconds: float = 1.0) -> list[str]:
        self.clock.advance(seconds)
        self.desk.reading = reading
        decided = self.desk.decide("cpu", Usage(sensors="working"), "work", connected=True)
        assert decided is not None
        return [match.rule for match in decided.matches]


@pytest.mark.parametrize("flicker", [False, True])
def test_a_pause_for_a_game_ends_with_it_and_is_not_about_the_next_one(tmp_path: Path, flicker: bool) -> None:
    bench = Bench(tmp_path)
    bench.desk.intents_store.set(Intents(paused_for_game=True))
    assert bench.see(PLAYING)[0] == "paused_for_game"
    assert bench.see(QUIET)[0] == "paused_for_game"
    assert not bench.desk.game_pause_over
    if flicker:
        assert bench.see(PLAYING, 30)[0] == "paused_for_game"
        assert bench.see(QUIET)[0] == "paused_for_game"
    assert bench.see(QUIET, 60) == []
    assert bench.desk.game_pause_over
    asyncio.run(bench.desk.end_game_pause())
    assert IntentsStore(tmp_path).intents == Intents()
    assert bench.see(PLAYING) == ["game"]


def test_what_the_person_wants_holds_before_the_disk_has_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    held: list[bool] = []

    def wake() -> None:
        kept = IntentsStore(tmp_path).intents
        held.append(bench.desk.intents.paused_until_unix_s == 0 and kept == Intents())

    asyncio.run(bench.desk.intend(Intents(paused_until_unix_s=0), wake))
    assert held == [True]
    assert IntentsStore(tmp_path).intents == Intents(paused_until_unix_s=0)
