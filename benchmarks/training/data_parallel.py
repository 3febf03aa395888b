"""Is one worker with the large batch what data-parallel training does?

``python -m benchmarks data-parallel`` trains with four processes that average every gradient over gloo, and alone with
four times the batch, from the same weights over the same data, and says how far apart they end.
"""

import argparse
import os
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
import torch

from benchmarks.training.experiments import ONE_WORKER
from benchmarks.training.lab import Device, Lab, Share
from sparewatt.numeric.weights import Floats

RATE: Final = 1e-3


@dataclass(frozen=True)
class Parity:
    """Attributes:
    apart: distance of the two ends, as a share of the way that one worker went.
    loss_alone, loss_together: held out, in nats per byte.
    """

    apart: float
    loss_alone: float
    loss_together: float


def compare(text: Path, seed: int, steps: int) -> Parity:
    """Train `steps` inner steps both ways."""
    processes = len(ONE_WORKER.speeds_milli)
    lab = Lab(text, seed)
    alone = _trained(lab, steps)
    with tempfile.TemporaryDirectory() as name:
        spawned = [
            get_context("spawn").Process(target=_process, args=(Path(name), text, seed, steps, Share(rank, processes)))
            for rank in range(processes)
        ]
        for process in spawned:
            process.start()
        for process in spawned:
            process.join()
        failed = sum(process.exitcode != 0 for process in spawned)
        if failed:
            raise RuntimeError(f"{failed} of {processes} processes failed")
        ends = [np.load(Path(name, f"{rank}.npy"), allow_pickle=False) for rank in range(processes)]
    if any(end.tobytes() != ends[0].tobytes() for end in ends):
        raise RuntimeError("the processes ended with different weights")
    apart = float(np.linalg.norm(ends[0] - alone) / np.linalg.norm(alone - lab.start))
    found = Parity(apart, lab.loss(alone), lab.loss(ends[0]))
    lab.close()
    return found


def _process(folder: Path, text: Path, seed: int, steps: int, share: Share) -> None:
    """One of the processes; what it ends with becomes a file."""
    # Without it gloo looks for an address of the host's name, which not every computer has.
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    meeting = (folder / "meeting").as_uri()
    torch.distributed.init_process_group("gloo", init_method=meeting, rank=share.rank, world_size=share.count)
    lab = Lab(text, seed, share)
    np.save(folder / f"{share.rank}.npy", _trained(lab, steps))
    lab.close()
    torch.distributed.destroy_process_group()


def _trained(lab: Lab, steps: int) -> Floats:
    return lab.train(Device(), lab.start, 0, steps, (RATE, RATE), ONE_WORKER).weights


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks data-parallel",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--steps", type=int, default=50, help="inner steps")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--text", type=Path, default=Path(sysconfig.get_path("stdlib")), help="file or folder with text"
    )
    options = parser.parse_args(arguments)
    found = compare(options.text, options.seed, options.steps)
    sys.stdout.write(
        f"{options.steps} inner steps, seed {options.seed}: "
        f"{found.apart:.1e} of the way apart; held-out loss {found.loss_alone:.6f} alone, "
        f"{found.loss_together:.6f} together\n"
    )
    return 0
