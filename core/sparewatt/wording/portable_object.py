"""Reads a catalogue of sentences in gettext's text form (``.po``). Pure.

The text is what translators keep, and it is read as it is: a second, compiled form would have to be built for every
installation from source and could be older than the text. Reading some hundred sentences takes some milliseconds, once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

# The German catalogue has some 100 kB; what is far larger is no catalogue.
TEXT_MOST: Final = 2_000_000
_KEYWORDS: Final = ("msgid", "msgid_plural", "msgstr", "msgstr[0]", "msgstr[1]")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\[nt"\\])*)"')
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPES: Final = MappingProxyType({"n": "\n", "t": "\t", '"': '"', "\\": "\\"})


class BadCatalogue(ValueError):
    """A catalogue that breaks the rules: a mistake of ours in what is shipped, named by its line."""


@dataclass(frozen=True)
class Entry:
    """One sentence and its translation.

    Attributes:
        text: in English.
        plural: the English text for many, where a count decides; else empty.
        translated: in the catalogue's language: one text, or one for a count of 1 and one for all others.
    """

    text: str
    plural: str
    translated: tuple[str, ...]


@dataclass
class _Open:
    """An entry that is being read, by keyword."""

    line: int
    parts: dict[str, str] = field(default_factory=dict)


def read_entries(text: str) -> tuple[Entry, ...]:
    """The entries of a catalogue, without its header.

    Raises:
        BadCatalogue: a line that is none of a catalogue's, an entry that is not whole or stands twice.
    """
    if len(text) > TEXT_MOST:
        raise BadCatalogue(f"more than {TEXT_MOST} characters")
    entries: dict[tuple[str, str], Entry] = {}
    for opened in _opened(text):
        entry = _entry(opened)
        if (entry.text, entry.plural) in entries:
            raise BadCatalogue(f"line {opened.line}: stands twice")
        entries[entry.text, entry.plural] = entry
    return tuple(entry for entry in entries.values() if entry.text)


def _opened(text: str) -> list[_Open]:
    found: list[_Open] = []
    keyword = ""
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            keyword = ""
            continue
        if stripped.startswith('"'):
            if not keyword:
                raise BadCatalogue(f"line {number}: belongs to nothing")
            found[-1].parts[keyword] += _unquoted(stripped, number)
            continue
        keyword, _, quoted = stripped.partition(" ")
        if keyword == "msgid":
            found.append(_Open(number))
        if keyword not in _KEYWORDS or not found or keyword in found[-1].parts:
            raise BadCatalogue(f"line {number}: {keyword} is not expected")
        found[-1].parts[keyword] = _unquoted(quoted, number)
    return found


def _unquoted(quoted: str, number: int) -> str:
    """A string of the catalogue, with the few escapes that it may use."""
    whole = _QUOTED.fullmatch(quoted)
    if whole is None:
        raise BadCatalogue(f"line {number}: is no text in quotation marks")
    return _ESCAPE.sub(lambda escape: _ESCAPES[escape[1]], whole[1])


def _entry(opened: _Open) -> Entry:
    parts: Mapping[str, str] = opened.parts
    wanted = ("msgstr[0]", "msgstr[1]") if "msgid_plural" in parts else ("msgstr",)
    if set(parts) - {"msgid", "msgid_plural"} != set(wanted):
        raise BadCatalogue(f"line {opened.line}: is not whole")
    return Entry(parts["msgid"], parts.get("msgid_plural", ""), tuple(parts[keyword] for keyword in wanted))
