"""Why a device may not do all it could: the words of the policy's rules."""

from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Parameters, Translations, filled
from sparewatt.wording.sensors import reason_words
from sparewatt.wording.units import bytes_words

RULES: Final = MappingProxyType({
    "paused": "Paused by you.",
    "paused_for_game": "Paused by you until the game closes.",
    "settings_unknown": "A newer Sparewatt wrote your settings, so your limits are not known. Update Sparewatt.",
    "contribution_off": "You switched contributing off.",
    "device_off": "You switched this device off.",
    "sensors_lost": "I can't read this device's sensors, so I stopped it. I keep trying.",
    "driver_restarted": "The device's driver restarted or was changed. I keep trying.",
    "game": "{name} is running. Work goes on a minute after it has closed.",
    "program": "{name} is on your list of programs to pause for. Work goes on a minute after it has ended.",
    "sleeping": "The computer is going to sleep.",
    "other_user": "Another user is at the computer.",
    "battery": "On battery. Work goes on five minutes after mains power is back.",
    "ups": "Mains power is gone: the computer runs on its UPS. Work goes on five minutes after it is back.",
    "power_unknown": "I can't tell whether the computer runs on its battery, so I wait.",
    "low_power_mode": "The computer saves power. Work goes on when you switch its saving mode off.",
    "in_use": "You are using the computer. Work goes on after {minutes} min without mouse and keyboard.",
    "idle_unknown": "I can't tell whether you are using the computer, so I wait.",
    "cooling": "Cooling down: {celsius} °C, your limit is {limit} °C.",
    "still_hot": "Still too warm after two minutes of rest: {celsius} °C, your limit is {limit} °C. I keep waiting.",
    "memory_low": "Little memory is free: {available} of the {needed} that are needed. Work goes on a minute after it "
    "is.",
    "memory_taken": "Another program took {taken} of the device's memory, so I left it all to that one.",
    "disk_low": "Little disk is free: {available} of the {needed} that are needed. Work goes on a minute after it is.",
    "disk_writes": "Your {limit} GB of writing to the disk are used up for today.",
    "energy_budget": "Your {budget} kWh of this month are used up.",
    "money_budget": "Your {budget} {currency} for power of this month are used up.",
    "data_budget": "Your {budget} GB of data of this month are used up. Only finished results are still sent.",
    "budget_unknown": "I can't read what was used of your budget, so I wait. I keep trying.",
    "outside_hours": "Outside your hours ({hours}).",
    "waiting_cheap_power": "Waiting for cheap power ({hours}).",
    "metered": "The connection is metered, so nothing is sent or received. What is begun is finished, and delivered "
    "later.",
    "no_run": "No run wants this device.",
    "no_network": "No coordinator can be reached. What is begun is finished, and delivered later.",
})  # fmt: skip

NO_RUN: Final = MappingProxyType({
    "none_joined": "No run is joined yet.",
    "closed": "The run is closed: it is finished, or its organiser ended it.",
    "stalled": "The run is stalled: its coordinator cannot merge. Its organiser has to help.",
    "untrusted": "The run takes results only from contributors whom its organiser trusts.",
    "refused": "The coordinator refuses this contributor.",
    "changed": "Its organiser has changed the run. Nothing is contributed before you agree.",
    "unsuitable": "The run's work does not suit this device: too little memory, or too slow for its deadlines.",
})  # fmt: skip

WITHOUT_CELSIUS: Final = "Cooling down; your limit is {limit} °C."
_UNKNOWN: Final = "Waiting for a reason that this version has no words for ({rule})."


def rule_words(rule: str, parameters: Parameters, translations: Translations = ENGLISH) -> str:
    """The sentence of a rule that matches; `parameters` as in `snapshot.ReasonSnapshot`."""
    template = RULES.get(rule)
    if template is None:
        return filled(translations.gettext(_UNKNOWN), {"rule": rule})
    match rule:
        case "no_run":
            template = NO_RUN.get(str(parameters.get("cause")), template)
        case "idle_unknown":
            words, why = translations.gettext(template), reason_words(str(parameters.get("cause")), translations)
            return filled(translations.gettext("{words} {why}"), {"words": words, "why": why})
        case "cooling" | "still_hot" if "celsius" not in parameters:
            template = WITHOUT_CELSIUS
        case _:
            pass
    return filled(translations.gettext(template), _readable(parameters, translations))


def _readable(parameters: Parameters, translations: Translations) -> Parameters:
    readable = dict(parameters)
    for name in ("available", "needed", "taken"):
        value = parameters.get(f"{name}_bytes")
        if isinstance(value, int):
            readable[name] = bytes_words(value, translations)
    return readable
