"""The kinds of option: how a value is read from text, written as text and explained."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Generic, Literal, TypeVar

from sparewatt.errors import InputError
from sparewatt.settings.hours import WeeklyHours, parse_hours

NAMES_MOST: Final = 20
NAME_CHARACTERS_MOST: Final = 80
NO_NAMES: Final = "none"

Scope = Literal["computer", "device", "run"]
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Option(ABC, Generic[Value]):
    """One setting.

    Attributes:
        key: stable name, also in files and commands.
        scope: what one value is for.
        default: the value until the person sets one.
        kind_defaults: for options of a device: the default by the device's kind, where it differs.
        label: a few words for a form; the source text of its translations, as is `help`.
        unit: unit of a number as it is shown, empty where there is none.
    """

    key: str
    scope: Scope
    default: Value
    label: str
    help: str
    unit: str = ""
    kind_defaults: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    @abstractmethod
    def parse(self, text: str) -> Value:
        """The value that `text` says.

        Raises:
            InputError: ``settings.value`` with what is allowed, or ``settings.hours``.
        """

    @abstractmethod
    def text(self, value: Value) -> str:
        """`value` so that `parse` reads it again."""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """What `parse` takes, for the words of an error, a form and the manual."""

    def default_for(self, kind: str) -> Value:
        """The default on a device of `kind`."""
        return self.kind_defaults.get(kind, self.default)

    def _refuse(self, text: str) -> InputError:
        return InputError("settings.value", key=self.key, value=text[:60], allowed=self.allowed)


@dataclass(frozen=True, kw_only=True)
class Switch(Option[bool]):
    """On or off."""

    def parse(self, text: str) -> bool:
        match text.strip().lower():
            case "on" | "yes" | "true" | "1":
                return True
            case "off" | "no" | "false" | "0":
                return False
            case _:
                raise self._refuse(text)

    def text(self, value: bool) -> str:
        return "on" if value else "off"

    @property
    def allowed(self) -> str:
        return "on, off"


@dataclass(frozen=True, kw_only=True)
class Number(Option[int]):
    """A whole number between two bounds, both included."""

    minimum: int
    maximum: int

    def parse(self, text: str) -> int:
        cleaned = text.strip()
        digits = cleaned.removeprefix("-")
        # Lengths are bounded before the conversion, whose time grows with their square.
        if not digits.isascii() or not digits.isdigit() or len(digits) > 15:
            raise self._refuse(text)
        value = int(cleaned)
        if not self.minimum <= value <= self.maximum:
            raise self._refuse(text)
        return value

    def text(self, value: int) -> str:
        return str(value)

    @property
    def allowed(self) -> str:
        return f"{self.minimum} to {self.maximum}"


@dataclass(frozen=True, kw_only=True)
class Hours(Option[WeeklyHours]):
    """Hours of the week."""

    def parse(self, text: str) -> WeeklyHours:
        return parse_hours(text)

    def text(self, value: WeeklyHours) -> str:
        return value.text

    @property
    def allowed(self) -> str:
        return "always, or a pattern such as mo-fr 22:00-07:00; sa-su 00:00-24:00"


@dataclass(frozen=True, kw_only=True)
class Choice(Option[str]):
    """One of a few words.

    Attributes:
        choices: word → its label, in the order in which a form shows them.
    """

    choices: Mapping[str, str]

    def parse(self, text: str) -> str:
        word = text.strip().lower()
        if word not in self.choices:
            raise self._refuse(text)
        return word

    def text(self, value: str) -> str:
        return value

    @property
    def allowed(self) -> str:
        return ", ".join(self.choices)


@dataclass(frozen=True, kw_only=True)
class Names(Option[tuple[str, ...]]):
    """A short list of names of programs, none of which is there twice, whatever its capitals."""

    def parse(self, text: str) -> tuple[str, ...]:
        cleaned = text.strip()
        if cleaned.casefold() in ("", NO_NAMES):
            return ()
        names: dict[str, str] = {}
        for part in cleaned.split(";"):
            name = " ".join(part.split())
            if name:
                names.setdefault(name.casefold(), name)
        if not names or len(names) > NAMES_MOST or not all(_is_program(name) for name in names.values()):
            raise self._refuse(text)
        return tuple(names.values())

    def text(self, value: tuple[str, ...]) -> str:
        return "; ".join(value) if value else NO_NAMES

    @property
    def allowed(self) -> str:
        return f"none, or up to {NAMES_MOST} names of programs without folders, such as blender; obs64.exe"


def _is_program(name: str) -> bool:
    return len(name) <= NAME_CHARACTERS_MOST and name.isprintable() and not set(name) & set("/\\")
