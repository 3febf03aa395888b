"""Loss over tokens as an SVG that any browser shows; no library is worth its weight for a few lines."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

WIDTH: Final = 760
HEIGHT: Final = 420
MARGIN: Final = 56
LEGEND: Final = 190
# Okabe and Ito's palette, which people with any colour vision can tell apart.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
_TICKS: Final = 5

Points = Sequence[tuple[float, float]]


def chart(title: str, x_label: str, y_label: str, lines: Mapping[str, Points]) -> str:
    """One chart; every line has at least one point."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / ((right - left) or 1.0)
        up = (y - low) / ((high - low) or 1.0)
        return MARGIN + across * (WIDTH - LEGEND - MARGIN), HEIGHT - MARGIN - up * (HEIGHT - 2 * MARGIN)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"',
        ' font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="24" font-size="15">{escape(title)}</text>',
        f'<text x="{MARGIN}" y="{HEIGHT - 12}">{escape(x_label)}</text>',
        f'<text x="{MARGIN}" y="44">{escape(y_label)}</text>',
    ]
    for step in range(_TICKS + 1):
        x, y = left + (right - left) * step / _TICKS, low + (high - low) * step / _TICKS
        across, _ = place(x, low)
        _, up = place(left, y)
        parts.append(f'<line x1="{MARGIN}" x2="{WIDTH - LEGEND}" y1="{up:.1f}" y2="{up:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{up + 4:.1f}" text-anchor="end">{y:.2f}</text>')
        parts.append(f'<text x="{across:.1f}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle">{x:.3g}</text>')
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        top = MARGIN + 18 * number
        parts.append(f'<rect x="{WIDTH - LEGEND + 12}" y="{top - 9}" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{WIDTH - LEGEND + 32}" y="{top - 3}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])
