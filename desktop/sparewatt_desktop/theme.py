"""The whole design, as values: colours, type, spacing, and the style sheet that is built from them.

Colours are few and each means one thing. `accent` is work and whatever starts it, `caution` is work that is held
back, `attention` is what needs the person; everything else is a neutral. A state is never told by its colour alone.

Widgets get their looks from dynamic properties that the style sheet knows:

- ``QLabel[role]``: ``display``, ``title``, ``heading``, ``strong``, ``quiet``, ``caption``, ``figure``, ``code``
- ``QPushButton[role]``: ``primary`` (one on a page), ``plain`` and ``link`` (text only), ``choice`` (one of
  several, marked while it holds), none for an ordinary button
- ``QFrame[role]``: ``card``, ``banner``, ``well``, ``line``; a banner also takes ``tone``: ``quiet``, ``caution``,
  ``attention``
"""

from dataclasses import dataclass
from typing import Final, Literal

from PySide6.QtGui import QColor, QPalette

SCALE_PERCENT_LEAST: Final = 100
SCALE_PERCENT_MOST: Final = 250
SCALE_STEP_PERCENT: Final = 25

Tone = Literal["accent", "caution", "attention", "quiet"]


@dataclass(frozen=True)
class Palette:
    """Colours as ``#rrggbb``.

    Attributes:
        background: of the window; `surface` of cards on it, `raised` of fields and buttons on those.
        line: hairlines; too faint to carry meaning.
        edge: outlines of fields and buttons, to be seen against `surface` with 3:1.
        text, text_quiet: both readable on every neutral with 4.5:1.
        accent, caution, attention: readable as text and as marks; `…_soft` are their backgrounds.
        on_accent: text on a filled button.
    """

    dark: bool
    background: str
    surface: str
    raised: str
    line: str
    edge: str
    text: str
    text_quiet: str
    accent: str
    accent_strong: str
    accent_soft: str
    on_accent: str
    caution: str
    caution_soft: str
    attention: str
    attention_soft: str

    def tone(self, tone: Tone) -> str:
        """The colour of a tone, for marks and gauges."""
        return {
            "accent": self.accent,
            "caution": self.caution,
            "attention": self.attention,
            "quiet": self.text_quiet,
        }[tone]


LIGHT: Final = Palette(
    dark=False,
    background="#f4f2ee",
    surface="#fbfaf8",
    raised="#ffffff",
    line="#e2ded7",
    edge="#8b867d",
    text="#23211e",
    text_quiet="#625d55",
    accent="#0b6e5f",
    accent_strong="#095a4e",
    accent_soft="#dcebe6",
    on_accent="#ffffff",
    caution="#8a5a00",
    caution_soft="#f6e8cb",
    attention="#b3372c",
    attention_soft="#f9e1dd",
)

DARK: Final = Palette(
    dark=True,
    background="#171816",
    surface="#1f211e",
    raised="#292b28",
    line="#343733",
    edge="#7a7f78",
    text="#ecebe6",
    text_quiet="#a9aaa3",
    accent="#5cc9b1",
    accent_strong="#7bd9c4",
    accent_soft="#1f3a34",
    on_accent="#0d211c",
    caution="#e5b25a",
    caution_soft="#3b3018",
    attention="#f08b7d",
    attention_soft="#43241f",
)


@dataclass(frozen=True)
class TypeScale:
    """Sizes of type in pixels at 100 %."""

    caption: int = 12
    body: int = 14
    heading: int = 16
    title: int = 20
    display: int = 26
    figure: int = 22


@dataclass(frozen=True)
class Spacing:
    """Distances in pixels at 100 %; nothing else is used between two things."""

    hair: int = 4
    small: int = 8
    medium: int = 12
    large: int = 16
    wide: int = 24
    huge: int = 40


TYPE: Final = TypeScale()
SPACING: Final = Spacing()


@dataclass(frozen=True)
class Theme:
    """A palette at a size.

    Attributes:
        scale_percent: of type and distances, on top of what the system's screens already ask for.
    """

    palette: Palette
    scale_percent: int = SCALE_PERCENT_LEAST

    def px(self, length: float) -> int:
        """A length of the design in this theme's pixels; a line never vanishes."""
        return max(1, round(length * self.scale_percent / 100))

    def colour(self, tone: Tone) -> QColor:
        return QColor(self.palette.tone(tone))


def qt_palette(theme: Theme) -> QPalette:
    """For what the style sheet does not reach: menus, tooltips, selections, scroll bars."""
    colours = theme.palette
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: colours.background,
        QPalette.ColorRole.WindowText: colours.text,
        QPalette.ColorRole.Base: colours.raised,
        QPalette.ColorRole.AlternateBase: colours.surface,
        QPalette.ColorRole.Text: colours.text,
        QPalette.ColorRole.Button: colours.raised,
        QPalette.ColorRole.ButtonText: colours.text,
        QPalette.ColorRole.BrightText: colours.attention,
        QPalette.ColorRole.ToolTipBase: colours.raised,
        QPalette.ColorRole.ToolTipText: colours.text,
        QPalette.ColorRole.PlaceholderText: colours.text_quiet,
        QPalette.ColorRole.Highlight: colours.accent,
        QPalette.ColorRole.HighlightedText: colours.on_accent,
        QPalette.ColorRole.Link: colours.accent,
        QPalette.ColorRole.Light: colours.raised,
        QPalette.ColorRole.Midlight: colours.line,
        QPalette.ColorRole.Mid: colours.edge,
        QPalette.ColorRole.Dark: colours.line,
        QPalette.ColorRole.Shadow: colours.background,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours.edge))
    return palette


def style_sheet(theme: Theme) -> str:
    """Qt's style sheet for the whole application."""
    return "\n".join((_text(theme), _buttons(theme), _fields(theme), _frames(theme), _bars(theme), _tables(theme)))


def _text(theme: Theme) -> str:
    colours, px = theme.palette, theme.px
    return f"""
    QWidget {{ font-size: {px(TYPE.body)}px; color: {colours.text}; }}
    QWidget#window, QWidget#page {{ background: {colours.background}; }}
    QLabel, QCheckBox, QRadioButton {{ background: transparent; }}
    QLabel[role="display"] {{ font-size: {px(TYPE.display)}px; font-weight: 600; }}
    QLabel[role="title"] {{ font-size: {px(TYPE.title)}px; font-weight: 600; }}
    QLabel[role="heading"] {{ font-size: {px(TYPE.heading)}px; font-weight: 600; }}
    QLabel[role="strong"] {{ font-weight: 600; }}
    QLabel[role="quiet"] {{ color: {colours.text_quiet}; }}
    QLabel[role="caption"] {{ font-size: {px(TYPE.caption)}px; color: {colours.text_quiet}; }}
    QLabel[role="figure"] {{ font-size: {px(TYPE.figure)}px; font-weight: 500; }}
    QLabel[role="code"] {{ font-family: monospace; color: {colours.text_quiet}; font-size: {px(TYPE.caption)}px; }}
    QLabel[tone="caution"] {{ color: {colours.caution}; }}
    QLabel[tone="attention"] {{ color: {colours.attention}; }}
    QLabel[tone="accent"] {{ color: {colours.accent}; }}
    QToolTip {{
        background: {colours.raised}; color: {colours.text}; border: 1px solid {colours.edge};
        padding: {px(SPACING.hair)}px;
    }}
    """


def _buttons(theme: Theme) -> str:
    colours, px = theme.palette, theme.px
    return f"""
    QPushButton {{
        background: {colours.raised}; border: 1px solid {colours.edge}; border-radius: {px(6)}px;
        padding: {px(7)}px {px(SPACING.large)}px; min-height: {px(18)}px;
    }}
    QPushButton:hover {{ border-color: {colours.accent}; }}
    QPushButton:pressed {{ background: {colours.accent_soft}; }}
    QPushButton:focus {{ border: 2px solid {colours.accent}; padding: {px(7) - 1}px {px(SPACING.large) - 1}px; }}
    QPushButton:disabled {{ color: {colours.edge}; border-color: {colours.line}; background: transparent; }}
    QPushButton[role="primary"] {{
        background: {colours.accent}; color: {colours.on_accent}; border: 1px solid {colours.accent}; font-weight: 600;
    }}
    QPushButton[role="primary"]:hover {{ background: {colours.accent_strong}; }}
    QPushButton[role="primary"]:focus {{ border: 2px solid {colours.text}; }}
    QPushButton[role="primary"]:disabled {{
        background: {colours.line}; color: {colours.text_quiet}; border-color: {colours.line};
    }}
    QPushButton[role="plain"] {{ background: transparent; border: 1px solid transparent; color: {colours.accent}; }}
    QPushButton[role="plain"]:hover {{ background: {colours.accent_soft}; }}
    QPushButton[role="plain"]:focus {{ border: 2px solid {colours.accent}; }}
    QPushButton[role="choice"] {{ padding: {px(SPACING.small)}px; min-height: {px(34)}px; }}
    QPushButton[role="choice"]:focus {{ padding: {px(SPACING.small) - 1}px; }}
    QPushButton[role="choice"]:checked {{
        background: {colours.accent_soft}; border: 2px solid {colours.accent}; padding: {px(SPACING.small) - 1}px;
        font-weight: 600;
    }}
    QPushButton[role="choice"]:checked:focus {{ border-color: {colours.text}; }}
    QPushButton[role="link"] {{
        background: transparent; border: none; border-bottom: 2px solid transparent; color: {colours.accent};
        padding: 0; text-align: left;
    }}
    QPushButton[role="link"]:hover, QPushButton[role="link"]:focus {{ border-bottom: 2px solid {colours.accent}; }}
    QPushButton::menu-indicator {{ subcontrol-position: right center; right: {px(SPACING.small)}px; }}
    QPushButton[menu="true"] {{ padding-right: {px(SPACING.wide + 4)}px; }}
    QToolButton[role="navigation"] {{
        background: transparent; border: 2px solid transparent; border-radius: {px(8)}px; text-align: left;
        padding: {px(SPACING.small)}px {px(SPACING.small)}px; color: {colours.text_quiet};
    }}
    QToolButton[role="navigation"]:hover {{ background: {colours.raised}; color: {colours.text}; }}
    QToolButton[role="navigation"]:checked {{
        background: {colours.accent_soft}; color: {colours.text}; font-weight: 600;
    }}
    QToolButton[role="navigation"]:focus {{ border-color: {colours.accent}; }}
    """


def _fields(theme: Theme) -> str:
    colours, px = theme.palette, theme.px
    fields = "QLineEdit, QPlainTextEdit, QSpinBox, QComboBox"
    focused = ", ".join(f"{field}:focus" for field in fields.split(", "))
    return f"""
    {fields} {{
        background: {colours.raised}; border: 1px solid {colours.edge}; border-radius: {px(6)}px;
        padding: {px(5)}px {px(SPACING.small)}px; selection-background-color: {colours.accent};
        selection-color: {colours.on_accent};
    }}
    {focused} {{ border: 2px solid {colours.accent}; padding: {px(5) - 1}px {px(SPACING.small) - 1}px; }}
    QComboBox::drop-down {{ border: none; width: {px(SPACING.wide)}px; }}
    QSpinBox QLineEdit, QSpinBox QLineEdit:focus {{ background: transparent; border: none; padding: 0; }}
    QSpinBox::up-button, QSpinBox::down-button {{ width: 0; height: 0; border: none; }}
    QToolButton[role="step"] {{
        background: {colours.raised}; border: 1px solid {colours.edge}; border-radius: {px(6)}px;
        min-width: {px(28)}px; min-height: {px(28)}px;
    }}
    QToolButton[role="step"]:hover {{ border-color: {colours.accent}; }}
    QToolButton[role="step"]:pressed {{ background: {colours.accent_soft}; }}
    QToolButton[role="step"]:disabled {{ color: {colours.edge}; border-color: {colours.line}; }}
    QCheckBox:focus, QRadioButton:focus {{ color: {colours.accent}; text-decoration: underline; }}
    QMenu {{
        background: {colours.raised}; border: 1px solid {colours.edge}; padding: {px(SPACING.hair)}px;
    }}
    QMenu::item {{ padding: {px(6)}px {px(SPACING.wide)}px; border-radius: {px(4)}px; }}
    QMenu::item:selected {{ background: {colours.accent_soft}; color: {colours.text}; }}
    QMenu::item:disabled {{ color: {colours.text_quiet}; }}
    QMenu::separator {{ height: 1px; background: {colours.line}; margin: {px(SPACING.hair)}px; }}
    """


def _frames(theme: Theme) -> str:
    colours, px = theme.palette, theme.px
    return f"""
    QFrame[role="card"] {{
        background: {colours.surface}; border: 1px solid {colours.line}; border-radius: {px(10)}px;
    }}
    QFrame[role="well"] {{ background: {colours.raised}; border: none; border-radius: {px(8)}px; }}
    QFrame[role="line"] {{ background: {colours.line}; border: none; max-height: 1px; min-height: 1px; }}
    QFrame[role="rail"] {{
        background: {colours.surface}; border: none; border-right: 1px solid {colours.line};
    }}
    QFrame[role="banner"] {{ background: {colours.raised}; border: none; border-bottom: 1px solid {colours.line}; }}
    QFrame[role="banner"][tone="caution"] {{ background: {colours.caution_soft}; }}
    QFrame[role="banner"][tone="attention"] {{ background: {colours.attention_soft}; }}
    QScrollArea, QScrollArea > QWidget > QWidget#content {{ background: transparent; border: none; }}
    """


def _bars(theme: Theme) -> str:
    colours, px = theme.palette, theme.px
    return f"""
    QProgressBar {{
        background: {colours.line}; border: none; border-radius: {px(3)}px; max-height: {px(6)}px;
        min-height: {px(6)}px;
    }}
    QProgressBar::chunk {{ background: {colours.accent}; border-radius: {px(3)}px; }}
    QScrollBar:vertical {{ background: transparent; width: {px(10)}px; margin: {px(2)}px; }}
    QScrollBar:horizontal {{ background: transparent; height: {px(10)}px; margin: {px(2)}px; }}
    QScrollBar::handle {{ background: {colours.edge}; border-radius: {px(3)}px; min-height: {px(32)}px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """


def _tables(theme: Theme) -> str:
    colours, px = theme.palette, theme.px
    return f"""
    QTableView {{
        background: {colours.surface}; border: 1px solid {colours.line};
        selection-background-color: {colours.accent_soft}; selection-color: {colours.text}; outline: none;
    }}
    QTableView:focus {{ border: 2px solid {colours.accent}; }}
    QTableView::item {{ padding: 0 {px(SPACING.small)}px; border: none; border-bottom: 1px solid {colours.line}; }}
    QHeaderView {{ background: transparent; border: none; }}
    QHeaderView::section {{
        background: {colours.surface}; color: {colours.text_quiet}; border: none;
        border-bottom: 1px solid {colours.edge}; padding: {px(SPACING.small)}px; font-size: {px(TYPE.caption)}px;
    }}
    """
