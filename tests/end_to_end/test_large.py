"""One round with a model of over 100 million parameters, within bounds of memory."""

import sys
import sysconfig
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import msgspec
import psutil
import pytest

from sparewatt.work.manifest import InnerSpec, RoundSpec
from sparewatt.work.model import ModelSpec, parameter_count
from sparewatt_coordinator.create.profile import Profile, run_profile
from sparewatt_coordinator.testing.processes import RealRun, real_run

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="reads the private memory of processes from /proc"),
]

MIB = 1 << 20
MODEL = ModelSpec(
    architecture="llama",
    vocabulary_size=256,
    hidden_size=1024,
    intermediate_size=2752,
    layers=8,
    heads=16,
    key_value_heads=16,
    context_length=64,
)
# Private memory, which excludes the areas that the engine shares with its worker: 400 MB each for this model.
ENGINE_MIB, GATEWAY_MIB, MERGER_MIB = 64, 80, 80


def profile() -> Profile:
    made = run_profile("tiny", contributors=1, tokens=10_000_000)
    return replace(
        made,
        model=MODEL,
        sequence_length=16,
        inner=InnerSpec(inner_steps=2, batch_sequences=1, state="fresh"),
        optimiser=msgspec.structs.replace(made.optimiser, peak_rate_nano=10_000, warmup_tokens=0),
        rounds=RoundSpec(
            tokens_target=8,
            grace_milliseconds=0,
            seconds_most=30,
            next_version_wait_milliseconds=60_000,
            tokens_total=10_000_000,
            seconds_total=0,
        ),
    )


@dataclass
class Watch:
    """The most private memory, in MiB, that each program was seen with, twenty times a second."""

    run: RealRun
    most: dict[str, float] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._look_all)
        self._thread.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._over.set()
        self._thread.join()

    def _look_all(self) -> None:
        while not self._over.wait(0.05):
            for name, process in self._programs():
                try:
                    private = process.memory_full_info().uss / MIB
                except psutil.NoSuchProcess:
                    continue
                self.most[name] = max(self.most.get(name, 0.0), private)

    def _programs(self) -> list[tuple[str, psutil.Process]]:
        try:
            coordinator = psutil.Process(self.run.coordinator.pid)
            found = [("gateway", coordinator)]
            # The first child merges; the second measures, with torch.
            found += [("merger", child) for child in coordinator.children()[:1]]
            found += [("engine", psutil.Process(engine.process.pid)) for engine in self.run.engines]
        except psutil.NoSuchProcess:
            return []
        return found


def test_a_round_of_a_hundred_million_parameters_stays_within_its_memory(tmp_path: Path) -> None:
    assert parameter_count(MODEL) > 100_000_000
    text = Path(sysconfig.get_path("stdlib")) / "json"
    with real_run(tmp_path, profile(), text) as run, Watch(run) as watch:
        engine = run.add_engine(threads=2)
        run.until(lambda: run.status().status.version.number >= 1, 600)
        run.until(lambda: (engine.snapshot().runs[0].version or 0) >= 1, 300)
        status = run.status().status
        assert status.updates_refused == 0
        assert len(engine.receipts(run.created.run)) >= 1
    assert watch.most["engine"] < ENGINE_MIB, watch.most
    assert watch.most["gateway"] < GATEWAY_MIB, watch.most
    assert watch.most["merger"] < MERGER_MIB, watch.most
