"""Gathers what `sparewatt doctor` judges; nothing in it names the computer or its user."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from sparewatt.control.messages import GetSnapshot, SnapshotFrame
from sparewatt.errors import SparewattError
from sparewatt.process.isolation.apply import available
from sparewatt_cli.endings import NoEngineError
from sparewatt_cli.engine_link import ask
from sparewatt_cli.findings import DoctorFacts
from sparewatt_cli.machine import installed_version
from sparewatt_cli.probe import Probe
from sparewatt_cli.surroundings import Surroundings, home_shortened
from sparewatt_cli.words import error_sentence

PROBE_SECONDS_MOST: Final = 20.0


def doctor_facts(place: Surroundings) -> DoctorFacts:
    """The facts of this computer now."""
    engine, isolation, missing, trouble = _engine(place)
    probed, probe_trouble = _probed(place.data_folder)
    return DoctorFacts(
        system=platform.system(),
        python=platform.python_version(),
        torch=installed_version("torch"),
        transformers=installed_version("transformers"),
        engine=engine,
        engine_trouble=trouble,
        data_folder=home_shortened(place.data_folder),
        data_folder_writable=_writable(place.data_folder),
        isolation=isolation,
        isolation_missing=missing,
        probe=probed,
        probe_trouble=home_shortened(probe_trouble),
    )


def _engine(place: Surroundings) -> tuple[str | None, str, tuple[str, ...], str]:
    """Version, isolation of its workers and what is missing of it, and why the engine cannot be asked."""
    offered = available()
    try:
        snapshot = ask(place, GetSnapshot(id=1), SnapshotFrame).snapshot
    except NoEngineError:
        return None, offered.level, offered.missing_names, ""
    except SparewattError as error:
        return None, offered.level, offered.missing_names, error_sentence(error.error_id, error.parameters)
    return snapshot.engine_version, snapshot.isolation, snapshot.isolation_missing, ""


def _probed(folder: Path) -> tuple[Probe | None, str]:
    command = [sys.executable, "-m", "sparewatt_cli.probe", str(folder)]
    try:
        ran = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS_MOST, check=False, text=True)
    except subprocess.TimeoutExpired:
        return None, f"{PROBE_SECONDS_MOST:.0f} s passed"
    try:
        return msgspec.json.decode(ran.stdout, type=Probe), ""
    except msgspec.DecodeError:
        return None, (ran.stderr.strip().splitlines() or [""])[-1][:200]


def _writable(folder: Path) -> bool:
    """Whether the folder can be written, or made where it does not exist yet."""
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)
