import pytest

from benchmarks.__main__ import DATA_PARALLEL, PEERS, main
from benchmarks.catalogue import BENCHMARKS
from benchmarks.training.experiments import EXPERIMENTS


def test_without_a_name_everything_that_can_be_measured_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*BENCHMARKS, *EXPERIMENTS, DATA_PARALLEL, PEERS]
    assert all(len(line.split()) > 3 for line in lines)


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["everything"])
    assert caught.value.code == 2
    assert "worker-ratio" in capsys.readouterr().err


@pytest.mark.parametrize("name", [*EXPERIMENTS, DATA_PARALLEL])
def test_experiments_have_options_of_their_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert "--seed" in capsys.readouterr().out
