"""Why a device may not do all it could: the words of the policy's rules."""

from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Parameters, Translations, filled
from sparewatt.wording.units import bytes_words

RULES: Final = MappingProxyType({
    "paused": "Paused by you.",
    "contribution_off": "You switched contributing off.",
    "device_off": "You switched this device off.",
    "sensors_lost": "I can't read this device's sensors, so I stopped it. I keep trying.",
    "battery": "On battery. Work goes on five minutes after mains power is back.",
    "power_unknown": "I can't tell whether the computer runs on its battery, so I wait.",
    "memory_low": "Little memory is free: {available} of the {needed} that are needed. Work goes on a minute after it "
    "is.",
    "disk_low": "Little disk is free: {available} of the {needed} that are needed. Work goes on a minute after it is.",
    "outside_hours": "Outside your hours ({hours}).",
    "no_run": "No run wants this device.",
    "no_network": "No coordinator can be reached. What is begun is finished, and delivered later.",
})  # fmt: skip

NO_RUN: Final = MappingProxyType({
    "none_joined": "No run is joined yet.",
    "closed": "The run is closed: it is finished, or its organiser ended it.",
    "stalled": "The run is stalled: its coordinator cannot merge. Its organiser has to help.",
    "untrusted": "The run takes results only from contributors whom its organiser trusts.",
    "refused": "The coordinator refuses this contributor.",
    "unsuitable": "The run's work does not suit this device: too little memory, or too slow for its deadlines.",
})  # fmt: skip

_UNKNOWN: Final = "Waiting for a reason that this version has no words for ({rule})."


def rule_words(rule: str, parameters: Parameters, translations: Translations = ENGLISH) -> str:
    """The sentence of a rule that matches; `parameters` as in `snapshot.ReasonSnapshot`."""
    template = RULES.get(rule)
    if template is None:
        return filled(translations.gettext(_UNKNOWN), {"rule": rule})
    if rule == "no_run":
        template = NO_RUN.get(str(parameters.get("cause")), template)
    return filled(translations.gettext(template), _readable(parameters))


def _readable(parameters: Parameters) -> Parameters:
    readable = dict(parameters)
    for name in ("available", "needed"):
        value = parameters.get(f"{name}_bytes")
        if isinstance(value, int):
            readable[name] = bytes_words(value)
    return readable
