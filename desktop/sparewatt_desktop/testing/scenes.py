"""Every state that the desktop is designed for, by name: how it stands with the engine, and what the engine shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec

from sparewatt.errors import ConflictError, ProtocolError, UnavailableError
from sparewatt.snapshot import (
    ChangeSnapshot,
    ComputerSnapshot,
    ConflictSnapshot,
    ConnectionSnapshot,
    DeviceSnapshot,
    ErrorSnapshot,
    ReasonSnapshot,
    RunSnapshot,
    SensingSnapshot,
    Snapshot,
)
from sparewatt.testing.snapshots import NOW_UNIX_S, card, held, home, processor, reason, run
from sparewatt_desktop.connection import Link

Thing = TypeVar("Thing", DeviceSnapshot, RunSnapshot)
TALKING: Final = Link("talking", started_here=True)
HOSTILE_TITLE: Final = "<h1>Free\u202e money</h1><img src=x>\x07\n" + "very " * 2_000 + "long"


@dataclass(frozen=True)
class Scene:
    """Attributes:
    link: how it stands with the engine.
    snapshot: what the engine shows, where it can be heard.
    """

    link: Link
    snapshot: Snapshot


def _held(rule: str, until_s: int | None = None, setting: str | None = None, **parameters: str | int) -> Scene:
    until = None if until_s is None else NOW_UNIX_S + until_s
    why = reason(rule, until_unix_s=until, setting=setting, **parameters)
    return Scene(TALKING, home((card(worker="none", decision=held(why)),)))


def _link(link: Link, snapshot: Snapshot | None = None) -> Scene:
    return Scene(link, snapshot or home())


_LOST: Final = ConnectionSnapshot(
    "disconnected", "wss://run.example:7520", ErrorSnapshot("connection.lost", {"code": 1006}, NOW_UNIX_S + 8), 0, 0
)

PLAYING: Final = ComputerSnapshot(
    "mains", None, 9_000_000_000, 120_000_000_000, True, 0.0, "screensaver", False, "Space & Time"
)
CHANGES: Final = (
    ChangeSnapshot("licence", "CC-BY-4.0", "CC-BY-NC-4.0"),
    ChangeSnapshot("costs.disk_bytes", "1500000000", "4000000000"),
)


def _with(thing: Thing, **changes: object) -> Thing:
    return msgspec.structs.replace(thing, **changes)


def _pause(rule: str, **parameters: str | int) -> ReasonSnapshot:
    setting = "temperature_limit_celsius" if rule == "temperature" else "power_cap_watts"
    return reason(rule, until_unix_s=NOW_UNIX_S + 60, setting=setting, **parameters)


SCENES: Final[Mapping[str, Scene]] = MappingProxyType(
    {
        "contributing": Scene(TALKING, home()),
        "limited": Scene(TALKING, home((card(limit_reason="power", duty_percent=71, power_watts=119.0),))),
        "two-devices": Scene(TALKING, home((card(), processor("training")))),
        "processor-only": Scene(TALKING, home((processor("training"),))),
        "paused": _held("paused", 840),
        "paused-until-resumed": _held("paused"),
        "in-use": _held("in_use", setting="when_to_run", minutes=3),
        "battery": _held("battery", setting="run_on_battery", percent=62),
        "outside-hours": _held("outside_hours", 5_400, "hours", hours="mo-fr 22:00-07:00"),
        "disk-low": _held(
            "disk_low", None, "disk_free_min_mb", available_bytes=900_000_000, needed_bytes=2_048_000_000
        ),
        "sensors-lost": _held("sensors_lost"),
        "switched-off": _held("contribution_off", setting="when_to_run"),
        "no-run-wants-it": _held("no_run", cause="unsuitable"),
        "contribute-now": Scene(TALKING, home(contribute_until_unix_s=NOW_UNIX_S + 2_700)),
        "no-run-joined": Scene(TALKING, home((card(worker="none"),), ())),
        "no-device": Scene(TALKING, home(())),
        "no-sensors": Scene(
            TALKING,
            home((), sensing=SensingSnapshot("failed", ErrorSnapshot("sensor.nvidia_lost", {}, None))),
        ),
        "device-failed": Scene(
            TALKING,
            home(
                (
                    card(
                        worker="failed",
                        error=ErrorSnapshot("worker.ended", {"reason": "killed", "code": 9}, NOW_UNIX_S + 40),
                    ),
                )
            ),
        ),
        "keyring-waiting": Scene(TALKING, home((card(worker="none"),), key_store="waiting")),
        "coordinator-gone": Scene(TALKING, home(runs=(run(connection=_LOST, outbox=2),))),
        "run-closed": Scene(
            TALKING,
            home(
                (card(worker="none", decision=held(reason("no_run", cause="closed"))),),
                (run(state="closed", words="We are done: thank you all! The weights are on our page."),),
            ),
        ),
        "game-plays": Scene(TALKING, home(computer=PLAYING)),
        "paused-for-game": Scene(
            TALKING,
            home((card(worker="none", decision=held(reason("paused_for_game"))),), paused_for_game=True),
        ),
        "cooling-down": Scene(
            TALKING,
            home((_with(card(duty_percent=40), pause=_pause("temperature", celsius=76, limit=75)),)),
        ),
        "cap-too-low": Scene(
            TALKING,
            home((_with(card(worker="ready"), pause=_pause("cap_too_low", cap=40, least=61, seconds=240)),)),
        ),
        "run-changed": Scene(
            TALKING,
            home(
                (card(worker="none", decision=held(reason("no_run", cause="changed"))),),
                (_with(run(), changed=CHANGES, changed_run="cd" * 32),),
            ),
        ),
        "remarks": Scene(
            TALKING,
            home(
                settings_error=ErrorSnapshot("settings.damaged", {"path": "settings.json.damaged"}, None),
                logon_error=ErrorSnapshot("logon.foreign", {"place": "~/.config/autostart/sparewatt.desktop"}, None),
                conflicts=(ConflictSnapshot("budget_without_price", {}, "power_price_ct_per_kwh"),),
            ),
        ),
        "not-isolated": Scene(TALKING, home(isolation="partial", isolation_missing=("connections", "privileges"))),
        "freed": Scene(
            TALKING,
            home(
                (
                    _with(
                        card(
                            worker="none", decision=held(reason("game", setting="pause_for_games", name="Space & Time"))
                        ),
                        released_milliseconds=412,
                    ),
                ),
                computer=PLAYING,
            ),
        ),
        "account-opening": Scene(TALKING, home(energy=None, energy_error=ErrorSnapshot("history.opening", {}, None))),
        "hostile-title": Scene(TALKING, home(runs=(run(title=HOSTILE_TITLE),))),
        "engine-looking": _link(Link("looking")),
        "engine-missing": _link(Link("missing")),
        "engine-starting": _link(Link("starting", started_here=True)),
        "engine-slow-start": _link(Link("overdue", UnavailableError("engine.start_slow", seconds=30))),
        "engine-failed": _link(
            Link("failed", UnavailableError("engine.start_failed", detail="no space left on device"), started_here=True)
        ),
        "settings-quarantined": _link(
            Link("failed", UnavailableError("engine.start_failed", detail="Your settings cannot be read."), restarts=9)
        ),
        "engine-slow": _link(Link("slow", UnavailableError("engine.silent", seconds=8))),
        "engine-died": _link(Link("ended", ProtocolError("control.closed"), started_here=True)),
        "engine-other-version": _link(
            Link("other_version", UnavailableError("engine.version", engine_version="0.9.1"))
        ),
        "engine-replacing": _link(Link("replacing")),
        "engine-refused": _link(Link("refused", ConflictError("control.folder", path="/run/user/1000/sparewatt"))),
        "engine-stopping": Scene(Link("stopping"), msgspec.structs.replace(home(), phase="stopping")),
    }
)
