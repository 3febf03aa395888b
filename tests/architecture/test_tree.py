"""What must hold for every file of the project."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Written apart, so that this file does not hold what it looks for.
FORBIDDEN = [
    re.compile(pattern)
    for pattern in (
        "pypi" + r"\.org",
        "pythonhosted" + r"\.org",
        "deb\\." + "debian",
        "registry\\." + "npmjs",
        r"/home/" + r"[a-z]",
        r"/(?:root)/" + r"[a-z.]",
        r"[A-Z]:\\\\" + r"Users",
    )
]


def tracked_texts() -> list[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    texts = []
    for name in listed.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            data = path.read_bytes()
            if b"\0" not in data[:8192]:
                texts.append((name, data.decode()))
    return texts


def test_no_file_names_a_package_index_or_a_folder_of_somebodys_machine() -> None:
    found = [
        f"{name}: {match.group()}"
        for name, text in tracked_texts()
        for pattern in FORBIDDEN
        if (match := pattern.search(text))
    ]
    assert found == []


def test_requirements_are_pinned_by_hash_and_carry_no_address() -> None:
    for name in ("run", "dev"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        packages = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
        assert len(packages) > 20
        assert all("==" in package and "--hash=sha256:" in package for package in packages)
        assert "://" not in text
        assert not re.search(r"^torch==", text, re.MULTILINE), "which torch is right depends on the machine"


def test_the_licence_is_there() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()


def test_modules_stay_small_enough_to_read() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("core", "desktop", "resources")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 520
    }
    assert long == {}, "a module beyond 520 lines holds more than one thing"
