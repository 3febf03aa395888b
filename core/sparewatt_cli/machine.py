"""The computer that a figure was measured on, without anything that names it or its owner."""

import os
import platform
from importlib import metadata
from pathlib import Path

import msgspec


class MachineFacts(msgspec.Struct, frozen=True):
    """Attributes:
    system: name and release of the kernel.
    cores: logical cores that this process may use.
    torch: its version, empty where it is not installed.
    """

    system: str
    architecture: str
    processor: str
    cores: int
    memory_bytes: int
    python: str
    torch: str


def machine_facts() -> MachineFacts:
    """The facts of this computer."""
    import psutil

    return MachineFacts(
        system=f"{platform.system()} {platform.release()}",
        architecture=platform.machine(),
        processor=_processor(),
        cores=usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        torch=installed_version("torch"),
    )


def usable_cores() -> int:
    """Logical cores that this process may run on, which can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def installed_version(package: str) -> str:
    """Version of an installed package without importing it; empty when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
