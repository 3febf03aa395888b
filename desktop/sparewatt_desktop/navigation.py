"""The rail at the window's side that leads to its pages."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QActionGroup, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QButtonGroup, QFrame, QMenu, QSizePolicy, QToolButton, QWidget

from sparewatt.wording.catalogue import Translations, filled
from sparewatt_desktop.drawings import icon
from sparewatt_desktop.language import NAMES, SYSTEM
from sparewatt_desktop.look import Look
from sparewatt_desktop.page import PageEntry
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import column

WIDE = 176
NARROW = 60
_ICON = 20


class Navigation(QFrame):
    """One button for each page; arrow keys walk along, Ctrl+1 … Ctrl+9 jump."""

    chosen = Signal(str)
    look_asked = Signal()
    language_chosen = Signal(str)

    def __init__(
        self, entries: Sequence[PageEntry], look: Look, words: Translations, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "rail")
        self.setAccessibleName(words.gettext("Pages"))
        self._look = look
        self._narrow = False
        self._group = QButtonGroup(self)
        self._icons: dict[QToolButton, str] = {}
        self._buttons: dict[str, QToolButton] = {}
        box = column(self, look, SPACING.small, SPACING.hair)
        tip = words.gettext("{title} (Ctrl+{number})")
        for place, entry in enumerate(entries, start=1):
            button = self._button(entry.title, entry.icon)
            button.setCheckable(True)
            button.setToolTip(filled(tip, {"title": entry.title, "number": place}))
            button.clicked.connect(lambda _checked=False, page=entry.page: self.chosen.emit(page))
            self._group.addButton(button)
            self._buttons[entry.page] = button
            box.addWidget(button)
            shortcut = QShortcut(QKeySequence(f"Ctrl+{place}"), self)
            shortcut.activated.connect(lambda page=entry.page: self.chosen.emit(page))
        box.addStretch(1)
        self._languages = self._language_menu(words)
        language = self._button(words.gettext("Language"), "language")
        language.setToolTip(words.gettext("The language of these pages; another one takes effect at the next start."))
        language.clicked.connect(lambda: self._languages.popup(language.mapToGlobal(language.rect().topRight())))
        box.addWidget(language)
        lighter = self._button(words.gettext("Light or dark"), "theme")
        lighter.setToolTip(words.gettext("Change between light and dark (Ctrl+D); larger: Ctrl++, smaller: Ctrl+-"))
        lighter.clicked.connect(self.look_asked)
        box.addWidget(lighter)
        look.changed.connect(self._draw)
        self._draw()

    def show_chosen(self, page: str) -> None:
        """Mark the page that is shown."""
        button = self._buttons[page]
        button.setChecked(True)
        # Tab leads to the page that is shown, and arrows from there to the others.
        for each in self._buttons.values():
            each.setFocusPolicy(Qt.FocusPolicy.StrongFocus if each is button else Qt.FocusPolicy.ClickFocus)
        self._draw_button(button)

    def show_language(self, chosen: str) -> None:
        """Mark the language that was chosen, or ``system``."""
        for action in self._languages.actions():
            action.setChecked(action.data() == chosen)

    def set_narrow(self, narrow: bool) -> None:
        """Show the icons alone."""
        if narrow != self._narrow:
            self._narrow = narrow
            self._draw()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
        buttons = [*self._buttons.values()]
        focused = next((place for place, button in enumerate(buttons) if button.hasFocus()), None)
        if step is None or focused is None:
            super().keyPressEvent(event)
            return
        buttons[(focused + step) % len(buttons)].setFocus(Qt.FocusReason.TabFocusReason)

    def _language_menu(self, words: Translations) -> QMenu:
        menu = QMenu(self)
        group = QActionGroup(menu)
        for language, name in ((SYSTEM, words.gettext("As the system")), *NAMES.items()):
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setData(language)
            group.addAction(action)
        group.triggered.connect(lambda action: self.language_chosen.emit(action.data()))
        menu.addSeparator()
        menu.addAction(words.gettext("Takes effect at the next start")).setEnabled(False)
        return menu

    def _button(self, title: str, drawing_name: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("role", "navigation")
        button.setText(f" {title}")  # a style sheet has no gap between icon and text
        button.setAccessibleName(title)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.toggled.connect(lambda _checked, changed=button: self._draw_button(changed))
        self._icons[button] = drawing_name
        return button

    def _draw(self) -> None:
        self.setFixedWidth(self._look.theme.px(NARROW if self._narrow else WIDE))
        style = Qt.ToolButtonStyle.ToolButtonIconOnly if self._narrow else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        for button in self._icons:
            button.setToolButtonStyle(style)
            self._draw_button(button)

    def _draw_button(self, button: QToolButton) -> None:
        theme = self._look.theme
        size = theme.px(_ICON)
        colour = theme.palette.accent if button.isChecked() else theme.palette.text_quiet
        button.setIconSize(QSize(size, size))
        button.setIcon(icon(self._icons[button], colour, size))
