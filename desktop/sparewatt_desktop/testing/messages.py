"""``python -m sparewatt_desktop.testing.messages LANGUAGE``: every sentence there is to translate, and what a catalogue
lacks of them.

Sentences are found where they are said: every argument of ``gettext`` and ``ngettext`` is followed to the texts that it
can be, through local names and the tables of its module. What cannot be followed is an error, unless it is named in
`EXCUSED` and collected by other means; so no sentence is added that nobody is asked to translate.
"""

import ast
import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Final

from sparewatt.settings.option import Choice, Number
from sparewatt.settings.schema import OPTIONS
from sparewatt.wording.catalogue import entries_of
from sparewatt_desktop.actions import SETTINGS

WORDED: Final = ("sparewatt.wording", "sparewatt_desktop", "sparewatt_cli")
_SCHEMA: Final = "the settings' schema is collected whole"
# Module and code of what cannot be followed → how its texts are found all the same.
EXCUSED: Final = MappingProxyType({
    ("sparewatt.wording.changes", "label"): "its table is followed; a field that is in none is shown by its name",
    ("sparewatt_desktop.actions", "setting.label"): "its table is collected whole",
    ("sparewatt_desktop.presentation.number_words", "option.choices[text]"): _SCHEMA,
    ("sparewatt_desktop.presentation.number_words", "option.unit"): _SCHEMA,
    ("sparewatt_desktop.presentation.setting_groups", "option.help"): _SCHEMA,
    ("sparewatt_desktop.presentation.setting_groups", "option.label"): _SCHEMA,
    ("sparewatt_desktop.widgets.device_card", "DEVICE_USE.help"): _SCHEMA,
    ("sparewatt_desktop.widgets.device_card", "DEVICE_USE.label"): _SCHEMA,
    ("sparewatt_desktop.widgets.setting_editors", "label"): _SCHEMA,
    ("sparewatt_desktop.widgets.setting_editors", "option.unit"): _SCHEMA,
    ("sparewatt_desktop.widgets.setting_row", "option.label"): _SCHEMA,
    ("sparewatt_desktop.widgets.setting_row", "self._option.help"): _SCHEMA,
    ("sparewatt_desktop.widgets.setting_row", "self._option.label"): _SCHEMA,
})  # fmt: skip
_CALLED: Final = ("gettext", "ngettext")
UNKNOWN: Final = "\0"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Message:
    """Attributes:
    plural: the text for many, where a count decides; else empty.
    """

    text: str
    plural: str = ""


@dataclass(frozen=True)
class Found:
    """Attributes:
    where: message → the modules that say it.
    unresolved: ``module:line: code`` of each argument that could not be followed.
    unused: what `EXCUSED` names and no code says any more.
    """

    where: Mapping[Message, tuple[str, ...]]
    unresolved: tuple[str, ...]
    unused: frozenset[tuple[str, str]]


def messages() -> Found:
    """Every sentence of the screens and of the settings' schema."""
    where: dict[Message, list[str]] = {}
    unresolved: list[str] = []
    refused: set[tuple[str, str]] = set()
    for name, source in sources():
        scan = Scan(importlib.import_module(name), source)
        unresolved += scan.unresolved
        refused |= scan.refused
        for message in scan.messages:
            where.setdefault(message, []).append(name)
    for text in schema_texts():
        where.setdefault(Message(text), []).append("sparewatt.settings.schema")
    for setting in SETTINGS.values():
        where.setdefault(Message(setting.label), []).append("sparewatt_desktop.actions")
    known = {message: tuple(dict.fromkeys(names)) for message, names in where.items()}
    return Found(known, tuple(unresolved), frozenset(EXCUSED.keys() - refused))


def sources() -> Iterator[tuple[str, str]]:
    """The name and text of each module that words something."""
    for package in WORDED:
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if "testing" not in parts and parts[-1] not in ("__main__", "__init__"):
                yield ".".join((package, *parts)), path.read_text("utf-8")


def schema_texts() -> Iterator[str]:
    """Labels, helps, choices and units of all settings."""
    for option in OPTIONS:
        yield option.label
        yield option.help
        match option:
            case Choice():
                yield from option.choices.values()
            case Number() if option.unit:
                yield option.unit
            case _:
                pass


class Scan:
    """What one module says.

    Attributes:
        messages: in the order of the code.
        refused: module and code of each argument that could not be followed.
        unresolved: ``module:line: code`` of those that are not excused.
    """

    def __init__(self, module: ModuleType, source: str) -> None:
        self._module = module
        self.messages: list[Message] = []
        self.refused: set[tuple[str, str]] = set()
        self.unresolved: list[str] = []
        tree = ast.parse(source)
        self._functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
        known = {id(node) for node in _named(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in _CALLED:
                known.add(id(node.func))
                self._call(node)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in _CALLED and id(node) not in known:
                self._refuse(node)

    def _call(self, call: ast.Call) -> None:
        plural = _name(call.func) == "ngettext"
        texts = [self._texts(argument, call, frozenset()) for argument in call.args[: 2 if plural else 1]]
        if any(UNKNOWN in each for each in texts):
            self._refuse(call.args[0])
        ones, manys = texts[0], texts[1] if plural else [""]
        self.messages += [Message(one, many) for one in ones for many in manys if UNKNOWN not in (one, many)]

    def _texts(self, node: ast.expr, call: ast.Call, followed: frozenset[str]) -> list[str]:
        """What `node` can be, with `UNKNOWN` for what cannot be known."""
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.IfExp(body=body, orelse=other):
                return self._texts(body, call, followed) + self._texts(other, call, followed)
            case ast.BoolOp(values=values):
                return [text for value in values for text in self._texts(value, call, followed)]
            case ast.Name(id=name) if name in followed:
                return []
            case ast.Name(id=name):
                return self._local(name, call, followed | {name}) or self._table(name)
            case ast.Subscript(value=ast.Name(id=name)):
                return self._table(name)
            case ast.Call(func=ast.Attribute(attr="get", value=ast.Name(id=name)), args=[_, *defaults]):
                told = [text for default in defaults for text in self._texts(default, call, followed)]
                return self._table(name) + told
            case _:
                return [UNKNOWN]

    def _local(self, name: str, call: ast.Call, followed: frozenset[str]) -> list[str]:
        """What a local name can be, by all assignments to it in the functions around `call`."""
        around = [function for function in self._functions if any(node is call for node in ast.walk(function))]
        told = [value for function in around for target, value in _assignments(function) if target == name]
        return list(dict.fromkeys(text for value in told for text in self._texts(value, call, followed)))

    def _table(self, name: str) -> list[str]:
        """A text, or all texts of a table, that the module knows by `name`."""
        value = getattr(self._module, name, None)
        texts = list(value.values()) if isinstance(value, Mapping) else [value]
        return [text if isinstance(text, str) else UNKNOWN for text in texts]

    def _refuse(self, node: ast.expr) -> None:
        code = ast.unparse(node)
        self.refused.add((self._module.__name__, code))
        if (self._module.__name__, code) not in EXCUSED:
            self.unresolved.append(f"{self._module.__name__}:{node.lineno}: {code}")


def _assignments(function: Function) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for part, value in zip(target.elts, node.value.elts, strict=True):
                    if isinstance(part, ast.Name):
                        yield part.id, value


def _named(tree: ast.Module) -> Iterator[ast.expr]:
    """Each ``gettext`` that is taken only to be called by its own name."""
    for function in (node for node in ast.walk(tree) if isinstance(node, Function)):
        for name, value in _assignments(function):
            if isinstance(value, ast.Attribute) and value.attr == name:
                yield value


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def lacking(language: str, wanted: Iterable[Message]) -> tuple[Message, ...]:
    """What the catalogue of `language` does not have."""
    known = {(entry.text, entry.plural) for entry in entries_of(language)}
    return tuple(message for message in wanted if (message.text, message.plural) not in known)


def main(arguments: list[str]) -> int:
    """Print what a catalogue lacks, ready to be translated in it."""
    found = messages()
    for message in lacking(arguments[0], found.where):
        sys.stdout.write(f"#: {' '.join(found.where[message])}\nmsgid {_quoted(message.text)}\n")
        if message.plural:
            sys.stdout.write(f'msgid_plural {_quoted(message.plural)}\nmsgstr[0] ""\nmsgstr[1] ""\n\n')
        else:
            sys.stdout.write('msgstr ""\n\n')
    return 0


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
