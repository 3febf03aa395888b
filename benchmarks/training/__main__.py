"""``python -m benchmarks.training NAME``: see `experiments`."""

import argparse
import hashlib
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean

import msgspec

from benchmarks.training import experiments
from benchmarks.training.arm import Arm
from benchmarks.training.continued import OTHER_TEXT, Starts
from benchmarks.training.experiments import EXPERIMENTS, Experiment
from benchmarks.training.lab import IdleLab, Lab, text_of
from benchmarks.training.plot import chart
from benchmarks.training.records import OtherTextError, Record, Records
from benchmarks.training.results import PAIRS_MOST, table
from benchmarks.training.simulation import Outcome, Simulation, tokens_of, train_alone
from sparewatt.errors import SparewattError
from sparewatt.signing import digest
from sparewatt.wording.errors import sentence

ROUNDS_MOST = 100_000


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=experiments.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", choices=tuple(EXPERIMENTS))
    parser.add_argument("--seeds", type=count(PAIRS_MOST), help="paired seeds, from 1 on")
    parser.add_argument(
        "--rounds", type=count(ROUNDS_MOST), help="tokens to train on, as outer steps of four full assignments each"
    )
    parser.add_argument(
        "--text", type=Path, default=Path(sysconfig.get_path("stdlib")), help="file or folder with text"
    )
    parser.add_argument(
        "--other-text",
        type=Path,
        default=OTHER_TEXT,
        help="file or folder with the text that trained weights and adapters go on with",
    )
    parser.add_argument(
        "--course",
        action="store_true",
        help="train nothing: show only what the course of each arm wastes, store nothing",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="ARM", help="train only these; of others show what the folder holds already"
    )
    parser.add_argument("--to", type=Path, default=Path("experiments"), help="folder for results")
    options = parser.parse_args(arguments)
    if options.name is None:
        for name, experiment in EXPERIMENTS.items():
            say(f"{name:<18} {experiment.question}")
        return 0
    experiment = EXPERIMENTS[options.name]
    names = [arm.name for arm in experiment.arms]
    only = options.only or names
    for name in only:
        if name not in names:
            parser.error(f"{options.name} has no arm {name!r}; it has: {'; '.join(names)}")
    seeds = range(1, (options.seeds or experiment.seeds) + 1)
    rounds = options.rounds or experiment.rounds
    if options.course:
        say(*_courses(experiment, seeds, rounds, options.text))
        return 0
    try:
        records = _records_in(options.to, experiment, options.text, options.other_text)
    except SparewattError as error:
        parser.error(sentence(error))
    except OtherTextError:
        parser.error(f"{options.to} holds results of another text: name another folder with --to")
    except OSError as error:
        parser.error(f"{options.to} cannot be written: {error.strerror}. Name another folder with --to")
    starts = Starts(options.text, options.to / "starts")
    open_lab = partial(_lab, experiment, starts, options.text, options.other_text)
    found = _records(experiment, records, seeds, rounds, open_lab, only)
    folder = options.to / options.name
    folder.mkdir(parents=True, exist_ok=True)
    _write(experiment, found, folder)
    return 0


def count(most: int) -> Callable[[str], int]:
    """Parses a whole number from 1 to `most`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most}")
        return int(text)

    return parse


def _records_in(folder: Path, experiment: Experiment, text: Path, other: Path) -> Records:
    """Arms that go on with another text are kept apart from those that train on the first one alone.

    Raises:
        InputError: as `collect`.
        OtherTextError: as `Records`.
    """
    first = hashlib.sha256(text_of(text).training).hexdigest()
    if experiment.begins == "new weights":
        return Records(folder / "arms", first)
    second = hashlib.sha256(text_of(other).training).hexdigest()
    return Records(folder / "arms-continued", digest((first, second)))


def _lab(experiment: Experiment, starts: Starts, text: Path, other: Path, seed: int) -> Lab:
    """Where its arms are trained."""
    lab = Lab(text, seed) if experiment.begins == "new weights" else starts.lab(experiment.begins, other, seed)
    say(f"seed {seed} begins at {lab.loss(lab.start):.4f}")
    return lab


def _records(
    experiment: Experiment,
    records: Records,
    seeds: range,
    rounds: int,
    open_lab: Callable[[int], Lab],
    only: Sequence[str],
) -> dict[str, list[Record]]:
    """What each arm came to, trained now if it is one of `only`; without those of which nothing is there."""
    found: dict[str, list[Record]] = {arm.name: [] for arm in experiment.arms}
    for seed in seeds:
        lab: Lab | None = None
        for arm in experiment.arms:
            record = records.find(arm, rounds, seed)
            if record is None and arm.name not in only:
                continue
            if record is None:
                lab = lab or open_lab(seed)
                record = records.add(arm, rounds, seed, _run(arm, lab, rounds, seed))
            outcome = record.outcome
            say(f"{arm.name}, seed {seed}: {outcome.loss:.4f}, {outcome.versions} versions, {outcome.seconds:.0f} s")
            found[arm.name].append(record)
        if lab is not None:
            lab.close()
    return {arm: each for arm, each in found.items() if each}


def _courses(experiment: Experiment, seeds: range, rounds: int, text: Path) -> list[str]:
    """A line for each arm that has contributors."""
    lines = ["| arm | outer steps | merged / trained, each seed | busy |", "|---|---|---|---|"]
    lab = IdleLab(text, 1)
    for arm in experiment.arms:
        if arm.way != "contributors":
            continue
        found = [_run(arm, lab, rounds, seed) for seed in seeds]
        goodput = ", ".join(f"{each.tokens / each.tokens_trained:.3f}" for each in found)
        versions, busy = (mean(values) for values in zip(*((e.versions, e.busy_share) for e in found), strict=True))
        lines.append(f"| {arm.name} | {versions:.0f} | {goodput} | {busy:.2f} |")
    lab.close()
    return lines


def _run(arm: Arm, lab: Lab, rounds: int, seed: int) -> Outcome:
    tokens = tokens_of(arm, rounds)
    if arm.way == "contributors":
        return Simulation(arm, lab, tokens, seed).run()
    return train_alone(arm, lab, tokens, seed)


def _write(experiment: Experiment, found: dict[str, list[Record]], folder: Path) -> None:
    """The table, the plot of the first seed's losses, and every record as a line of JSON."""
    outcomes = {arm: [record.outcome for record in records] for arm, records in found.items()}
    lines = table(outcomes, experiment.references)
    (folder / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    curves = {arm: [(point.tokens / 1e6, point.loss) for point in each[0].points] for arm, each in outcomes.items()}
    picture = chart(experiment.question, "million tokens", "held-out loss, nats per byte", curves)
    (folder / "plot.svg").write_text(picture, encoding="utf-8")
    named = [
        msgspec.structs.replace(record, arm=msgspec.structs.replace(record.arm, name=arm))
        for arm, records in found.items()
        for record in records
    ]
    (folder / "records.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(named))
    say("", *lines, "", *(str(folder / name) for name in ("table.md", "plot.svg", "records.jsonl")))


def say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
