"""``python -m benchmarks.training [NAME]``: see `experiments`."""

import argparse
import sys
import sysconfig
from pathlib import Path

import msgspec

from benchmarks.training import experiments
from benchmarks.training.arm import Arm
from benchmarks.training.experiments import EXPERIMENTS, Experiment
from benchmarks.training.lab import Lab
from benchmarks.training.plot import chart
from benchmarks.training.results import table
from benchmarks.training.simulation import STEP_TOKENS, Outcome, Simulation, train_together
from sparewatt.signing import digest


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training",
        description=experiments.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", choices=tuple(EXPERIMENTS))
    parser.add_argument("--seeds", type=int, default=1, help="paired seeds, from 1 on")
    parser.add_argument("--rounds", type=int, default=200, help="outer steps of four full assignments each")
    parser.add_argument(
        "--text", type=Path, default=Path(sysconfig.get_path("stdlib")), help="file or folder with text"
    )
    parser.add_argument("--to", type=Path, default=Path("experiments"), help="folder for results")
    options = parser.parse_args(arguments)
    if options.name is None:
        for name, experiment in EXPERIMENTS.items():
            say(f"{name:<10} {experiment.question}")
        return 0
    experiment = EXPERIMENTS[options.name]
    folder = options.to / options.name
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = _outcomes(experiment, folder, range(1, options.seeds + 1), options.rounds, options.text)
    lines = table(outcomes, experiment.reference)
    (folder / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    curves = {arm: [(point.tokens / 1e6, point.loss) for point in found[0].points] for arm, found in outcomes.items()}
    picture = chart(experiment.question, "million tokens", "held-out loss, nats per byte", curves)
    (folder / "plot.svg").write_text(picture, encoding="utf-8")
    say("", *lines, "", f"{folder / 'table.md'}, {folder / 'plot.svg'}")
    return 0


def _outcomes(experiment: Experiment, folder: Path, seeds: range, rounds: int, text: Path) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {arm.name: [] for arm in experiment.arms}
    for seed in seeds:
        lab: Lab | None = None
        for arm in experiment.arms:
            path = folder / f"{digest((arm, rounds, seed))[:16]}.json"
            if path.exists():
                outcome = msgspec.json.decode(path.read_bytes(), type=Outcome)
            else:
                lab = lab or Lab(text, seed)
                outcome = _run(arm, lab, rounds, seed)
                path.write_bytes(msgspec.json.encode(outcome))
            say(f"{arm.name}, seed {seed}: {outcome.loss:.4f}, {outcome.versions} versions, {outcome.seconds:.0f} s")
            found[arm.name].append(outcome)
        if lab is not None:
            lab.close()
    return found


def _run(arm: Arm, lab: Lab, rounds: int, seed: int) -> Outcome:
    tokens = rounds * arm.inner_steps * STEP_TOKENS * len(arm.speeds_milli)
    return train_together(arm, lab, tokens, seed) if arm.together else Simulation(arm, lab, tokens, seed).run()


def say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
