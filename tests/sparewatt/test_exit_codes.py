from pathlib import Path

from sparewatt.errors import SparewattError
from sparewatt.process.parent_watch import PARENT_GONE_EXIT

PAGE = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text("utf-8")


def test_the_page_lists_every_class_of_error_with_its_code() -> None:
    kinds: list[type[SparewattError]] = [SparewattError, *SparewattError.__subclasses__()]
    for kind in kinds:
        if kind.__module__ == "sparewatt.errors":
            assert f"| {kind.exit_code} | `{kind.__name__}` |" in PAGE


def test_the_page_lists_the_code_of_a_child_without_a_parent() -> None:
    assert f"| {PARENT_GONE_EXIT} | |" in PAGE
