"""One file to start with: sets up an environment of its own beside it, then tries or checks Sparewatt.

    python3 dev.py try [options of `sparewatt try`]
    python3 dev.py test [arguments for pytest]
    python3 dev.py run [any `sparewatt` command]
    python3 dev.py clean [--yes]
    python3 dev.py lock

`--torch-from DIR` and `--torch-index URL`, before the command, choose another source for torch than the package index
that pip is configured for. Needs Python 3.11 or newer and nothing else.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

ROOT: Final = Path(__file__).resolve().parent
ENVIRONMENT: Final = ROOT / ".venv"
STAMP: Final = ENVIRONMENT / "sparewatt-setup"
TORCH: Final = "torch==2.13.0"
LOCKS: Final = {"run": ("cli", "coordinator", "training", "torch-needs"), "dev": ("dev",)}
CACHES: Final = (
    ".venv",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".import_linter_cache",
    ".hypothesis",
)
FAILED, BAD_INPUT, MISSING = 1, 2, 3


class Stop(Exception):
    """A sentence for the person, and the exit code that goes with it."""

    def __init__(self, sentence: str, code: int = FAILED) -> None:
        super().__init__(sentence)
        self.code = code


def main(arguments: Sequence[str]) -> int:
    options, rest = parse(arguments)
    try:
        if options.command == "clean":
            return clean(yes="--yes" in rest)
        if options.command == "lock":
            return lock()
        set_up("dev" if options.command == "test" else "run", torch_options(options))
        if options.command == "test":
            return check(rest)
        return subprocess.call([str(program("sparewatt")), *(["try"] if options.command == "try" else []), *rest])
    except Stop as stop:
        print(f"dev.py: {stop}", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        print("\ndev.py: stopped; the same command goes on from here.", file=sys.stderr)
        return 130


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="dev.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--torch-from", metavar="DIR", type=Path, help="take torch's wheel from this folder only")
    source.add_argument("--torch-index", metavar="URL", help="take torch from this package index")
    parser.add_argument("command", choices=("try", "test", "run", "clean", "lock"))
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    return options, options.rest


def torch_options(options: argparse.Namespace) -> list[str]:
    if options.torch_from is not None:
        if not options.torch_from.is_dir():
            raise Stop(
                f"there is no folder {options.torch_from}; --torch-from wants the one with torch's wheel.",
                BAD_INPUT,
            )
        return ["--no-index", "--find-links", str(options.torch_from.resolve())]
    return ["--index-url", options.torch_index] if options.torch_index else []


def set_up(kind: str, torch: list[str]) -> None:
    """Makes the environment, or leaves a finished one alone."""
    if sys.version_info < (3, 11):
        raise Stop(f"this is Python {sys.version.split()[0]}; Sparewatt needs 3.11 or newer.", MISSING)
    wanted = fingerprint(kind, torch)
    done = STAMP.read_text().split() if STAMP.is_file() else []
    if wanted in done:
        return
    need_venv()
    if not done:
        make_environment()
    announce(kind, torch)
    STAMP.unlink(missing_ok=True)
    install(
        ["--require-hashes", "--no-deps", "-r", str(ROOT / "requirements" / f"{kind}.txt")],
        "the pinned packages",
    )
    install([*torch, TORCH], "torch")
    install(["--no-deps", "--no-build-isolation", "--no-index", "--editable", str(ROOT)], "Sparewatt itself")
    # What `run` needs is part of `dev`, so a finished `dev` serves both.
    kinds = ("run", "dev") if kind == "dev" else ("run",)
    STAMP.write_text("\n".join(fingerprint(each, torch) for each in kinds))


def fingerprint(kind: str, torch: list[str]) -> str:
    """Names everything an environment depends on; another one is set up when it changes."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "requirements/run.txt", f"requirements/{kind}.txt"):
        digest.update((ROOT / name).read_bytes())
    digest.update(repr((kind, TORCH, torch, sys.version_info[:3], str(ROOT))).encode())
    return digest.hexdigest()


def need_venv() -> None:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        line = f"apt install python{version}-venv" if shutil.which("apt") else "your system's package for `venv`"
        raise Stop(f"this Python cannot make environments. Type: {line}", MISSING) from None


def make_environment() -> None:
    if ENVIRONMENT.exists():
        print("An unfinished environment is made again.", flush=True)
    try:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        quiet_call([sys.executable, "-m", "venv", str(ENVIRONMENT)], "making .venv")
    except OSError as error:
        raise Stop(f"{ROOT} cannot be written ({error.strerror}); copy the project to a folder of yours.") from error


def announce(kind: str, torch: list[str]) -> None:
    source = torch[-1] if torch else "the package index that pip is configured for"
    free = shutil.disk_usage(ROOT).free / 1e9
    size = "1.4" if kind == "dev" else "1.2"
    print(f"Setting up .venv: about {size} GB on disk (0.5 GB to download), once; torch from {source}.")
    if sys.platform == "linux" and not torch and shutil.which("nvidia-smi") is None:
        print("No NVIDIA driver here: if the index brings torch with several GB of CUDA packages, stop (Ctrl-C) and")
        print("choose its CPU build with --torch-index URL (the address stands on pytorch.org, 'Get started').")
    if free < 3:
        raise Stop(f"only {free:.1f} GB are free here and 3 GB are needed; make room and start again.")
    sys.stdout.flush()


def install(arguments: list[str], what: str) -> None:
    print(f"  {what} …", flush=True)
    quiet_call(
        [
            str(program("python")),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *arguments,
        ],
        f"installing {what}",
    )


def quiet_call(command: list[str], doing: str) -> None:
    """Runs a command whose output matters only when it fails."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        if subprocess.call(command, stdout=output, stderr=subprocess.STDOUT) == 0:
            return
        output.seek(0)
        lines = [line.rstrip() for line in output if line.strip()]
    print("\n".join(f"    {line}" for line in lines[-15:]), file=sys.stderr)
    raise Stop(f"{doing} did not work; the reason stands above. Check the network and the disk, then start again.")


def program(name: str) -> Path:
    windows = os.name == "nt"
    return ENVIRONMENT / ("Scripts" if windows else "bin") / (f"{name}.exe" if windows else name)


def check(pytest_arguments: Sequence[str]) -> int:
    """All checks, each one run even when an earlier one failed; the tests come last."""
    python = str(program("python"))
    checks = [
        [str(program("ruff")), "check", "."],
        [str(program("ruff")), "format", "--check", "."],
        *([python, "-m", "mypy", "--platform", platform] for platform in ("linux", "win32", "darwin")),
        [str(program("basedpyright")), "--level", "error"],
        [str(program("lint-imports")), "--no-cache"],
        [python, "-m", "pytest", *pytest_arguments],
    ]
    failed = []
    for command in checks:
        shown = " ".join([Path(command[0]).name, *command[1:]])
        print(f"\n== {shown}", flush=True)
        if subprocess.call(command, cwd=ROOT) != 0:
            failed.append(shown)
    if failed:
        print("\nNot passed:\n" + "\n".join(f"  {shown}" for shown in failed), file=sys.stderr)
    return FAILED if failed else 0


def clean(*, yes: bool) -> int:
    """Lists what was made here, then removes it."""
    made = [path for name in CACHES if (path := ROOT / name).exists()]
    made += [path for path in ROOT.rglob("__pycache__") if ENVIRONMENT not in path.parents]
    if not made:
        print("There is nothing to remove.")
        return 0
    print("\n".join(str(path.relative_to(ROOT)) for path in made))
    if not yes and input("Remove these? [y/N] ").strip().lower() not in ("y", "yes"):
        return FAILED
    for path in made:
        shutil.rmtree(path)
    return 0


def lock() -> int:
    """Writes the pinned requirements anew from pyproject.toml; wants `uv` on the path."""
    uv = shutil.which("uv")
    if uv is None:
        raise Stop("pins are made with uv, which is not on the path. Type: pip install uv", MISSING)
    extras: list[str] = []
    for kind, names in LOCKS.items():
        extras += [word for name in names for word in ("--extra", name)]
        command = [
            uv,
            "pip",
            "compile",
            "pyproject.toml",
            "--universal",
            "--python-version",
            "3.11",
            "--quiet",
        ]
        command += [
            "--generate-hashes",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--no-annotate",
            "--no-header",
        ]
        if subprocess.call([*command, *extras, "-o", f"requirements/{kind}.txt"], cwd=ROOT) != 0:
            raise Stop("uv could not resolve the requirements; the reason stands above.")
    return 0


def _exit() -> NoReturn:
    raise SystemExit(main(sys.argv[1:]))


if __name__ == "__main__":
    _exit()
