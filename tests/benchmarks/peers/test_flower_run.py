"""What is read of Flower's server, and how its programs are started."""

from pathlib import Path

from benchmarks.peers.flower_run import START_SECONDS_MOST, averages_told, nodes_told, patient


def test_the_first_weights_are_no_average_and_half_a_line_is_nothing(tmp_path: Path) -> None:
    said = tmp_path / "said-server"
    assert averages_told(said) == 0
    said.write_text('{"begun": true, "at": 1}\n{"average": 0, "at": 1}\n')
    assert averages_told(said) == 0
    said.write_text('{"average": 0, "at": 1}\n{"average": 1, "at": 2}\n{"average": 2, "at"')
    assert averages_told(said) == 1


def test_clients_are_counted_by_what_its_server_logs() -> None:
    assert nodes_told("[Fleet.ActivateNode] one\n[Fleet.GetRun]\n[Fleet.ActivateNode] two\n") == 2


def test_work_of_flowers_may_begin_as_late_as_its_programs_may_start() -> None:
    flag, code, *rest = patient("supernode", ["--insecure"])
    assert (flag, rest) == ("-c", ["--insecure"])
    compile(code, "patient", "exec")
    assert f"HEARTBEAT_DEFAULT_INTERVAL = {START_SECONDS_MOST:.0f}\n" in code
    assert code.endswith("flower_supernode()\n")
