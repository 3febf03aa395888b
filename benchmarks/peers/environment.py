"""An environment of its own for another project, made beside ours and never mixed with it."""

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

INSTALL_SECONDS_MOST: Final = 900.0
_REASON_LENGTH: Final = 200


class NotInstalled(Exception):
    """A project that is not there, with the reason in words."""


def environment(folder: Path, project: str) -> Path:
    """The interpreter of an environment in `folder` that has `project`; made when it is not there.

    It sees torch, transformers and whatever else is in ours after its own packages, so that every arm trains with the
    same libraries and little is fetched. Ours sees nothing of it.

    Raises:
        NotInstalled: with what the installer said last.
    """
    place = (folder / project).absolute()
    python = place / "bin" / "python"
    if not (place / "made").exists():
        _said([sys.executable, "-m", "venv", "--clear", str(place)])
        packages = Path(
            _said([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).splitlines()[-1]
        )
        (packages / "zz_beside.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        _said([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", project])
        (place / "made").touch()
    return python


def version(python: Path, package: str) -> str:
    """Of an installed package.

    Raises:
        NotInstalled: when it cannot even be found.
    """
    code = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    return _said([str(python), "-c", code]).splitlines()[-1]


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=INSTALL_SECONDS_MOST)
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"not done after {INSTALL_SECONDS_MOST:.0f} s") from error
    except subprocess.CalledProcessError as error:
        raise NotInstalled(reason(error.stderr)) from error
    except OSError as error:
        raise NotInstalled(str(error)) from error
    return done.stdout


def reason(said: str) -> str:
    """What an installer's output says went wrong: its last line that speaks of an error, else its last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it ended without a word"])[-1][:_REASON_LENGTH]
