"""What a person has typed into the settings and not saved yet, next to what the engine holds. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import msgspec

from sparewatt.control.messages import SettingValue


@dataclass(frozen=True)
class Edits:
    """Attributes:
    revision: of the settings as they were last listed; None before.
    lines: what the engine holds, by address, in its order.
    unsaved: address → text that the person wants instead.
    elsewhere: addresses whose stored value changed while the person had another one typed.
    """

    revision: int | None = None
    lines: Mapping[str, SettingValue] = field(default_factory=lambda: MappingProxyType({}))
    unsaved: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    elsewhere: frozenset[str] = frozenset()

    def listed(self, revision: int, lines: Sequence[SettingValue]) -> "Edits":
        """The engine told its settings: what was typed stays, unless it is stored by now or its line is gone."""
        new = {line.key: line for line in lines}
        unsaved = {
            address: text
            for address, text in self.unsaved.items()
            if address in new and new[address].value != text
        }  # fmt: skip
        changed = {
            address
            for address in unsaved
            if address in self.lines and self.lines[address].value != new[address].value
        }  # fmt: skip
        elsewhere = frozenset((self.elsewhere & unsaved.keys()) | changed)
        return Edits(revision, MappingProxyType(new), MappingProxyType(unsaved), elsewhere)

    def typed(self, address: str, text: str) -> "Edits":
        """The person wants `text`; the stored value itself is no edit."""
        unsaved = {known: value for known, value in self.unsaved.items() if known != address}
        elsewhere = self.elsewhere
        line = self.lines.get(address)
        if line is None or line.value == text:
            elsewhere -= {address}
        else:
            unsaved[address] = text
        return replace(self, unsaved=MappingProxyType(unsaved), elsewhere=elsewhere)

    def undone(self) -> "Edits":
        """Without anything typed."""
        return replace(self, unsaved=MappingProxyType({}), elsewhere=frozenset())

    def saved(self, address: str, text: str) -> "Edits":
        """The engine stored `text`; its new revision comes with the next list. What was typed since is kept."""
        line = self.lines.get(address)
        if line is None:
            return self
        lines = MappingProxyType({**self.lines, address: msgspec.structs.replace(line, value=text)})
        wanted = self.unsaved.get(address, text)
        return replace(self, lines=lines).typed(address, wanted)

    def shown(self, address: str) -> str:
        """The text that the form shows at `address`."""
        return self.unsaved.get(address, self.lines[address].value)
