"""What the tests of real programs share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sparewatt_desktop.testing.virtual_screen import VirtualScreen, virtual_screen


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[VirtualScreen]:
    """A screen with a window manager, a tray and a message bus."""
    with virtual_screen(tmp_path) as made:
        yield made
