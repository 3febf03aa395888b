from dataclasses import dataclass

import msgspec
import pytest

from sparewatt.snapshot import Snapshot
from sparewatt.testing.snapshots import busy, busy_processor, young_run
from sparewatt_cli.trial.contributors import delivered


@dataclass
class Facts:
    worker: str = "none"
    outbox: int = 0
    trained: int = 98_304
    accepted: int = 98_304
    paused: int | None = 0
    refused: int = 0


def snapshot(facts: Facts) -> Snapshot:
    device = msgspec.structs.replace(busy_processor(worker=facts.worker), tokens=facts.trained)
    run = msgspec.structs.replace(
        young_run(run_tokens=facts.accepted, outbox=facts.outbox), updates_refused=facts.refused
    )
    return busy((device,), (run,), paused_until_unix_s=facts.paused)


def test_everything_trained_and_answered_is_delivered() -> None:
    assert delivered(snapshot(Facts()))


@pytest.mark.parametrize(
    "facts",
    [
        Facts(worker="stopping"),
        Facts(worker="training"),
        Facts(outbox=1),
        Facts(paused=None),
        # The worker has just ended with an update that the outbox does not count yet.
        Facts(trained=98_304 + 10_240),
    ],
)
def test_what_may_still_come_is_waited_for(facts: Facts) -> None:
    assert not delivered(snapshot(facts))


def test_a_refused_update_is_an_answer_too() -> None:
    assert delivered(snapshot(Facts(trained=98_304 + 10_240, refused=1)))
