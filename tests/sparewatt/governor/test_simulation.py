"""The shipped governor and pacer on random machines, and laws that must be caught."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as with_fields

from sparewatt.governor import Facts, Pace, pace
from sparewatt.host.sample import Sample
from sparewatt.permit import FRESH_SECONDS, PERMIT_BYTES, Grant, PermitKind, PermitReader, PermitWriter
from sparewatt.permit import read as read_permit
from sparewatt.policy import Decision
from sparewatt.sensing.pacer import Govern
from sparewatt.testing.card import Card, CardSpec
from sparewatt.wording.limits import REASONS
from tests.governor_simulation.__main__ import main
from tests.governor_simulation.machines import Happening, Machine, machine
from tests.governor_simulation.replay import BadTrace, parse, read, replay
from tests.governor_simulation.shrink import shrunk
from tests.governor_simulation.simulate import simulate

MACHINES = 500
TRACE = Path(__file__).parents[2] / "data" / "synthetic_card.jsonl"
# Workers whose own draw is nearly the cap or heats the card while it rests, or is measured before they have opened it;
# micro-batches that a minute holds three of or one, and ones in step with a sensor that looks a quarter of the time;
# work that comes back after long or after a silence; a computer that sleeps through the quiet end: what the first
# hundreds of seeds hardly hold.
HARD = (
    50005, 50006, 50507, 50531, 51410, 51468, 51499, 60382, 61706,
    61786, 70140, 80225, 80871, 88372, 89464, 92720, 93386, 93764, 105461, 115306, 116163, 116347, 121466, 133173,
)  # fmt: skip
PLAIN = Machine(
    seed=1, spec=CardSpec(), ambient=22.0, cap_watts=150, limit_celsius=75, speed_percent=100, limit_known=True,
    happenings=(), minutes=10.0,
)  # fmt: skip


# Four parts, so that a failure says early which seeds it is about and none runs into the time limit of a test.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(4))
def test_limits_hold_on_every_machine(part: int) -> None:
    failed = []
    for seed in range(part * MACHINES // 4 + 1, (part + 1) * MACHINES // 4 + 1):
        outcome = simulate(machine(seed))
        if outcome.findings:
            failed.append((seed, outcome.findings))
    assert failed == []


@pytest.mark.parametrize("seed", HARD)
def test_limits_hold_on_machines_that_are_hard_on_a_law(seed: int) -> None:
    assert simulate(machine(seed)).findings == ()


def begins_allowed(waits: list[float], look_every_s: float) -> int:
    """How often a reader of the real permit, advanced after each of `waits`, would have let a micro-batch begin; each
    of them at a moment at which the simulated card would have, too."""
    memory = memoryview(bytearray(PERMIT_BYTES))
    writer, reader = PermitWriter(memory), PermitReader(0.0)
    card = Card(CardSpec(), 22.0, lambda _: None, lambda *_: None)
    card.attach(0.0)
    now, looked, allowed = 0.0, 0.0, 0
    for wait in waits:
        writer.advance(Grant(PermitKind.COMPUTE, 0.5))
        card.run(now)
        card.advance(Grant(PermitKind.COMPUTE, 0.5))
        now += wait
        while looked < now:
            if reader.observe(read_permit(memory), looked).grant is not None:
                allowed += 1
                assert looked <= card.advanced_at + FRESH_SECONDS
            looked += look_every_s
    return allowed


@given(st.lists(st.floats(0.05, 4.0), min_size=1, max_size=60), st.floats(0.01, 0.3))
def test_the_simulated_card_begins_whatever_a_reader_of_the_real_permit_lets_begin(
    waits: list[float], look_every_s: float
) -> None:
    begins_allowed(waits, look_every_s)


def test_a_permit_that_keeps_advancing_lets_micro_batches_begin() -> None:
    assert begins_allowed([0.5] * 10, 0.25) >= 15
    assert begins_allowed([0.5, 60.0], 0.25) <= 9


@pytest.mark.parametrize("duty", [0.46, 0.47, 0.48, 0.49, 0.5])
def test_work_in_step_with_a_sensor_that_looks_a_quarter_of_the_time_is_seen_as_it_is(duty: float) -> None:
    rng = random.Random(1)
    card = Card(CardSpec(sensor="quarter", micro_batch_s=0.048), 22.0, lambda _: None, lambda *_: None, rng.random)
    card.attach(0.0)
    for _ in range(2):
        began, seen = (card.now, card.joules), 0.0
        while card.now < began[0] + 60.0:
            before = card.now
            card.advance(Grant(PermitKind.COMPUTE, duty))
            card.run(card.now + rng.uniform(0.45, 0.55))
            seen += card.quarter_watts() * (card.now - before)
        assert seen == pytest.approx(card.joules - began[1], rel=0.05)


def test_the_same_seed_is_the_same_machine_and_the_same_course() -> None:
    assert simulate(machine(7)) == simulate(machine(7))


def test_a_plain_card_uses_nearly_all_of_its_cap() -> None:
    outcome = simulate(PLAIN)
    assert outcome.findings == ()
    assert outcome.used_share is not None
    assert outcome.used_share > 0.85


def instantaneous(
    decision: Decision | None, sample: Sample | None, previous: Pace | None, now: float, facts: Facts
) -> Pace:
    """Faster while the newest reading is below the cap, slower while it is above."""
    if sample is None or decision is None:
        return pace(decision, sample, previous, now, facts)
    below = (sample.power_watts or 0.0) < (decision.power_cap_watts or 1e9)
    duty = (previous.duty if previous is not None else 0.15) + (0.03 if below else -0.02)
    return Pace("compute", min(max(duty, 0.02), 1.0), None, "power")


def heedless_of_age(
    decision: Decision | None, sample: Sample | None, previous: Pace | None, now: float, facts: Facts
) -> Pace:
    """Believes old samples."""
    fresh = None if sample is None else with_fields(sample, t=now)
    return pace(decision, fresh, previous, now, facts)


def heedless_of_heat(
    decision: Decision | None, sample: Sample | None, previous: Pace | None, now: float, facts: Facts
) -> Pace:
    """Sees no temperature."""
    return pace(
        decision, None if sample is None else with_fields(sample, temperature_celsius=None), previous, now, facts
    )


def impatient(
    decision: Decision | None, sample: Sample | None, previous: Pace | None, now: float, facts: Facts
) -> Pace:
    """Goes on as soon as it is cooler."""
    paced = pace(decision, sample, previous, now, facts)
    cooler = sample is not None and decision is not None and (sample.temperature_celsius or 99.0) < 74.0
    return with_fields(paced, grant="compute", duty=1.0, reason=None, cooling=False) if cooler else paced


def wordless(decision: Decision | None, sample: Sample | None, previous: Pace | None, now: float, facts: Facts) -> Pace:
    """Stops for no reason."""
    return with_fields(pace(decision, sample, previous, now, facts), grant="hold", reason=None)


def resigned(decision: Decision | None, sample: Sample | None, previous: Pace | None, now: float, facts: Facts) -> Pace:
    """Never goes on after its first quarter of an hour."""
    paced = pace(decision, sample, previous, now, facts)
    return with_fields(paced, grant="hold", reason="power_spent") if now > 900.0 else paced


SILENT = replace(PLAIN, cap_watts=None, happenings=(Happening("silence", 100.0, 130.0),))
HOT = replace(PLAIN, cap_watts=None, spec=replace(CardSpec(), sink_kelvin=60.0, whole_degrees=False))


@pytest.mark.parametrize(
    ("law", "subject", "check"),
    [
        (instantaneous, replace(PLAIN, spec=replace(CardSpec(), sensor="instant", micro_batch_s=0.5)), "cap"),
        (heedless_of_age, SILENT, "permit"),
        (heedless_of_heat, HOT, "temperature"),
        (impatient, replace(HOT, spec=replace(HOT.spec, die_s=2.0)), "restart"),
        (wordless, PLAIN, "words"),
        (resigned, replace(PLAIN, minutes=30.0), "ends"),
    ],
)
def test_a_law_that_breaks_a_promise_is_caught(law: Govern, subject: Machine, check: str) -> None:
    assert simulate(subject).findings == ()
    outcome = simulate(subject, law)
    assert check in {finding.check for finding in outcome.findings}


def test_a_failure_is_shown_on_the_smallest_machine_that_still_has_it() -> None:
    noise = (Happening("no_work", 20.0, 40.0), Happening("ambient", 30.0, float("inf"), 5.0))
    subject = replace(SILENT, happenings=tuple(sorted((*SILENT.happenings, *noise), key=lambda each: each.start)))
    smallest = shrunk(simulate(subject, heedless_of_age), heedless_of_age)
    assert [each.kind for each in smallest.machine.happenings] == ["silence"]
    assert smallest.machine.minutes < 3.0
    assert smallest.tail


def test_the_command_closes_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--machines", "1", "--start", "3"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1 machines x 30 min from seed 3: 0 failed;")
    assert said.count("\n") == 1


def test_a_recorded_trace_is_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--trace", str(TRACE)]) == 0
    assert capsys.readouterr().out.startswith("synthetic_card.jsonl (synthetic): ")
    replayed = replay(*read(TRACE))
    assert replayed.findings == ()
    assert {"sample_stale", "full"} <= set(replayed.reasons) <= {*REASONS, "full", "power", "temperature"}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "it is empty"),
        (["{}"], "line 1"),
        (["not json"], "line 1"),
        ([TRACE.read_text("utf-8").splitlines()[0], '{"sample": {"device": "x", "t": "soon"}}'], "line 2"),
        ([*TRACE.read_text("utf-8").splitlines()[:3], '{"t": 1.0}'], "line 4: time goes back"),
    ],
)
def test_a_broken_trace_says_where(lines: list[str], words: str) -> None:
    with pytest.raises(BadTrace, match=words):
        parse(lines)


def test_a_trace_that_is_not_there_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--trace", str(tmp_path / "none.jsonl")]) == 2
    assert "is no trace" in capsys.readouterr().err
