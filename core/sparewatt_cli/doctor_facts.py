"""Gathers what `sparewatt doctor` judges; nothing in it names the computer or its user."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

from sparewatt.control.messages import GetSnapshot, SnapshotFrame
from sparewatt.errors import SparewattError
from sparewatt.plain_json import Unreadable, decoded
from sparewatt.process.isolation.apply import available
from sparewatt.settings.store import SettingsStore
from sparewatt.snapshot import Snapshot
from sparewatt.wording.conflicts import conflict_words
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
    snapshot, trouble = _engine(place)
    offered = available()
    probed, probe_trouble = _probed(place.data_folder)
    return DoctorFacts(
        system=platform.system(),
        python=platform.python_version(),
        torch=installed_version("torch"),
        transformers=installed_version("transformers"),
        engine=None if snapshot is None else snapshot.engine_version,
        engine_trouble=trouble,
        data_folder=home_shortened(place.data_folder),
        data_folder_writable=_writable(place.data_folder),
        isolation=offered.level if snapshot is None else snapshot.isolation,
        isolation_missing=offered.missing_names if snapshot is None else snapshot.isolation_missing,
        probe=probed,
        probe_trouble=home_shortened(probe_trouble),
        settings_trouble=home_shortened(_settings_trouble(place, snapshot)),
        conflicts=() if snapshot is None else _conflicts(snapshot),
        disk_written_bytes=None if snapshot is None or snapshot.energy is None else snapshot.energy.disk_bytes_today,
    )


def _engine(place: Surroundings) -> tuple[Snapshot | None, str]:
    """The engine's state, and why it cannot be asked; neither where none runs."""
    try:
        return ask(place, GetSnapshot(id=1), SnapshotFrame).snapshot, ""
    except NoEngineError:
        return None, ""
    except SparewattError as error:
        return None, error_sentence(error.error_id, error.parameters)


def _settings_trouble(place: Surroundings, snapshot: Snapshot | None) -> str:
    """What an engine found at its start, or what it would find now."""
    if snapshot is not None:
        told = snapshot.settings_error
        return "" if told is None else error_sentence(told.error_id, told.parameters)
    try:
        found = SettingsStore(place.data_folder).trouble
    except SparewattError as error:
        found = error
    return "" if found is None else error_sentence(found.error_id, found.parameters)


def _conflicts(snapshot: Snapshot) -> tuple[str, ...]:
    return tuple(conflict_words(each.conflict, each.parameters) for each in snapshot.conflicts)


def _probed(folder: Path) -> tuple[Probe | None, str]:
    command = [sys.executable, "-m", "sparewatt_cli.probe", str(folder)]
    try:
        ran = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS_MOST, check=False)
    except subprocess.TimeoutExpired:
        return None, f"{PROBE_SECONDS_MOST:.0f} s passed"
    try:
        return decoded(ran.stdout, Probe), ""
    except Unreadable:
        return None, (ran.stderr.decode(errors="replace").strip().splitlines() or [""])[-1][:200]


def _writable(folder: Path) -> bool:
    """Whether the folder can be written, or made where it does not exist yet."""
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)
