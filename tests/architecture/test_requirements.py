"""What is installed is pinned, fits what pyproject.toml asks for, and comes from no address of ours."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
ENTRY = re.compile(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", re.MULTILINE | re.DOTALL)
# The extras each file serves; torch is in none, because which build of it is right depends on the machine.
SERVED = {
    "run": ("build", "cli", "coordinator", "create", "desktop", "torch-needs", "training"),
    "eight-bit": ("build", "cli", "coordinator", "create", "desktop", "eight-bit", "torch-needs", "training"),
    "dev": ("build", "cli", "coordinator", "create", "desktop", "dev", "eight-bit", "torch-needs", "training"),
}


def entries(kind: str) -> list[str]:
    return ENTRY.findall((ROOT / "requirements" / f"{kind}.txt").read_text(encoding="utf-8"))


def pins(kind: str) -> set[tuple[str, str]]:
    """Names and versions; a name may have several versions, for several Pythons."""
    found: set[tuple[str, str]] = set()
    for entry in entries(kind):
        requirement = Requirement(entry.split("\\")[0].strip())
        (only,) = requirement.specifier
        assert only.operator == "=="
        found.add((canonicalize_name(requirement.name), only.version))
    return found


@pytest.mark.parametrize("kind", list(SERVED))
def test_every_package_is_pinned_by_hash_and_none_by_an_address(kind: str) -> None:
    assert len(entries(kind)) > 20
    assert [entry for entry in entries(kind) if "--hash=sha256:" not in entry] == []
    text = (ROOT / "requirements" / f"{kind}.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index-url|--find-links|@ ", text)


@pytest.mark.parametrize("kind", list(SERVED))
def test_the_pins_are_what_the_project_asks_for(kind: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert set(SERVED["dev"]) == set(extras) - {"torch"}
    asked = [*project["dependencies"], *(line for extra in SERVED[kind] for line in extras[extra])]
    for requirement in map(Requirement, asked):
        versions = [version for name, version in pins(kind) if name == canonicalize_name(requirement.name)]
        assert versions, f"{requirement} is not pinned: python3 requirements/lock.py"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_checking_runs_on_what_is_run() -> None:
    assert pins("run") < pins("eight-bit") < pins("dev")


def test_only_who_asks_for_the_eight_bit_optimiser_gets_its_library() -> None:
    assert {name for name, _ in pins("eight-bit") - pins("run")} == {"bitsandbytes"}


@pytest.mark.parametrize("kind", list(SERVED))
def test_neither_torch_nor_what_a_build_of_it_for_cards_brings_is_pinned(kind: str) -> None:
    names = {name for name, _ in pins(kind)}
    assert "torch" not in names
    assert [name for name in names if re.match(r"triton|nvidia-(?!ml-py)|cuda", name)] == []
