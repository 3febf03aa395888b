from pathlib import Path

from sparewatt.settings.document import page

MANUAL = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_manuals_page_is_current() -> None:
    assert MANUAL.read_text("utf-8") == page()
