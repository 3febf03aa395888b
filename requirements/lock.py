"""Writes the pinned requirements anew from pyproject.toml, keeping every pin that still fits.

Wants `uv` on the path; arguments go to `uv pip compile` (``--upgrade`` takes the newest of everything). The files name
hashes for every system and Python that is supported, and no address.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Each kind holds all kinds before it, at the same versions.
EXTRAS = {
    "run": ("cli", "coordinator", "create", "training", "desktop", "torch-needs", "build"),
    "eight-bit": ("eight-bit",),
    "dev": ("dev",),
}
FORM = (
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"),
    # Others ask for torch; `tool.uv` of pyproject.toml keeps what a build of it brings away, this the line itself.
    *("--no-emit-package", "torch"),
)


def main(options: list[str]) -> int:
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("lock.py: uv is not on the path. Type: pip install uv")
    extras: list[str] = []
    for kind, names in EXTRAS.items():
        extras += [word for name in names for word in ("--extra", name)]
        target = f"requirements/{kind}.txt"
        constraint = [] if kind == "run" else ["-c", "requirements/run.txt"]
        command = [uv, "pip", "compile", "pyproject.toml", *FORM, *extras, *constraint, "-o", target, *options]
        if subprocess.call(command, cwd=ROOT) != 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
