from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sparewatt.testing.control_engine import ControlEngine, served
from sparewatt_cli.surroundings import Surroundings

Run = Callable[..., int]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """A data folder and a socket folder of the test's own, as the environment of a command says them."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("SPAREWATT_DATA_FOLDER", str(tmp_path / "data"))
    return Surroundings(tmp_path / "data", str(runtime), str(tmp_path))


@pytest.fixture
def command(place: Surroundings) -> Run:
    """Runs one command line in this process and gives its exit code."""
    from sparewatt_cli.app import run

    return lambda *arguments: run(arguments)


@pytest.fixture
def serve(place: Surroundings) -> Iterator[Callable[[ControlEngine], ControlEngine]]:
    """Puts a fake engine behind the data folder's control socket."""
    with ExitStack() as stack:
        yield lambda engine: stack.enter_context(served(engine, place.control_address())).engine
