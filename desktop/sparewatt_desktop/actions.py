"""What a person can do about the state that is shown: a table from rules to the button that changes exactly that rule.

Pure: an action says what would be sent or opened, and whoever shows it does so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sparewatt.control.messages import ContributeNow, Discover, Request, Resume, SetSetting
from sparewatt.settings import schema
from sparewatt.snapshot import DeviceSnapshot, ReasonSnapshot, Snapshot
from sparewatt.wording.catalogue import ENGLISH, Translations

HOUR_S: Final = 3_600


@dataclass(frozen=True)
class Send:
    """Send a command to the engine."""

    label: str
    make: Callable[[int], Request]


@dataclass(frozen=True)
class OpenSetting:
    """Show the setting with this address."""

    label: str
    address: str


@dataclass(frozen=True)
class OpenPage:
    """Show a page of the window."""

    label: str
    page: str


@dataclass(frozen=True)
class Engine:
    """Something about the engine itself: ``start``, ``replace`` or ``look``."""

    label: str
    what: str


Action = Send | OpenSetting | OpenPage | Engine


@dataclass(frozen=True)
class Setting:
    """Set a setting so that its rule no longer matches."""

    label: str
    key: str
    value: str


# In English; shown through the catalogue. A rule that is missing here is changed by its setting, where it has one.
SETTINGS: Final[Mapping[str, Setting]] = MappingProxyType(
    {
        "contribution_off": Setting("Contribute while I am away", "when_to_run", "idle"),
        "device_off": Setting("Lend this device", "device_use", "rules"),
        "battery": Setting("Run on battery, too", "run_on_battery", "on"),
        "ups": Setting("Run on battery, too", "run_on_battery", "on"),
        "power_unknown": Setting("Run on battery, too", "run_on_battery", "on"),
        "in_use": Setting("Run while I use it", "when_to_run", "hours"),
        "idle_unknown": Setting("Run while I use it", "when_to_run", "hours"),
        "game": Setting("Don't stop for games", "pause_for_games", "off"),
        "waiting_cheap_power": Setting("Don't wait for cheap power", "wait_for_cheap_power", "off"),
        "metered": Setting("Use metered connections", "transfer_on_metered", "on"),
    }
)
# "Contribute now" overrides these, for a while and without changing what the person decided for good.
YIELD_TO_NOW: Final = frozenset({"in_use", "idle_unknown", "outside_hours", "waiting_cheap_power"})


def actions_for(
    reason: ReasonSnapshot, device: DeviceSnapshot, snapshot: Snapshot, translations: Translations = ENGLISH
) -> tuple[Action, ...]:
    """What can be done about a rule that matches, the nearest first; at most two, often none."""
    gettext = translations.gettext
    match reason.rule, reason.parameters.get("cause"):
        case ("paused" | "paused_for_game", _):
            return (Send(gettext("Resume"), lambda number: Resume(id=number)),)
        case ("sensors_lost", _):
            return (Send(gettext("Look again now"), lambda number: Discover(id=number)),)
        case ("no_run", "none_joined"):
            return (OpenPage(gettext("Join a run"), "join"),)
        case ("no_run", _):
            return (OpenPage(gettext("See your runs"), "join"),)
    found: list[Action] = []
    if reason.rule in YIELD_TO_NOW:
        found.append(contribute_now(snapshot, translations))
    known = SETTINGS.get(reason.rule)
    if known is not None:
        found.append(_set(known, device, snapshot, translations))
    elif reason.setting is not None:
        found.append(OpenSetting(gettext("Change this limit"), setting_address(reason.setting, device)))
    return tuple(found)


def contribute_now(snapshot: Snapshot, translations: Translations = ENGLISH) -> Send:
    """Contribute for an hour, whatever the hour and whoever uses the computer."""
    until = snapshot.taken_unix_s + HOUR_S
    return Send(
        translations.gettext("Contribute now for an hour"),
        lambda number: ContributeNow(id=number, until_unix_s=until),
    )


def _set(setting: Setting, device: DeviceSnapshot, snapshot: Snapshot, translations: Translations) -> Send:
    address, revision = setting_address(setting.key, device), snapshot.settings_revision
    return Send(
        translations.gettext(setting.label),
        lambda number: SetSetting(id=number, revision=revision, key=address, value=setting.value),
    )


def setting_address(key: str, device: DeviceSnapshot) -> str:
    """The address of an option on this device, or on the computer where it is none of a device."""
    option = schema.BY_KEY.get(key)
    return f"{key}@{device.device}" if option is not None and option.scope == "device" else key
