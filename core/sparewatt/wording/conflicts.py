"""Settings that cannot be kept together or at all, in words."""

from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Parameters, Translations, filled
from sparewatt.wording.idle import idle_words
from sparewatt.wording.units import duration_words

CONFLICTS: Final = MappingProxyType({
    "devices_off": "You switched every device off, so nothing ever computes.",
    "always_but_never": "You lend {name} always, but contributing is switched off, so it computes nothing.",
    "away_unknown": "You chose to contribute while you are away, but I cannot know when that is. {why} Choose hours or "
    "always instead.",
    "sleeps_before_away": "The computer goes to sleep after {sleep}, so you never count as away after {minutes} min. "
    "Let it sleep later, or count as away sooner.",
    "cheap_never_open": "Your hours ({hours}) and the cheap hours ({cheap_hours}) never meet, so nothing ever "
    "computes.",
    "energy_budget_spent": "More than {budget} kWh were used this month already, so devices wait for the next one.",
    "money_budget_spent": "More than {budget} {currency} were used this month already, so devices wait for the next "
    "one.",
    "data_budget_spent": "More than {budget} GB were sent and received this month already, so devices wait for the "
    "next one.",
    "budget_without_sensor": "The power of {name} cannot be read, so what it uses does not count for your budget.",
    "budget_without_price": "Your budget in money needs a price of power; without one no cost is counted.",
    "cap_without_sensor": "The power of {name} cannot be read, so a cap of {cap} W cannot be kept. Use its speed "
    "limit.",
    "cap_below_least": "{name} draws {least} W even between two pieces of work, so a cap of {cap} W cannot be kept and "
    "it computes nothing.",
    "limit_above_slowdown": "{name} slows itself down at {slowdown} °C, before your limit of {limit} °C.",
    "cheap_without_price": "The price in the cheap hours needs a price for all other hours.",
    "cheap_is_dearer": "The price in the cheap hours ({cheap_price} ct) is above that of all other hours ({price} ct).",
    "hours_ignored": "You chose always, so your hours ({hours}) do not matter.",
})  # fmt: skip
_UNKNOWN: Final = "Two settings do not fit together in a way that this version has no words for ({conflict})."


def conflict_words(conflict: str, parameters: Parameters, translations: Translations = ENGLISH) -> str:
    """The sentence of a conflict; `parameters` as in `snapshot.ConflictSnapshot`."""
    template = CONFLICTS.get(conflict)
    if template is None:
        return filled(translations.gettext(_UNKNOWN), {"conflict": conflict})
    readable = dict(parameters)
    if "sleep_s" in readable:
        readable["sleep"] = duration_words(int(readable["sleep_s"]), translations)
    if "cause" in readable:
        readable["why"] = idle_words(str(readable["cause"]), translations)
    return filled(translations.gettext(template), readable)
