"""What a desktop that was started, shown and used has loaded, by `sys.modules` of a fresh process."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6.QtCore import QTimer
from sparewatt_desktop import __main__ as program
from sparewatt_desktop.window import Window
shown = Window.showEvent

def show(window, event):
    shown(window, event)
    if {pages}:
        for page in window.pages:
            window.open_page(page)
    print(*sorted(sys.modules))
    window.destroyed.connect(lambda: None)
    QTimer.singleShot(0, lambda: os._exit(0) if not sys.stdout.flush() else None)

Window.showEvent = show
sys.exit(program.main(["--no-engine", "--data-folder", sys.argv[1]]))
"""
NEVER = {
    "torch", "transformers", "websockets", "keyring", "pynvml", "psutil", "typer", "rich", "sparewatt.engine",
    "sparewatt.session", "sparewatt.worker", "sparewatt.training",
}  # fmt: skip
AFTER_THE_FIRST_PAINT = {"numpy", "pyqtgraph"}


def loaded(folder: Path, *, pages: bool) -> set[str]:
    command = [sys.executable, "-P", "-c", CODE.replace("{pages}", str(pages)), str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return set(ended.stdout.split())


@pytest.mark.processes
def test_at_its_first_paint_it_has_loaded_no_plots(tmp_path: Path) -> None:
    modules = loaded(tmp_path, pages=False)
    assert "PySide6.QtWidgets" in modules
    assert modules & (NEVER | AFTER_THE_FIRST_PAINT) == set()


@pytest.mark.processes
def test_with_every_page_open_it_never_loads_what_is_the_engine_s(tmp_path: Path) -> None:
    assert loaded(tmp_path, pages=True) & NEVER == set()
