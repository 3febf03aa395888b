"""A whole engine's steps with a card that answers: what heat and a cap that is too low do to its workers.

The card, its sensors and its worker are made up; the desk, the policy, the governor, the driver and its plan are not.
"""

import asyncio
from pathlib import Path

from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample
from sparewatt.permit import Grant, PermitKind
from sparewatt.session.outbox_thread import OutboxThread
from sparewatt.testing.card import Card, CardSpec
from sparewatt.testing.engine_bench import EngineBench, steer
from sparewatt.wording.limits import pace_words

CARD = Device("cuda:GPU-1", "cuda", "A card", "gpu-simulated", 8 * 10**9, power_limit_watts=320)
SPEC = CardSpec(gap_watts=60.0, sink_s=40.0)
MAINS = Reading("mains", None, None, None, 2, 720, seat=True, idle_s=900.0, games=())


class Bench(EngineBench):
    """An engine with a simulated card, which does what the worker is allowed to do."""

    def __init__(self, folder: Path, outbox: OutboxThread, tasks: asyncio.TaskGroup) -> None:
        super().__init__(folder, outbox, tasks)
        self.card = Card(SPEC, 25.0, lambda _: None, lambda *_: None)
        self.rules: list[str] = []
        self.words: list[str] = []
        self.sensors.on_reading(MAINS)
        self.sensors.on_devices((CARD,), ())

    def sense(self) -> None:
        self.card.run(self.clock.now)
        watts = self.card.average_watts()
        self.sensors.on_samples((Sample(CARD.device, self.clock.now, watts, "average_1s", self.card.shown_celsius()),))

    def follow(self) -> None:
        paced = self.pacer.pace_of(CARD.device)
        assert paced is not None
        running = self.driver.state.worker not in ("none", "starting", "encoding")
        if running and not self.card.attached:
            self.card.attach(self.clock.now + 2.0)
        elif not running and self.card.attached:
            self.card.detach()
        if running:
            kind = PermitKind.COMPUTE if paced.grant == "compute" else PermitKind.HOLD
            self.card.advance(Grant(kind, max(paced.duty, 0.001)))
        if self.rules[-1:] != [self.told]:
            self.rules.append(self.told)
        if paced.reason is not None:
            self.words.append(pace_words(paced.reason, paced.parameters))


def test_a_card_that_another_program_overheats_rests_with_its_worker_and_goes_on(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.set("temperature_limit_celsius", "60")
        await bench.live(120.0)
        assert bench.rules[-1] == "computes"
        bench.card.other_watts = 250.0
        await bench.live(8.0)
        bench.card.other_watts = 0.0
        await bench.live(10.0)
        assert "cooling" in bench.rules
        busy_s = bench.card.busy_s
        await bench.live(25.0)
        assert bench.card.busy_s == busy_s, "a rest lasts at least a minute"
        await bench.live(120.0)
        assert bench.rules[-1] == "computes"
        assert bench.card.busy_s > busy_s
        assert bench.rules.count("cooling") == 1
        assert bench.starts == 1, "a short rest costs no worker"

    steer(tmp_path, Bench, story)


def test_a_rest_that_lasts_lets_the_worker_go_and_starts_one_again(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.set("temperature_limit_celsius", "60")
        await bench.live(120.0)
        bench.card.other_watts = 250.0
        await bench.live(300.0)
        assert bench.rules[-1] == "still_hot"
        assert bench.driver.state.worker == "none"
        assert bench.starts == 1, "nothing is started while it is hot"
        bench.card.other_watts = 0.0
        await bench.live(240.0)
        assert bench.rules[-1] == "computes"
        assert [rule for rule in bench.rules if rule in ("cooling", "still_hot")] == ["cooling", "still_hot"]
        assert bench.starts == 2

    steer(tmp_path, Bench, story)


def test_a_cap_that_cannot_be_kept_is_refused_in_words_tried_again_and_kept_once_it_can(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.set("power_cap_watts", "50")
        await bench.live(120.0)
        refused = pace_words("cap_too_low", {"cap": 50, "least": 70})
        assert any(words[:20] == refused[:20] for words in bench.words)
        assert bench.driver.state.worker == "none"
        assert bench.starts == 1
        await bench.live(420.0)
        assert bench.starts == 1, "ten minutes pass before it is tried again"
        await bench.live(240.0)
        assert bench.starts == 2
        assert bench.driver.state.worker == "none", "it draws no less than before"
        bench.set("power_cap_watts", "200")
        busy_s = bench.card.busy_s
        await bench.live(60.0)
        assert bench.rules[-1] == "computes"
        assert bench.card.busy_s > busy_s
        assert bench.starts == 3

    steer(tmp_path, Bench, story)
