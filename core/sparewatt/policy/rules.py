"""The table of the policy, in the order in which reasons are shown.

Finished results are delivered under every rule but those about the network itself, for they cost the person little
and the run much.
"""

from typing import Final

from sparewatt.policy import budgets, computer, device, person
from sparewatt.policy.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    Rule(rule="settings_unknown", find=person.settings_unknown, ends="person", urgent=True),
    Rule(rule="paused", find=person.paused, ends="person", urgent=True),
    Rule(rule="paused_for_game", find=person.paused_for_game, linger_s=60, urgent=True),
    Rule(rule="contribution_off", find=person.contribution_off, ends="person", setting="when_to_run"),
    Rule(rule="device_off", find=person.device_off, ends="person", setting="device_use"),
    Rule(rule="sensors_lost", find=device.sensors_lost),
    Rule(rule="driver_restarted", find=device.driver_restarted, linger_s=10, urgent=True),
    Rule(
        rule="game",
        find=computer.game,
        setting="pause_for_games",
        switched_off=computer.games_ignored,
        linger_s=60,
        urgent=True,
    ),
    Rule(
        rule="program",
        find=computer.program,
        setting="pause_programs",
        switched_off=computer.no_programs,
        linger_s=60,
        urgent=True,
    ),
    Rule(rule="sleeping", find=computer.sleeping, linger_s=15, urgent=True, encodes=False),
    Rule(rule="other_user", find=computer.other_user, linger_s=60, urgent=True),
    Rule(
        rule="battery",
        find=computer.battery,
        setting="run_on_battery",
        switched_off=computer.battery_allowed,
        linger_s=300,
        encodes=False,
    ),
    Rule(
        rule="ups",
        find=computer.ups,
        setting="run_on_battery",
        switched_off=computer.battery_allowed,
        linger_s=300,
        encodes=False,
    ),
    Rule(
        rule="power_unknown",
        find=computer.power_unknown,
        setting="run_on_battery",
        switched_off=computer.battery_allowed,
        encodes=False,
    ),
    Rule(rule="low_power_mode", find=computer.low_power_mode, linger_s=60, encodes=False),
    Rule(
        rule="in_use",
        find=person.in_use,
        setting="when_to_run",
        yields_to_now=True,
        yields_to_always=True,
        urgent=True,
    ),
    Rule(
        rule="idle_unknown",
        find=person.idle_unknown,
        setting="when_to_run",
        yields_to_now=True,
        yields_to_always=True,
        urgent=True,
    ),
    Rule(
        rule="cooling",
        find=device.cooling,
        compute="hold",
        transfers="allowed",
        setting="temperature_limit_celsius",
    ),
    Rule(rule="still_hot", find=device.still_hot, setting="temperature_limit_celsius"),
    Rule(
        rule="memory_low",
        find=computer.memory_low,
        setting="memory_free_min_mb",
        linger_s=60,
        urgent=True,
        encodes=False,
    ),
    Rule(rule="memory_taken", find=device.memory_taken, linger_s=60, urgent=True),
    Rule(rule="disk_low", find=computer.disk_low, setting="disk_free_min_mb", linger_s=60),
    Rule(rule="disk_writes", find=budgets.disk_writes, setting="disk_write_limit_gb_per_day"),
    Rule(rule="energy_budget", find=budgets.energy, setting="energy_budget_kwh_per_month"),
    Rule(rule="money_budget", find=budgets.money, setting="money_budget_per_month"),
    Rule(rule="data_budget", find=budgets.data, setting="data_budget_gb_per_month"),
    Rule(
        rule="budget_unknown",
        find=budgets.unknown,
        setting="energy_budget_kwh_per_month",
        switched_off=budgets.unlimited,
    ),
    Rule(rule="outside_hours", find=person.outside_hours, setting="hours", yields_to_now=True, yields_to_always=True),
    Rule(
        rule="waiting_cheap_power",
        find=person.waiting_cheap_power,
        setting="wait_for_cheap_power",
        switched_off=person.power_price_indifferent,
        yields_to_now=True,
    ),
    Rule(
        rule="metered",
        find=computer.metered,
        compute="full",
        transfers="none",
        setting="transfer_on_metered",
        switched_off=computer.metered_allowed,
        linger_s=10,
    ),
    Rule(rule="no_run", find=device.no_run, transfers="allowed"),
    Rule(rule="no_network", find=computer.no_network, compute="full", transfers="none"),
)
URGENT_RULES: Final = frozenset(rule.rule for rule in RULES if rule.urgent)
WITHOUT_ENCODING_RULES: Final = frozenset(rule.rule for rule in RULES if not rule.encodes)
