"""Conditions of the computer as a whole: what runs on it, what it runs on, what is left of memory and disk."""

from typing import Final

from sparewatt.policy.rule import Facts, Finding
from sparewatt.settings import schema
from sparewatt.settings.values import Settings, device_kind

MEGABYTE: Final = 1_000_000


def game(facts: Facts) -> Finding | None:
    """A game holds back the card that it uses, and the processor, which every game needs. Where its card cannot be
    told it may be any."""
    for each in facts.reading.games or ():
        if each.device in (None, facts.device) or device_kind(facts.device) == "cpu":
            return Finding({"name": each.name})
    return None


def games_ignored(settings: Settings) -> bool:
    return not settings.get(schema.PAUSE_FOR_GAMES)


def program(facts: Facts) -> Finding | None:
    """A program of the person's list; compared with the list of now, which may be shorter than the reading's."""
    listed = {name.casefold() for name in facts.settings.get(schema.PAUSE_PROGRAMS)}
    running = next((name for name in facts.reading.programs if name.casefold() in listed), None)
    return None if running is None else Finding({"name": running})


def no_programs(settings: Settings) -> bool:
    return not settings.get(schema.PAUSE_PROGRAMS)


def sleeping(facts: Facts) -> Finding | None:
    return Finding() if facts.reading.sleeping else None


def other_user(facts: Facts) -> Finding | None:
    return Finding() if facts.reading.other_user else None


def battery(facts: Facts) -> Finding | None:
    return _on("battery", facts)


def ups(facts: Facts) -> Finding | None:
    return _on("ups", facts)


def power_unknown(facts: Facts) -> Finding | None:
    # A laptop whose power source cannot be read may be on its battery.
    return Finding() if facts.reading.power_source is None else None


def battery_allowed(settings: Settings) -> bool:
    return settings.get(schema.RUN_ON_BATTERY)


def low_power_mode(facts: Facts) -> Finding | None:
    return Finding() if facts.reading.low_power_mode else None


def memory_low(facts: Facts) -> Finding | None:
    available = facts.reading.memory_available_bytes
    if available is None:
        return None
    needed = facts.settings.get(schema.MEMORY_FREE_MIN_MB) * MEGABYTE
    if not facts.usage.worker_running:
        # Starting the worker takes away what it took before; without this it would start and stop for ever.
        needed += facts.usage.worker_memory_bytes
    return _low(available, needed)


def disk_low(facts: Facts) -> Finding | None:
    free = facts.reading.disk_free_bytes
    return None if free is None else _low(free, facts.settings.get(schema.DISK_FREE_MIN_MB) * MEGABYTE)


def metered(facts: Facts) -> Finding | None:
    return Finding() if facts.reading.metered else None


def metered_allowed(settings: Settings) -> bool:
    return settings.get(schema.TRANSFER_ON_METERED)


def no_network(facts: Facts) -> Finding | None:
    return Finding() if facts.offers.connected is False else None


def _on(source: str, facts: Facts) -> Finding | None:
    if facts.reading.power_source != source:
        return None
    percent = facts.reading.battery_percent
    return Finding({} if percent is None else {"percent": percent})


def _low(available_bytes: int, needed_bytes: int) -> Finding | None:
    if available_bytes >= needed_bytes:
        return None
    return Finding({"available_bytes": available_bytes, "needed_bytes": needed_bytes})
