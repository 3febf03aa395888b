import msgspec
import pytest

from benchmarks.measurement import Measurement, Report, Target, absolute, lines, paired
from sparewatt_cli.machine import MachineFacts

MACHINE = MachineFacts("Linux 6", "x86_64", "A processor", 2, 8 * 2**30, "3.11.7", "")


def test_a_ratio_is_the_median_of_the_repetitions_own_ratios() -> None:
    # The machine halves its speed after the first pair; each pair still compares like with like.
    found = paired("speed", "tokens/s", [(99.0, 100.0), (49.5, 50.0), (49.0, 50.0)], Target("at least", 0.98))
    assert found.ratio == pytest.approx(0.99)
    assert (found.ratio_least, found.ratio_greatest) == (pytest.approx(0.98), pytest.approx(0.99))
    assert found.met is True
    assert found.repetitions == 3


@pytest.mark.parametrize(("value", "met"), [(80.0, True), (80.1, False)])
def test_an_upper_target_is_met_up_to_and_with_its_value(value: float, met: bool) -> None:
    assert absolute("memory", "MiB", [value], Target("at most", 80.0)).met is met


def test_a_figure_without_a_target_has_no_verdict() -> None:
    assert absolute("speed", "tokens/s", [1.0], None).met is None


def test_nothing_measured_and_references_of_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs"):
        paired("speed", "tokens/s", [], None)
    with pytest.raises(ValueError, match="pairs"):
        paired("speed", "tokens/s", [(1.0, 0.0)], None)
    with pytest.raises(ValueError, match="values"):
        absolute("memory", "MiB", [], None)


def test_the_lines_name_machine_figures_and_verdict() -> None:
    report = Report(
        command="python -m benchmarks worker-ratio",
        date="2026-11-23",
        machine=MACHINE,
        measurements=(paired("speed", "tokens/s", [(97.0, 100.0)], Target("at least", 0.98), ["one thread"]),),
    )
    text = "\n".join(lines(report))
    assert "ratio 0.9700" in text
    assert "NOT met" in text
    assert "A processor, 2 cores" in text
    assert "torch not installed" in text
    assert "one thread" in text


def test_a_measurement_survives_json() -> None:
    found = paired("speed", "tokens/s", [(99.0, 100.0)], Target("at least", 0.98))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Measurement) == found
