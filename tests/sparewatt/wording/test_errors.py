import ast
import string
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from sparewatt.errors import InputError, SparewattError
from sparewatt.wording.error_table import ERRORS
from sparewatt.wording.errors import error_words, sentence

ROOT = Path(__file__).parents[3]
KINDS = {
    "InputError", "UnavailableError", "ConflictError", "StorageError", "ProtocolError", "IntegrityError",
    "RefusedError", "Refused", "SensorFault", "FileLock",
}  # fmt: skip


def sources() -> Iterator[Path]:
    for root in ("core", "desktop"):
        yield from (ROOT / root).rglob("*.py")


def named_in(source: Path) -> Iterator[tuple[str, frozenset[str]]]:
    """Error ids that a module constructs an error with, and the parameters it gives by name."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in KINDS or name.endswith("Error"):
                parameters = frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
                yield from ((found, parameters) for argument in node.args for found in ids_in(argument))


def ids_in(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        head, dot, tail = argument.value.partition(".")
        if dot and head.isidentifier() and tail.replace(".", "_").isidentifier():
            yield argument.value


def command_line_words() -> dict[str, str]:
    """The command line words its own errors itself, where it is installed."""
    if find_spec("sparewatt_cli.words") is None:
        return {}
    from sparewatt_cli import words

    return dict(words.ERRORS)


def placeholders(template: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def test_every_error_that_is_raised_has_words() -> None:
    own = command_line_words()
    wordless = {
        f"{found} in {source.relative_to(ROOT)}"
        for source in sources()
        for found, _ in named_in(source)
        if found not in ERRORS and found not in own
    }
    assert wordless == set()


def test_the_scan_finds_what_is_raised() -> None:
    found = {found for found, _ in named_in(ROOT / "core" / "sparewatt" / "settings" / "values.py")}
    assert found == {"device.group", "settings.unknown", "settings.too_many"}


@pytest.mark.parametrize("error_id", sorted(ERRORS))
def test_words_are_a_sentence_whose_parameters_are_plain_names(error_id: str) -> None:
    template = ERRORS[error_id]
    assert template[0].isupper() or template[0] in '{"'
    assert template.endswith((".", "})."))
    assert all(name.isidentifier() for name in placeholders(template))


def test_parameters_of_the_raise_fill_the_words() -> None:
    error = InputError("settings.value", key="cpu_threads", value="x", allowed="0 to 1024")
    assert sentence(error) == "cpu_threads cannot be x. Allowed: 0 to 1024."


def test_a_missing_parameter_and_an_unknown_id_still_make_a_sentence() -> None:
    assert error_words("engine.version", {}) == "The engine has another version (?). Restart it after the update."
    assert "no.such" in sentence(SparewattError("no.such"))


def test_a_parameter_from_a_peer_is_not_a_template() -> None:
    assert "{key}" in error_words("settings.unknown", {"key": "{key}"})
