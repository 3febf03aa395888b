"""An engine in memory, as a page sees it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from PySide6.QtCore import QTimer

from sparewatt.control.messages import (
    DevicePresets,
    DevicePreview,
    ListPresets,
    ListSettings,
    PresetsReply,
    PreviewReply,
    PreviewSetting,
    ReceiptsAfter,
    ReceiptsReply,
    Reply,
    Request,
    SeriesReply,
    SeriesSince,
    SetSetting,
    SettingsReply,
    SettingValue,
)
from sparewatt.errors import ConflictError, InputError, SparewattError
from sparewatt.settings.values import Settings, listed
from sparewatt.signing import Signed
from sparewatt.snapshot import ConflictSnapshot, Snapshot
from sparewatt_desktop.page import Wanted
from sparewatt_desktop.presentation.receipt_words import newest_receipts
from sparewatt_desktop.testing import examples


@dataclass
class MemoryEngine:
    """Answers as an engine does, when `deliver` is called, or by itself from Qt's event loop.

    Attributes:
        by_itself: whether answers come without `deliver`.
        bounds: address → fields of its line that differ from the schema's.
        previews, conflicts: what each device would be allowed with one value changed, and what would not fit.
        refuses: told instead of every answer, when set.
        requests: everything that was asked, in order.
    """

    snapshot: Snapshot = field(default_factory=examples.snapshot)
    by_itself: bool = False
    settings: Settings = field(default_factory=Settings)
    bounds: dict[str, dict[str, Any]] = field(default_factory=dict)
    previews: Callable[[str, str], Iterable[DevicePreview]] = lambda _address, _text: ()
    conflicts: Callable[[str, str], Iterable[ConflictSnapshot]] = lambda _address, _text: ()
    presets: tuple[DevicePresets, ...] = ()
    receipts: tuple[Signed, ...] = ()
    series: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    refuses: SparewattError | None = None
    requests: list[Request] = field(default_factory=list)
    _open: list[Callable[[], None]] = field(default_factory=list)

    def ask(
        self,
        make: Callable[[int], Request],
        wanted: type[Wanted],
        answered: Callable[[Wanted], None],
        refused: Callable[[SparewattError], None],
    ) -> None:
        request = make(len(self.requests) + 1)
        self.requests.append(request)

        def answer() -> None:
            try:
                told = self._answer(request)
            except SparewattError as error:
                refused(error)
                return
            assert isinstance(told, wanted), f"{type(told).__name__} answers {type(request).__name__}"
            answered(told)

        self._open.append(answer)
        if self.by_itself:
            QTimer.singleShot(0, self.deliver)

    def command(self, make: Callable[[int], Request], refused: Callable[[SparewattError], None]) -> None:
        self.ask(make, Reply, lambda _: None, refused)

    def deliver(self) -> None:
        """Give every answer that is due, and those that they bring about."""
        while self._open:
            self._open.pop(0)()

    def asked(self, kind: type[msgspec.Struct]) -> list[Any]:
        """What was asked of this kind."""
        return [request for request in self.requests if isinstance(request, kind)]

    def change(self, address: str, text: str) -> None:
        """Somebody else changes a setting."""
        self.settings = self.settings.changed(address, text)
        self.snapshot = msgspec.structs.replace(self.snapshot, settings_revision=self.settings.revision)

    def _answer(self, request: Request) -> msgspec.Struct:
        if self.refuses is not None:
            raise self.refuses
        match request:
            case ListSettings():
                return SettingsReply(request.id, self.settings.revision, self._lines())
            case SetSetting():
                if request.revision != self.settings.revision:
                    raise ConflictError("settings.revision", seen=request.revision, current=self.settings.revision)
                self.change(request.key, request.value)
                return Reply(request.id)
            case PreviewSetting():
                self.settings.changed(request.key, request.value)
                changed = request.key, request.value
                return PreviewReply(request.id, tuple(self.previews(*changed)), tuple(self.conflicts(*changed)))
            case ListPresets():
                return PresetsReply(request.id, self.presets)
            case ReceiptsAfter():
                return ReceiptsReply(request.id, self._receipts(request), (), "")
            case SeriesSince():
                return SeriesReply(request.id, self._points(request))
            case _:
                return Reply(request.id)

    def _lines(self) -> tuple[SettingValue, ...]:
        devices = tuple(device.device for device in self.snapshot.devices)
        return tuple(
            msgspec.structs.replace(
                SettingValue(shown.address, shown.value, shown.default, shown.option.scope),
                **self.bounds.get(shown.address, {}),
            )
            for shown in listed(self.settings, devices)
        )

    def _receipts(self, request: ReceiptsAfter) -> tuple[Signed, ...]:
        later = [
            each
            for each in self.receipts
            if (held := newest_receipts((each,)).receipts) and held[0].run == request.run
            and held[0].sequence > request.sequence
        ]  # fmt: skip
        return tuple(later[-request.limit :] if request.newest else later[: request.limit])

    def _points(self, request: SeriesSince) -> tuple[tuple[float, float], ...]:
        points = self.series.get(request.series)
        if points is None:
            raise InputError("series.unknown", name=request.series, known=", ".join(self.series))
        return tuple(point for point in points if point[0] >= request.since_unix_s)[-request.limit :]
