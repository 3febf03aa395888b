"""One file to start with: sets up an environment of its own beside it, then tries or checks Sparewatt.

    python3 dev.py try [options of `sparewatt try`]
    python3 dev.py run [any `sparewatt` command]
    python3 dev.py test [arguments for pytest]
    python3 dev.py clean [--yes]

--torch-from DIR    take torch from this folder instead of the package index that pip is configured for
--torch-index URL   take torch from this package index; other builds of it (CPU, CUDA, ROCm) have one each

Needs Python 3.11 or newer and nothing else. Exit codes: 0 done, 1 failed, 2 wrong words, 3 something is missing.
"""

import sys

if sys.version_info < (3, 11):  # an old Python must get this far, so the file keeps to a syntax that 3.6 can read
    sys.stderr.write(f"dev.py: this is Python {sys.version.split()[0]}; start it with 3.11 or newer instead.\n")
    sys.exit(3)

import argparse
import ctypes
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import PIPE, STDOUT

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
REPLACED = ROOT / ".venv.old"
STAMP = ENVIRONMENT / "sparewatt-setup"
TORCH = "torch==2.13.0"
CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache", ".hypothesis")
PLATFORMS = ("linux", "win32", "darwin")
# What runs on the other platforms; tests and benchmarks run on Linux and are typed for it alone.
SHIPPED = ("core", "desktop", "resources", "dev.py")
FREE_GB = 3
FAILED, WRONG_WORDS, MISSING = 1, 2, 3

# What Qt's window and the tests take from the system on Linux, each with the Debian package that brings it: a library
# by its name, a program by its command, a file by its path (which only Debian's family has).
WINDOW = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
TESTS = {
    **WINDOW,
    "libXss.so.1": "libxss1",
    "Xvfb": "xvfb",
    "openbox": "openbox",
    "trayer": "trayer",
    "xdotool": "xdotool",
    "xprop": "x11-utils",
    "dbus-daemon": "dbus",
    "dbus-launch": "dbus-x11",
    "dbus-run-session": "dbus-daemon",
    "g++": "g++",
    "gdbus": "libglib2.0-bin",
    "kwin_wayland": "kwin-wayland",
    "scrot": "scrot",
    "ip": "iproute2",
    "ps": "procps",
    "/usr/libexec/at-spi-bus-launcher": "at-spi2-core",
    "/usr/lib/python3/dist-packages/dbusmock": "python3-dbusmock",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core",
}

# What pip says when it fails, and what that means; the first that matches holds.
REASONS = {
    r"No space left|Errno 28|not enough space on the disk": "The disk is full: make room.",
    r"name resolution|getaddrinfo|nodename nor servname|NewConnectionError|unreachable|timed out|Connection refused": (
        "The package index cannot be reached: check the network and pip's proxy."
    ),
    r"CERTIFICATE_VERIFY_FAILED": "The package index shows a certificate that this computer does not trust.",
    r"DO NOT MATCH THE HASHES": "What the package index sent is not what is pinned here; nothing of it was used.",
    r"No matching distribution found for torch": (
        f"That source has no {TORCH} for this Python and system: choose another with --torch-index or --torch-from."
    ),
    r"Permission denied|Access is denied|Read-only file system": "A file or folder cannot be written.",
}


class Stop(Exception):
    """A sentence for the person, and the exit code that goes with it."""

    def __init__(self, sentence: str, code: int = FAILED) -> None:
        super().__init__(sentence)
        self.code = code


def main(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else WRONG_WORDS
    command, source, rest = parse(arguments)
    try:
        if command == "clean":
            return clean(confirmed="--yes" in rest)
        need_system(wanted_of_system(command, rest, sys.platform, os.environ))
        set_up("dev" if command == "test" else "run", source)
        if command == "test":
            return check(rest)
        return hand_over([str(program("sparewatt")), *(["try"] if command == "try" else []), *rest])
    except Stop as stop:
        print(f"dev.py: {stop}", file=sys.stderr)
        return stop.code
    except OSError as error:
        print(f"dev.py: {error.filename or ROOT}: {error.strerror}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\ndev.py: stopped; the same command starts again.", file=sys.stderr)
        return 130


def parse(arguments: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """Returns the command, pip's options that say where torch comes from, and all words meant for others."""
    parser = argparse.ArgumentParser(prog="dev.py", usage="dev.py --help", add_help=False, allow_abbrev=False)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--torch-from", type=Path)
    source.add_argument("--torch-index")
    parser.add_argument("command", choices=("try", "run", "test", "clean"))
    known, rest = parser.parse_known_args(arguments)
    if known.torch_index:
        return known.command, ["--index-url", known.torch_index], rest
    if known.torch_from is None:
        return known.command, [], rest
    if not known.torch_from.is_dir():
        parser.error(f"there is no folder {known.torch_from}; --torch-from wants the one that holds torch's wheel")
    return known.command, ["--no-index", "--find-links", str(known.torch_from.resolve())], rest


def set_up(kind: str, source: list[str]) -> None:
    """Makes the environment, brings it up to date, or leaves a finished one alone. No source means: as before."""
    done = finished()
    source = source or done.get("torch", [])
    wanted = {"python": [sys.version, str(ROOT)], "torch": source, kind: [fingerprint(kind)]}
    step = next_step(done, wanted)
    if step == "nothing":
        return
    need_venv()
    need_room()
    print(announcement(kind, source, sys.platform, has_driver=shutil.which("nvidia-smi") is not None), flush=True)
    if step == "make":
        make_way()
    STAMP.parent.mkdir(exist_ok=True)
    STAMP.write_text("{}", encoding="utf-8")  # from here until the end it is ours, and unfinished
    if step == "make":
        work([sys.executable, "-m", "venv", str(ENVIRONMENT)], "an environment in .venv")
    pins = ROOT / "requirements" / f"{kind}.txt"
    install(["--require-hashes", "--no-deps", "--requirement", str(pins)], "the pinned packages")
    install([*source, TORCH], "torch")
    install(["--no-index", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], "Sparewatt itself")
    # `dev` holds all of `run`, so an environment to check with serves both.
    kinds = {each: [fingerprint(each)] for each in ("run", kind)}
    STAMP.write_text(json.dumps({"python": wanted["python"], "torch": source, **kinds}), encoding="utf-8")


def finished() -> dict[str, list[str]]:
    """What the environment was made from; nothing if it was interrupted, damaged, or its Python is gone."""
    try:
        done: dict[str, list[str]] = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return done if program("python").exists() else {}


def make_way() -> None:
    """Removes an environment that was made here; a rename first, so that it never stands there in part."""
    if ENVIRONMENT.exists():
        if not STAMP.exists():
            raise Stop(f"{ENVIRONMENT} was not made by this file: move it away.")
        shutil.rmtree(REPLACED, ignore_errors=True)
        ENVIRONMENT.rename(REPLACED)
    shutil.rmtree(REPLACED, ignore_errors=True)


def next_step(done: Mapping[str, list[str]], wanted: Mapping[str, list[str]]) -> str:
    """Another Python or another source of torch wants a new environment; new pins are installed over the old ones."""
    if any(done.get(key) != wanted[key] for key in ("python", "torch")):
        return "make"
    return "nothing" if wanted.items() <= done.items() else "install"


def fingerprint(kind: str) -> str:
    """Names all that an environment is made from, and not the checkers' own settings beside it in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [TORCH, project["build-system"], project["project"], project["tool"]["hatch"]]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    digest.update((ROOT / "requirements" / f"{kind}.txt").read_bytes())
    return digest.hexdigest()


def need_venv() -> None:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        line = f"apt install python{sys.version_info.major}.{sys.version_info.minor}-venv"
        typed = f"Type:\n\n    {'sudo ' if shutil.which('sudo') else ''}{line}\n"
        advice = typed if shutil.which("apt") else "Add your system's package for Python's venv."
        raise Stop(f"this Python cannot make environments. {advice}", MISSING) from None


def wanted_of_system(
    command: str, rest: Sequence[str], platform: str, environment: Mapping[str, str]
) -> dict[str, str]:
    """`try` opens a window where a display is; on a server it stays in the terminal and needs nothing of Qt's."""
    if platform != "linux" or {"-h", "--help"} & set(rest):
        return {}
    if command == "test":
        return TESTS
    display = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    return WINDOW if command == "try" and display and "--no-window" not in rest else {}


def need_system(wanted: Mapping[str, str]) -> None:
    """Installs as root on Debian and its family; says elsewhere what to install, and stops."""
    apt = shutil.which("apt-get")
    missing = {name: wanted[name] for name in wanted if not (is_there(name) or (apt is None and name[0] == "/"))}
    if not missing:
        return
    without = "" if wanted is TESTS else " (--no-window does without)"
    if apt is None:
        raise Stop(
            f"install what brings these, by your system's package manager{without}: {' '.join(missing)}", MISSING
        )
    packages = sorted(set(missing.values()))
    if sys.platform == "win32" or os.geteuid() != 0:
        typed = f"{'sudo ' if shutil.which('sudo') else ''}apt-get install {' '.join(packages)}"
        raise Stop(f"system packages are missing{without}. Type:\n\n    {typed}\n", MISSING)
    print(f"Installing system packages from where apt is configured to look: {' '.join(packages)}", flush=True)
    options = [apt, "--quiet", "--no-install-recommends", "-o", "APT::Install-Suggests=0"]
    plan = apt_plan([*options, "--assume-no", "install", *packages])
    if not plan:  # it has never read its lists, or they are old
        work([apt, "--quiet", "update"], "apt's lists, some 10 to 40 MB")
        plan = apt_plan([*options, "--assume-no", "install", *packages])
    work(
        ["env", "DEBIAN_FRONTEND=noninteractive", *options, "--yes", "install", *packages],
        f"{len(packages)} system packages{', ' + plan if plan else ''}",
    )


def is_there(name: str) -> bool:
    if name[0] == "/":
        return Path(name).exists()
    if ".so." not in name:
        return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def apt_plan(command: list[str]) -> str:
    """How much apt would download; empty when it cannot tell."""
    asked = subprocess.run(
        ["env", "LC_ALL=C", *command], stdin=subprocess.DEVNULL, stdout=PIPE, stderr=STDOUT, text=True, check=False
    )
    found = re.search(r"Need to get (.+?) of archives", asked.stdout)
    return f"{found.group(1)} to download" if found else ""


def need_room() -> None:
    try:
        with tempfile.TemporaryFile(dir=ROOT):
            free_gb = shutil.disk_usage(ROOT).free / 1e9
    except OSError as error:
        raise Stop(f"{ROOT} cannot be written ({error.strerror}): copy it to a folder of yours.", MISSING) from None
    if free_gb < FREE_GB:
        raise Stop(f"{free_gb:.1f} GB are free here and {FREE_GB} GB are needed: make room.", MISSING)


def announcement(kind: str, source: Sequence[str], platform: str, *, has_driver: bool) -> str:
    """What is about to be fetched, how much, from where, before the first byte of it."""
    origin = source[-1] if source else "the package index that pip is configured for"
    size = "0.5 GB to download and 2.1 GB" if kind == "dev" else "0.35 GB to download and 1.6 GB"
    said = [f"Setting up .venv, once: about {size} on disk; torch from {origin}."]
    if not source and platform == "linux" and not has_driver:
        said.append("No NVIDIA driver is here, but this index's torch may bring several GB of CUDA packages with it;")
        said.append("--torch-index URL takes a smaller build for the CPU instead (Ctrl-C stops).")
    if not source and platform == "win32" and has_driver:
        said.append("For Windows this index may have torch without CUDA; --torch-index URL takes one for your card.")
    return "\n".join(said)


def install(arguments: list[str], what: str) -> None:
    pip = [str(program("python")), "-m", "pip", "--no-input", "--disable-pip-version-check"]
    work([*pip, "install", *arguments], what)


def work(command: list[str], what: str) -> None:
    """Runs a command whose output matters only when it fails; a terminal shows its last line meanwhile."""
    lines: deque[str] = deque(maxlen=400)
    terminal = sys.stdout.isatty()
    print(f"  {what} ...", end="" if terminal else "\n", flush=True)
    with subprocess.Popen(command, stdout=PIPE, stderr=STDOUT, text=True, encoding="utf-8", errors="replace") as child:
        for line in child.stdout or ():
            lines.append(line.rstrip())
            if terminal:
                print(f"\r  {what} ... {lines[-1].strip()[:50]:<50}", end="", flush=True)
    if terminal:
        print(f"\r  {what} ... {'' if child.returncode else 'done':<50}", flush=True)
    if child.returncode:
        raise Stop(f"setting up {what} did not work. {reason(list(lines))}")


def reason(lines: Sequence[str]) -> str:
    """One sentence for a failure that is known, the command's last lines for one that is not."""
    said = "\n".join(lines)
    known = next((sentence for signs, sentence in REASONS.items() if re.search(signs, said)), None)
    return f"{known} Then start again." if known else "The last it said:\n" + "\n".join(lines[-15:])


def program(name: str) -> Path:
    return ENVIRONMENT / "Scripts" / f"{name}.exe" if os.name == "nt" else ENVIRONMENT / "bin" / name


def hand_over(command: list[str]) -> int:
    """Lets the program have the terminal and its signals; Ctrl-C is its own to answer."""
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606
    child = subprocess.Popen(command)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue


def check(pytest_arguments: Sequence[str]) -> int:
    """All checks, each one run even when an earlier one failed; the tests come last."""
    mypy = [[str(program("mypy")), "--platform", each, "--cache-dir", f".mypy_cache/{each}"] for each in PLATFORMS]
    for other in mypy[1:]:
        other.extend(SHIPPED)
    checks = [
        [str(program("ruff")), "check", "."],
        [str(program("ruff")), "format", "--check", "."],
        *mypy,
        [str(program("basedpyright")), "--level", "error"],
        [str(program("lint-imports")), "--no-cache"],
        [str(program("python")), "-m", "pytest", *pytest_arguments],
    ]
    failed = []
    for command in checks:
        shown = " ".join([Path(command[0]).stem, *command[1:]])
        print(f"\n== {shown}", flush=True)
        if subprocess.call(command, cwd=ROOT) != 0:
            failed.append(shown)
    if failed:
        print("\nNot passed:\n" + "\n".join(f"  {shown}" for shown in failed), file=sys.stderr)
    return FAILED if failed else 0


def clean(*, confirmed: bool) -> int:
    """Lists what was made here, then removes it."""
    made = [path for path in (ENVIRONMENT, REPLACED) if path.exists() and (path is REPLACED or STAMP.exists())]
    made += [path for path in (ROOT / name for name in CACHES) if path.exists()]
    made += [path for path in ROOT.rglob("__pycache__") if not path.is_relative_to(ENVIRONMENT)]
    if not made:
        print("There is nothing to remove.")
        return 0
    print("\n".join(str(path.relative_to(ROOT)) for path in made))
    if not confirmed and not sys.stdin.isatty():
        raise Stop("nobody is here to confirm; --yes does.", WRONG_WORDS)
    if not confirmed and input("Remove these? [y/N] ").strip().lower() not in ("y", "yes"):
        return FAILED
    for path in made:
        shutil.rmtree(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
