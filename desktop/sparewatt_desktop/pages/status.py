"""The first page: the state, why, and what changes it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QPushButton, QVBoxLayout, QWidget

from sparewatt.control.messages import ContributeNow, Request
from sparewatt.errors import SparewattError
from sparewatt.snapshot import DeviceSnapshot, Snapshot
from sparewatt.wording.catalogue import filled
from sparewatt.wording.errors import sentence
from sparewatt.wording.units import duration_words
from sparewatt_desktop.page import Page, PageTools
from sparewatt_desktop.pages.status_cards import CreditCard, DeviceCard, RunCard
from sparewatt_desktop.pauses import pauses
from sparewatt_desktop.performing import Performer
from sparewatt_desktop.remarks import remarks_of
from sparewatt_desktop.state import State
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.watching import EngineBridge, StateWatch
from sparewatt_desktop.widgets.buttons import ActionRow
from sparewatt_desktop.widgets.layout import Card, ScrollingPage, column, row
from sparewatt_desktop.widgets.mark import MarkView
from sparewatt_desktop.widgets.remark_list import RemarkList
from sparewatt_desktop.widgets.text import Text

MARK_SIZE = 52
Shown = TypeVar("Shown")
CardKind = TypeVar("CardKind", bound=QWidget)


class StatusPage(ScrollingPage):
    """Shows the state of the computer, and of each device and run.

    Args:
        more: further cards below, each a widget that is a `Page`; made at the page's first visit.
    """

    def __init__(
        self,
        tools: PageTools,
        watch: StateWatch,
        engine: EngineBridge,
        more: Sequence[Callable[[PageTools], QWidget]] = (),
    ) -> None:
        super().__init__(tools.look)
        self.setAccessibleName(tools.words.gettext("Status"))
        self._tools = tools
        self._hero = Hero(tools, watch, engine)
        self.box.addWidget(self._hero)
        performer = Performer(
            tools.commands, engine, tools.open_page, tools.open_setting, tools.words, self._hero.show_told
        )
        self._remarks = RemarkList(tools.look, tools.words, performer.perform)
        self.box.addWidget(self._remarks)
        self._devices: dict[str, DeviceCard] = {}
        self._device_box = self._stack()
        self._runs: dict[str, RunCard] = {}
        self._run_box = self._stack()
        self._credit = CreditCard(tools)
        self._more = [make(tools) for make in more]
        for widget in (self._credit, *self._more):
            self.box.addWidget(widget)
        self.box.addStretch(1)

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        self._hero.show_snapshot(snapshot)
        self._remarks.show_remarks(() if snapshot is None else remarks_of(snapshot, self._tools.words))
        joined = snapshot is not None and bool(snapshot.runs)
        for widget in (self._credit, *self._more):
            widget.setVisible(joined)
        devices = {} if snapshot is None or not joined else _worth_a_card(snapshot)
        runs = {each.run: each for each in snapshot.runs} if snapshot is not None else {}
        _match(self._devices, devices, self._device_box, lambda: DeviceCard(self._tools))
        _match(self._runs, runs, self._run_box, lambda: RunCard(self._tools))
        if snapshot is None:
            return
        for name, device in devices.items():
            self._devices[name].show_device(device, snapshot)
        for name, run in runs.items():
            self._runs[name].show_run(run)
        if joined:
            self._credit.show_credit(snapshot)
            for widget in self._more:
                cast(Page, widget).show_snapshot(snapshot)

    def _stack(self) -> QVBoxLayout:
        holder = QWidget()
        self.box.addWidget(holder)
        return column(holder, self._tools.look, spacing=SPACING.large)


class Hero(Card):
    """The state as a sentence, and the buttons that change exactly that."""

    def __init__(self, tools: PageTools, watch: StateWatch, engine: EngineBridge) -> None:
        super().__init__(tools.look, SPACING.large)
        self._tools, self._watch = tools, watch
        self._mark = MarkView(tools.look, MARK_SIZE, self)
        self._title = Text("", "display", self)
        self._sentence = Text("", "", self)
        self._told = Text("", "", self)
        self._told.set_tone("attention")
        self._told.hide()
        self._performer = Performer(
            tools.commands, engine, tools.open_page, tools.open_setting, tools.words, self._told.show_text
        )
        self._actions = ActionRow(tools.look, self._chosen, self)
        self._actions.add_behind(self._pause_button())
        self._lay_out()
        watch.changed.connect(self._show_state)
        self._show_state(watch.state)

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """The part that moves with time: how long "contribute now" still lasts."""
        until = None if snapshot is None else snapshot.contribute_until_unix_s
        self._now.setVisible(until is not None)
        if until is not None and snapshot is not None:
            left = duration_words(max(0, until - snapshot.taken_unix_s), self._tools.words)
            text = self._tools.words.gettext("Contributing whoever uses the computer, for {left} more. Take it back")
            self._now.setText(filled(text, {"left": left}))

    def show_told(self, text: str) -> None:
        """Say why something that was asked for was refused."""
        self._told.show_text(text)

    def _lay_out(self) -> None:
        top = QWidget(self)
        beside = row(top, self._tools.look, spacing=SPACING.large)
        beside.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        words = QWidget(top)
        lines = column(words, self._tools.look, spacing=SPACING.hair)
        for line in (self._title, self._sentence, self._told):
            lines.addWidget(line)
        lines.addStretch(1)
        beside.addWidget(words, 1)
        self._now = QPushButton(self)
        self._now.setProperty("role", "plain")
        self._now.clicked.connect(lambda: self._command(lambda number: ContributeNow(id=number, until_unix_s=0)))
        self._now.hide()
        self.box.addWidget(top)
        self.box.addWidget(self._actions)
        self.box.addWidget(self._now, 0, Qt.AlignmentFlag.AlignLeft)

    def _pause_button(self) -> QPushButton:
        self._pause = QPushButton(self._tools.words.gettext("Pause"), self)
        self._pause.setProperty("menu", "true")
        self._menu = QMenu(self._pause)
        self._menu.aboutToShow.connect(self._fill_pauses)
        self._pause.setMenu(self._menu)
        return self._pause

    def _show_state(self, state: State) -> None:
        self._mark.show_mark(state.mark, state.tone)
        self._title.show_text(state.title)
        self._sentence.show_text(state.sentence)
        self._told.show_text("")
        self.setAccessibleName(f"{state.title}. {state.sentence}")
        self._actions.show_actions(state.actions)
        self._pause.setVisible(state.pausable)
        self._actions.setVisible(state.pausable or bool(state.actions))

    def _chosen(self, place: int) -> None:
        actions = self._watch.state.actions
        if place < len(actions):
            self._told.show_text("")
            self._performer.perform(actions[place])

    def _fill_pauses(self) -> None:
        self._menu.clear()
        for pause in pauses(int(time.time()), self._watch.game, self._tools.words):
            entry = self._menu.addAction(pause.label)
            entry.triggered.connect(lambda _checked=False, make=pause.make: self._command(make))

    def _command(self, make: Callable[[int], Request]) -> None:
        self._tools.commands.command(make, self._refused)

    def _refused(self, error: SparewattError) -> None:
        self._told.show_text(sentence(error, self._tools.words))


def _worth_a_card(snapshot: Snapshot) -> dict[str, DeviceSnapshot]:
    """The devices; a single one that rests is told by the state above already."""
    devices = {each.device: each for each in snapshot.devices}
    resting = len(devices) == 1 and all(each.worker in ("none", "failed") for each in devices.values())
    return {} if resting else devices


def _match(
    cards: dict[str, CardKind], wanted: Mapping[str, Shown], box: QVBoxLayout, make: Callable[[], CardKind]
) -> None:
    """One card for each thing that is wanted, in the order in which they came."""
    for gone in cards.keys() - wanted.keys():
        card = cards.pop(gone)
        card.hide()  # it is deleted a turn of the loop later, and must not be seen until then
        card.deleteLater()
    for name in wanted:
        if name not in cards:
            cards[name] = make()
            box.addWidget(cards[name])
    holder = box.parentWidget()
    assert holder is not None
    holder.setVisible(bool(cards))
