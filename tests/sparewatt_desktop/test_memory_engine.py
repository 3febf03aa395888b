"""The engine in memory keeps the promises that pages rely on, as the real channel does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from sparewatt.control.address import SocketAddress
from sparewatt.control.messages import (
    Discover,
    ListSettings,
    PreviewReply,
    PreviewSetting,
    ReceiptsAfter,
    ReceiptsReply,
    Reply,
    Request,
    SetSetting,
    SettingsReply,
)
from sparewatt.settings.values import Settings
from sparewatt.testing.control_engine import ControlEngine, served
from sparewatt_desktop.bridge import Bridge
from sparewatt_desktop.page import Commands
from sparewatt_desktop.platform.place import Place
from sparewatt_desktop.testing.examples import RUN, receipt, signed, snapshot
from sparewatt_desktop.testing.memory_engine import MemoryEngine

LONG_MS = 20_000


class NeverStarts:
    def start(self) -> None:
        raise AssertionError("an engine runs already")

    def ended(self) -> str | None:
        return None


@pytest.fixture(params=["in memory", "behind its socket"])
def commands(request: pytest.FixtureRequest, qtbot: QtBot, place: Place) -> Iterator[Commands]:
    receipts = tuple(signed(receipt(number)) for number in range(5))
    if request.param == "in memory":
        yield MemoryEngine(by_itself=True, settings=Settings(7, {}), receipts=receipts)
        return
    path = Path(place.server)
    with served(ControlEngine(snapshot=snapshot(), receipts=receipts), SocketAddress(path.parent, path.name)):
        bridge = Bridge(place, NeverStarts(), None)
        bridge.begin(start=False)
        qtbot.waitUntil(lambda: bridge.link.phase == "talking", timeout=LONG_MS)
        yield bridge
        bridge.leave()


def outcome(commands: Commands, make: Callable[[int], Request], wanted: type[msgspec.Struct], qtbot: QtBot) -> object:
    """The answer or the error; nothing is heard before the call returns, and nothing twice."""
    heard: list[object] = []
    commands.ask(make, wanted, heard.append, heard.append)
    assert heard == []
    qtbot.waitUntil(lambda: bool(heard), timeout=LONG_MS)
    qtbot.wait(20)
    (only,) = heard
    return only


def test_settings_are_listed_with_their_revision(commands: Commands, qtbot: QtBot) -> None:
    told = outcome(commands, lambda id_: ListSettings(id=id_), SettingsReply, qtbot)
    assert isinstance(told, SettingsReply)
    assert told.revision == 7
    assert {line.key for line in told.settings} >= {"hours", "speed_limit_percent@cpu"}


def test_a_setting_is_set_and_listed_so(commands: Commands, qtbot: QtBot) -> None:
    done = outcome(commands, lambda id_: SetSetting(id=id_, revision=7, key="idle_minutes", value="9"), Reply, qtbot)
    assert isinstance(done, Reply)
    told = outcome(commands, lambda id_: ListSettings(id=id_), SettingsReply, qtbot)
    assert isinstance(told, SettingsReply)
    assert told.revision == 8
    assert next(line.value for line in told.settings if line.key == "idle_minutes") == "9"


def test_a_preview_changes_nothing_and_a_wrong_value_is_refused(commands: Commands, qtbot: QtBot) -> None:
    told = outcome(commands, lambda id_: PreviewSetting(id=id_, key="hours", value="always"), PreviewReply, qtbot)
    assert isinstance(told, PreviewReply)
    error = outcome(commands, lambda id_: PreviewSetting(id=id_, key="hours", value="soon"), PreviewReply, qtbot)
    assert getattr(error, "error_id", None) == "settings.hours"
    listed = outcome(commands, lambda id_: ListSettings(id=id_), SettingsReply, qtbot)
    assert isinstance(listed, SettingsReply)
    assert listed.revision == 7


def test_the_newest_receipts_come_oldest_first(commands: Commands, qtbot: QtBot) -> None:
    told = outcome(
        commands,
        lambda id_: ReceiptsAfter(id=id_, run=RUN, sequence=0, limit=2, newest=True),
        ReceiptsReply,
        qtbot,
    )
    assert isinstance(told, ReceiptsReply)
    assert told.receipts == tuple(signed(receipt(number)) for number in (3, 4))


def test_a_command_that_works_is_silent(commands: Commands, qtbot: QtBot) -> None:
    errors: list[object] = []
    commands.command(lambda id_: Discover(id=id_), errors.append)
    outcome(commands, lambda id_: ListSettings(id=id_), SettingsReply, qtbot)
    assert errors == []
