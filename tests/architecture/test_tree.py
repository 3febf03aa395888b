"""What must hold for every file of the project."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("core", "desktop", "resources")
# Written apart, so that this file does not hold what it looks for. "someone" is nobody's name.
FORBIDDEN = re.compile(
    "|".join(
        (
            r"\bpypi" + r"\.org",
            "pythonhosted" + r"\.org",
            r"\bpytorch" + r"\.org",
            r"\banaconda" + r"\.(org|com)",
            r"\bnpmjs" + r"\.(org|com)",
            r"deb(ian)?\.debian" + r"\.org",
            r"/(?:home|root|Users)/" + r"(?!someone\b)[A-Za-z.]",
            r"[A-Z]:[\\/]+Users[\\/]" + r"+(?!someone\b)",
        )
    )
)


def texts() -> Iterator[tuple[str, str]]:
    """Every text of the project by its path, and nothing that tools leave beside it."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        left_beside = any(part.startswith(".") and part not in (".ci", ".gitignore") for part in parts)
        if path.is_file() and not left_beside and not {"__pycache__", "build", "dist"}.intersection(parts):
            data = path.read_bytes()
            if b"\0" not in data[:8192]:
                yield path.relative_to(ROOT).as_posix(), data.decode()


def modules() -> Iterator[tuple[str, str]]:
    for name, text in texts():
        if name.endswith(".py") and name.split("/")[0] in SHIPPED:
            yield name, text


def functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_file_names_a_package_index_or_a_folder_of_somebodys_machine() -> None:
    found = [f"{name}: {match.group()}" for name, text in texts() for match in FORBIDDEN.finditer(text)]
    assert found == []


@pytest.mark.parametrize("told", ["https://" + "pypi" + ".org/simple", "/home/" + "ada/x", "C:\\" + "Users\\" + "ada"])
def test_the_look_for_addresses_and_folders_finds_them(told: str) -> None:
    assert FORBIDDEN.search(told)


def test_the_licence_is_there_in_full() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


LONG_MODULES = {
    "core/sparewatt/session/protocol.py": "one state machine with one handler a message",
    "core/sparewatt_coordinator/gateway/protocol.py": "one state machine with one handler a message",
    "core/sparewatt/session/outbox.py": "one database, each transaction a method",
}


def test_modules_say_what_they_are_for() -> None:
    assert [name for name, text in modules() if text.strip() and not ast.get_docstring(ast.parse(text))] == []


def test_modules_stay_small_enough_to_read() -> None:
    long = {name for name, text in modules() if len(text.splitlines()) > 400}
    assert long <= set(LONG_MODULES), (
        "a module beyond 400 lines is questioned: split it, or say here why it is one thing"
    )


def test_functions_fit_a_screen() -> None:
    long = [
        f"{name}: {function.name}"
        for name, text in modules()
        for function in functions(text)
        if (function.end_lineno or 0) - function.lineno >= 70
    ]
    assert long == []


def test_every_package_says_that_it_is_typed() -> None:
    packages = [path.parent for folder in SHIPPED for path in (ROOT / folder).glob("*/__init__.py")]
    assert len(packages) == 5
    assert [path.name for path in packages if not (path / "py.typed").is_file()] == []
