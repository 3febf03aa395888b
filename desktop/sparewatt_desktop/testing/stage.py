"""The whole desktop in one process, over a staged bridge."""

import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
from PySide6.QtWidgets import QApplication

from sparewatt.control.messages import DevicePresets, PresetValue
from sparewatt.history.calendar import day_of
from sparewatt.history.rows import EnergyRow, PastAssignment
from sparewatt.settings.values import Settings
from sparewatt.signing import digest, sign
from sparewatt.testing.control_engine import ControlEngine
from sparewatt.testing.run import FakeRun
from sparewatt.testing.snapshots import CARD, NOW_UNIX_S, RUN
from sparewatt.wording.catalogue import ENGLISH, Translations
from sparewatt.work.invite import Invite, format_invite
from sparewatt.work.manifest import MANIFEST_KIND
from sparewatt.work.receipt import RECEIPT_KIND, Receipt
from sparewatt_desktop.app import Desktop, DesktopParts
from sparewatt_desktop.look import Look
from sparewatt_desktop.preferences import Preferences
from sparewatt_desktop.testing.scenes import SCENES, Scene
from sparewatt_desktop.testing.staged import StagedBridge
from sparewatt_desktop.theme import Theme

POINTS: Final = 300


class Stage:
    """A desktop that stands as a scene says.

    Args:
        folder: for its preferences.
        words: the language that it speaks.
    """

    def __init__(
        self, application: QApplication, theme: Theme, folder: Path, scene: Scene, words: Translations = ENGLISH
    ) -> None:
        self.invite, self.engine = _engine(scene)
        self.bridge = StagedBridge(self.engine, scene.link)
        self.look = Look(application, theme)
        parts = DesktopParts(
            application,
            self.bridge,
            self.look,
            Preferences(folder / "desktop.ini"),
            words,
            tray=False,
        )
        self.desktop = Desktop(parts)

    def begin(self) -> None:
        self.desktop.begin(hidden=False, start_engine=False)

    def play(self, name: str) -> None:
        """Stand as the scene with this name does."""
        scene = SCENES[name]
        self.bridge.stand(scene.link, scene.snapshot)


def _engine(scene: Scene) -> tuple[str, ControlEngine]:
    made = FakeRun()
    costs = msgspec.structs.replace(
        made.manifest.costs,
        download_bytes_first=310_000_000,
        download_bytes_per_version=9_000_000,
        upload_bytes_per_update=18_000_000,
        disk_bytes=1_500_000_000,
        memory_bytes=4_200_000_000,
    )
    manifest = msgspec.structs.replace(
        made.manifest,
        title="Weather notes",
        purpose="A small model that turns weather observations into sentences, for stations that have no staff.",
        organiser="Institute of Mountain Weather",
        licence="CC0-1.0",
        costs=costs,
    )
    run = digest(manifest)
    invite = Invite("wss://weather.example:7520", run, made.run_key_sha256, "s" * 32)
    online = made.online
    engine = ControlEngine(
        snapshot=scene.snapshot,
        manifest=sign(MANIFEST_KIND, manifest, made.run_key),
        receipts=tuple(sign(RECEIPT_KIND, _receipt(number), online) for number in range(1, 41)),
        settings=Settings(
            7,
            {
                "energy_budget_kwh_per_month": "20",
                "money_budget_per_month": "10",
                f"power_cap_watts@{CARD}": "120",
            },
        ),
        presets=_presets(),
        energy=tuple(_energy()),
        priced=True,
        assignments=tuple(_past(number) for number in range(24)),
        series={
            "power_watts": _wave(116.0, 6.0),
            "tokens_per_s": _wave(18_400.0, 700.0),
            "loss": tuple((when, 5.5 - 0.6 * math.log1p(place)) for place, (when, _) in enumerate(_wave(1, 0))),
        },
    )
    return format_invite(invite), engine


def _presets() -> tuple[DevicePresets, ...]:
    graphics = (
        PresetValue("quiet", 75, 65, 100, "device_limit"),
        PresetValue("balanced", 120, 75, 100, "device_limit"),
        PresetValue("full", None, 83, 100, "none"),
    )
    plain = (
        PresetValue("quiet", None, None, 40, "none"),
        PresetValue("balanced", None, None, 70, "none"),
        PresetValue("full", None, None, 100, "none"),
    )
    return DevicePresets(CARD, graphics), DevicePresets("cpu", plain)


def _energy() -> Iterator[EnergyRow]:
    """A month in which a card worked most nights, was once read only now and then, and once not at all."""
    today = day_of(NOW_UNIX_S)
    for back in range(30, -1, -1):
        if back % 9 == 4:
            continue
        share = 0.6 + 0.4 * math.sin(back)
        millijoules = 0 if back == 12 else round(share * 1.1 * 3.6e9)
        yield EnergyRow(
            begins=(today - timedelta(days=back)).isoformat(),
            device=CARD,
            run=RUN,
            millijoules=millijoules,
            estimated_millijoules=millijoules // 3 if back in (20, 21) else 0,
            busy_milliseconds=30_000_000,
            unmeasured_milliseconds=9_000_000 if back == 12 else 0,
            cost_micro=millijoules * 320 // 3_600_000,
            carbon_milligrams=millijoules * 470 // 3_600_000,
            tokens=round(share * 480_000_000),
        )


def _past(number: int) -> PastAssignment:
    ended = NOW_UNIX_S - 900 - 1_140 * number
    return PastAssignment(
        assignment_id=f"{number:032x}",
        run=RUN,
        device="cpu" if number % 5 == 4 else CARD,
        began_unix_s=ended - 1_020,
        ended_unix_s=ended,
        tokens=0 if number == 7 else 245_760,
        millijoules=0 if number % 5 == 4 else 109_000_000 + 400_000 * number,
        estimated=number == 3,
        measured=number % 5 != 4,
    )


def _wave(middle: float, height: float) -> tuple[tuple[float, float], ...]:
    return tuple(
        (NOW_UNIX_S - 3_600 + 12.0 * place, middle + height * math.sin(place / 7) * math.cos(place / 3))
        for place in range(POINTS)
    )


def _receipt(number: int) -> Receipt:
    return Receipt(
        run=RUN,
        contributor="c" * 64,
        device="d" * 32,
        assignment_id=f"{number:032x}",
        update=f"{number:064x}",
        tokens=245_760,
        credit_micro=59_000,
        state="verified" if number % 9 else "pending",
        round=number,
        merged="yes",
        accepted_at_s=NOW_UNIX_S - (41 - number) * 740,
        sequence=number,
    )
