"""Conditions that the person makes: what they said, and whether they use the computer."""

from sparewatt.policy.rule import Facts, Finding
from sparewatt.settings import schema
from sparewatt.settings.hours import WeeklyHours
from sparewatt.settings.values import Settings


def settings_unknown(facts: Facts) -> Finding | None:
    """No cap can be kept that is not known."""
    return Finding() if facts.settings.unknown else None


def paused(facts: Facts) -> Finding | None:
    if not facts.intents.paused_at(facts.now.unix_s):
        return None
    return Finding(until_unix_s=facts.intents.paused_until_unix_s or None)


def paused_for_game(facts: Facts) -> Finding | None:
    # Where games cannot be seen the pause could never end, so it does not begin.
    return Finding() if facts.intents.paused_for_game and facts.reading.games else None


def contribution_off(facts: Facts) -> Finding | None:
    return Finding() if facts.settings.get(schema.WHEN_TO_RUN) == "never" else None


def device_off(facts: Facts) -> Finding | None:
    return Finding() if facts.settings.of_device(schema.DEVICE_USE, facts.device) == "never" else None


def in_use(facts: Facts) -> Finding | None:
    idle_s, minutes = facts.reading.idle_s, facts.settings.get(schema.IDLE_MINUTES)
    if not _waits_until_away(facts) or idle_s is None or idle_s >= 60 * minutes:
        return None
    return Finding({"minutes": minutes})


def idle_unknown(facts: Facts) -> Finding | None:
    """Whoever cannot be seen may be there."""
    if not _waits_until_away(facts) or facts.reading.idle_s is not None:
        return None
    return Finding({"cause": facts.reading.idle_source or "not_yet"})


def _waits_until_away(facts: Facts) -> bool:
    """A computer without a seat has nobody to wait for, and whoever locked the screen has left."""
    waits = facts.settings.get(schema.WHEN_TO_RUN) == "idle"
    return waits and facts.reading.seat is not False and facts.reading.locked is not True


def outside_hours(facts: Facts) -> Finding | None:
    if facts.settings.get(schema.WHEN_TO_RUN) not in ("idle", "hours"):
        return None
    return _closed(facts.settings.get(schema.HOURS), facts)


def waiting_cheap_power(facts: Facts) -> Finding | None:
    return _closed(facts.settings.get(schema.CHEAP_HOURS), facts)


def power_price_indifferent(settings: Settings) -> bool:
    return not settings.get(schema.WAIT_FOR_CHEAP_POWER)


def _closed(hours: WeeklyHours, facts: Facts) -> Finding | None:
    minutes = hours.minutes_until_open(facts.reading.weekday, facts.reading.minute)
    if minutes == 0:
        return None
    minute_began = int(facts.now.unix_s) // 60 * 60
    return Finding({"hours": hours.text}, until_unix_s=minute_began + minutes * 60)
