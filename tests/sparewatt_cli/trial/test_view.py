from sparewatt.snapshot import ErrorSnapshot
from sparewatt.testing.snapshots import RUN, busy, busy_processor, young_run
from sparewatt_cli.trial.rows import waiting_sentences
from sparewatt_cli.trial.view import trial_view


def test_without_engines_it_connects_and_knows_nothing() -> None:
    view = trial_view((), RUN)
    assert view.phase == "trial.connecting"
    assert view.version is None
    assert view.tokens_per_s is None
    assert view.evaluations == ()


def test_engines_add_up_and_the_run_is_counted_once() -> None:
    view = trial_view((busy(), busy()), RUN)
    assert view.tokens_per_s == 2_000.0
    assert view.run_tokens == 98_304
    assert view.bytes_up == 2_400_000
    assert view.credit_micro == 2_468
    assert view.receipts == 6
    assert view.devices == (("A processor", 2),)


def test_other_runs_of_an_engine_are_not_shown() -> None:
    other = young_run("cd" * 32, run_tokens=10**9)
    assert trial_view((busy(runs=(other,)),), RUN).run_tokens == 0


def test_the_run_is_shown_as_the_engine_that_heard_most_of_it_knows_it() -> None:
    late = young_run(run_tokens=1, losses=())
    early = young_run(run_tokens=2, losses=((0, 5), (1, 4)), version=1)
    view = trial_view((busy(runs=(late,)), busy(runs=(early,))), RUN)
    assert view.evaluations == ((0, 5), (1, 4))
    assert view.run_tokens == 2


def test_power_is_known_only_when_every_device_that_trains_has_a_sensor() -> None:
    with_sensor, without = busy_processor("cuda", power_watts=80.0), busy_processor("cpu")
    assert trial_view((busy((with_sensor, with_sensor)),), RUN).power_watts == 160.0
    assert trial_view((busy((with_sensor, without)),), RUN).power_watts is None


def test_a_device_that_may_not_compute_says_why() -> None:
    waiting = busy_processor(worker="none", compute="stop", rules=("battery",))
    view = trial_view((busy((waiting,)),), RUN)
    assert view.phase == "trial.waiting"
    assert [each.reason.rule for each in view.waiting] == ["battery"]


def test_having_no_run_yet_is_no_reason_to_show() -> None:
    joining = busy_processor(worker="none", compute="stop", rules=("no_run",))
    view = trial_view((busy((joining,), runs=()),), RUN)
    assert view.phase == "trial.connecting"
    assert view.waiting == ()


def test_the_phase_is_that_of_whoever_is_furthest() -> None:
    starting, training = busy_processor(worker="starting"), busy_processor()
    assert trial_view((busy((starting,)),), RUN).phase == "trial.starting_worker"
    assert trial_view((busy((starting, training)),), RUN).phase == "trial.training"
    assert trial_view((busy((busy_processor(worker="ready"),)),), RUN).phase == "trial.fetching"


def test_a_device_that_another_program_holds_is_said_in_words() -> None:
    other = ErrorSnapshot("device.busy", {"slot": "cpu", "pid": 7}, None)
    held = busy_processor(worker="none", error=other)
    view = trial_view((busy((held,)),), RUN)
    assert view.phase == "trial.waiting"
    assert any("process 7" in sentence for sentence in waiting_sentences(view))


def test_trouble_that_is_over_is_not_shown() -> None:
    past = busy_processor(error=ErrorSnapshot("device.busy", {"slot": "cpu", "pid": 7}, None))
    assert trial_view((busy((past,)),), RUN).troubles == ()
