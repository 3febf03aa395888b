"""A page needs an application, a look, and an engine that it can ask."""

import os
from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QApplication

from sparewatt.wording.catalogue import ENGLISH
from sparewatt_desktop.look import Look
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.testing.memory_engine import MemoryEngine
from sparewatt_desktop.theme import LIGHT, Theme

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def opened() -> list[str]:
    """Settings that a page asked the window to open."""
    return []


@pytest.fixture(scope="session")
def look(qapp: QApplication) -> Look:
    return Look(qapp, Theme(LIGHT))


@pytest.fixture
def tools(look: Look, engine: MemoryEngine, opened: list[str]) -> PageTools:
    nothing: Callable[[str], None] = lambda _: None  # noqa: E731
    return PageTools(engine, look, ENGLISH, nothing, opened.append)
