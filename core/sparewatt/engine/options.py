"""What an engine is started with; read once, at its entry."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sparewatt.errors import InputError

DEVICE_KINDS: Final = ("cpu", "cuda", "metal")
GROUP: Final = "group"


def refuse_group(device: str) -> None:
    """Raises InputError ``device.group`` for the word that asks for several cards as one contributor."""
    if device.partition(":")[0] == GROUP:
        raise InputError("device.group")


@dataclass(frozen=True)
class EngineOptions:
    """Attributes:
    data_folder: everything this engine keeps.
    key_store: where a new identity is put; ``auto`` prefers the system's keyring.
    devices: lend only these devices (``cpu``, ``cuda``, ``metal`` or a device id); empty for all that settings allow.
    threads: CPU threads to compute with, instead of the setting.
    on_battery: contribute on battery for as long as this engine lives.
    desktop: end once nobody has been connected for a minute, for a desktop started this engine to show it.
    parent_pipe: end when standard input ends, so that an engine cannot outlive the program that started it.
    """

    data_folder: Path
    key_store: Literal["auto", "file"] = "auto"
    devices: tuple[str, ...] = ()
    threads: int | None = None
    on_battery: bool = False
    parent_pipe: bool = False
    desktop: bool = False


def parse_options(arguments: Sequence[str]) -> EngineOptions:
    """The options in a command line; ends the process with usage and exit code 2 on a bad one."""
    parser = argparse.ArgumentParser(prog="python -m sparewatt.engine", description="Contribute to training runs.")
    parser.add_argument("--data-folder", type=Path, required=True, help="where the engine keeps everything")
    parser.add_argument("--key-store", choices=("auto", "file"), default="auto")
    parser.add_argument("--device", action="append", default=[], help="lend only this device (repeatable)")
    parser.add_argument("--threads", type=int, help="CPU threads to compute with")
    parser.add_argument("--on-battery", action="store_true", help="contribute on battery, too")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input ends")
    parser.add_argument("--desktop", action="store_true", help="end a minute after the last desktop or command left")
    parsed = parser.parse_args(arguments)
    for device in parsed.device:
        if device.partition(":")[0] not in DEVICE_KINDS:
            parser.error(f"--device {device[:40]!r}: choose from {', '.join(DEVICE_KINDS)}, or a device's id")
    if parsed.threads is not None and not 1 <= parsed.threads <= 1024:
        parser.error("--threads must be from 1 to 1024")
    return EngineOptions(
        data_folder=parsed.data_folder,
        key_store=parsed.key_store,
        devices=tuple(parsed.device),
        threads=parsed.threads,
        on_battery=parsed.on_battery,
        parent_pipe=parsed.parent_pipe,
        desktop=parsed.desktop,
    )
