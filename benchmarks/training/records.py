"""Finished arms on disk: one file each, so that an interrupted experiment goes on, and experiments share arms."""

import datetime as dt
import subprocess
from pathlib import Path

import msgspec

from benchmarks.training.arm import Arm
from benchmarks.training.simulation import Outcome
from sparewatt.signing import digest
from sparewatt_cli.machine import MachineFacts, machine_facts


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What was run, when and on what, and what it came to.

    Attributes:
        arm: its name is that of the experiment that ran it first.
        rounds: outer steps of four full assignments that its tokens are worth.
        commit: as ``git describe --always --dirty`` has it; empty outside a checkout.
        date: of its end, UTC.
    """

    arm: Arm
    rounds: int
    seed: int
    outcome: Outcome
    machine: MachineFacts
    commit: str
    date: str


class OtherTextError(Exception):
    """The folder holds arms that were trained on another text."""


class Records:
    """Records in `folder`, which is made when there is none.

    Args:
        text: SHA-256 of what all of them are trained on.

    Raises:
        OtherTextError: the folder's records are of another text.
    """

    def __init__(self, folder: Path, text: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        noted = folder / "text.sha256"
        if not noted.exists():
            noted.write_text(text, encoding="ascii")
        elif noted.read_text(encoding="ascii") != text:
            raise OtherTextError
        self._machine = machine_facts()
        # Asked once: it is the code that this process has loaded, whatever is committed while it runs.
        self._commit = _commit()

    def find(self, arm: Arm, rounds: int, seed: int) -> Record | None:
        """The record of an arm with these fields, whatever its name."""
        path = self._path(arm, rounds, seed)
        return msgspec.json.decode(path.read_bytes(), type=Record) if path.exists() else None

    def add(self, arm: Arm, rounds: int, seed: int, outcome: Outcome) -> Record:
        record = Record(
            arm=arm,
            rounds=rounds,
            seed=seed,
            outcome=outcome,
            machine=self._machine,
            commit=self._commit,
            date=dt.datetime.now(tz=dt.UTC).isoformat(timespec="seconds"),
        )
        path = self._path(arm, rounds, seed)
        part = path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(record))
        part.replace(path)
        return record

    def _path(self, arm: Arm, rounds: int, seed: int) -> Path:
        unnamed = msgspec.structs.replace(arm, name="")
        return self._folder / f"{digest((unnamed, rounds, seed))[:16]}.json"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return found.stdout.strip()
