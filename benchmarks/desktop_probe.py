"""A desktop that measures itself, in a process of its own: ``python -m benchmarks.desktop_probe WHAT …``.

Prints one line of JSON. It runs without a display unless there is one (`QT_QPA_PLATFORM` decides).
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FRAME_MS = 250
BEAT_MS = 4
ROUNDS = 3
STAY_MS = 1_000


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.desktop_probe")
    parser.add_argument("what", choices=("first-paint", "session", "live", "hidden"))
    parser.add_argument("--started", type=float, default=0.0, help="when this process was started, by time.time()")
    parser.add_argument("--data-folder", type=Path)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args(arguments)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if options.what == "session":
        found = session()
    elif options.what == "first-paint":
        found = first_paint(options.data_folder, options.started)
    else:
        found = cost(options.data_folder, options.seconds, hidden=options.what == "hidden")
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def first_paint(folder: Path, started: float) -> dict[str, float]:
    """Seconds from the process's start to the end of the window's first paint, and how much work was in them."""
    found: dict[str, float] = {}

    def painted(_: Any) -> None:
        found["seconds"], found["processor_s"] = time.time() - started, time.process_time()

    _run_desktop(folder, painted, 0.0)
    return found


def cost(folder: Path, seconds: float, *, hidden: bool) -> dict[str, float]:
    """Share of a core over `seconds`, and memory at the end."""
    import psutil

    this = psutil.Process()
    found: dict[str, float] = {}

    def settled(window: Any) -> None:
        from PySide6.QtCore import QTimer

        if hidden:
            window.hide()

        def begin() -> None:
            found["begin"], found["at"] = _busy(this), time.monotonic()

        QTimer.singleShot(5_000, begin)

    _run_desktop(folder, settled, 5.0 + seconds)
    spent, took = _busy(this) - found["begin"], time.monotonic() - found["at"]
    return {"percent": 100 * spent / took, "pss_bytes": this.memory_full_info().pss}


def session() -> dict[str, Any]:
    """Busy times of the UI's thread while every page is visited and snapshots come four times a second."""
    import msgspec
    import psutil
    from PySide6.QtCore import Qt, QTimer
    from PySide6.QtWidgets import QApplication

    from sparewatt_desktop.testing.scenes import SCENES
    from sparewatt_desktop.testing.stage import Stage
    from sparewatt_desktop.theme import LIGHT, Theme

    application = QApplication(["probe"])
    application.setStyle("Fusion")
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(application, Theme(LIGHT), Path(folder), SCENES["two-devices"])
        stage.begin()
        window = stage.desktop.window
        pages = list(window.pages)
        late: list[float] = []
        first: dict[str, tuple[float, float]] = {}
        # A beat that comes late was kept waiting by a call that took as long; the next one begins anew.
        beats = QTimer()
        beats.setTimerType(Qt.TimerType.PreciseTimer)
        beats.setInterval(BEAT_MS)
        last = [time.perf_counter()]

        def beat() -> None:
            now = time.perf_counter()
            if last[0]:
                late.append(max(0.0, now - last[0] - BEAT_MS / 1000))
            last[0] = now

        beats.timeout.connect(beat)
        beats.start()
        frames = QTimer()
        sequence = [0]

        def frame() -> None:
            sequence[0] += 1
            snapshot = stage.engine.snapshot
            stage.bridge.stand(stage.bridge.link, msgspec.structs.replace(snapshot, sequence=sequence[0]))

        frames.timeout.connect(frame)
        frames.start(FRAME_MS)
        visits = [page for _ in range(ROUNDS) for page in pages]

        def visit() -> None:
            if not visits:
                application.exit()  # not `quit`, which closes the window first, and that asks
                return
            page = visits.pop(0)
            began, worked = time.perf_counter(), time.thread_time()
            window.open_page(page)
            window.repaint()
            if page not in first:
                first[page] = (time.perf_counter() - began, time.thread_time() - worked)
                last[0] = 0.0  # a first visit has a budget of its own
            QTimer.singleShot(STAY_MS, visit)

        QTimer.singleShot(STAY_MS, visit)
        application.exec()
        window.hide()
    pss = psutil.Process().memory_full_info().pss
    return {"late": late, "first_visits": first, "pss_bytes": pss}


def _busy(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _run_desktop(folder: Path, painted: Callable[[Any], None], stay_s: float) -> None:
    from PySide6.QtCore import QEvent, QObject, QTimer
    from PySide6.QtWidgets import QApplication

    from sparewatt_desktop import __main__ as program
    from sparewatt_desktop.app import Desktop

    class Watcher(QObject):
        seen = False

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's own name
            if not self.seen and event.type() == QEvent.Type.Paint:
                self.seen = True
                # The paint itself is over when the loop comes back.
                QTimer.singleShot(0, lambda: self._painted(watched))
            return False

        def _painted(self, window: QObject) -> None:
            painted(window)
            QTimer.singleShot(round(stay_s * 1000), desktops[0].quit)

    desktops: list[Desktop] = []
    watcher = Watcher()
    begin = Desktop.begin

    def watched(desktop: Desktop, *, hidden: bool, start_engine: bool) -> None:
        desktops.append(desktop)
        desktop.window.installEventFilter(watcher)
        begin(desktop, hidden=hidden, start_engine=start_engine)

    setattr(Desktop, "begin", watched)  # noqa: B010
    program.run(QApplication(["probe"]), program.parse_options(["--no-engine", "--data-folder", str(folder)], {}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
