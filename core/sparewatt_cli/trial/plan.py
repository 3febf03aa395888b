"""What a trial starts and when it ends."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sparewatt.engine.options import DEVICE_KINDS, refuse_group
from sparewatt.errors import InputError

CONTRIBUTORS_MOST: Final = 16
MINUTES_MOST: Final = 24 * 60.0
# Held-out data that the last measurement reads; within the run it is measured on less, to leave time for training.
FINAL_HELD_OUT_BYTES: Final = 128 * 1024

EndReason = Literal["time", "tokens", "closed", "interrupted", "failed"]


@dataclass(frozen=True)
class TrialRequest:
    """What the person asked for.

    Attributes:
        minutes: how long to train; the run's learning rate is planned over it.
        text: file or folder to train on instead of Python's own sources.
        tokens: end after so many merged tokens, if that comes first.
        devices: lend only these; empty for all.
        keep: where the checkpoint goes and the trial's files stay; None for a checkpoint in the current folder.
        window: open the desktop's window, where there is a display for it.
    """

    minutes: float = 3.0
    text: Path | None = None
    contributors: int = 1
    devices: tuple[str, ...] = ()
    on_battery: bool = False
    tokens: int | None = None
    seed: int = 0
    keep: Path | None = None
    window: bool = True


@dataclass(frozen=True)
class EnginePlan:
    """One contributor's engine: where it lives and the arguments behind ``python -m``."""

    name: str
    folder: Path
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class TrialPlan:
    """Attributes:
    run_folder: the run's data, which the coordinator serves.
    organiser_key: file of the run's offline key, beside the run's data, never inside.
    checkpoint: folder that the trained model is written to.
    threads: CPU threads of each engine.
    prompt: what the trained model is asked to continue.
    """

    folder: Path
    run_folder: Path
    organiser_key: Path
    coordinator: tuple[str, ...]
    engines: tuple[EnginePlan, ...]
    devices: tuple[str, ...]
    checkpoint: Path
    threads: int
    seconds: float
    tokens: int | None
    seed: int
    prompt: str


def plan_trial(request: TrialRequest, folder: Path, checkpoint: Path, cores: int) -> TrialPlan:
    """The plan for `request` with everything that is thrown away under `folder`.

    One computer is shared out: each of N engines computes with cores/N threads, at least one.

    Raises:
        InputError: ``trial.minutes``, ``trial.contributors`` or ``trial.tokens`` for a number out of bounds,
            ``device.kind_unknown``, ``device.group``.
    """
    if not 0 < request.minutes <= MINUTES_MOST:
        raise InputError("trial.minutes", most=int(MINUTES_MOST))
    if not 1 <= request.contributors <= CONTRIBUTORS_MOST:
        raise InputError("trial.contributors", most=CONTRIBUTORS_MOST)
    if request.tokens is not None and request.tokens < 1:
        raise InputError("trial.tokens")
    for device in request.devices:
        refuse_group(device)
        if device.partition(":")[0] not in DEVICE_KINDS:
            raise InputError("device.kind_unknown", kind=device[:40])
    threads = max(1, cores // request.contributors)
    run_folder = folder / "run"
    return TrialPlan(
        folder=folder,
        run_folder=run_folder,
        organiser_key=folder / "organiser.key",
        coordinator=(
            "sparewatt_coordinator.server", "--data", str(run_folder), "--listen", "127.0.0.1:0", "--parent-pipe",
        ),
        engines=tuple(
            _engine(number, folder / f"contributor-{number}", threads, request)
            for number in range(1, request.contributors + 1)
        ),
        devices=request.devices,
        checkpoint=checkpoint,
        threads=threads,
        seconds=request.minutes * 60.0,
        tokens=request.tokens,
        seed=request.seed,
        prompt="def " if request.text is None else "\n",
    )  # fmt: skip


def checkpoint_folder(request: TrialRequest, current: Path, stamp: str) -> Path:
    """Where the trained model goes: ``checkpoint`` in the kept folder, else a new name in the current one."""
    return request.keep / "checkpoint" if request.keep is not None else current / f"sparewatt-checkpoint-{stamp}"


def end_reason(
    plan: TrialPlan, *, training_seconds: float, tokens: int, closed: bool, interrupted: bool
) -> EndReason | None:
    """Why training ends now, or None while it goes on.

    Args:
        training_seconds: since the first engine could train; the preparation does not count.
        tokens: trained in the run so far.
        closed: the run closed itself because all planned tokens are in.
    """
    if interrupted:
        return "interrupted"
    if plan.tokens is not None and tokens >= plan.tokens:
        return "tokens"
    if closed:
        return "closed"
    return "time" if training_seconds >= plan.seconds else None


def notes(request: TrialRequest) -> tuple[str, ...]:
    """What a person should know before the first figure, as ids of `sparewatt_cli.words.TRIAL`."""
    return ("trial.speed_limit", "trial.one_computer") if request.contributors > 1 else ("trial.speed_limit",)


def _engine(number: int, folder: Path, threads: int, request: TrialRequest) -> EnginePlan:
    arguments = ["sparewatt.engine", "--data-folder", str(folder), "--key-store", "file", "--parent-pipe"]
    arguments += ["--threads", str(threads)]
    for device in request.devices:
        arguments += ["--device", device]
    if request.on_battery:
        arguments.append("--on-battery")
    return EnginePlan(f"contributor {number}", folder, tuple(arguments))
