"""The smallest machine that still fails: what does not matter for the failure is taken away."""

from dataclasses import replace

from sparewatt.governor import pace
from sparewatt.sensing.pacer import Govern
from tests.governor_simulation.machines import Kind, Machine, without
from tests.governor_simulation.simulate import Outcome, simulate

_ORDER: tuple[tuple[Kind, ...], ...] = (
    ("silence", "no_power", "no_temperature", "nonsense", "frozen", "counter_reset", "engine_hang", "sleep"),
    ("game", "video"),
    ("ambient",),
    ("cap",),
    ("no_work",),
    ("hold", "stop"),
    ("work",),
)


def shrunk(outcome: Outcome, govern: Govern = pace) -> Outcome:
    """The outcome of a smaller machine that fails the same check; `outcome` itself where none does."""
    check = outcome.findings[0].check
    smallest = outcome
    for kinds in _ORDER:
        tried = simulate(without(smallest.machine, *kinds), govern)
        if any(finding.check == check for finding in tried.findings):
            smallest = tried
    minutes = (smallest.findings[0].at_s + 1.0) / 60.0
    if check != "ends" and minutes < smallest.machine.minutes:
        smallest = _shorter(smallest, minutes, govern)
    return smallest


def _shorter(outcome: Outcome, minutes: float, govern: Govern) -> Outcome:
    machine: Machine = outcome.machine
    kept = tuple(each for each in machine.happenings if each.start < minutes * 60.0)
    tried = simulate(replace(machine, minutes=minutes, happenings=kept), govern)
    return tried if tried.findings else outcome
