"""What a person sees on the page of training."""

import subprocess
import sys

import msgspec
import pytest
from PySide6.QtWidgets import QComboBox, QWidget
from pytestqt.qtbot import QtBot

from sparewatt.control.messages import SeriesSince
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.pages.training import TrainingPage
from sparewatt_desktop.testing.examples import NOW_UNIX_S, run
from sparewatt_desktop.testing.memory_engine import MemoryEngine
from sparewatt_desktop.widgets.plot import Plot
from sparewatt_desktop.widgets.text import Text


@pytest.fixture
def engine() -> MemoryEngine:
    power = tuple((float(NOW_UNIX_S - 600 + 2 * place), 150.0 + place % 7) for place in range(300))
    return MemoryEngine(series={"power_watts": power, "tokens_per_s": ((NOW_UNIX_S - 10.0, 18_400.0),), "loss": ()})


@pytest.fixture
def page(qtbot: QtBot, tools: PageTools, engine: MemoryEngine) -> TrainingPage:
    made = TrainingPage(tools)
    qtbot.addWidget(made)
    made.resize(760, 900)
    made.show()
    made.show_snapshot(engine.snapshot)
    qtbot.waitUntil(lambda: bool(engine.asked(SeriesSince)))
    engine.deliver()
    return made


def words(widget: QWidget) -> str:
    return "\n".join(text.text() for text in widget.findChildren(Text) if text.isVisible())


def plots(page: TrainingPage) -> tuple[Plot, Plot]:
    loss, here = page.findChildren(Plot)
    return loss, here


def test_a_run_is_shown_with_its_terms_and_progress(page: TrainingPage) -> None:
    shown = words(page)
    for part in ("Open stories in small languages", "Workshop for Small Languages", "Apache-2.0", "412, the newest"):
        assert part in shown


def test_every_plot_is_also_a_sentence(page: TrainingPage) -> None:
    loss, here = plots(page)
    assert loss.summary.startswith("Held-out loss fell from 5.5452 nats per byte at version 0 to 2.9503")
    assert here.summary == "155 W now; between 150 and 156 over the last 10 min."


def test_plots_are_painted_once_the_library_is_there_and_no_faster_than_allowed(
    page: TrainingPage, engine: MemoryEngine, qtbot: QtBot
) -> None:
    loss, _ = plots(page)
    qtbot.waitUntil(lambda: loss.painted > 0, timeout=60_000)
    painted = loss.painted
    for number in range(50):
        losses = (*run().evaluations, msgspec.structs.replace(run().evaluations[-1], version=413 + number))
        page.show_snapshot(msgspec.structs.replace(engine.snapshot, runs=(run(evaluations=losses),)))
    assert loss.painted == painted
    qtbot.waitUntil(lambda: loss.painted == painted + 1)


def test_a_hidden_page_paints_and_asks_nothing(page: TrainingPage, engine: MemoryEngine, qtbot: QtBot) -> None:
    loss, _ = plots(page)
    qtbot.waitUntil(lambda: loss.painted > 0, timeout=60_000)
    page.hide()
    painted, asked = loss.painted, len(engine.requests)
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, runs=(run(evaluations=run().evaluations[:5]),)))
    qtbot.wait(700)
    assert (loss.painted, len(engine.requests)) == (painted, asked)
    page.show()
    qtbot.waitUntil(lambda: loss.painted > painted)


def test_another_series_is_chosen_and_asked_for_since_its_newest_point(
    page: TrainingPage, engine: MemoryEngine
) -> None:
    _, here = plots(page)
    choice = next(each for each in page.findChildren(QComboBox) if each.accessibleName() == "What to plot")
    choice.setCurrentIndex(1)
    choice.activated.emit(1)
    engine.deliver()
    assert here.summary == "18.4 k tokens/s now; between 18.4 k and 18.4 k over the last 0 s."
    choice.setCurrentIndex(0)
    choice.activated.emit(0)
    assert engine.asked(SeriesSince)[-1].since_unix_s == NOW_UNIX_S - 2
    engine.deliver()
    assert here.summary == "155 W now; between 150 and 156 over the last 10 min."


def test_an_empty_series_says_so(page: TrainingPage, engine: MemoryEngine) -> None:
    _, here = plots(page)
    choice = next(each for each in page.findChildren(QComboBox) if each.accessibleName() == "What to plot")
    choice.setCurrentIndex(2)
    choice.activated.emit(2)
    engine.deliver()
    assert here.summary == "Nothing was measured yet."


def test_one_of_several_runs_is_chosen_and_stays_so(page: TrainingPage, engine: MemoryEngine) -> None:
    other = run(run="cd" * 32, title="Another run")
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, runs=(run(), other)))
    choice = next(each for each in page.findChildren(QComboBox) if each.accessibleName() == "Run")
    assert choice.isVisible()
    choice.setCurrentIndex(1)
    choice.activated.emit(1)
    assert "Another run" in words(page)
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, runs=(other, run())))
    assert choice.currentText() == "Another run"
    page.show_snapshot(engine.snapshot)
    assert not choice.isVisible()
    assert "Open stories in small languages" in words(page)


def test_without_a_run_or_an_engine_the_page_says_so(page: TrainingPage, engine: MemoryEngine) -> None:
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, runs=()))
    assert "No run is joined yet." in words(page)
    assert "Organiser" not in words(page)
    page.show_snapshot(None)
    assert "The engine cannot be heard" in words(page)


def test_a_hostile_title_is_plain_text_of_bounded_length(page: TrainingPage, engine: MemoryEngine) -> None:
    hostile = "<img src=x>\u202e\x07" + "x" * 10_000
    page.show_snapshot(
        msgspec.structs.replace(engine.snapshot, runs=(run(title=hostile, organiser=hostile, words=hostile),))
    )
    for text in page.findChildren(Text):
        assert "\u202e" not in text.text()
        assert "\x07" not in text.text()
        assert len(text.text()) < 700


def test_no_page_loads_the_plotting_library_before_it_is_painted() -> None:
    code = (
        "import sys\n"
        "import sparewatt_desktop.pages.settings, sparewatt_desktop.pages.devices\n"
        "import sparewatt_desktop.pages.training, sparewatt_desktop.pages.receipts\n"
        "import sparewatt_desktop.widgets.last_receipts, sparewatt_desktop.widgets.plot\n"
        "print([name for name in ('pyqtgraph', 'numpy', 'websockets', 'keyring', 'torch') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert told.stdout.strip() == "[]"
