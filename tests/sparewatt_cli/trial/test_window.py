"""The window over a trial."""

import asyncio
from pathlib import Path

import pytest

from sparewatt_cli.trial.window import TrialWindow, has_display


@pytest.mark.parametrize(
    ("environment", "platform", "shown"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"DISPLAY": ""}, "linux", False),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "win32", True),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, "darwin", False),
    ],
)
def test_where_a_window_would_be_seen(environment: dict[str, str], platform: str, shown: bool) -> None:
    assert has_display(environment, platform) is shown


@pytest.mark.processes
def test_the_window_opens_with_the_context_and_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")

    async def scenario() -> tuple[bool, bool]:
        async with TrialWindow(tmp_path / "data", tmp_path / "window.log") as window:
            was_open = window.open
        return was_open, window.open

    assert asyncio.run(scenario()) == (True, False)
    assert "Traceback" not in (tmp_path / "window.log").read_text()
