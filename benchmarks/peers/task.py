"""What every arm trains: one model, one set of tokens, one measure of the result."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.small_model import CONFIG_FILE, HELD_OUT_FILE, TASK_FILE, TOKENS_FILE
from sparewatt.blobs.folder import BlobFolder
from sparewatt_cli import run_look
from sparewatt_cli.organiser import make_run
from sparewatt_coordinator.create.exchange import Wishes, with_exchange
from sparewatt_coordinator.create.profile import Profile, run_profile
from sparewatt_coordinator.create.run import RunOptions
from sparewatt_coordinator.server.folder import DataFolder

CONTRIBUTORS: Final = 2
HELD_OUT_BYTES: Final = 64 * 1024
# Of one inner step, as in every run of this size; a token is a byte.
STEP_TOKENS: Final = 16 * 128


@dataclass(frozen=True)
class Task:
    """Attributes:
    inner_steps: of each contributor between two averages; how far apart ours are is the run's own affair.
    averages: how many there are.
    seconds_most: after which a course is cut off.
    """

    inner_steps: int = 10
    averages: int = 10
    seconds_most: float = 1_200.0

    @property
    def steps_each(self) -> int:
        """Inner steps of one contributor when all goes well."""
        return self.inner_steps * self.averages

    @property
    def kill_steps(self) -> int:
        """Inner steps after which a contributor is killed: those of half of the averages, and the first one after."""
        return self.inner_steps * (self.averages // 2) + 1

    @property
    def tokens(self) -> int:
        """Of all contributors together."""
        return CONTRIBUTORS * self.steps_each * STEP_TOKENS


def profile_of(task: Task, contributors: int = CONTRIBUTORS) -> Profile:
    """What ``sparewatt run create --size try --contributors 2 --tokens …`` makes."""
    return with_exchange(run_profile("try", contributors, task.tokens), Wishes(keyframe_type="bf16"))


def prepare(task: Task, text: Path, folder: Path) -> None:
    """Write to `folder` what peers need: the first weights as a checkpoint, training tokens and held-out tokens.

    All of it comes from a run that is made as ours is: the same options give the same blobs. The optimiser of peers is
    that of a run with one contributor, an AdamW as it is usually set: ours for several has no momentum of its own and a
    lower rate, because its outer step has one, which theirs has not.

    Raises:
        SparewattError: as `organiser.make_run`.
    """
    run_folder = folder / "run"
    options = RunOptions(
        title="A benchmark",
        purpose="To compare",
        organiser="You",
        licence="PSF-2.0",
        description="sources of Python's standard library",
        text=text,
        profile=profile_of(task),
    )
    created = make_run(run_folder, folder / "organiser.key", options)
    blobs = BlobFolder(DataFolder(run_folder).blobs)
    run_look.export(run_folder, folder / "start")
    needed, tokens = task.tokens, bytearray()
    for shard in created.shards:
        if len(tokens) < needed:
            tokens += blobs.path(shard.sha256).read_bytes()
    if len(tokens) < needed:
        raise ValueError(f"the text has {len(tokens)} tokens to train on, and {needed} are needed")
    (folder / TOKENS_FILE).write_bytes(tokens[:needed])
    held_out = blobs.path(created.manifest.data.held_out.sha256).read_bytes()
    (folder / HELD_OUT_FILE).write_bytes(held_out[:HELD_OUT_BYTES])
    profile = profile_of(task, contributors=1)
    optimiser = profile.optimiser
    facts = {
        "inner_steps": task.inner_steps,
        "averages": task.averages,
        "batch_sequences": profile.inner.batch_sequences,
        "sequence_length": profile.sequence_length,
        "contributors": CONTRIBUTORS,
        "rate": optimiser.peak_rate_nano / 1e9,
        "final_rate": optimiser.final_rate_micro / 1e6,
        "warm_up": optimiser.warmup_tokens / task.tokens,
        "decay": optimiser.decay_micro / 1e6,
        "betas": [optimiser.beta1_micro / 1e6, optimiser.beta2_micro / 1e6],
        "epsilon": optimiser.epsilon_pico / 1e12,
        "weight_decay": optimiser.weight_decay_micro / 1e6,
        "clip_norm": optimiser.clip_norm_milli / 1e3,
    }
    (folder / TASK_FILE).write_text(json.dumps(facts), encoding="utf-8")


def held_out_loss(folder: Path, checkpoint: Path) -> float:
    """Nats per byte of a checkpoint's weights, over the held-out tokens of `folder`."""
    from benchmarks.peers.small_model import load_model
    from sparewatt.training import model as training

    tokens: NDArray[np.uint8] = np.frombuffer((folder / HELD_OUT_FILE).read_bytes(), dtype=np.uint8)
    facts = json.loads((folder / TASK_FILE).read_text(encoding="utf-8"))
    model = load_model(folder / "start" / CONFIG_FILE, checkpoint)
    return training.held_out_loss(model.eval(), tokens, facts["sequence_length"], facts["batch_sequences"])
