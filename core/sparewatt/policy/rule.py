"""What a row of the policy is made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from sparewatt.host.reading import Reading
from sparewatt.policy.decision import Compute, Moment, Offers, Parameters, Transfers, Usage
from sparewatt.settings.intents import Intents
from sparewatt.settings.values import Settings


@dataclass(frozen=True)
class Facts:
    """All that a rule may look at."""

    device: str
    settings: Settings
    intents: Intents
    reading: Reading
    usage: Usage
    offers: Offers
    now: Moment


@dataclass(frozen=True)
class Finding:
    """A condition that holds, with what its words need and when it ends."""

    parameters: Parameters = field(default_factory=lambda: MappingProxyType({}))
    until_unix_s: int | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One row of the policy.

    Attributes:
        find: the condition; None while it does not hold.
        ends: who ends it: the person by a setting or command, or the facts by themselves.
        setting: key of the setting that would change it.
        linger_s: how long it goes on after its condition is gone.
        switched_off: whether the person wants the rule not to count; then it does not linger either.
        yields_to_now: "contribute now" overrides it.
        yields_to_always: a device that the person lends always is not held back by it.
        urgent: the worker must leave within a second: somebody wants the computer, its memory or its driver now.
        encodes: what was computed may still be encoded under it; not where that would take what the rule protects.
    """

    rule: str
    find: Callable[[Facts], Finding | None]
    compute: Compute = "stop"
    transfers: Transfers = "essential"
    ends: Literal["person", "itself"] = "itself"
    setting: str | None = None
    linger_s: int = 0
    switched_off: Callable[[Settings], bool] = lambda _: False
    yields_to_now: bool = False
    yields_to_always: bool = False
    urgent: bool = False
    encodes: bool = True
