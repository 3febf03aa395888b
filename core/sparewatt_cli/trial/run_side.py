"""The run's side of a trial, through the same doors that an organiser uses."""

import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sparewatt_cli import run_look, sampling
from sparewatt_cli.organiser import make_run
from sparewatt_cli.run_people import new_invite
from sparewatt_cli.trial.plan import TrialPlan
from sparewatt_coordinator.create.profile import try_profile
from sparewatt_coordinator.create.run import RunOptions

INVITE_SECONDS: Final = 3_600
SAMPLE_TOKENS: Final = 160
SAMPLE_TEMPERATURE_MILLI: Final = 700
WORDS: Final = "The trial has ended."


@dataclass(frozen=True)
class Finished:
    """What the coordinator says at the end.

    Attributes:
        version: number of the last version.
        evaluations: (version, held-out loss in 1e-6), oldest first.
        loss_last: held-out loss of the last version, in the run's unit; None when it was not measured.
        loss_tokens: held-out tokens behind it.
    """

    version: int
    evaluations: tuple[tuple[int, int], ...]
    loss_last: float | None
    loss_tokens: int | None


def create_run(plan: TrialPlan, text: Path | None) -> None:
    """Make the trial's run from `text`, or from the sources of this Python's standard library. Blocks.

    Raises:
        SparewattError: as `organiser.make_run`.
    """
    source = text.expanduser().absolute() if text is not None else Path(sysconfig.get_path("stdlib"))
    licence = "PSF-2.0 (sources of Python)" if text is None else "not stated"
    options = RunOptions(
        title="A trial on this computer",
        purpose="To see Sparewatt work",
        organiser="You",
        licence=licence,
        description="sources of Python's standard library" if text is None else f"text from {source.name}",
        text=source,
        profile=try_profile(len(plan.engines), plan.seconds, plan.tokens),
        seed=plan.seed,
    )
    make_run(plan.run_folder, plan.organiser_key, options)


def invites(run_folder: Path, count: int) -> tuple[str, ...]:
    """A trusted invite for each of `count` contributors. Blocks."""
    return tuple(new_invite(run_folder, 1, INVITE_SECONDS, trusted=True) for _ in range(count))


def finish(run_folder: Path) -> Finished:
    """Merge what is there, measure the last version, and close the run. Blocks."""
    status = run_look.finish(run_folder, WORDS).status
    last = next((each for each in reversed(status.evaluations) if each.version == status.version.number), None)
    return Finished(
        version=status.version.number,
        evaluations=tuple((each.version, each.loss_micro) for each in status.evaluations),
        loss_last=None if last is None else last.loss_micro / 1e6,
        loss_tokens=None if last is None else last.tokens,
    )


async def sample(run_folder: Path, prompt: str, seed: int) -> str:
    """What the last version writes after `prompt`, with it."""
    return prompt + await sampling.sample(run_folder, prompt, SAMPLE_TOKENS, SAMPLE_TEMPERATURE_MILLI, seed)


def export(run_folder: Path, to: Path) -> None:
    """Write the last version to `to`. Blocks."""
    run_look.export(run_folder, to)
