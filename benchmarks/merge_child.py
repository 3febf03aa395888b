"""Merges payloads in a process of its own, whose memory is then that of a merge.

``python -m benchmarks.merge_child TASK`` reads a `Task` from the file and prints a line of JSON.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from benchmarks.codec import Taken, timed
from sparewatt.numeric.blocks import block_range, block_size
from sparewatt.numeric.codec import UpdateReader
from sparewatt.numeric.memory import keep_freed_memory
from sparewatt.numeric.merge import RoundMerge
from sparewatt.numeric.merge_plan import MergePlan
from sparewatt.numeric.outer_state import OuterBlock
from sparewatt.numeric.weights import FLOAT, Floats

REPETITIONS: Final = 3


class Task(msgspec.Struct, frozen=True):
    """`payloads` are the files of the plan's updates, in its order."""

    plan: MergePlan
    payloads: tuple[str, ...]
    coordinates: int


class Found(msgspec.Struct, frozen=True):
    """Seconds of the processor and of the clock, each once a repetition, in turn.

    Attributes:
        means: reading, decoding and averaging all updates.
        merges: the same with the outer step and the patch.
        sums: numpy adding the decoded updates, fp32 arrays of the whole model, one after the other, in memory that was
            touched before.
        peak_bytes: the most memory that was resident during the merges, with Python and numpy.
    """

    means: tuple[Taken, ...]
    merges: tuple[Taken, ...]
    sums: tuple[Taken, ...]
    peak_bytes: int


class Flat:
    """An outer state that takes no memory: every block is the same."""

    def __init__(self, coordinates: int) -> None:
        self._coordinates = coordinates
        self._values = np.full(block_size(0, coordinates), 0.02, dtype=FLOAT)
        self._zeros = np.zeros_like(self._values)

    def block(self, index: int) -> OuterBlock:
        size = block_size(index, self._coordinates)
        return OuterBlock(self._values[:size], self._zeros[:size], self._zeros[:size])


def main(path: Path) -> None:
    # As an aggregator does.
    keep_freed_memory()
    task = msgspec.json.decode(path.read_bytes(), type=Task)
    with ExitStack() as files:
        readers = [
            UpdateReader(files.enter_context(Path(payload).open("rb")), task.plan.codec, task.coordinates)
            for payload in task.payloads
        ]
        merge = RoundMerge(task.plan, readers, Flat(task.coordinates), task.coordinates)
        blocks = range(merge.blocks)
        means = [timed(lambda: [merge.mean(index) is None for index in blocks]) for _ in range(REPETITIONS)]
        merges = [timed(lambda: [merge.merge_block(index) is None for index in blocks]) for _ in range(REPETITIONS)]
        # The reference needs the whole model in memory, so it comes when the merge's memory is known.
        peak = peak_bytes()
        total, one = np.ones(task.coordinates, dtype=FLOAT), np.ones(task.coordinates, dtype=FLOAT)
        sums = [plain_sum(readers, total, one) for _ in range(REPETITIONS)]
    found = Found(tuple(means), tuple(merges), tuple(sums), peak)
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def plain_sum(readers: list[UpdateReader], total: Floats, one: Floats) -> Taken:
    """Clear `total` and add every update to it, decoded into `one`; what numpy takes for the additions alone.

    Both arrays were written before, or the first addition would wait for the system to make `total`'s pages.
    """
    total.fill(0)
    taken = []
    for reader in readers:
        decode_into(reader, one)
        taken.append(timed(lambda: np.add(total, one, out=total)))
    return Taken(sum(each.processor for each in taken), sum(each.wall for each in taken))


def decode_into(reader: UpdateReader, into: Floats) -> None:
    for index in range(reader.blocks):
        first, end = block_range(index, len(into))
        into[first:end] = reader.block(index)


def peak_bytes() -> int:
    """The most memory that this process ever had resident, as Linux counts it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
