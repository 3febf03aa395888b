"""Joining a run: paste an invite, see what it is and what it costs, consent; and leaving one."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget

from sparewatt.control.messages import (
    InspectInvite,
    JoinRun,
    LeaveRun,
    ManifestReply,
    ReceiptsAfter,
    ReceiptsReply,
    Reply,
)
from sparewatt.errors import SparewattError
from sparewatt.snapshot import RunSnapshot, Snapshot
from sparewatt.wording.catalogue import filled
from sparewatt.wording.errors import sentence
from sparewatt.work.invite import MAXIMUM_LENGTH, Invite, parse_invite
from sparewatt.work.manifest import Manifest
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.pages.changed_run import ChangedRun
from sparewatt_desktop.pages.consent_card import ConsentCard
from sparewatt_desktop.presentation import status_words
from sparewatt_desktop.presentation.manifest_words import manifest_of, read_manifest
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import Card, ScrollingPage, column, row
from sparewatt_desktop.widgets.text import Line, Text, plain

# An invite that is longer is refused in words; what is pasted by mistake must not fill the memory.
PASTED_MOST = 8 * MAXIMUM_LENGTH


class JoinPage(ScrollingPage):
    """The field for an invite, the run it leads to, and the runs that are joined."""

    def __init__(self, tools: PageTools) -> None:
        super().__init__(tools.look)
        gettext = tools.words.gettext
        self.setAccessibleName(gettext("Runs"))
        self._tools = tools
        self._joined: tuple[RunSnapshot, ...] = ()
        self._missing: tuple[str, ...] = ()
        self._asked = 0
        self._runs: dict[str, JoinedRun] = {}
        self.box.addWidget(Text(gettext("Join a run"), "title"))
        self._field = QLineEdit()
        self._show_button = QPushButton(gettext("Show the run"))
        self._told = Text("", "")
        self.box.addWidget(self._invite_card())
        self._consent = ConsentCard(tools, self._accept, self._decline)
        self._consent.hide()
        self.box.addWidget(self._consent)
        self._heading = Text(gettext("Your runs"), "title")
        self.box.addWidget(self._heading)
        self._isolation = Text("", "quiet")
        self.box.addWidget(self._isolation)
        holder = QWidget()
        self._run_box = column(holder, tools.look, spacing=SPACING.large)
        self.box.addWidget(holder)
        self.box.addStretch(1)

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        self._joined = () if snapshot is None else snapshot.runs
        self._missing = () if snapshot is None else snapshot.isolation_missing
        self._isolation.show_text("" if snapshot is None else status_words.isolation_line(snapshot, self._tools.words))
        wanted = {run.run: run for run in self._joined}
        self._heading.setVisible(bool(wanted))
        for gone in self._runs.keys() - wanted.keys():
            card = self._runs.pop(gone)
            card.hide()
            card.deleteLater()
        for name, run in wanted.items():
            if name not in self._runs:
                self._runs[name] = JoinedRun(self._tools, name)
                self._run_box.addWidget(self._runs[name])
            self._runs[name].show_run(run)

    def _invite_card(self) -> QWidget:
        gettext = self._tools.words.gettext
        card = Card(self._tools.look, SPACING.medium)
        intro = gettext("An organiser gives out invites. An invite is one line that begins with sparewatt+")
        label = Text(gettext("Invite"), "strong")
        label.setBuddy(self._field)
        self._field.setAccessibleName(gettext("Invite"))
        self._field.setPlaceholderText(gettext("Paste it here"))
        self._field.setMaxLength(PASTED_MOST)
        self._field.returnPressed.connect(self._inspect)
        self._field.textEdited.connect(lambda _: self._told.show_text(""))
        self._field.setObjectName("invite")
        self._show_button.setObjectName("show-run")
        self._show_button.setProperty("role", "primary")
        self._show_button.clicked.connect(self._inspect)
        beside = QWidget()
        box = row(beside, self._tools.look, spacing=SPACING.small)
        box.addWidget(self._field, 1)
        box.addWidget(self._show_button)
        self._told.hide()
        for widget in (Text(intro, "quiet"), label, beside, self._told):
            card.box.addWidget(widget)
        return card

    def _inspect(self) -> None:
        self._consent.hide()
        try:
            invite = parse_invite(self._field.text())
        except SparewattError as error:
            self._tell(error)
            return
        if any(run.run == invite.run for run in self._joined):
            self._say(self._tools.words.gettext("You contribute to this run already."), "")
            return
        self._asked += 1
        asked = self._asked
        text = self._field.text().strip()
        self._busy(self._tools.words.gettext("Asking the coordinator what the run is."))
        self._tools.commands.ask(
            lambda number: InspectInvite(id=number, invite=text),
            ManifestReply,
            lambda reply: self._inspected(asked, invite, text, reply),
            lambda error: self._failed(asked, error),
        )

    def _inspected(self, asked: int, invite: Invite, text: str, reply: ManifestReply) -> None:
        if asked != self._asked:
            return  # the person has asked for another one meanwhile
        try:
            manifest = manifest_of(reply, invite)
        except SparewattError as error:
            self._failed(asked, error)
            return
        self._free()
        self._consent.show_run(manifest, invite, text, (reply.isolation, self._missing))
        self._consent.show()
        self._consent.setFocus(Qt.FocusReason.OtherFocusReason)
        self.ensureWidgetVisible(self._consent)
        for run in self._joined:
            self._compare(asked, run.run, manifest)

    def _compare(self, asked: int, run: str, manifest: Manifest) -> None:
        """Show what changed, where the organiser of a joined run has made a new one of it."""

        def answered(reply: ReceiptsReply) -> None:
            before = None if reply.manifest is None else read_manifest(reply.manifest.body)
            if asked == self._asked and before is not None and before.run_key == manifest.run_key:
                self._consent.show_changes(before, manifest)

        self._tools.commands.ask(
            lambda number: ReceiptsAfter(id=number, run=run, sequence=0, limit=1),
            ReceiptsReply,
            answered,
            lambda _: None,
        )

    def _accept(self, text: str, run: str) -> None:
        asked = self._asked
        self._tools.commands.ask(
            lambda number: JoinRun(id=number, invite=text, consent=run),
            Reply,
            lambda _: self._accepted(),
            lambda error: self._failed(asked, error),
        )

    def _accepted(self) -> None:
        self._field.clear()
        self._consent.hide()
        self._say(self._tools.words.gettext("Joined. Work begins as soon as your limits allow it."), "accent")

    def _decline(self) -> None:
        self._asked += 1
        self._consent.hide()
        self._field.clear()
        self._free()
        self._field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _failed(self, asked: int, error: SparewattError) -> None:
        if asked == self._asked:
            self._free()
            self._consent.enable()
            self._tell(error)

    def _busy(self, text: str) -> None:
        self._show_button.setEnabled(False)
        self._say(text, "")

    def _free(self) -> None:
        self._show_button.setEnabled(True)
        self._say("", "")

    def _tell(self, error: SparewattError) -> None:
        self._say(sentence(error, self._tools.words), "attention")

    def _say(self, text: str, tone: str) -> None:
        self._told.set_tone(tone)
        self._told.show_text(text)


class JoinedRun(Card):
    """A run that is joined, and the way out of it."""

    def __init__(self, tools: PageTools, run: str) -> None:
        super().__init__(tools.look, SPACING.hair)
        gettext = tools.words.gettext
        self._tools, self._run = tools, run
        self._title = Line("", "heading", self)
        self._whom = Text("", "quiet", self)
        self._trouble = Text("", "", self)
        self._trouble.set_tone("caution")
        self._figures = Text("", "", self)
        self._changed = ChangedRun(tools, run, self._show_refusal)
        self._question = Text(
            gettext("Leave this run? Receipts and credit are kept; its data and weights are deleted."), "strong", self
        )
        self._told = Text("", "", self)
        self._told.set_tone("attention")
        self._leave = self._button(gettext("Leave…"), lambda: self._ask(asking=True))
        self._yes = self._button(gettext("Leave"), self._send)
        self._no = self._button(gettext("Stay"), lambda: self._ask(asking=False))
        buttons = QWidget(self)
        box: QHBoxLayout = row(buttons, tools.look, spacing=SPACING.small)
        for button in (self._leave, self._yes, self._no):
            box.addWidget(button)
        box.addStretch(1)
        for widget in (
            self._title,
            self._whom,
            self._trouble,
            self._figures,
            self._changed,
            self._question,
            self._told,
            buttons,
        ):
            self.box.addWidget(widget)
        self._told.hide()
        self._ask(asking=False)

    def show_run(self, run: RunSnapshot) -> None:
        words = self._tools.words
        title = plain(run.title)
        self._title.show_text(title)
        self._leave.setAccessibleName(filled(words.gettext("Leave {title}"), {"title": title}))
        self._whom.show_text(status_words.run_line(run, words))
        self._trouble.show_text(status_words.run_trouble(run, words))
        self._figures.show_text(status_words.run_figures(run, words))
        self._changed.show_run(run)

    def _button(self, text: str, act: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, self)
        button.clicked.connect(lambda _checked=False: act())
        return button

    def _ask(self, *, asking: bool) -> None:
        had_focus = self._leave.hasFocus() or self._no.hasFocus()
        self._question.setVisible(asking)
        self._yes.setVisible(asking)
        self._no.setVisible(asking)
        self._leave.setVisible(not asking)
        if had_focus:
            (self._no if asking else self._leave).setFocus(Qt.FocusReason.OtherFocusReason)

    def _send(self) -> None:
        self._ask(asking=False)
        self._tools.commands.command(lambda number: LeaveRun(id=number, run=self._run), self._show_refusal)

    def _show_refusal(self, error: SparewattError) -> None:
        self._told.show_text(sentence(error, self._tools.words))
