"""What a run is and what it costs, and the two answers to it."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget

from sparewatt.work.invite import Invite
from sparewatt.work.manifest import Manifest
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.presentation.manifest_words import about_facts, changes, cost_facts
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.fact_table import FactTable
from sparewatt_desktop.widgets.layout import Card, row, rule_line
from sparewatt_desktop.widgets.text import Text, plain


class ConsentCard(Card):
    """Consent is given to exactly what is shown here.

    Args:
        accept: gets the invite's text and the run's digest.
    """

    def __init__(self, tools: PageTools, accept: Callable[[str, str], None], decline: Callable[[], None]) -> None:
        super().__init__(tools.look, SPACING.medium)
        gettext = tools.words.gettext
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._words = tools.words
        self._accept = accept
        self._invite_text = ""
        self._run = ""
        self._title = Text("", "title", self)
        self._changes_heading = Text(gettext("What changed since you joined"), "heading", self)
        self._changes = FactTable(gettext("What changed since you joined"), tools.look, self)
        self._about = FactTable(gettext("About the run"), tools.look, self)
        self._costs = FactTable(gettext("What it costs"), tools.look, self)
        self._digest = Text("", "code", self)
        self._digest.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._yes = QPushButton(gettext("Contribute to this run"), self)
        self._yes.setProperty("role", "primary")
        self._yes.clicked.connect(self._accepted)
        no = QPushButton(gettext("Not this one"), self)
        no.clicked.connect(lambda _checked=False: decline())
        buttons = QWidget(self)
        box = row(buttons, tools.look, spacing=SPACING.small)
        box.addWidget(self._yes)
        box.addWidget(no)
        box.addStretch(1)
        limits = gettext(
            "Your own limits hold whatever a run asks for. You can leave at any time and keep your credit."
        )
        for widget in (
            self._title,
            self._changes_heading,
            self._changes,
            self._about,
            rule_line(self),
            Text(gettext("What it takes from this computer"), "heading", self),
            self._costs,
            Text(limits, "quiet", self),
            self._digest,
            buttons,
        ):
            self.box.addWidget(widget)

    def show_run(
        self, manifest: Manifest, invite: Invite, invite_text: str, isolation: tuple[str, Sequence[str]]
    ) -> None:
        """Ask for consent to this manifest; `isolation` is its level and the layers that are missing."""
        self._invite_text, self._run = invite_text, invite.run
        title = plain(manifest.title)
        self._title.show_text(title)
        self.setAccessibleName(title)
        self._about.show_facts(about_facts(manifest, invite, self._words))
        self._costs.show_facts(cost_facts(manifest, *isolation, self._words))
        self._digest.show_text(invite.run)
        self._changes_heading.hide()
        self._changes.hide()
        self.enable()

    def show_changes(self, before: Manifest, after: Manifest) -> None:
        """Say what is new, where the same organiser's run was joined before."""
        found = changes(before, after, self._words)
        self._changes.show_facts(found)
        self._changes.setVisible(bool(found))
        self._changes_heading.setVisible(bool(found))

    def enable(self) -> None:
        """Take an answer (again)."""
        self._yes.setEnabled(True)

    def _accepted(self) -> None:
        self._yes.setEnabled(False)
        self._accept(self._invite_text, self._run)
