"""``python -m benchmarks [NAME] [--json FILE]``: list what can be measured, or measure it.

Experiments on training quality take other options: ``python -m benchmarks parity --help``.
"""

import argparse
import datetime as dt
import sys
from pathlib import Path

import msgspec

from benchmarks.catalogue import BENCHMARKS
from benchmarks.measurement import Report, lines
from benchmarks.training.experiments import EXPERIMENTS
from sparewatt_cli.machine import machine_facts

DATA_PARALLEL = "data-parallel"
PEERS = "peers"


def main(arguments: list[str]) -> int:
    """The exit code: 1 when a target was missed."""
    if arguments and arguments[0] in EXPERIMENTS:
        from benchmarks.training.__main__ import main as run_experiment

        return run_experiment(arguments)
    if arguments and arguments[0] == DATA_PARALLEL:
        from benchmarks.training.data_parallel import main as data_parallel

        return data_parallel(arguments[1:])
    if arguments and arguments[0] == PEERS:
        from benchmarks.peers.__main__ import main as peers

        return peers(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=tuple(BENCHMARKS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report to FILE, too")
    options = parser.parse_args(arguments)
    if options.name is None:
        for name, measure in BENCHMARKS.items():
            sys.stdout.write(f"{name:<18} {measure.__doc__}\n")
        for name, experiment in EXPERIMENTS.items():
            sys.stdout.write(f"{name:<18} {experiment.question}\n")
        sys.stdout.write(f"{DATA_PARALLEL:<18} Is one worker with the large batch what data-parallel training does?\n")
        sys.stdout.write(
            f"{PEERS:<18} The same model and tokens with hivemind and with Flower: loss, bytes, time, a kill\n"
        )
        return 0
    report = Report(
        command=f"python -m benchmarks {options.name}",
        date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        machine=machine_facts(),
        measurements=BENCHMARKS[options.name](),
    )
    for line in lines(report):
        sys.stdout.write(line + "\n")
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return int(any(found.met is False for found in report.measurements))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
