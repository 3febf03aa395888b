"""Conditions of the device itself: its sensors, driver, heat and memory, and whether anybody has work for it."""

from typing import Final

from sparewatt.policy.rule import Facts, Finding
from sparewatt.settings import schema

# While it rests a worker keeps its place on the device, which then stays clocked up and cools badly; after this long
# it leaves.
REST_MOST_S: Final = 120.0
# Less than a game takes at its start, more than a browser or a compositor breathes.
MEMORY_TAKEN_MOST_BYTES: Final = 500_000_000


def sensors_lost(facts: Facts) -> Finding | None:
    lost = facts.usage.sensors == "lost" and not facts.usage.driver_restarted
    return Finding() if lost else None


def driver_restarted(facts: Facts) -> Finding | None:
    return Finding() if facts.usage.driver_restarted else None


def cooling(facts: Facts) -> Finding | None:
    cooling_s = facts.usage.cooling_s
    return _warm(facts) if cooling_s is not None and cooling_s < REST_MOST_S else None


def still_hot(facts: Facts) -> Finding | None:
    cooling_s = facts.usage.cooling_s
    return _warm(facts) if cooling_s is not None and cooling_s >= REST_MOST_S else None


def memory_taken(facts: Facts) -> Finding | None:
    taken = facts.usage.memory_taken_bytes
    return Finding({"taken_bytes": taken}) if taken is not None and taken > MEMORY_TAKEN_MOST_BYTES else None


def no_run(facts: Facts) -> Finding | None:
    best = facts.offers.best
    return None if best == "work" else Finding({"cause": best})


def _warm(facts: Facts) -> Finding:
    limit = facts.settings.of_device(schema.TEMPERATURE_LIMIT_CELSIUS, facts.device)
    celsius = facts.usage.temperature_celsius
    return Finding({"limit": limit} if celsius is None else {"limit": limit, "celsius": celsius})
