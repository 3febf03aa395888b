"""What a screen reader calls the widgets that are drawn here, for which Qt knows no better word than "filler"."""

from types import MappingProxyType
from typing import Final

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAccessibleWidget, QWidget

# By name of the class. A screen reader follows the person only into what is called a window.
ROLES: Final = MappingProxyType({
    "Window": QAccessible.Role.Window,
    "PlotFrame": QAccessible.Role.Chart,
    "BarChart": QAccessible.Role.Chart,
    "HoursGrid": QAccessible.Role.Canvas,
})  # fmt: skip


def tell_roles() -> None:
    """From now on assistive technology is told `ROLES`; once in a process."""
    QAccessible.installFactory(_interface)


def _interface(class_name: str, thing: QObject) -> QAccessibleInterface | None:
    role = ROLES.get(class_name)
    return QAccessibleWidget(thing, role) if role is not None and isinstance(thing, QWidget) else None
