"""Ids that stand inside the sentence of an error have words of their own, in every language."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from sparewatt.errors import IntegrityError, StorageError
from sparewatt.numeric.codec import UPDATE_FORMAT
from sparewatt.numeric.patch import PATCH_FORMAT
from sparewatt.session.protocol import State
from sparewatt.wording.catalogue import ENGLISH, LANGUAGES, catalogue
from sparewatt.wording.error_table import ERRORS
from sparewatt.wording.errors import error_words, sentence
from sparewatt.wording.values import INSERTED, VALUES, with_values
from sparewatt.work import assignment, manifest, receipt, update
from sparewatt.worker.port import ExitReason

ROOT = Path(__file__).parents[3]
# Parameters that are ids wherever they are written as a literal; every other literal must be named here or be worded.
IDS = frozenset({"part", "kind", "state", "reason", "outcome", "slot", "program"})
KINDS = (
    assignment.ASSIGNMENT_KIND, manifest.MANIFEST_KIND, manifest.ROTATION_KIND, receipt.RECEIPT_KIND,
    receipt.REFUSAL_KIND, receipt.ANNOUNCEMENT_KIND, update.UPDATE_KIND,
)  # fmt: skip


def literals() -> Iterator[tuple[str, str, str]]:
    """Error id, parameter and text of every literal that an error is made with."""
    for root in ("core", "desktop"):
        for source in (ROOT / root).rglob("*.py"):
            if "testing" in source.parts:
                continue
            for node in ast.walk(ast.parse(source.read_text("utf-8"))):
                if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                    continue
                for keyword in node.keywords:
                    value = keyword.value
                    if keyword.arg and isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                        yield str(node.args[0].value), keyword.arg, value.value


def worded(kind: str) -> set[str]:
    return {key.partition("/")[2] for key in VALUES if key.startswith(f"{kind}/")}


def test_every_literal_id_that_an_error_is_made_with_has_words() -> None:
    found = [
        each for each in literals() if each[0] in ERRORS and each[1] in IDS and f"{{{each[1]}}}" in ERRORS[each[0]]
    ]
    assert len(found) > 15
    lacking = [
        (error_id, parameter, text)
        for error_id, parameter, text in found
        if f"{INSERTED.get(error_id, {}).get(parameter)}/{text}" not in VALUES
    ]
    assert lacking == []


@pytest.mark.parametrize(
    ("kind", "ids"), [("session", get_args(State)), ("exit", get_args(ExitReason)), ("signed", KINDS)]
)
def test_every_id_of_a_closed_set_has_words(kind: str, ids: tuple[str, ...]) -> None:
    assert set(ids) <= worded(kind)


def test_what_a_coordinator_may_refuse_with_has_words() -> None:
    """Its reasons are ids in the code of its side, and none of them reaches a person as it stands."""
    reasons = {
        text
        for name in ("gateway/protocol.py", "gateway/carrier.py", "store/decide.py")
        for node in ast.walk(ast.parse((ROOT / "core" / "sparewatt_coordinator" / name).read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(text := node.value, str)
        and text.startswith(("update.", "transfer.", "blob.", "contributor.", "session.unknown", "session.consent"))
        and text.isascii() and " " not in text
    }  # fmt: skip
    assert len(reasons) > 12
    assert reasons - worded("refusal") == set()


@pytest.mark.parametrize("form", [UPDATE_FORMAT, PATCH_FORMAT])
def test_what_is_wrong_with_a_file_of_blocks_has_words(form: object) -> None:
    noun = str(form.noun)  # type: ignore[attr-defined]
    assert {f"{noun}.malformed", f"{noun}.coordinates"} <= set(ERRORS)
    parts = {
        str(node.args[0].value)
        for node in ast.walk(ast.parse((ROOT / "core/sparewatt/numeric/block_file.py").read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "malformed"
        and isinstance(node.args[0], ast.Constant)
    }  # fmt: skip
    assert len(parts) >= 5
    assert parts <= worded("part")


def test_every_kind_of_id_is_inserted_somewhere_and_every_inserted_kind_has_words() -> None:
    kinds = {kind for parameters in INSERTED.values() for kind in parameters.values()}
    assert kinds == {key.partition("/")[0] for key in VALUES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_english_id_is_left_in_a_sentence_of_another_language(language: str) -> None:
    words = catalogue([language])
    for error_id, parameters in INSERTED.items():
        if error_id not in ERRORS:
            continue
        for name, kind in parameters.items():
            for value in worded(kind):
                said = error_words(error_id, {name: value}, words)
                assert words.gettext(VALUES[f"{kind}/{value}"]) in said, error_id
                assert f"({value})" not in said or words.gettext(VALUES[f"{kind}/{value}"]) == value


def test_an_id_becomes_words_and_text_of_the_system_too() -> None:
    english = sentence(IntegrityError("keyframe.malformed", part="lengths"))
    assert english == "A version in full is damaged (lengths of its blocks). It is fetched again by itself."
    german = sentence(StorageError("settings.read", path="a", reason="Permission denied"), catalogue(["de"]))
    assert "Permission" not in german


def test_what_is_in_no_table_stays_as_it_came() -> None:
    told = {"path": "a", "reason": "Zugriff verweigert"}
    assert with_values("settings.read", told, ENGLISH) == told
    assert with_values("no.such", told) is told
