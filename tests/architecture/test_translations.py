"""No reading, decision, error or state lacks words for the person, in every language."""

import ast
import string
from types import ModuleType

import pytest

from sparewatt.wording import rules
from sparewatt.wording.catalogue import LANGUAGES, entries_of
from sparewatt.wording.conflicts import CONFLICTS
from sparewatt.wording.error_table import ERRORS
from sparewatt.wording.limits import CONFLICTS as LIMIT_CONFLICTS
from sparewatt.wording.limits import REASONS as PACE_REASONS
from sparewatt.wording.sensors import IDLE_SOURCES, REASONS
from sparewatt.wording.settings import UNAVAILABLE
from sparewatt_desktop.testing.messages import EXCUSED, Found, Message, Scan, messages, sources

TABLES = (
    ERRORS,
    rules.RULES,
    rules.NO_RUN,
    CONFLICTS,
    LIMIT_CONFLICTS,
    PACE_REASONS,
    IDLE_SOURCES,
    REASONS,
    UNAVAILABLE,
)


@pytest.fixture(scope="module")
def found() -> Found:
    return messages()


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def scanned(source: str, **names: object) -> Scan:
    module = ModuleType("example")
    vars(module).update(names)
    return Scan(module, source)


def test_everything_that_is_said_can_be_followed_to_its_texts(found: Found) -> None:
    assert found.unresolved == ()


def test_nothing_is_excused_that_no_code_says(found: Found) -> None:
    assert found.unused == frozenset()
    assert all(EXCUSED.values())


def test_every_table_of_sentences_is_found(found: Found) -> None:
    told = {message.text for message in found.where}
    assert [text for table in TABLES for text in table.values() if text not in told] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_says_everything_and_nothing_else(language: str, found: Found) -> None:
    known = {Message(entry.text, entry.plural) for entry in entries_of(language)}
    assert sorted(set(found.where) - known) == [], "not translated; see docs/translating.md"
    assert sorted(known - set(found.where)) == [], "translated, but said nowhere"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_is_whole_and_keeps_its_places(language: str) -> None:
    wrong = [
        entry.text
        for entry in entries_of(language)
        if not all(entry.translated)
        or any(places(each) != places(entry.text) for each in entry.translated)
        or any(each[:1].isspace() != entry.text[:1].isspace() for each in entry.translated)
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_whole_sentences_stay_whole_sentences(language: str) -> None:
    wrong = [
        entry.text
        for entry in entries_of(language)
        if any(each.endswith(".") != entry.text.endswith(".") for each in entry.translated)
        and not entry.text.startswith(("{number} ", "{month}-"))  # "Mio." is an abbreviation, "18.11." a date
    ]
    assert wrong == []


def spoken_in(tree: ast.Module) -> dict[str, int]:
    """Functions of a module that take translations, with how many arguments come before them."""
    found: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            plain = [argument.arg for argument in node.args.args]
            if "translations" in plain:
                found[node.name] = plain.index("translations")
            elif "translations" in [argument.arg for argument in node.args.kwonlyargs]:
                found[node.name] = len(plain)
    return found


def test_no_screen_leaves_a_sentence_to_english() -> None:
    """A function that takes translations has English as its default, which is a terminal's and a test's alone."""
    trees = {name: ast.parse(source) for name, source in sources() if not name.startswith("sparewatt_cli")}
    everybodys = {
        name: place for tree in trees.values() for name, place in spoken_in(tree).items() if not name.startswith("_")
    }
    assert len(everybodys) > 50
    silent = []
    for name, tree in trees.items():
        spoken = everybodys | spoken_in(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in spoken:
                told = len(node.args) > spoken[node.func.id] or any(isinstance(each, ast.Starred) for each in node.args)
                if not told and "translations" not in [keyword.arg for keyword in node.keywords]:
                    silent.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    assert silent == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ('def f(words):\n    return words.gettext("a" if words else "b")', [Message("a"), Message("b")]),
        ('def f(words):\n    gettext = words.gettext\n    return gettext("a" "b")', [Message("ab")]),
        ('def f(words):\n    return words.ngettext("{n} x", "{n} xs", 2)', [Message("{n} x", "{n} xs")]),
        ('def f(words):\n    text = "a"\n    return words.gettext(text)', [Message("a")]),
        ("def f(words, key):\n    return words.gettext(TABLE[key])", [Message("one"), Message("two")]),
        (
            "def f(words, key):\n    return words.gettext(TABLE.get(key, TEXT))",
            [Message(t) for t in ("one", "two", "t")],
        ),
        ("def f(words):\n    return words.gettext(TEXT)", [Message("t")]),
    ],
)
def test_the_look_for_sentences_follows(source: str, told: list[Message]) -> None:
    scan = scanned(source, TABLE={"a": "one", "b": "two"}, TEXT="t")
    assert scan.messages == told
    assert scan.unresolved == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(words, text):\n    return words.gettext(text)",
        'def f(words, text):\n    return words.gettext(text or "a")',
        'def f(words, n):\n    return words.gettext(f"{n} pieces")',
        "def f(words, n):\n    text = made(n)\n    return words.gettext(text)",
        "def f(words, key):\n    return words.gettext(TABLE[key])",
        "def f(words, texts):\n    return list(map(words.gettext, texts))",
        "def f(words):\n    say = words.gettext\n    return say('a')",
    ],
)
def test_the_look_for_sentences_refuses_what_it_cannot_follow(source: str) -> None:
    assert scanned(source, TABLE={"a": 1}).unresolved != []
