"""The project's drawings, in the colours of a theme and sharp at every size."""

from importlib.resources import files
from typing import Final

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

# What trays and task bars ask for, and device pixels for each logical one that screens have.
ICON_SIZES: Final = (16, 22, 24, 32, 44, 48, 64, 128, 256)
RATIOS: Final = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0)


def drawing(name: str, colour: str, second: str = "") -> QSvgRenderer:
    """The drawing `name`, with its ``currentColor`` replaced by `colour` and its ``secondColor`` by `second`."""
    text = (files("sparewatt_resources") / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    text = text.replace("currentColor", colour).replace("secondColor", second or colour)
    return QSvgRenderer(QByteArray(text.encode()))


def pixmap(renderer: QSvgRenderer, size: int, ratio: float = 1.0) -> QPixmap:
    """A square picture of `size` logical pixels on a screen with `ratio` device pixels for each."""
    side = round(size * ratio)
    picture = QPixmap(QSize(side, side))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, side, side))
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture


def icon(name: str, colour: str, size: int) -> QIcon:
    """An icon that is shown at `size` logical pixels, drawn for every kind of screen."""
    renderer = drawing(name, colour)
    made = QIcon()
    for ratio in RATIOS:
        made.addPixmap(pixmap(renderer, size, ratio))
    return made


def icon_of_sizes(name: str, colour: str, second: str) -> QIcon:
    """An icon for trays and task bars, which choose its size themselves, maybe in another process."""
    renderer = drawing(name, colour, second)
    made = QIcon()
    for size in ICON_SIZES:
        made.addPixmap(pixmap(renderer, size))
    return made
