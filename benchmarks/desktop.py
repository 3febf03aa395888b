"""How quickly the desktop is there, how quickly it answers, and what it costs while nobody looks."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.measurement import Measurement, Target, absolute
from sparewatt.control.address import SocketAddress
from sparewatt.testing.control_engine import ControlEngine, served
from sparewatt_desktop.platform.place import place_of

PAINTS = 7
COST_SECONDS = 60.0
MEBIBYTE = 2**20
PLATFORM_NOTE = f"Qt platform {os.environ.get('QT_QPA_PLATFORM', 'offscreen')}"


def first_paint() -> tuple[Measurement, ...]:
    """From the desktop's start to its first paint (warm), and what it costs hidden and live beside an engine."""
    with tempfile.TemporaryDirectory() as folder:
        paints = [_probe("first-paint", folder, "--started") for _ in range(PAINTS + 1)][1:]
    times = [paint["seconds"] for paint in paints]
    worked = [paint["processor_s"] for paint in paints]
    hidden, live = _cost("hidden", apart_s=2.0), _cost("live", apart_s=0.25)
    slowest = f"slowest {max(times):.3f} s"
    return (
        absolute("first-paint", "s", times, Target("at most", 1.0), (PLATFORM_NOTE, slowest)),
        absolute("first-paint-processor", "s", worked, None, ("work in it, whatever else the computer did",)),
        absolute("hidden-processor", "% of a core", [hidden["percent"]], Target("at most", 0.2),
                 (f"over {COST_SECONDS:.0f} s, the engine's state changes every 2 s",)),
        absolute("live-processor", "% of a core", [live["percent"]], Target("at most", 3.0),
                 (f"over {COST_SECONDS:.0f} s, the state changes every 250 ms, the status page is shown",)),
        absolute("desktop-memory", "MiB", [live["pss_bytes"] / MEBIBYTE], Target("at most", 180.0)),
    )  # fmt: skip


def ui_calls() -> tuple[Measurement, ...]:
    """How long the desktop's own thread is busy at a time, over a session that visits every page."""
    with tempfile.TemporaryDirectory() as folder:
        found = _probe("session", folder)
    late = sorted(1000 * each for each in found["late"])
    p99 = late[min(len(late) - 1, round(0.99 * len(late)))]
    visits = {page: 1000 * seconds for page, (seconds, _) in found["first_visits"].items()}
    worked = max(1000 * seconds for _, seconds in found["first_visits"].values())
    listed = ", ".join(f"{page} {taken:.0f} ms" for page, taken in visits.items())
    memory = found["pss_bytes"] / MEBIBYTE
    count = f"{len(late)} beats of a watchdog, latest {late[-1]:.1f} ms"
    return (
        absolute("ui-calls-p99", "ms", [p99], Target("at most", 16.0), (count,)),
        absolute(
            "first-visit-longest",
            "ms",
            [max(visits.values())],
            Target("at most", 150.0),
            (listed, f"processor time of the longest: {worked:.0f} ms"),
        ),
        absolute("memory-every-page", "MiB", [memory], Target("at most", 180.0), ("with the plots' library",)),
    )


def _cost(what: str, apart_s: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, _changing(Path(folder), apart_s):
        return _probe(what, folder, "--seconds", str(COST_SECONDS))


@contextmanager
def _changing(folder: Path, apart_s: float) -> Iterator[None]:
    """An engine whose state changes every `apart_s`."""
    place = place_of(folder, os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir())
    path = Path(place.server)
    over = threading.Event()
    with served(ControlEngine(), SocketAddress(path.parent, path.name), _version()) as engine:

        def change() -> None:
            sequence = 1
            while not over.wait(apart_s):
                sequence += 1
                engine.show(msgspec.structs.replace(engine.engine.snapshot, sequence=sequence))

        thread = threading.Thread(target=change, name="changes")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _version() -> str:
    import importlib.metadata

    return importlib.metadata.version("sparewatt")


def _probe(what: str, folder: str, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.desktop_probe", what, "--data-folder", folder, *more]
    if more == ("--started",):
        command.append(str(time.time()))
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300)
    return dict(json.loads(ran.stdout.splitlines()[-1]))
