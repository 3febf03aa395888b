"""What `sparewatt doctor` says of a computer: a pure function from facts to findings."""

from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from sparewatt.wording.isolation import isolation_words
from sparewatt.wording.sensors import idle_source_words, reason_words
from sparewatt.wording.units import bytes_words
from sparewatt_cli.figures import UNKNOWN
from sparewatt_cli.finding import Finding
from sparewatt_cli.probe import Probe
from sparewatt_cli.sensor_findings import computer_findings, sensor_findings
from sparewatt_cli.words import error_sentence

TESTED_SYSTEMS = frozenset({"Linux"})
DISK_BYTES_LEAST = 2_000_000_000
_ADVICE_WIDTH: Final = 98


@dataclass(frozen=True)
class DoctorFacts:
    """Attributes:
    system: as `platform.system` names it.
    torch, transformers: version, empty when not installed.
    engine: its version while one runs, else None; `engine_trouble` is why it cannot be asked.
    disk_written_bytes: to the disk today, by the engine's account; None while that cannot be asked.
    settings_trouble: what is wrong with the file of settings; empty when nothing is.
    conflicts: sentences about settings that cannot be kept, while an engine runs that found them.
    data_folder: with the home folder shortened.
    isolation_missing: layers of isolation that do not hold here.
    probe: None when devices and keyring did not answer in time; `probe_trouble` is the last they said.
    """

    system: str
    python: str
    torch: str
    transformers: str
    engine: str | None
    engine_trouble: str
    data_folder: str
    data_folder_writable: bool
    isolation: str
    isolation_missing: tuple[str, ...]
    probe: Probe | None
    probe_trouble: str
    settings_trouble: str = ""
    conflicts: tuple[str, ...] = ()
    disk_written_bytes: int | None = None


def findings(facts: DoctorFacts) -> tuple[Finding, ...]:
    """All findings, in a fixed order; `problem` in any of them means that this computer cannot contribute yet."""
    return (
        _system(facts),
        _torch(facts),
        _transformers(facts),
        *_devices(facts),
        *_keyring(facts),
        *_power(facts),
        *_idle(facts),
        *_settings(facts),
        *_disk(facts),
        _isolation(facts),
        _engine(facts),
    )


def finding_lines(found: tuple[Finding, ...]) -> tuple[str, ...]:
    """Findings for a terminal."""
    marks = {"good": "ok  ", "note": "note", "problem": "FIX "}
    lines: list[str] = []
    for finding in found:
        lines.append(f"{marks[finding.level]}  {finding.about + ':':<13} {finding.words}")
        advice = wrap(finding.advice, _ADVICE_WIDTH, break_long_words=False, break_on_hyphens=False)
        lines += [f"{'':20}{line}" for line in advice]
    return tuple(lines)


def _system(facts: DoctorFacts) -> Finding:
    words = f"{facts.system}, Python {facts.python}"
    if facts.system in TESTED_SYSTEMS:
        return Finding("good", "System", words)
    return Finding("note", "System", f"{words}; Sparewatt is written for it but has not been run on it yet.")


def _torch(facts: DoctorFacts) -> Finding:
    if facts.torch:
        return Finding("good", "PyTorch", facts.torch)
    return Finding(
        "problem", "PyTorch", "not installed, and training needs it", "Install it: pip install 'sparewatt[torch]'"
    )


def _transformers(facts: DoctorFacts) -> Finding:
    if facts.transformers:
        return Finding("good", "Models", f"transformers {facts.transformers}")
    return Finding(
        "problem", "Models", "transformers is not installed", "Install it: pip install 'sparewatt[training]'"
    )


def _devices(facts: DoctorFacts) -> tuple[Finding, ...]:
    if facts.probe is None:
        trouble = f"devices and keyring did not answer in time ({facts.probe_trouble or 'no message'})"
        return (Finding("problem", "Devices", trouble, "A driver may hang: restart the computer, then try again."),)
    found = list(sensor_findings(facts.probe.devices))
    if not facts.probe.devices:
        found.append(Finding("problem", "Devices", "none was found", "Nothing here can train."))
    faults = (*facts.probe.faults, *facts.probe.notes)
    words = (error_sentence(fault.error_id, _shared(fault.parameters)) for fault in faults)
    return (*found, *(Finding("note", "Sensors", each) for each in words), *computer_findings(facts.probe.reading))


def _shared(parameters: dict[str, str | int]) -> dict[str, str | int]:
    """Parameters without the number by which a card can be told from all others in the world."""
    return {name: str(value).partition(":")[0] if name == "device" else value for name, value in parameters.items()}


def _keyring(facts: DoctorFacts) -> tuple[Finding, ...]:
    if facts.probe is None:
        return ()
    if facts.probe.keyring:
        return (Finding("good", "Keyring", "your key is kept in the system's keyring"),)
    return (Finding("note", "Keyring", "none; your key is kept in a file that only you can read"),)


def _power(facts: DoctorFacts) -> tuple[Finding, ...]:
    if facts.probe is None:
        return ()
    source = facts.probe.reading.power_source
    if source == "mains":
        return ()
    words = "on battery" if source == "battery" else f"power source {UNKNOWN}"
    advice = "To contribute on battery, too: sparewatt settings set run_on_battery on"
    return (Finding("note", "Power", f"{words}: devices wait for mains power", advice),)


def _idle(facts: DoctorFacts) -> tuple[Finding, ...]:
    if facts.probe is None:
        return ()
    reading = facts.probe.reading
    if reading.seat is False:
        return (Finding("good", "In use", "this computer has no screen and keyboard of its own"),)
    if reading.idle_s is None:
        words = reason_words(reading.idle_source or "not_yet")
        advice = "To contribute nevertheless: sparewatt settings set when_to_run hours"
        return (Finding("note", "In use", words, advice),)
    return (Finding("good", "In use", f"told by {idle_source_words(reading.idle_source or UNKNOWN)}"),)


def _settings(facts: DoctorFacts) -> tuple[Finding, ...]:
    trouble = [facts.settings_trouble] if facts.settings_trouble else []
    return tuple(Finding("note", "Settings", words) for words in (*trouble, *facts.conflicts))


def _disk(facts: DoctorFacts) -> tuple[Finding, ...]:
    if not facts.data_folder_writable:
        return (Finding("problem", "Data folder", f"{facts.data_folder} cannot be written", "Check its permissions."),)
    free = facts.probe.reading.disk_free_bytes if facts.probe is not None else None
    if free is not None and free < DISK_BYTES_LEAST:
        words = f"{facts.data_folder} has {bytes_words(free)} free, and 2 GB are kept free"
        return (Finding("problem", "Data folder", words, "Free some space, or choose another --data-folder."),)
    text = UNKNOWN if free is None else bytes_words(free)
    folder = Finding("good", "Data folder", f"{facts.data_folder}, {text} free")
    if facts.disk_written_bytes is None:
        return (folder,)
    return (folder, Finding("good", "Disk writes", f"{bytes_words(facts.disk_written_bytes)} today"))


def _isolation(facts: DoctorFacts) -> Finding:
    words = isolation_words(facts.isolation, facts.isolation_missing)
    return Finding("good" if facts.isolation == "full" else "note", "Isolation", words)


def _engine(facts: DoctorFacts) -> Finding:
    if facts.engine_trouble:
        return Finding("problem", "Engine", facts.engine_trouble)
    if facts.engine is None:
        return Finding("note", "Engine", "none runs", "Start one: sparewatt engine start")
    return Finding("good", "Engine", f"{facts.engine} runs")
