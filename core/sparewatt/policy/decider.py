"""The decision: every rule that matches, and the strictest action of them on each axis."""

from dataclasses import replace

from sparewatt.host.reading import Reading
from sparewatt.policy.decision import (
    COMPUTE_ORDER,
    TRANSFERS_ORDER,
    Compute,
    Decision,
    Match,
    Moment,
    Offers,
    Transfers,
    Usage,
)
from sparewatt.policy.rule import Facts, Rule
from sparewatt.policy.rules import RULES
from sparewatt.settings import schema
from sparewatt.settings.intents import Intents
from sparewatt.settings.values import Settings


def decide(
    device: str,
    settings: Settings,
    intents: Intents,
    reading: Reading,
    usage: Usage,
    offers: Offers,
    previous: Decision | None,
    now: Moment,
) -> Decision:
    """What `device` may do at `now`; `previous` is its last decision."""
    facts = Facts(device, settings, intents, reading, usage, offers, now)
    earlier = {match.rule: match for match in previous.matches} if previous else {}
    found = (_match(rule, facts, earlier.get(rule.rule)) for rule in RULES)
    matches = tuple(match for match in found if match is not None)
    compute, transfers = strictest(matches)
    return Decision(
        device=device,
        compute=compute,
        transfers=transfers,
        matches=_shown_first(matches, compute, transfers),
        speed_limit_percent=settings.of_device(schema.SPEED_LIMIT_PERCENT, device),
        decided_s=now.monotonic_s,
        power_cap_watts=settings.of_device(schema.POWER_CAP_WATTS, device) or None,
        temperature_limit_celsius=settings.of_device(schema.TEMPERATURE_LIMIT_CELSIUS, device),
    )


def strictest(matches: tuple[Match, ...]) -> tuple[Compute, Transfers]:
    """The strictest action on each axis; everything is allowed where nothing matches."""
    compute = max((COMPUTE_ORDER.index(match.compute) for match in matches), default=0)
    transfers = max((TRANSFERS_ORDER.index(match.transfers) for match in matches), default=0)
    return COMPUTE_ORDER[compute], TRANSFERS_ORDER[transfers]


def _shown_first(matches: tuple[Match, ...], compute: Compute, transfers: Transfers) -> tuple[Match, ...]:
    """The first match whose action is the chosen one, then the others in their order."""
    for match in matches:
        chosen = match.compute == compute if compute != "full" else match.transfers == transfers
        if chosen:
            return (match, *(other for other in matches if other is not match))
    return matches


def _match(rule: Rule, facts: Facts, earlier: Match | None) -> Match | None:
    if _set_aside(rule, facts):
        return None
    finding = rule.find(facts)
    if finding is not None:
        return Match(rule.rule, rule.compute, rule.transfers, finding.parameters, finding.until_unix_s, rule.setting)
    if earlier is None or rule.linger_s == 0:
        return None
    now = facts.now
    if earlier.lingers_until_s is None:
        return replace(
            earlier,
            until_unix_s=round(now.unix_s) + rule.linger_s,
            lingers_until_s=now.monotonic_s + rule.linger_s,
        )
    return earlier if now.monotonic_s < earlier.lingers_until_s else None


def _set_aside(rule: Rule, facts: Facts) -> bool:
    """Whether the person wants the rule not to count, for good or just now."""
    if rule.switched_off(facts.settings):
        return True
    if rule.yields_to_now and facts.intents.contributing_at(facts.now.unix_s):
        return True
    return rule.yields_to_always and facts.settings.of_device(schema.DEVICE_USE, facts.device) == "always"
