"""A plot is an SVG with a line for each arm."""

from xml.etree import ElementTree as ET

from benchmarks.training.plot import HEIGHT, WIDTH, chart

SVG = "{http://www.w3.org/2000/svg}"


def test_every_arm_has_a_line_within_the_picture_and_its_name() -> None:
    drawn = ET.fromstring(chart("A < B?", "tokens", "loss", {"a & b": [(0, 2.0), (1, 1.0)], "c": [(0, 3.0)]}))
    lines = [line.attrib["points"].split() for line in drawn.iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [2, 1]
    for point in (point for points in lines for point in points):
        x, y = map(float, point.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert {"A < B?", "a & b", "c"} <= {text.text for text in drawn.iter(f"{SVG}text")}


def test_a_lower_loss_is_drawn_lower() -> None:
    drawn = ET.fromstring(chart("", "", "", {"a": [(0, 2.0), (1, 1.0)]}))
    (line,) = drawn.iter(f"{SVG}polyline")
    first, last = (float(point.split(",")[1]) for point in line.attrib["points"].split())
    assert last > first
