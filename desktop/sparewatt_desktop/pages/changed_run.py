"""A joined run that has become another, and the consent to it."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget

from sparewatt.control.messages import ConsentAgain, Reply
from sparewatt.errors import SparewattError
from sparewatt.snapshot import RunSnapshot
from sparewatt.wording.catalogue import filled
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.presentation.status_words import change_lines
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import column
from sparewatt_desktop.widgets.text import Text, plain


class ChangedRun(QWidget):
    """What changed, and the button that agrees to exactly that; hidden while nothing did.

    Args:
        refused: gets why the engine did not take the consent.
    """

    def __init__(self, tools: PageTools, run: str, refused: Callable[[SparewattError], None]) -> None:
        super().__init__()
        gettext = tools.words.gettext
        self._tools, self._run, self._refused = tools, run, refused
        self._consent = ""
        heading = Text(gettext("This run has changed"), "strong", self)
        heading.set_tone("attention")
        self._lines = Text("", "", self)
        self._lines.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        held = gettext("Nothing is contributed to it before you agree. You can leave it instead and keep your credit.")
        self._digest = Text("", "code", self)
        self._yes = QPushButton(gettext("Agree and go on"), self)
        self._yes.setProperty("role", "primary")
        self._yes.clicked.connect(self._agree)
        box = column(self, tools.look, spacing=SPACING.small)
        for widget in (heading, self._lines, Text(held, "quiet", self), self._digest):
            box.addWidget(widget)
        box.addWidget(self._yes, 0, Qt.AlignmentFlag.AlignLeft)
        self.hide()

    def show_run(self, run: RunSnapshot) -> None:
        """Show what changed about this run."""
        self.setVisible(bool(run.changed_run))
        if run.changed_run == self._consent:
            return
        self._consent = run.changed_run
        self._lines.show_text("\n".join(change_lines(run, self._tools.words)))
        self._digest.show_text(run.changed_run)
        name = self._tools.words.gettext("Agree to what changed about {title}")
        self._yes.setAccessibleName(filled(name, {"title": plain(run.title)}))
        self._yes.setEnabled(True)

    def _agree(self) -> None:
        self._yes.setEnabled(False)
        # What is on the screen is what is agreed to, even if the run changes once more meanwhile.
        run, consent = self._run, self._consent
        self._tools.commands.ask(
            lambda number: ConsentAgain(id=number, run=run, consent=consent), Reply, lambda _: None, self._not_taken
        )

    def _not_taken(self, error: SparewattError) -> None:
        self._yes.setEnabled(True)
        self._refused(error)
